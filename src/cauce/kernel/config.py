"""Settings: flag > `CAUCE_SECTION__KEY` > `cauce.toml` > `[tool.cauce]` in pyproject > default.

All settings are declared once, in `SETTINGS`, which also makes docs/settings.md. `[flow.*]` tables
belong to the room `flow`, `[remote.*]` to `data`; they are handed on as they are.
"""

import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from cauce.errors import Invalid, NotFound


class Setting(Struct, frozen=True):
    """One declared setting.

    Attributes:
        key: `section.key`, or a bare key at the top.
        default: Its type is the setting's type: str, int, float or bool.
        help: What it does, one sentence.
    """

    key: str
    default: str | int | float | bool
    help: str


SETTINGS = (
    Setting("project", "", "Name of the project; empty: the folder's name."),
    Setting(
        "catalog",
        "sqlite:///.cauce/catalog.db",
        "Where refs, runs, edges and events live: sqlite:///PATH, postgresql://…",
    ),
    Setting(
        "objects",
        "file:.cauce/objects",
        "Where objects live: file:PATH, s3://BUCKET/PREFIX, memory:",
    ),
    Setting("streams", "file:.cauce/streams", "Where metric points and predictions are appended."),
    Setting("executor", "local", "Where jobs run: local (processes on this machine)."),
    Setting("user", "", "Who acts, for lineage; empty: git's user.name, then the login name."),
    Setting("server.host", "127.0.0.1", "Address that `cauce up` listens on."),
    Setting("server.port", 8765, "Port that `cauce up` listens on; 0: any free one."),
    Setting(
        "server.names",
        "",
        "Further host names that the server answers to, separated by commas; loopback always.",
    ),
    Setting(
        "server.url",
        "",
        "Address that others reach the server by, for links that must be absolute, such as"
        " https://cauce.example.org behind a proxy; empty: as each request says.",
    ),
    Setting("s3.endpoint", "", "Address of an S3-compatible server; empty: AWS."),
    Setting("s3.region", "us-east-1", "Region of the S3 bucket."),
    Setting("s3.allow_http", False, "Whether the S3 endpoint may be plain HTTP."),
    Setting("gc.grace_hours", 24.0, "Age below which an unreachable object is kept."),
    Setting("gc.trash_days", 7.0, "Days for which `cauce data gc-undo` can bring objects back."),
    Setting(
        "models.tolerance",
        1e-4,
        "Largest difference that a proof of parity allows; relative where a number is beyond 1.",
    ),
    Setting("models.min_gain", 0.0, "Least gain in accuracy that makes a candidate better."),
    Setting("models.max_drop", 0.005, "Largest loss of accuracy that a cheaper model may have."),
    Setting("watch.alpha", 0.05, "Chance of a false alarm over all inputs of one check."),
    Setting("watch.distance", 0.06, "Least Kolmogorov-Smirnov distance that counts as drift."),
    Setting("watch.min_rows", 50, "Fewest rows that a check gives a verdict on."),
)

FREE_SECTIONS = ("flow", "remote")
"""Tables of `cauce.toml` that a room reads by itself."""

_BY_KEY = {setting.key: setting for setting in SETTINGS}

VARIABLES = {"CAUCE_RUN", "CAUCE_PROJECT", "CAUCE_PARENT", "CAUCE_URL", "CAUCE_TOKEN"}
"""Variables that mean something else: what a tracked run hands to its process, where a client's
server is."""


class Settings:
    """The resolved settings of one project, read by key: `settings["server.port"]`.

    Attributes:
        free: The tables of `FREE_SECTIONS`, as in the file.
        source: Where each setting that is not default came from.
    """

    def __init__(
        self, values: Mapping[str, Any], free: Mapping[str, Any], source: Mapping[str, str]
    ) -> None:
        self._values = dict(values)
        self.free = dict(free)
        self.source = dict(source)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def replace(self, **values: Any) -> "Settings":
        """Give a copy with some settings changed; `__` stands for the dot."""
        changed = {key.replace("__", "."): value for key, value in values.items()}
        checked = {key: _typed(key, value, "a flag", text=True) for key, value in changed.items()}
        return Settings(
            {**self._values, **checked},
            self.free,
            {**self.source, **dict.fromkeys(checked, "flag")},
        )


def find_root(start: Path) -> Path | None:
    """Find the nearest folder upward that is a project, or None."""
    for folder in (start, *start.parents):
        if (folder / "cauce.toml").is_file() or (folder / ".cauce").is_dir():
            return folder
        if (folder / ".dvc").is_dir():
            return folder
        if _own_table(folder / "pyproject.toml"):
            return folder
    return None


def require_root(start: Path) -> Path:
    """Find the project that a folder belongs to; raises `NotFound` when there is none."""
    root = find_root(start)
    if root is None:
        raise NotFound(
            f"no Cauce project in {start} or above it",
            hint="run `cauce init` here, or `cauce demo DIR` for a worked example",
        )
    return root


def load(root: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Resolve the settings of a project.

    Raises:
        Invalid: A key is unknown, a value has the wrong type, or a file is not TOML.
    """
    values: dict[str, Any] = {setting.key: setting.default for setting in SETTINGS}
    free: dict[str, Any] = {}
    source: dict[str, str] = {}
    for path, table in _tables(root):
        for key, value in _flat(table):
            section = key.partition(".")[0]
            if section in FREE_SECTIONS:
                if not isinstance(value, dict):
                    raise Invalid(f"{path}: {section} must be a table, write [{section}.NAME]")
                free[section] = value
                continue
            values[key] = _typed(key, value, str(path))
            source[key] = str(path)
    for name, text in (os.environ if environ is None else environ).items():
        wanted = _of_variable(name)
        if wanted is not None:
            values[wanted] = _typed(wanted, text, name, text=True)
            source[wanted] = name
    return Settings(values, free, source)


def _of_variable(name: str) -> str | None:
    """Give the setting that an environment variable sets, None when it is no setting.

    A variable without a section is only refused when it looks like a mistyped setting: others use
    `CAUCE_` names too, and so do we (`VARIABLES`).
    """
    if not name.startswith("CAUCE_") or name in VARIABLES:
        return None
    key = name.removeprefix("CAUCE_").lower().replace("__", ".")
    if key not in _BY_KEY and "." not in key:
        import difflib  # late: only mistakes need it

        near = difflib.get_close_matches(key, _BY_KEY, n=1, cutoff=0.8)
        return key if near else None
    return key


def _tables(root: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Read the project's files, weakest first."""
    found = []
    pyproject = root / "pyproject.toml"
    table = _own_table(pyproject)
    if table:
        found.append((pyproject, table))
    own = root / "cauce.toml"
    if own.is_file():
        found.append((own, _read(own)))
    return found


def _own_table(pyproject: Path) -> dict[str, Any]:
    """Read `[tool.cauce]`; a file that does not speak of it is not ours to judge, or to parse."""
    try:
        if b"cauce" not in pyproject.read_bytes():
            return {}
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    tools = _read(pyproject).get("tool")
    table = tools.get("cauce", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise Invalid(f"{pyproject}: tool.cauce must be a table")
    return table


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"{path} is not valid TOML: {error}") from error


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Flatten one level of tables into dotted keys; free sections stay whole."""
    rows: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, dict) and not prefix and key not in FREE_SECTIONS:
            rows.extend(_flat(value, f"{key}."))
        else:
            rows.append((prefix + key, value))
    return rows


def _typed(key: str, value: Any, where: str, *, text: bool = False) -> Any:
    """Check a value against its declaration; where there is only text, it is parsed."""
    setting = _BY_KEY.get(key)
    if setting is None:
        import difflib  # late: only mistakes need it

        near = difflib.get_close_matches(key, _BY_KEY, n=1, cutoff=0.5)
        raise Invalid(
            f"{where}: no setting {key!r}",
            hint=f"did you mean {near[0]}?" if near else f"known: {', '.join(_BY_KEY)}",
        )
    kind = type(setting.default)
    parsed = _parsed(kind, value) if text and isinstance(value, str) else value
    if kind is float and type(parsed) is int:
        parsed = float(parsed)
    if type(parsed) is not kind or (isinstance(parsed, float) and not math.isfinite(parsed)):
        raise Invalid(f"{where}: {key} = {value!r} is not {_article(kind)}")
    return parsed


def _parsed(kind: type, text: str) -> Any:
    """Read text as a type; gives the text itself when it is not of that type."""
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        return words.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text


def _article(kind: type) -> str:
    return {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}[kind]
