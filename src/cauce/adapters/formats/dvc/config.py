"""`.dvc/config` in its four levels, and the folder that `dvc init` would make."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from cauce.errors import Invalid

Config = dict[str, dict[str, str]]
"""Section -> option -> value; names in lower case, a remote's section is `remote "name"`."""

GITIGNORE = "/config.local\n/tmp\n/cache\n"
DVCIGNORE = (
    "# Add patterns of files dvc should ignore, which could improve\n"
    "# the performance. Learn more at\n"
    "# https://dvc.org/doc/user-guide/dvcignore\n"
)

_SECTION = re.compile(r"\[\s*(.+?)\s*\]\s*(?:#.*)?\Z")
_OPTION = re.compile(r"([^=]+?)\s*=\s*(.*)\Z")
_COMMENT = re.compile(r"\s#.*\Z")


def parse(text: str, where: str = ".dvc/config") -> Config:
    """Read the text of a config file.

    Raises:
        Invalid: A line is neither a section, an option nor a comment; `where` names the file.
    """
    found: Config = {}
    section: dict[str, str] | None = None
    for number, raw in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if heading := _SECTION.match(line):
            section = found.setdefault(_unquote(heading[1]).lower(), {})
        elif section is not None and (option := _OPTION.match(line)):
            section[_unquote(option[1]).lower()] = _unquote(option[2])
        else:
            raise Invalid(
                f"{where}:{number}: {line[:80]!r} is neither a section nor an option",
                hint="write `[section]` or `key = value`, named sections as ['remote \"name\"']",
            )
    return found


def _unquote(text: str) -> str:
    """Take the outer quotes off, or the comment behind an unquoted value."""
    for quote in ('"""', "'''", '"', "'"):
        end = text.find(quote, len(quote))
        if text.startswith(quote) and end > 0:
            return text[len(quote) : end]
    return _COMMENT.sub("", text).strip()


def dump(config: Mapping[str, Mapping[str, str]]) -> str:
    """Give the text that DVC would write: empty sections dropped, options indented by four."""
    lines: list[str] = []
    for section, options in config.items():
        if options:
            lines.append(f"['{section}']" if '"' in section else f"[{section}]")
            lines.extend(f"    {key} = {_quote(value)}" for key, value in options.items())
    return "".join(f"{line}\n" for line in lines)


def _quote(value: str) -> str:
    """Quote a value that the reader would otherwise cut."""
    if '"' in value and "'" in value:
        return f'"""{value}"""'
    if '"' in value:
        return f"'{value}'"
    plain = value and value == value.strip() and not set(value) & set(",#'")
    return value if plain else f'"{value}"'


def levels(root: Path, environ: Mapping[str, str] | None = None) -> Iterator[Path]:
    """List the config files of a project, weakest first; they need not exist."""
    env = os.environ if environ is None else environ
    home = Path(env.get("HOME") or "~").expanduser()
    system = env.get("DVC_SYSTEM_CONFIG_DIR")
    yield Path(system) / "config" if system else Path("/etc/xdg/dvc/config")
    user = env.get("DVC_GLOBAL_CONFIG_DIR")
    base = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    yield Path(user) / "config" if user else base / "dvc" / "config"
    yield root / ".dvc" / "config"
    yield root / ".dvc" / "config.local"


def _parsed(root: Path) -> Iterator[tuple[Path, Config]]:
    for path in levels(root):
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (UnicodeDecodeError, PermissionError) as error:
            raise Invalid(f"{path} cannot be read: {error}") from error
        yield path, parse(text, str(path))


def load(root: Path) -> Config:
    """Read a project's config, all levels merged option by option."""
    merged: Config = {}
    for _, config in _parsed(root):
        for section, options in config.items():
            merged.setdefault(section, {}).update(options)
    return merged


def cache_dir(root: Path) -> Path:
    """Find the folder of DVC's cache: `cache.dir`, relative to the file that sets it."""
    found = root / ".dvc" / "cache"
    for path, config in _parsed(root):
        value = config.get("cache", {}).get("dir")
        if value:
            found = path.parent / Path(value).expanduser()
    return Path(os.path.normpath(found))


def no_scm(root: Path) -> bool:
    """Tell whether the project was made to live without git."""
    return load(root).get("core", {}).get("no_scm", "").lower() == "true"


def create(root: Path, *, scm: bool) -> list[Path]:
    """Make `.dvc/` as `dvc init` does; what exists is left alone.

    Args:
        root: Project folder.
        scm: Whether it is, or will be, in a git repository.

    Returns:
        The files that were made.
    """
    folder = root / ".dvc"
    folder.mkdir(exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    wanted = {
        folder / "config": "" if scm else dump({"core": {"no_scm": "True"}}),
        root / ".dvcignore": DVCIGNORE,
    }
    if scm:
        wanted[folder / ".gitignore"] = GITIGNORE
    made = []
    for path, text in wanted.items():
        try:
            with path.open("x", encoding="utf-8") as out:
                out.write(text)
        except FileExistsError:
            continue
        made.append(path)
    return made
