"""Records as columns: Parquet with each record whole, and a typed column for each plain field.

Columns of ours start with an underscore: `_segment`, `_index` (the position), `_at` (when the
record's block was written) and `_record` (MessagePack, exactly what was appended). A field that is
always of one plain type and short is a column too, so that DuckDB or pandas can ask for it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cauce.errors import Damaged
from cauce.kernel.telemetry import frames
from cauce.kernel.telemetry.frames import Block
from cauce.kernel.telemetry.layout import Place, Rows

ROW_GROUP = 1 << 14
"""Rows that are compressed together and read together."""

_MOST_COLUMNS = 200
_LONGEST_TEXT = 1024
_TYPES: dict[type, Any] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}
_RECORD = msgspec.msgpack.Decoder(dict[Any, Any])

Chunk = tuple[str, int, float, list[bytes | msgspec.Raw], list[dict[Any, Any]]]
"""Segment, index of the first record, time of writing, records undecoded and decoded."""


class Fields:
    """Learns from records which of their fields can be columns."""

    def __init__(self) -> None:
        self._types: dict[str, type | None] = {}

    def see(self, records: Iterable[dict[Any, Any]]) -> None:
        """Take records into account."""
        types = self._types
        for record in records:
            for name, value in record.items():
                if value is None or type(name) is not str:
                    continue
                kind = type(value)
                known = types.get(name, kind)
                if known is not kind:
                    kind = float if {known, kind} == {int, float} else object
                if (kind is str and len(value) > _LONGEST_TEXT) or (
                    kind is int and not -(1 << 63) <= value < 1 << 63
                ):
                    kind = object
                types[name] = kind if kind in _TYPES else None

    def types(self) -> dict[str, type]:
        """Give the fields that can be columns, sorted."""
        usable = {
            name: kind
            for name, kind in self._types.items()
            if kind is not None and name and not name.startswith("_")
        }
        return {name: usable[name] for name in sorted(usable)[:_MOST_COLUMNS]}


def from_segment(segment: frames.Segment, id: str) -> Iterator[Chunk]:
    """Iterate over a segment of records."""
    for block, data in segment.payloads():
        try:
            raw = frames.raw_records(data)
            records = frames.decode_records(data)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            return
        if len(raw) != block.total:
            return
        yield id, block.first, block.at, list(raw), records


def from_file(path: Path, rows: Iterable[Rows]) -> Iterator[Chunk]:
    """Iterate over the segments of a file of columns."""
    for one in rows:
        for first, at, raw in _stored(path, one, 0):
            yield one.segment, first, at, list(raw), [_RECORD.decode(item) for item in raw]


def write(path: Path, chunks: Iterable[Chunk], types: dict[str, type]) -> list[Rows]:
    """Write records as columns and say where each segment went."""
    schema = pa.schema(
        [
            ("_segment", pa.string()),
            ("_index", pa.int64()),
            ("_at", pa.float64()),
            *((name, _TYPES[kind]) for name, kind in types.items()),
            ("_record", pa.binary()),
        ]
    )
    rows: dict[str, Rows] = {}
    total = 0
    with pq.ParquetWriter(path, schema, compression="zstd", write_statistics=True) as writer:
        for batch in _batches(chunks):
            columns: dict[str, list[Any]] = {name: [] for name in schema.names}
            for segment, first, at, raw, records in batch:
                count = len(raw)
                columns["_segment"] += [segment] * count
                columns["_index"] += range(first, first + count)
                columns["_at"] += [at] * count
                columns["_record"] += [bytes(item) for item in raw]
                for name, kind in types.items():
                    columns[name] += _column(records, name, kind)
                known = rows.get(segment, Rows(segment, total, 0, at))
                rows[segment] = Rows(segment, known.start, known.count + count, max(known.last, at))
                total += count
            writer.write_table(pa.table(columns, schema=schema))
    return list(rows.values())


def _column(records: list[dict[Any, Any]], name: str, kind: type) -> list[Any]:
    """Take one field of each record; whole numbers become floats where floats occur too."""
    if kind is not float:
        return [record.get(name) for record in records]
    values = (record.get(name) for record in records)
    return [None if value is None else float(value) for value in values]


def _batches(chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """Gather blocks into row groups."""
    batch: list[Chunk] = []
    count = 0
    for chunk in chunks:
        batch.append(chunk)
        count += len(chunk[3])
        if count >= ROW_GROUP:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def read(
    place: Place, start: int = 0, stop: int | None = None
) -> Iterator[tuple[Block, list[dict[Any, Any]]]]:
    """Iterate over the records of a segment that is in columns, as its blocks would be.

    Args:
        place: Where the segment is.
        start: Index of the first record wanted.
        stop: Index after the last; None: all.
    """
    assert place.rows is not None
    for first, at, raw in _stored(place.path, place.rows, start, stop):
        records = [_RECORD.decode(item) for item in raw]
        yield Block(at, len(records), first, 0, 0, 0), records


def _stored(
    path: Path, rows: Rows, start: int, stop: int | None = None
) -> Iterator[tuple[int, float, list[bytes]]]:
    """Iterate over runs of records with one time of writing: first index, time, records."""
    low = rows.start + start
    high = rows.start + (rows.count if stop is None else min(stop, rows.count))
    offset = 0
    with _open(path) as file:
        for group in range(file.metadata.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            begin, end = max(low - offset, 0), min(high - offset, count)
            if begin < end:
                table = file.read_row_group(group, columns=["_at", "_record"])
                table = table.slice(begin, end - begin)
                yield from _runs(
                    offset + begin - rows.start,
                    table.column("_at").to_pylist(),
                    table.column("_record").to_pylist(),
                )
            offset += count
            if offset >= high:
                return


def _runs(
    index: int, times: list[float], raw: list[bytes]
) -> Iterator[tuple[int, float, list[bytes]]]:
    begin = 0
    for at in range(1, len(times) + 1):
        if at == len(times) or times[at] != times[begin]:
            yield index + begin, times[begin], raw[begin:at]
            begin = at


def find(path: Path, id: str) -> dict[str, Any] | None:
    """Find the record with an id by the statistics of the column `id`."""
    with _open(path) as file:
        names = file.schema_arrow.names
        if "id" not in names or file.schema_arrow.field("id").type != pa.string():
            return _find_whole(file, id)
        column = names.index("id")
        for group in range(file.metadata.num_row_groups):
            chunk = file.metadata.row_group(group).column(column)
            known = chunk.statistics
            if known is not None and known.has_min_max and not known.min <= id <= known.max:
                continue
            ids = file.read_row_group(group, columns=["id"]).column("id").to_pylist()
            if id in ids:
                found = file.read_row_group(group, columns=["_record"]).column("_record")
                record: dict[str, Any] = _RECORD.decode(found[ids.index(id)].as_py())
                return record
    return None


def _find_whole(file: Any, id: str) -> dict[str, Any] | None:
    """Find a record by its id where the ids are not all text."""
    for batch in file.iter_batches(columns=["_record"]):
        for raw in batch.column("_record").to_pylist():
            record: dict[str, Any] = _RECORD.decode(raw)
            if record.get("id") == id:
                return record
    return None


def _open(path: Path) -> Any:
    """Open a Parquet file; a missing one is `FileNotFoundError`, another fault `Damaged`."""
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{path} is not a file of columns: {error}") from error
