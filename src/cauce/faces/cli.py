"""The command line: `cauce GROUP VERB …`, derived from the operations.

Help of the top level and of groups comes from the generated module `index`, so that it imports
next to nothing; a verb imports its own group only.
"""

from __future__ import annotations  # with the line below: help needs no `typing`

import os
import sys

from cauce.errors import CauceError, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

COMMANDS = {
    "init": ("cauce.faces.project:main", "start a project in a folder"),
    "demo": ("cauce.faces.demo:main", "take real data to watched production, in a minute"),
    "up": ("cauce.faces.server:main", "serve the pages and the API of this project"),
    "completion": ("cauce.faces.completion:main", "print the completion script of a shell"),
}
"""Commands that are not operations: name -> (module:function, one line).

The function takes the words after the name and gives the exit code.
"""

EXIT_CODES = {
    0: "done",
    1: "another error",
    2: "the command or an input is invalid",
    3: "something named does not exist",
    4: "somebody else was first, or the state does not allow it",
    5: "not allowed",
    6: "a gate did not pass",
    7: "a package is missing; the hint names the extra",
    8: "stored bytes are damaged",
    9: "a server or store does not answer",
    10: "written by a later version, or in a form not spoken here",
    11: "a place that must be written is full or read-only",
    130: "interrupted",
}
"""Part of the interface; `cauce.errors` fixes all but 0 and 130."""

EXAMPLES = (
    "cauce demo ~/digits",
    "cauce data add photos",
    "cauce track run -- python train.py",
    "cauce models promote digits@2",
    "cauce up --open",
)


class Options:
    """What may stand before the group or after the verb.

    Attributes:
        json: Print the result as JSON.
        url: Server to work with instead of the project's own files.
    """

    def __init__(self, json: bool = False, url: str = "") -> None:
        self.json = json
        self.url = url or os.environ.get("CAUCE_URL", "")


def main(argv: Sequence[str]) -> int:
    """Run one command: errors become a line, a hint and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names that are not UTF-8 pass through
            stream.reconfigure(errors="surrogateescape")
    try:
        code = dispatch(list(argv))
        sys.stdout.flush()
        return code
    except CauceError as error:
        return complain(error)
    except BrokenPipeError:
        return hang_up()
    except KeyboardInterrupt:
        return 130
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except Exception as error:
        return crash(error)


def complain(error: CauceError) -> int:
    """Write an error for a person and give its exit code."""
    if os.environ.get("CAUCE_DEBUG"):
        import traceback

        traceback.print_exception(error)
    write(f"error: {error.message}")
    if error.hint:
        write(f"hint: {error.hint}")
    return error.exit_code


def crash(error: Exception) -> int:
    """Write one line for an error that nobody foresaw."""
    if os.environ.get("CAUCE_DEBUG"):
        import traceback

        traceback.print_exception(error)
        return 1
    text = " ".join(str(error).split())
    write(f"error: {type(error).__name__}: {text}" if text else f"error: {type(error).__name__}")
    write("hint: set CAUCE_DEBUG=1 to see where it happened")
    return 1


def hang_up() -> int:
    """End quietly when whoever reads the output has left, with the code of SIGPIPE."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
    return 141


def write(line: str) -> None:
    """Write one line to stderr."""
    print(line, file=sys.stderr)


def dispatch(argv: list[str]) -> int:
    """Find out what the words mean and do it."""
    options, words = leading(argv)
    if not words:
        from cauce.faces import home

        return home.main(options.url)
    name, rest = words[0], words[1:]
    if name in ("-h", "--help", "help"):
        return explain(rest)
    if name in ("-V", "--version"):
        from cauce import __version__

        print(f"cauce {__version__}")
        return 0
    if name in COMMANDS:
        return load(COMMANDS[name][0])(rest)
    from cauce.faces.groups import GROUPS

    if name not in GROUPS:
        unknown(name, [*COMMANDS, *GROUPS], "command", "cauce --help")
    if not rest:
        write(group_help(name))
        return 2
    if rest[0] in ("-h", "--help"):
        print(group_help(name))
        return 0
    from cauce.faces import command

    return command.main(name, rest[0], rest[1:], options)


def explain(words: list[str]) -> int:
    """Answer `cauce help [GROUP [VERB]]`."""
    if not words:
        print(top_help())
        return 0
    return dispatch([*words, "--help"])


def leading(argv: list[str]) -> tuple[Options, list[str]]:
    """Take the options before the group off the words; `-C` changes the folder at once."""
    options = Options()
    words = list(argv)
    while words:
        name, equals, value = words[0].partition("=")
        if name == "--json" and not equals:
            options.json = True
            del words[0]
        elif name in ("-C", "--project", "--url"):
            if not equals:
                if len(words) < 2:
                    raise Invalid(f"{name} needs a value", hint="see `cauce --help`")
                value = words.pop(1)
            del words[0]
            if name == "--url":
                options.url = value
            else:
                enter(value)
        else:
            break
    if words and words[0].startswith("-") and words[0] not in ("-h", "--help", "-V", "--version"):
        raise Invalid(f"no option {words[0]}", hint="see `cauce --help`")
    return options, words


def enter(folder: str) -> None:
    """Go to the folder that `-C` names, as git does."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise Invalid(f"cannot enter {folder}: {error.strerror}") from error


def load(target: str) -> Callable[[list[str]], int]:
    """Import the function of a command."""
    import importlib

    module, _, attribute = target.partition(":")
    found: Callable[[list[str]], int] = getattr(importlib.import_module(module), attribute)
    return found


def unknown(name: str, known: Sequence[str], what: str, help: str) -> NoReturn:
    """Raise `Invalid` with the nearest known name, or all of them."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}" if near else f"known: {', '.join(known)}"
    raise Invalid(f"no {what} {name!r}", hint=f"{hint}; see `{help}`")


def table(rows: dict[str, str]) -> list[str]:
    """Lay names and lines out in two columns."""
    width = max(len(name) for name in rows) + 2
    return [f"  {name:<{width}}{line}" for name, line in rows.items()]


def top_help() -> str:
    """Write `cauce --help`."""
    from cauce.faces.groups import GROUPS

    commands = {name: line for name, (_, line) in COMMANDS.items()}
    return "\n".join(
        (
            "usage: cauce [options] COMMAND | GROUP VERB [arguments]",
            "",
            "One thread from raw data to watched production.",
            "",
            "commands:",
            *table(commands),
            "",
            "groups of verbs, in the order of the course (`cauce GROUP --help`):",
            *table(GROUPS),
            "",
            "options:",
            *table(
                {
                    "-C, --project DIR": "act as if started in DIR",
                    "--url URL": "work with a server (also CAUCE_URL; token in CAUCE_TOKEN)",
                    "--json": "print results as JSON",
                    "--version": "print the version",
                    "-h, --help": "print help; also after a group or a verb",
                }
            ),
            "",
            "examples:",
            *(f"  $ {line}" for line in EXAMPLES),
            "",
            "exit codes:",
            *(f"  {code:>3}  {line}" for code, line in EXIT_CODES.items()),
        )
    )


def group_help(group: str) -> str:
    """Write `cauce GROUP --help`."""
    from cauce.faces.groups import GROUPS
    from cauce.faces.index import VERBS

    verbs = VERBS.get(group, {})
    return "\n".join(
        (
            f"usage: cauce {group} VERB [arguments]",
            "",
            f"{GROUPS[group][0].upper()}{GROUPS[group][1:]}.",
            "",
            "verbs:",
            *(table(verbs) if verbs else ["  none yet"]),
            "",
            f"See `cauce {group} VERB --help` for arguments and examples.",
            *(["Dashes of a verb may be blanks."] if any("-" in verb for verb in verbs) else []),
        )
    )
