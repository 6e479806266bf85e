"""One file of a version: what it is, what it begins with, where else it is, what is said of it."""

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from cauce.errors import CauceError, NotFound
from cauce.kernel import manifest, plugins, publish
from cauce.rooms.data import merging, versions
from cauce.rooms.data.browsing import index as indexes
from cauce.rooms.data.browsing import items
from cauce.rooms.data.browsing.entities import ItemView, Said, Seen
from cauce.rooms.data.browsing.index import Index

if TYPE_CHECKING:
    from cauce.kernel.entities import Digest
    from cauce.kernel.workspace import Workspace

HEAD = 1 << 16
"""Bytes of a text that are looked at."""

LINES, ROWS = 200, 50
_CELL = 200
_TWINS = 10
_LOOKED = 3_000_000
"""Files of other versions that are looked through for the history of one."""

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_TABLES = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")


class _Label(Struct, frozen=True):
    item: str
    path: str
    label: str
    annotator: str = ""
    origin: str = ""
    at: float = 0.0


class _Labels(Struct, frozen=True):
    labels: list[_Label]


def show(ws: "Workspace", spec: str, path: str) -> ItemView:
    """See `data.item`."""
    version = versions.find(ws, spec)
    index = indexes.of(ws, version.id)
    try:
        row = index[path]
    except KeyError as error:
        raise NotFound(f"{spec} has no file {path}") from error
    item = items.item(index, row)
    history, whole = _history(ws, version.name, path)
    twins = _twins(index, row)
    return ItemView(
        version=version,
        item=item,
        **({"facts": {}} | content(ws, item.digest, path, item.size)),
        twins=tuple(index.path(at) for at in twins[:_TWINS]),
        twin_count=len(twins),
        history=tuple(history),
        history_whole=whole,
        said=tuple(_said(ws, version.name, item.digest, path)),
    )


def content(ws: "Workspace", digest: "Digest", path: str, size: int) -> dict[str, Any]:
    """Tell what a file is and give its beginning; what cannot be read is told as a fault."""
    ending = path[path.rfind(".") :].lower() if "." in path.rpartition("/")[2] else ""
    try:
        if ending in _PICTURES:
            return {"kind": "image", "facts": _picture(ws, digest, size)}
        if ending == ".parquet":
            return {"kind": "table", **_parquet(ws, digest)}
        with ws.objects.open(digest) as stream:
            head = stream.read(HEAD)
        text, whole = _text(head, size)
    except CauceError as error:
        return {"kind": "image" if ending in _PICTURES else "other", "fault": error.message}
    if text is None:
        return {"kind": "other"}
    if ending in _TABLES:
        return {"kind": "table", **_rows(csv.reader(io.StringIO(text), delimiter=_TABLES[ending]))}
    if ending in _LINES:
        return {"kind": "table", **_objects(text)}
    lines = text.split("\n")
    shown = "\n".join(lines[:LINES])
    return {"kind": "text", "text": shown, "whole": whole and len(lines) <= LINES}


def _picture(ws: "Workspace", digest: "Digest", size: int) -> dict[str, str]:
    adapter = plugins.load("formats", "thumbnail")
    if size > adapter.MAX_BYTES:
        return {}
    found = adapter.facts(ws.objects.get(digest))
    facts = {"width": found.width, "height": found.height, "format": found.format}
    facts |= {"mode": found.mode} | ({"frames": found.frames} if found.frames > 1 else {})
    return {name: str(value) for name, value in facts.items()}


def _text(head: bytes, size: int) -> tuple[str | None, bool]:
    """Read the beginning of a text, whole lines where it is cut; None when it is no text."""
    whole = size <= len(head)
    if not whole:
        head = head[: head.rfind(b"\n") + 1] or head[:-4]
    if b"\0" in head:
        return None, whole
    try:
        # A byte order mark is no part of the first column's name.
        return head.decode("utf-8-sig"), whole
    except UnicodeDecodeError:
        return None, whole


def _rows(found: Iterator[list[str]]) -> dict[str, Any]:
    """Take the first row as the names of the columns, as tables of samples have them."""
    rows: list[tuple[str, ...]] = []
    whole = True
    try:
        for row in found:
            if len(rows) > ROWS:
                whole = False
                break
            rows.append(tuple(cell[:_CELL] for cell in row[:100]))
    except csv.Error as error:
        return {"fault": str(error)}
    return {"columns": rows[0] if rows else (), "rows": tuple(rows[1:]), "whole": whole}


def _objects(text: str) -> dict[str, Any]:
    """Read a JSON object a line; the columns are all keys, in the order they come."""
    found: list[dict[str, Any]] = []
    lines = [line for line in text.split("\n") if line.strip()]
    for number, line in enumerate(lines[:ROWS], 1):
        try:
            found.append(msgspec.json.decode(line, type=dict[str, Any]))
        except (msgspec.MsgspecError, RecursionError) as error:
            return {"fault": f"line {number}: {error}"}
    columns = tuple(dict.fromkeys(key for row in found for key in row))[:100]
    rows = tuple(tuple(_cell(row.get(key)) for key in columns) for row in found)
    return {"columns": columns, "rows": rows, "whole": len(lines) <= ROWS}


def _parquet(ws: "Workspace", digest: "Digest") -> dict[str, Any]:
    import pyarrow as pa  # late: most files are no tables
    from pyarrow import parquet

    try:
        with ws.objects.open(digest) as stream, parquet.ParquetFile(stream) as file:
            batch = next(file.iter_batches(batch_size=ROWS), None)
            facts = {"rows": str(file.metadata.num_rows)}
    except (pa.ArrowException, OSError, ValueError) as error:
        return {"fault": str(error).split("\n", 1)[0]}
    if batch is None:
        return {"facts": facts}
    names = tuple(batch.schema.names[:100])
    rows = tuple(tuple(_cell(row.get(name)) for name in names) for row in batch.to_pylist())
    return {
        "columns": names,
        "rows": rows,
        "whole": int(facts["rows"]) <= ROWS,
        "facts": facts,
    }


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return (value if isinstance(value, str) else str(value))[:_CELL]


def _twins(index: Index, row: int) -> list[int]:
    """Find the other files with the same bytes."""
    return [at for at in index.alike(row).tolist() if at != row]


def _history(ws: "Workspace", name: str, path: str) -> tuple[list[Seen], bool]:
    """Find what a path was in each version, the newest first; and whether all were looked at."""
    known = publish.numbers(ws, versions.KIND, name, "v") if name else {}
    found: list[Seen] = []
    looked = 0
    for number in sorted(known, reverse=True):
        version = ws.catalog.version(known[number])
        looked += version.count
        if looked > _LOOKED and found:
            return _changes(found), False
        index = indexes.of(ws, version.id)
        try:
            row = index[path]
            digest, size = str(index.digest(row)), int(index.sizes[row])
        except KeyError:
            digest, size = "", 0
        found.append(Seen(number=f"v{number}", created=version.created, digest=digest, size=size))
    return _changes(found), True


def _changes(found: list[Seen]) -> list[Seen]:
    """Keep the versions in which the path came, changed or went."""
    kept = []
    for seen, before in zip(found, [*found[1:], None], strict=True):
        if before is None:
            if seen.digest:
                kept.append(msgspec.structs.replace(seen, change="added"))
        elif seen.digest != before.digest:
            change = "removed" if not seen.digest else "changed" if before.digest else "added"
            kept.append(msgspec.structs.replace(seen, change=change))
    return kept


def _said(ws: "Workspace", name: str, digest: "Digest", path: str) -> Iterator[Said]:
    """Find what annotation sets say of a file, by its bytes; those of this data set by path too."""
    ids = set(publish.numbers(ws, versions.KIND, name, "v").values()) if name else set()
    for ref in ws.catalog.refs("annotations", None, "main", limit=100):
        for label in _labels(ws, ref.target):
            if label.item == digest or (label.path == path and label.origin in ids):
                yield Said(
                    annotations=ref.name,
                    label=label.label,
                    annotator=label.annotator,
                    at=label.at,
                )


def _labels(ws: "Workspace", version: "Digest") -> "list[_Label]":
    def make() -> tuple[list[_Label], int]:
        try:
            entry = manifest.entry(ws.manifest(version), merging.LABELS)
            found = msgspec.json.decode(ws.objects.get(entry.digest), type=_Labels).labels
        except (CauceError, ValueError):
            found = []  # what is wrong with it is told where annotation sets are shown
        return found, 600 * len(found) + 600

    return ws.kept.get(("labels", version), make)
