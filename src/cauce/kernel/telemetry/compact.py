"""Compaction: segments whose writers are gone become columns; stopped anywhere, nothing changes.

New files are written and flushed to the disk first. Renaming the manifest makes them valid and what
they replace invalid, in one step. Only then is the replaced deleted; what a kill leaves of either
is removed by the next compaction. One compaction at a time, by a lock; readers take none.
"""

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from cauce.kernel.entities import Entity
from cauce.kernel.telemetry import columns, frames, layout, points
from cauce.kernel.telemetry.layout import Columns, Rows, StreamManifest
from cauce.kernel.telemetry.series import Marked, order
from cauce.kernel.telemetry.series import Points as Arrays

SMALL_BYTES = 1 << 26
"""Files of records smaller than this are merged…"""

SMALL_FILES = 8
"""…when there are so many of them."""

_OLD_SECONDS = 3600.0


class Compaction(Entity, frozen=True):
    """What a compaction did.

    Attributes:
        segments: Segments that became columns.
        records: Records or points in them.
        before: Bytes of the files that were replaced.
        after: Bytes of the files that replace them.
    """

    segments: int = 0
    records: int = 0
    before: int = 0
    after: int = 0


class Closed(msgspec.Struct, frozen=True):
    """A segment whose writer is gone.

    Attributes:
        count: Whole records in it.
        last: When its last whole block was written.
        damaged: Something other than an unfinished last block follows them.
    """

    id: str
    path: Path
    kind: frames.Kind
    count: int
    last: float
    damaged: bool


def compact(folder: Path, make_id: Callable[[], str]) -> Compaction:
    """Compact a stream.

    Raises:
        OSError: The disk is full or read-only; the stream is as it was.
    """
    if not folder.is_dir():
        return Compaction()
    with _locked(folder / layout.LOCK):
        known = layout.read_manifest(folder)
        _sweep(folder, known)
        closed = list(_closed(folder, known))
        made: list[Columns] = []
        replaced: list[Columns] = []
        try:
            for kind, build in (("records", _records), ("points", _points)):
                fresh = [one for one in closed if one.kind == kind and one.count]
                if fresh:
                    old = _merged(known, kind)
                    replaced += old
                    made.append(build(folder, make_id(), fresh, old))
            if made:
                kept = [one for one in known.columns if one not in replaced]
                _publish(folder, StreamManifest(columns=(*kept, *made)))
        except BaseException:
            _sweep(folder, layout.read_manifest(folder))
            raise
        before = sum(one.path.stat().st_size for one in closed) + sum(c.size for c in replaced)
        for segment in closed:
            if segment.damaged:
                segment.path.rename(segment.path.with_suffix(".damaged"))
            else:
                segment.path.unlink()
        for one in replaced:
            _remove(folder, one)
    return Compaction(
        segments=len(closed),
        records=sum(one.count for one in closed),
        before=before,
        after=sum(one.size for one in made),
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _closed(folder: Path, known: StreamManifest) -> Iterator[Closed]:
    """Find the segments that no writer holds and that are not in columns yet."""
    inside = {rows.segment for one in known.columns for rows in one.rows}
    for id, path in layout.segment_files(folder).items():
        if id in inside or not _writerless(path):
            continue
        with frames.Segment(path) as segment:
            if segment.kind is None:
                continue
            count, last = 0, 0.0
            for block, _ in segment.decoded():
                count, last = block.first + block.total, max(last, block.at)
            damaged = bool(segment.fault) and not segment.torn
            yield Closed(id, path, segment.kind, count, last, damaged)


def _writerless(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def _merged(known: StreamManifest, kind: str) -> list[Columns]:
    """Choose the files to merge: all points, or many small files of records."""
    mine = [one for one in known.columns if one.kind == kind]
    if kind == "points":
        return mine
    small = [one for one in mine if one.size < SMALL_BYTES]
    return small if len(small) >= SMALL_FILES else []


def _records(folder: Path, id: str, fresh: list[Closed], old: list[Columns]) -> Columns:
    """Write records as one Parquet file, in order of segment."""
    sources: list[tuple[str, Path, Rows | None]] = [(one.id, one.path, None) for one in fresh]
    sources += [(rows.segment, folder / one.file, rows) for one in old for rows in one.rows]
    sources.sort(key=lambda source: source[0])

    def chunks() -> Iterator[columns.Chunk]:
        for segment_id, path, rows in sources:
            if rows is not None:
                yield from columns.from_file(path, [rows])
                continue
            with frames.Segment(path) as segment:
                yield from columns.from_segment(segment, segment_id)

    fields = columns.Fields()
    for chunk in chunks():
        fields.see(chunk[4])
    made = Columns(id, "records", 0, ())
    rows = columns.write(folder / made.file, chunks(), fields.types())
    return _finished(folder, msgspec.structs.replace(made, rows=tuple(rows)))


def _points(folder: Path, id: str, fresh: list[Closed], old: list[Columns]) -> Columns:
    """Write points and their downsamples, ordered, as one Arrow file each."""
    rows = [Rows(one.id, 0, one.count, one.last) for one in fresh]
    rows = sorted((*rows, *(row for one in old for row in one.rows)), key=lambda row: row.segment)
    ranks = {row.segment: rank for rank, row in enumerate(rows)}
    pieces: dict[str, list[Marked]] = {}
    for one in old:
        for number, key in enumerate(one.keys):
            marked = points.read_marked(folder, one, number, ranks)
            pieces.setdefault(key.key, []).append(marked)
    for segment in fresh:
        for key_name, piece in _marked(segment, ranks[segment.id]):
            pieces.setdefault(key_name, []).append(piece)
    keys = {key_name: order(pieces[key_name]) for key_name in sorted(pieces)}
    made = Columns(id, "points", 0, tuple(rows))
    points.write(folder / made.file, list(ranks), keys)
    key_rows = points.write_levels(folder / made.levels_file, keys)
    return _finished(folder, msgspec.structs.replace(made, keys=key_rows))


def _marked(one: Closed, rank: int) -> Iterator[tuple[str, Marked]]:
    """Iterate over the columns of a segment's blocks, with the index of every point."""
    with frames.Segment(one.path) as segment:
        for block, found in segment.columns():
            first = block.first
            for column in found:
                count = len(column.values)
                arrays = Arrays(
                    np.frombuffer(column.steps, np.int64),
                    np.frombuffer(column.values, np.float64),
                    np.frombuffer(column.times, np.float64),
                )
                yield (
                    column.key,
                    Marked(arrays, np.full(count, rank), np.arange(first, first + count)),
                )
                first += count


def _finished(folder: Path, made: Columns) -> Columns:
    """Flush what was made to the disk and note its size."""
    size = 0
    for path in (folder / made.file, folder / made.levels_file):
        if path.exists():
            with path.open("rb") as file:
                os.fsync(file.fileno())
            size += path.stat().st_size
    return msgspec.structs.replace(made, size=size)


def _publish(folder: Path, manifest: StreamManifest) -> None:
    """Replace the manifest; from here on its files are the valid ones."""
    beside = folder / f"{layout.MANIFEST}.tmp"
    with beside.open("wb") as file:
        file.write(msgspec.msgpack.encode(manifest))
        file.flush()
        os.fsync(file.fileno())
    beside.rename(folder / layout.MANIFEST)
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove(folder: Path, one: Columns) -> None:
    for path in (folder / one.file, folder / one.levels_file):
        path.unlink(missing_ok=True)


def _sweep(folder: Path, known: StreamManifest) -> None:
    """Delete what an earlier compaction or writer left when it was killed."""
    valid = {name for one in known.columns for name in (one.file, one.levels_file)}
    inside = {rows.segment for one in known.columns for rows in one.rows}
    for path in folder.iterdir():
        id, _, ending = path.name.partition(".")
        stale = (
            (ending in {"parquet", "arrow", "levels.arrow"} and path.name not in valid)
            or (ending == "seg" and id in inside)
            or (ending == "tmp" and time.time() - path.stat().st_mtime > _OLD_SECONDS)
        )
        if stale and re.fullmatch(layout.ID, id) and path.is_file():
            path.unlink(missing_ok=True)
