"""Which split, class and slices each file of a version has.

Three sources: folder names (`train/CLASS/x.png`, or `CLASS/x.png`), an annotation set, and a column
of a table in the version. What an annotation set or a table does not name falls back on folders.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec import json as msgjson

from cauce.errors import Damaged, Invalid, NotFound
from cauce.kernel import manifest, plugins
from cauce.kernel.entities import Digest, Entry, Manifest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.entities import Share

FOLDERS, ANNOTATIONS = "folders", "annotations:"
LABELS = "labels.json"
SPLITS = frozenset(
    "train training test testing val valid validation dev eval evaluation holdout unlabelled "
    "unlabeled field".split()
)
"""Folders that are splits also where no class folder lies below them."""

_PATHS = ("path", "file", "filename", "file_name", "image", "image_path", "item", "name", "id")
_SPLITS = ("split", "subset", "partition", "fold", "set")
_MOST_VALUES = 50
"""Values of a column up to which it makes slices."""


class Place(Struct, frozen=True):
    """Where a file stands.

    Attributes:
        split: `train`, `test`…, empty for none.
        label: Its class, empty for none.
    """

    split: str = ""
    label: str = ""


class Labels(Struct, frozen=True):
    """What is known of each file of a version, by path.

    Attributes:
        places: Path -> split and class.
        columns: Name of a column -> path -> value, for slices.
        source: Where the classes came from, as it was asked for.
    """

    places: dict[str, Place]
    columns: dict[str, dict[str, str]] = {}
    source: str = FOLDERS


class _Label(Struct, frozen=True):
    item: str
    path: str
    label: str


class _Labels(Struct, frozen=True):
    labels: list[_Label]


def of(ws: Workspace, tree: Manifest, source: str = FOLDERS) -> Labels:
    """Find the split and class of every file.

    Args:
        ws: Workspace.
        tree: The version.
        source: `folders`, `annotations:NAME@v1`, or `FILE:COLUMN` of a CSV or Parquet file.

    Raises:
        NotFound: The annotation set, the file or the column does not exist.
        Damaged: The annotation set or the file cannot be read.
    """
    source = source or FOLDERS
    places = folders([entry.path for entry in tree.entries])
    if source == FOLDERS:
        return Labels(places)
    if source.startswith(ANNOTATIONS):
        return Labels(_annotated(ws, tree, places, source), {}, source)
    return _tabled(ws, tree, places, source)


def folders(paths: Sequence[str]) -> dict[str, Place]:
    """Read split and class off the folders.

    `SPLIT/CLASS/…` where any file lies that deep; else the only folder is the class, unless one of
    them is named as splits are.
    """
    parts = {path: path.split("/") for path in paths}
    deep = any(len(it) > 2 for it in parts.values())
    tops = {it[0] for it in parts.values() if len(it) > 1}
    split_first = deep or bool(tops & SPLITS)
    return {
        path: Place(
            split=it[0] if split_first and len(it) > 1 else "",
            label=(it[1] if len(it) > 2 else "") if split_first else (it[0] if len(it) > 1 else ""),
        )
        for path, it in parts.items()
    }


def balance(places: Iterable[Place]) -> list[Share]:
    """Count files by split and class."""
    counts = Counter((place.split, place.label) for place in places)
    return [
        Share(split=split, label=label, count=count)
        for (split, label), count in sorted(counts.items())
    ]


def _annotated(
    ws: Workspace, tree: Manifest, places: Mapping[str, Place], source: str
) -> dict[str, Place]:
    """Put the classes of an annotation set over those of the folders, by bytes, then by path."""
    version = ws.find("annotations", source.removeprefix(ANNOTATIONS))
    entry = manifest.entry(ws.manifest(version.id), LABELS)
    try:
        rows = msgjson.decode(ws.objects.get(entry.digest), type=_Labels).labels
    except ValueError as error:
        raise Damaged(f"the annotation set {source} has no valid {LABELS}: {error}") from error
    by_item = {row.item: row.label for row in rows}
    by_path = {row.path: row.label for row in rows}
    found = dict(places)
    for item in tree.entries:
        label = by_item.get(item.digest, by_path.get(item.path))
        if label is not None:
            found[item.path] = Place(places[item.path].split, label)
    return found


def _tabled(ws: Workspace, tree: Manifest, places: Mapping[str, Place], source: str) -> Labels:
    """Put the classes of a table's column over those of the folders."""
    file, colon, column = source.rpartition(":")
    if not colon or not file or not column:
        raise Invalid(
            f"{source!r} is no source of labels",
            hint="folders, annotations:NAME@v1, or FILE:COLUMN of a CSV or Parquet file",
        )
    entry = next((it for it in tree.entries if it.path == file), None)
    if entry is None:
        tables = [it.path for it in tree.entries if it.path.endswith((".csv", ".tsv", ".parquet"))]
        raise NotFound(
            f"the version has no file {file}", hint=f"tables: {', '.join(tables[:10]) or 'none'}"
        )
    table = read_table(ws, entry)
    if column not in table:
        raise NotFound(f"{file} has no column {column!r}", hint=f"known: {', '.join(table)}")
    key = next((name for name in _PATHS if name in table and name != column), None)
    if key is None:
        raise Invalid(
            f"{file} has no column that names files", hint=f"call it one of {', '.join(_PATHS)}"
        )
    return _joined(tree, places, source, table, (key, column))


def _joined(
    tree: Manifest,
    places: Mapping[str, Place],
    source: str,
    table: Mapping[str, list[str]],
    names: tuple[str, str],
) -> Labels:
    key, column = names
    split = next((name for name in _SPLITS if name in table and name != column), None)
    others = [
        name
        for name in table
        if name not in {key, column, split} and len(set(table[name])) <= _MOST_VALUES
    ]
    base = source.rpartition(":")[0].rpartition("/")[0]
    rows = _rows(tree, table[key], base)
    found = dict(places)
    for path, row in rows.items():
        own = table[split][row] if split else places[path].split
        found[path] = Place(own, table[column][row])
    columns = {name: {path: table[name][row] for path, row in rows.items()} for name in others}
    return Labels(found, columns, source)


def _rows(tree: Manifest, keys: Sequence[str], base: str) -> dict[str, int]:
    """Find the row of each file: by its path, its path below the table's folder, or its name.

    A name that several files have stands for none of them.
    """
    row_of = {key: row for row, key in reversed(list(enumerate(keys)))}
    names = Counter(entry.path.rpartition("/")[2] for entry in tree.entries)
    found = {}
    for entry in tree.entries:
        name = entry.path.rpartition("/")[2]
        tried = [entry.path]
        if base and entry.path.startswith(f"{base}/"):
            tried.append(entry.path[len(base) + 1 :])
        if names[name] == 1:
            tried += [name, name.rpartition(".")[0]]
        row = next((row_of[it] for it in tried if it in row_of), None)
        if row is not None:
            found[entry.path] = row
    return found


def read_table(ws: Workspace, entry: Entry) -> dict[str, list[str]]:
    """Read a table's columns as texts; `Damaged` names the file."""
    tables: Any = plugins.load("formats", "tables")
    try:
        found: dict[str, list[str]] = tables.texts(ws.objects.get(entry.digest), entry.path)
    except Invalid as error:
        raise Damaged(f"{entry.path}: {error.message}", hint=error.hint) from error
    return found


def digests(entries: Iterable[Entry]) -> dict[str, Digest]:
    """Give path -> digest."""
    return {entry.path: entry.digest for entry in entries}
