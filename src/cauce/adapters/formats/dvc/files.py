"""`.dvc` files, read strictly and fast."""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from cauce.adapters.formats.dvc import items, nodes
from cauce.adapters.formats.dvc.entities import PIPELINE, DvcFile, Output
from cauce.adapters.formats.dvc.nodes import Node, at, flag, mapping, text
from cauce.adapters.formats.dvc.paths import inside
from cauce.errors import Invalid

_TOP = frozenset("desc md5 wdir frozen locked deps outs always_changed meta".split())

PLAIN = re.compile(
    r"outs:\n- md5: (?P<md5>[0-9a-f]{32}(?:\.dir)?)\n"
    r"(?:  size: (?P<size>[0-9]{1,19})\n)?(?:  nfiles: (?P<nfiles>[0-9]{1,19})\n)?"
    r"(?P<isexec>  isexec: true\n)?(?P<hash>  hash: md5\n)?  path: (?P<path>[A-Za-z_][\w./-]*)\n\Z",
    re.ASCII,
)
"""A file as `add` writes it: most files are, and need no YAML parser."""


Reader = Callable[[str], str | None]
"""Gives the text of a file by its path relative to the project, None where there is none."""


def read(root: Path, path: Path) -> DvcFile:
    """Read a `.dvc` file, or a `dvc.yaml` with the `dvc.lock` beside it.

    Args:
        root: Project folder; no output may leave it.
        path: The file.

    Raises:
        Invalid: It is not YAML, has a key that DVC does not know or a value of the wrong type (with
            line and column), or an output leaves the project.
    """

    def text(place: str) -> str | None:
        try:
            return (root / place).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (UnicodeDecodeError, IsADirectoryError, PermissionError) as error:
            raise Invalid(f"{root / place} cannot be read: {error}") from error

    found = interpret(root, path.relative_to(root).as_posix(), text)
    if found is None:
        raise FileNotFoundError(str(path))
    return found


def interpret(root: Path | None, place: str, reader: Reader) -> DvcFile | None:
    """Read a `.dvc` file or a `dvc.yaml` from anywhere: the work tree, or a revision.

    Args:
        root: Project folder whose links no output may leave it by; None: only text is looked at,
            as for a revision that is not checked out.
        place: Where the file lies, relative to the project, POSIX.
        reader: Gives the text of this file and of those that it refers to.

    Returns:
        What it says; None where there is no such file.
    """
    written = reader(place)
    if written is None:
        return None
    base, _, name = place.rpartition("/")
    if name == PIPELINE:
        from cauce.adapters.formats.dvc import pipelines  # late: many projects have no stages

        return pipelines.interpret(root, place, written, reader)
    if plain := PLAIN.match(written):
        return DvcFile(path=place, outs=(_plain(root, base, plain, place),))
    top = mapping(nodes.compose(written, place), place, _TOP)
    wdir = text(top.get("wdir"), place)
    base = posixpath.join(base, wdir or ".")
    return DvcFile(
        path=place,
        outs=tuple(
            _output(root, base, node, place) for node in nodes.items(top.get("outs"), place)
        ),
        deps=tuple(items.dependency(node, place) for node in nodes.items(top.get("deps"), place)),
        frozen=flag(top.get("frozen") or top.get("locked"), place, default=False),
        md5=text(top.get("md5"), place),
        wdir=wdir,
        desc=text(top.get("desc"), place),
        meta=nodes.value(top.get("meta")),
    )


def read_text(text: str, place: str, root: Path | None = None) -> DvcFile:
    """Read the text of a `.dvc` file that need not be on the disk; see `interpret`."""
    found = interpret(root, place, {place: text}.get)
    assert found is not None
    return found


def _plain(root: Path | None, base: str, found: re.Match[str], place: str) -> Output:
    """Take an output from what the pattern found."""
    size, nfiles = found["size"], found["nfiles"]
    return Output(
        path=inside(root, base, found["path"], place),
        md5=found["md5"],
        size=None if size is None else int(size),
        nfiles=None if nfiles is None else int(nfiles),
        isexec=found["isexec"] is not None,
        legacy=found["hash"] is None,
    )


def _output(root: Path | None, base: str, node: Node, place: str) -> Output:
    """Check one item of `outs`."""
    item = mapping(node, place, items.OUT)
    if "path" not in item:
        raise Invalid(f"{at(node, place)}: an output has no path")
    found = inside(root, base, text(item["path"], place), at(item["path"], place))
    return items.output(item, place, found)
