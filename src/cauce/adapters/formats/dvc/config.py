"""`.dvc/config` in its four levels, read; and the folder that `dvc init` would make."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from cauce.errors import Invalid

Config = dict[str, dict[str, str]]
"""Section -> option -> value; names in lower case, a remote's section is `remote "name"`."""

Level = Literal["system", "global", "repo", "local"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""Weakest first: an option of a later level wins."""

GITIGNORE = "/config.local\n/tmp\n/cache\n"
DVCIGNORE = (
    "# Add patterns of files dvc should ignore, which could improve\n"
    "# the performance. Learn more at\n"
    "# https://dvc.org/doc/user-guide/dvcignore\n"
)

_SECTION = re.compile(r"\[\s*(\"[^\"]+\"|'[^']+'|[^'\"\s\]].*?)\s*\]\s*(#.*)?\Z")
_OPTION = re.compile(r"([^=]+?)\s*=\s*(.*)\Z")
_QUOTED = tuple(
    re.compile(rf"{quote}(.*?){quote}\s*(#.*)?\Z") for quote in ("'''", '"""', "'", '"')
)
_FIRST = re.compile(r"'([^']*)'|\"([^\"]*)\"|([^,#]*)")


class Line(NamedTuple):
    """One line of a config that says something.

    Attributes:
        number: From 1.
        section: In lower case.
        option: In lower case; empty in the line that opens the section.
    """

    number: int
    section: str
    option: str = ""
    value: str = ""


def scan(text: str, where: str = ".dvc/config") -> Iterator[Line]:
    """Read a config line by line.

    Raises:
        Invalid: A line is neither a section, an option nor a comment, or something occurs twice;
            `where` names the file.
    """
    section = ""
    seen: set[tuple[str, str]] = set()
    for number, raw in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        heading, option = _SECTION.match(line), _OPTION.match(line)
        if heading:
            section = _unquoted(heading[1]).lower()
            found = Line(number, section)
        elif section and option:
            found = Line(number, section, _unquoted(option[1]).lower(), value_of(option[2]))
        else:
            raise Invalid(
                f"{where}:{number}: {line[:80]!r} is neither a section nor an option",
                hint="write `[section]` or `key = value`, named sections as ['remote \"name\"']",
            )
        if (section, found.option) in seen:
            name = f"{section}: {found.option}" if found.option else f"[{section}]"
            raise Invalid(f"{where}:{number}: {name[:80]} occurs twice", hint="keep one of them")
        seen.add((section, found.option))
        yield found


def parse(text: str, where: str = ".dvc/config") -> Config:
    """Read the text of a config file."""
    found: Config = {}
    for line in scan(text, where):
        section = found.setdefault(line.section, {})
        if line.option:
            section[line.option] = line.value
    return found


def value_of(text: str) -> str:
    """Give what stands behind `=`: without quotes and comment, a list as `a,b`."""
    for pattern in _QUOTED:
        if quoted := pattern.match(text):
            return quoted[1]
    items = []
    rest = text
    while True:
        found = _FIRST.match(rest)
        assert found is not None  # the last alternative takes anything, also nothing
        items.append(next((it for it in found.groups() if it is not None), "").strip())
        rest = rest[found.end() :].strip()
        if not rest.startswith(","):
            return ",".join(items).rstrip(",") if len(items) > 1 else items[0]
        rest = rest[1:].strip()


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in {"'", '"'} and text[-1:] == text[:1] else text


def dump(config: Mapping[str, Mapping[str, str]]) -> str:
    """Give the text that DVC would write: empty sections dropped, options indented by four."""
    lines: list[str] = []
    for section, options in config.items():
        if options:
            lines.append(heading(section))
            lines.extend(f"    {key} = {quoted(value)}" for key, value in options.items())
    return "".join(f"{line}\n" for line in lines)


def heading(section: str) -> str:
    """Write the line that opens a section."""
    return f"['{section}']" if '"' in section else f"[{section}]"


def quoted(value: str) -> str:
    """Quote a value as DVC does, where the reader would otherwise cut it."""
    if '"' in value and "'" in value:
        return f"'''{value}'''"
    edges = value[:1] + value[-1:]
    if value == value.strip() != "" and not set(edges) & set("'\"") and not set(value) & set(",#"):
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'


def levels(root: Path, environ: Mapping[str, str] | None = None) -> dict[Level, Path]:
    """Give the config files of a project by level, weakest first; they need not exist."""
    env = os.environ if environ is None else environ
    home = Path(env.get("HOME") or "~").expanduser()
    system, person = env.get("DVC_SYSTEM_CONFIG_DIR"), env.get("DVC_GLOBAL_CONFIG_DIR")
    base = Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "dvc"
    shared = (env.get("XDG_CONFIG_DIRS") or "/etc/xdg").partition(":")[0]
    return {
        "system": (Path(system) if system else Path(shared) / "dvc") / "config",
        "global": (Path(person) if person else base) / "config",
        "repo": root / ".dvc" / "config",
        "local": root / ".dvc" / "config.local",
    }


def text_of(path: Path) -> str | None:
    """Read a file that people write, None where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (UnicodeDecodeError, PermissionError, IsADirectoryError) as error:
        raise Invalid(f"{path} cannot be read: {error}") from error


def each(root: Path) -> Iterator[tuple[Level, Path, Config]]:
    """Read the levels that exist, weakest first, as they are written."""
    for level, path in levels(root).items():
        text = text_of(path)
        if text is not None:
            yield level, path, parse(text, str(path))


def load(root: Path) -> Config:
    """Read a project's config, all levels merged option by option.

    Raises:
        Invalid: A section, option or value is none that DVC knows; with file and line.
    """
    read = list(each(root))
    merged = merge(config for _, _, config in read)
    if any(merged.values()):
        from cauce.adapters.formats.dvc import checking  # late: many projects have an empty one

        checking.check(merged, [path for _, path, _ in read])
    return merged


def merge(configs: Iterator[Config]) -> Config:
    """Merge levels option by option, the later ones win."""
    merged: Config = {}
    for config in configs:
        for section, options in config.items():
            merged.setdefault(section, {}).update(options)
    return merged


def cache_dir(root: Path) -> Path:
    """Find the folder of DVC's cache: `cache.dir`, relative to the file that sets it."""
    found = root / ".dvc" / "cache"
    for _, path, config in each(root):
        value = config.get("cache", {}).get("dir")
        if value:
            found = path.parent / Path(value).expanduser()
    return Path(os.path.normpath(found))


def shared(root: Path) -> bool:
    """Tell whether the cache belongs to a group of people: `cache.shared = group`."""
    return load(root).get("cache", {}).get("shared", "") == "group"


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
        if path.exists():
            continue
        beside = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
        beside.write_text(text, encoding="utf-8")  # half a config would stop every command
        beside.replace(path)
        made.append(path)
    return made
