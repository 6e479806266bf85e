"""Shell completion: scripts written from the generated index, without running Cauce at each Tab."""

from collections.abc import Sequence

from cauce.errors import Invalid
from cauce.faces.cli import COMMANDS
from cauce.faces.groups import GROUPS
from cauce.faces.index import OPTIONS, VERBS

COMMON = "--json --project --url --help"

INSTALL = {
    "bash": 'eval "$(cauce completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(cauce completion zsh)"    # in ~/.zshrc, after compinit',
    "fish": "cauce completion fish > ~/.config/fish/completions/cauce.fish",
}

USAGE = """usage: cauce completion {bash,zsh,fish}

Print the completion script of a shell. To switch it on:
"""


def main(argv: Sequence[str]) -> int:
    """Print the script of one shell."""
    if list(argv) in (["-h"], ["--help"]):
        print(USAGE + "\n".join(f"  {name:<6}{line}" for name, line in INSTALL.items()))
        return 0
    if len(argv) != 1 or argv[0] not in SCRIPTS:
        raise Invalid("name one shell: bash, zsh or fish", hint='eval "$(cauce completion bash)"')
    print(SCRIPTS[argv[0]]())
    return 0


def top() -> str:
    """Give the words that may come first."""
    return " ".join([*COMMANDS, *GROUPS])


def bash() -> str:
    """Write the script of bash."""
    groups = "\n".join(
        f'        {group}) words="{" ".join(verbs)}" ;;' for group, verbs in VERBS.items()
    )
    verbs = "\n".join(
        f'        "{name.replace(".", " ")}") words="{options}" ;;'
        for name, options in OPTIONS.items()
    )
    return f"""\
_cauce() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} group= verb= words= skip= index
    COMPREPLY=()
    for ((index = 1; index < COMP_CWORD; index++)); do
        if [[ -n $skip ]]; then skip=; continue; fi
        case ${{COMP_WORDS[index]}} in
        -C|--project|--url) skip=1 ;;
        -*) ;;
        *) if [[ -z $group ]]; then group=${{COMP_WORDS[index]}}
           elif [[ -z $verb ]]; then verb=${{COMP_WORDS[index]}}; fi ;;
        esac
    done
    if [[ -z $group ]]; then
        words="{top()}"
        [[ $current == -* ]] && words="{COMMON} --version"
    elif [[ -z $verb ]]; then
        case $group in
{groups}
        completion) words="bash zsh fish" ;;
        esac
    elif [[ $current == -* ]]; then
        case "$group $verb" in
{verbs}
        esac
        words="$words {COMMON}"
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -o bashdefault -F _cauce cauce"""


def zsh() -> str:
    """Write the script of zsh: bash's, through its own bridge."""
    return f"autoload -Uz bashcompinit && bashcompinit\n{bash()}"


def fish() -> str:
    """Write the script of fish."""
    lines = ["complete -c cauce -f"]
    first = "not __fish_seen_subcommand_from " + top()
    rows = {name: line for name, (_, line) in COMMANDS.items()} | GROUPS
    lines += [f"complete -c cauce -n '{first}' -a {name} -d {quoted(line)}"
              for name, line in rows.items()]  # fmt: skip
    for group, verbs in VERBS.items():
        seen = f"__fish_seen_subcommand_from {group}"
        inside = f"{seen}; and not __fish_seen_subcommand_from {' '.join(verbs)}"
        for verb, line in verbs.items():
            lines.append(f"complete -c cauce -n '{inside}' -a {verb} -d {quoted(line)}")
            there = f"{seen}; and __fish_seen_subcommand_from {verb}"
            lines += [f"complete -c cauce -F -n '{there}' -l {option[2:]}"
                      for option in OPTIONS[f"{group}.{verb}"].split()]  # fmt: skip
    return "\n".join(lines)


def quoted(text: str) -> str:
    """Quote a text for fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SCRIPTS = {"bash": bash, "zsh": zsh, "fish": fish}
