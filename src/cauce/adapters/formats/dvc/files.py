"""`.dvc` files: read strictly and fast, written as DVC would, comments kept."""

import io
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from cauce.errors import Conflict, Invalid
from cauce.kernel import manifest

Node = Any
"""A node of PyYAML; its typed stubs lack `id`, which tells scalars, lists and mappings apart."""

_TOP = frozenset("desc md5 wdir frozen locked deps outs always_changed meta".split())
_OUT = frozenset(
    (
        "md5 etag checksum size nfiles isexec hash path version_id remote_id cloud files "
        "fs_config desc type labels meta cache metric plot persist remote push"
    ).split()
)
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?\Z")
_CLOSED = frozenset({".dvc", ".git", ".hg", ".cauce"})


class Output(Struct, frozen=True, kw_only=True):
    """One path that a `.dvc` file names.

    Attributes:
        path: Relative to the project, POSIX.
        md5: Hex of the sum, with `.dir` for a folder; empty before the first add.
        size: Bytes, None when not said.
        nfiles: Files of a folder, None when not said.
        isexec: Whether a file is executable by its owner.
        cache: Whether its bytes are kept in the cache.
        legacy: Whether version 2 of DVC wrote it, whose sums ignore line ends.
    """

    path: str
    md5: str = ""
    size: int | None = None
    nfiles: int | None = None
    isexec: bool = False
    cache: bool = True
    legacy: bool = False

    @property
    def folder(self) -> bool:
        """Tell whether it is a folder."""
        return self.md5.endswith(".dir")


class DvcFile(Struct, frozen=True, kw_only=True):
    """What a `.dvc` file says.

    Attributes:
        path: The file itself, relative to the project, POSIX.
        outs: Its outputs.
        imported: Whether the data come from a source that it names.
    """

    path: str
    outs: tuple[Output, ...]
    imported: bool = False


def read(root: Path, path: Path) -> DvcFile:
    """Read a `.dvc` file.

    Args:
        root: Project folder; no output may leave it.
        path: The `.dvc` file.

    Raises:
        Invalid: It is not YAML, has a key that DVC does not know or a value of the wrong type (with
            line and column), or an output leaves the project.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError, PermissionError) as error:
        raise Invalid(f"{path} cannot be read: {error}") from error
    return read_text(text, path.relative_to(root).as_posix(), root)


def read_text(text: str, place: str, root: Path | None = None) -> DvcFile:
    """Read the text of a `.dvc` file that need not be on the disk.

    Args:
        text: What the file says.
        place: Where it lies in its project, POSIX.
        root: Project folder whose links no output may leave it by; None: only text is looked at,
            as for a file of a revision that is not checked out.

    Raises:
        Invalid: As `read`; `place` names the file.
    """
    top = _mapping(_compose(text, place), place, _TOP)
    base = posixpath.join(posixpath.dirname(place), _text(top.get("wdir"), place) or ".")
    outs = tuple(_output(root, base, node, place) for node in _items(top.get("outs"), place))
    return DvcFile(path=place, outs=outs, imported=bool(list(_items(top.get("deps"), place))))


def _compose(text: str, place: str) -> Node:
    """Parse YAML into nodes: no type is guessed, so `path: yes` stays what it is."""
    import yaml  # late: only for projects that have data

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)(text)
    try:
        node = loader.get_single_node()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Invalid(f"{place} is not valid YAML: {' '.join(str(error).split())}") from error
    finally:
        loader.dispose()
    return node


def _at(node: Node, place: str) -> str:
    return f"{place}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _mapping(node: Node, place: str, known: frozenset[str]) -> dict[str, Node]:
    """Give a mapping's values by key; unknown and repeated keys are errors."""
    if node is None or (node.id == "scalar" and not node.value):
        return {}
    if node.id != "mapping":
        raise Invalid(f"{_at(node, place)}: a mapping must be here, not a {node.id}")
    found: dict[str, Node] = {}
    for key, value in node.value:
        name = key.value if key.id == "scalar" else ""
        if name not in known:
            raise Invalid(
                f"{_at(key, place)}: unknown key {str(name)[:50]!r}",
                hint=f"known here: {', '.join(sorted(known))}",
            )
        if name in found:
            raise Invalid(f"{_at(key, place)}: {name!r} occurs twice")
        found[name] = value
    return found


def _items(node: Node, place: str) -> Iterator[Node]:
    if node is None or (node.id == "scalar" and not node.value):
        return
    if node.id != "sequence":
        raise Invalid(f"{_at(node, place)}: a list must be here")
    yield from node.value


def _text(node: Node, place: str) -> str:
    if node is None:
        return ""
    if node.id != "scalar":
        raise Invalid(f"{_at(node, place)}: a text must be here")
    return str(node.value)


def _number(node: Node, place: str) -> int | None:
    text = _text(node, place)
    if not text:
        return None
    if node is None or not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Invalid(f"{place}: {text[:50]!r} is not a whole number")
    return int(text)


def _flag(node: Node, place: str, default: bool) -> bool:
    text = _text(node, place)
    if text.lower() not in {"", "true", "false"}:
        raise Invalid(f"{place}: {text[:50]!r} is not true or false")
    return default if not text else text.lower() == "true"


def _output(root: Path | None, base: str, node: Node, place: str) -> Output:
    """Check one item of `outs`."""
    item = _mapping(node, place, _OUT)
    if "path" not in item:
        raise Invalid(f"{_at(node, place)}: an output has no path")
    md5 = _text(item.get("md5"), place).lower()
    if md5 and not _MD5.match(md5):
        raise Invalid(f"{_at(item['md5'], place)}: {md5[:50]!r} is not an md5 sum")
    return Output(
        path=inside(root, base, _text(item["path"], place), _at(item["path"], place)),
        md5=md5,
        size=_number(item.get("size"), place),
        nfiles=_number(item.get("nfiles"), place),
        isexec=_flag(item.get("isexec"), place, default=False),
        cache=_flag(item.get("cache"), place, default=True),
        legacy=bool(md5) and _text(item.get("hash"), place) != "md5",
    )


def inside(root: Path | None, base: str, text: str, where: str) -> str:
    """Give a path relative to the project, or refuse one that leaves it, also through a link.

    Args:
        root: Project folder; None: links are not looked at.
        base: Folder that the path is relative to, itself relative to the project.
        text: The path as written.
        where: What to name in the error.
    """
    path = posixpath.normpath(posixpath.join(base, text)) if text else ""
    hint = "data must lie inside the project; add a copy of it"
    if not text or path in {".", ".."} or path.startswith(("/", "../")):
        raise Invalid(f"{where}: {text[:200]!r} leaves the project", hint=hint)
    manifest.check_path(path)
    if _CLOSED & set(path.split("/")):
        raise Invalid(f"{where}: {path[:200]!r} is inside a tool's own folder", hint=hint)
    if root is not None and not (root / path).parent.resolve().is_relative_to(root.resolve()):
        raise Invalid(f"{where}: {path[:200]!r} leaves the project through a link", hint=hint)
    return path


def write(root: Path, path: Path, output: Output) -> None:
    """Write an output into its `.dvc` file, beside then rename.

    A new file gets DVC's keys in DVC's order. In an existing one values change in place: comments,
    order, annotations and settings stay.

    Args:
        root: Project folder.
        path: The `.dvc` file, in the folder of the data.
        output: What it says from now on; `path` must lie beside or below the file.

    Raises:
        Conflict: The file is an import, or has several outputs without this one.
        Invalid: What is there now is no valid `.dvc` file.
    """
    from ruamel.yaml import YAML  # late: 50 ms, and only writers need it

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.default_flow_style = False
    if path.exists():
        known = read(root, path)
        index = _which(known, output)
        body: Any = yaml.load(path.read_text(encoding="utf-8")) or {}
        if known.outs:
            _update(body["outs"][index], output)
        else:
            body["outs"] = [_fresh(output, path.name)]
    else:
        body = {"outs": [_fresh(output, output.path.rpartition("/")[2])]}
    text = io.StringIO()
    yaml.dump(body, text)
    replace(path, text.getvalue())


def _which(known: DvcFile, output: Output) -> int:
    """Find the item to change."""
    if known.imported:
        raise Conflict(
            f"{known.path} is an import; adding would cut it off from its source",
            hint=f"update it where it comes from, or remove {known.path} first",
        )
    paths = [item.path for item in known.outs]
    if output.path in paths or not paths:
        return paths.index(output.path) if paths else 0
    raise Conflict(
        f"{known.path} names {', '.join(paths)}, not {output.path}",
        hint="rename the data, or remove that file first",
    )


def _sums(output: Output) -> dict[str, Any]:
    """Give the keys that describe the bytes, in DVC's order."""
    found: dict[str, Any] = {"md5": output.md5}
    if output.size is not None:
        found["size"] = output.size
    if output.nfiles is not None:
        found["nfiles"] = output.nfiles
    if output.isexec:
        found["isexec"] = True
    found["hash"] = "md5"
    return found


def _fresh(output: Output, name: str) -> dict[str, Any]:
    return {**_sums(output), "path": name.removesuffix(".dvc") or name}


def _update(item: Any, output: Output) -> None:
    """Change what differs, append what is new, drop what no longer holds."""
    sums = _sums(output)
    for key in ("size", "nfiles", "isexec", "files", "cloud", "etag", "checksum"):
        if key in item and key not in sums:
            del item[key]
    for key, value in sums.items():
        if item.get(key) != value:
            item[key] = value


def replace(path: Path, text: str) -> None:
    """Replace a small text file: beside, then renamed; its mode stays."""
    beside = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        with beside.open("x", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
