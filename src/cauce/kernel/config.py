"""Settings: flag > `CAUCE_SECTION__KEY` > `cauce.toml` > `[tool.cauce]` in pyproject > default.

All settings are declared once, in `SETTINGS`, which also makes docs/settings.md. `[flow.*]` tables
belong to the room `flow` and are handed on as they are.
"""

import difflib
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
    Setting("s3.endpoint", "", "Address of an S3-compatible server; empty: AWS."),
    Setting("s3.region", "us-east-1", "Region of the S3 bucket."),
    Setting("s3.allow_http", False, "Whether the S3 endpoint may be plain HTTP."),
    Setting("gc.grace_hours", 24.0, "Age below which an unreachable object is kept."),
    Setting("models.tolerance", 1e-4, "Largest absolute difference that a proof of parity allows."),
    Setting("models.min_gain", 0.0, "Least gain in accuracy that makes a candidate better."),
    Setting("models.max_drop", 0.005, "Largest loss of accuracy that a cheaper model may have."),
    Setting("watch.alpha", 0.05, "Chance of a false alarm over all inputs of one check."),
    Setting("watch.distance", 0.06, "Least Kolmogorov-Smirnov distance that counts as drift."),
    Setting("watch.min_rows", 50, "Fewest rows that a check gives a verdict on."),
)

FREE_SECTIONS = ("flow",)
"""Tables of `cauce.toml` that a room reads by itself."""

_BY_KEY = {setting.key: setting for setting in SETTINGS}


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
        checked = {key: _typed(key, value, "a flag") for key, value in changed.items()}
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
        pyproject = folder / "pyproject.toml"
        if pyproject.is_file() and "cauce" in _read(pyproject).get("tool", {}):
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
                free[section] = value
                continue
            values[key] = _typed(key, value, str(path))
            source[key] = str(path)
    for name, text in (os.environ if environ is None else environ).items():
        if name.startswith("CAUCE_"):
            key = name.removeprefix("CAUCE_").lower().replace("__", ".")
            if key in _BY_KEY:
                values[key] = _typed(key, text, name)
                source[key] = name
    return Settings(values, free, source)


def _tables(root: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Read the project's files, weakest first."""
    found = []
    pyproject = root / "pyproject.toml"
    if pyproject.is_file():
        table = _read(pyproject).get("tool", {}).get("cauce", {})
        found.append((pyproject, table))
    own = root / "cauce.toml"
    if own.is_file():
        found.append((own, _read(own)))
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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


def _typed(key: str, value: Any, where: str) -> Any:
    """Check a value against its declaration; text from the environment is parsed."""
    setting = _BY_KEY.get(key)
    if setting is None:
        near = difflib.get_close_matches(key, _BY_KEY, n=1, cutoff=0.5)
        raise Invalid(
            f"{where}: no setting {key!r}",
            hint=f"did you mean {near[0]}?" if near else f"known: {', '.join(_BY_KEY)}",
        )
    kind = type(setting.default)
    parsed: Any
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        parsed = value if isinstance(value, bool) else words.get(str(value).lower())
    elif kind is str:
        parsed = value if isinstance(value, str) else None
    elif isinstance(value, bool):
        parsed = None
    else:
        try:
            parsed = kind(value)
        except (TypeError, ValueError):
            parsed = None
        if kind is int and isinstance(value, float):
            parsed = None
    if parsed is None:
        raise Invalid(f"{where}: {key} = {value!r} is not {_article(kind)}")
    return parsed


def _article(kind: type) -> str:
    return {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}[kind]
