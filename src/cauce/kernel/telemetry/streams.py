"""The streams of a project: writers, readers, series and compaction by name."""

import heapq
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cauce.errors import Damaged, Invalid, NotFound
from cauce.kernel import ids
from cauce.kernel.entities import Point, Series
from cauce.kernel.telemetry import frames, layout
from cauce.kernel.telemetry.frames import Block
from cauce.kernel.telemetry.layout import KeySummary
from cauce.kernel.telemetry.output import Desk
from cauce.kernel.telemetry.writers import PointWriter, StreamWriter

if TYPE_CHECKING:
    from cauce.kernel.telemetry.compact import Compaction

T = TypeVar("T")
W = TypeVar("W", PointWriter, StreamWriter)

_TRIES = 20
_MOST_OPEN = 64
_SKEW = 60.0
"""Seconds by which clocks of writers may differ when blocks are passed over by their time."""


class Streams:
    """Append-only records outside the catalogue, one writer a segment.

    A name is words joined by `/`, such as `metrics/ID` or `predictions/prod`. Streams come to be
    with their first record; reading one that does not exist finds nothing.

    Args:
        root: Folder of all streams; made when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._desk = Desk()
        self._open: dict[tuple[str, str], PointWriter | StreamWriter] = {}
        self._lock = threading.Lock()
        self._close = weakref.finalize(self, self._desk.close)

    def writer(self, name: str) -> StreamWriter:
        """Open a writer of records, with a segment of its own from its first flush on."""
        return StreamWriter(layout.folder(self._root, name), self._desk, ids.new_id)

    def points(self, name: str) -> PointWriter:
        """Open a writer of metric points, with a segment of its own from its first flush on."""
        return PointWriter(layout.folder(self._root, name), self._desk, ids.new_id)

    def log(self, name: str, points: Iterable[Point]) -> int:
        """Append points through a writer that stays open, for callers that come and go.

        Args:
            name: Stream.
            points: Points; those without a time get the present one.

        Returns:
            How many; they are with the operating system when this returns.
        """
        with self._kept(name, self.points) as writer:
            return writer.append_many(points)

    def put(self, name: str, records: Iterable[dict[str, Any]]) -> int:
        """Append records through a writer that stays open; see `log`."""
        count = 0
        with self._kept(name, self.writer) as writer:
            for record in records:
                writer.append(record)
                count += 1
        return count

    @contextmanager
    def _kept(self, name: str, make: Callable[[str], W]) -> Iterator[W]:
        """Lend the writer that is kept open for a stream, and flush it."""
        with self._lock:
            key = (name, make.__name__)
            writer: Any = self._open.pop(key, None) or make(name)
            self._open[key] = writer
            while len(self._open) > _MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            try:
                yield writer
            finally:
                writer.flush()

    def release(self, name: str) -> None:
        """Close the writer that `log` or `put` keeps open, so that its segment can be compacted."""
        with self._lock:
            for key in [key for key in self._open if key[0] == name]:
                self._open.pop(key).close()

    def names(self, prefix: str = "") -> list[str]:
        """List the streams whose name starts with a prefix, sorted."""
        return layout.names(self._root, prefix)

    def read(
        self, name: str, *, after: str | None = None, limit: int | None = None, skip: int = 0
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Iterate over records with their positions, in order of segment, then of writing.

        Positions outlive compaction. Segments are in the order in which their writers began: of
        several writers at once, one that began earlier may still append before a position.

        Args:
            name: Stream.
            after: Position of the last record seen; None: from the start.
            limit: Records at most; None: all.
            skip: Records to pass over, without reading them.
        """
        folder = layout.folder(self._root, name)
        segment, index = layout.parse_position(after) if after is not None else ("", -1)
        left = limit
        for id in [id for id in layout.places(folder) if id >= segment]:
            start = index + 1 if id == segment else 0
            if skip:
                over = min(skip, max(_total(folder, id) - start, 0))
                start, skip = start + over, skip - over
            for block, records in _blocks(folder, id, start):
                for offset, record in enumerate(records[max(start - block.first, 0) :]):
                    if left is not None:
                        if left <= 0:
                            return
                        left -= 1
                    yield f"{id}:{max(block.first, start) + offset}", record

    def count(self, name: str) -> int:
        """Count the records of a stream, without reading them."""
        folder = layout.folder(self._root, name)
        return sum(_total(folder, id) for id in layout.places(folder))

    def tail(self, name: str, n: int) -> list[dict[str, Any]]:
        """Give the newest records by their own `at`, else by when they were written; newest last.

        Notes:
            Reads the ends of the segments that can hold one of them.
        """
        folder = layout.folder(self._root, name)
        newest: list[tuple[float, str, int, dict[str, Any]]] = []
        places = sorted(layout.places(folder).values(), key=lambda p: (-p.last, p.segment))
        for place in places if n > 0 else ():
            if len(newest) == n and newest[0][0] > place.last + _SKEW:
                break
            for block, records in _last_blocks(folder, place.segment, n):
                for offset, record in enumerate(records, start=block.first):
                    item = (_time(record, block), place.segment, offset, record)
                    if len(newest) < n:
                        heapq.heappush(newest, item)
                    else:
                        heapq.heappushpop(newest, item)
        return [record for *_, record in sorted(newest, key=lambda item: item[:3])]

    def since(self, name: str, at: float) -> Iterator[dict[str, Any]]:
        """Iterate over the records from a time on, by their own `at`, else by their writing.

        A record's own `at` may lie at most a minute after its writing.
        """
        folder = layout.folder(self._root, name)
        for place in layout.places(folder).values():
            if place.last < at - _SKEW:
                continue
            for block, records in _blocks(folder, place.segment, since=at - _SKEW):
                for record in records:
                    if _time(record, block) >= at:
                        yield record

    def find(self, name: str, id: str) -> dict[str, Any] | None:
        """Find the record with this `id`, None when there is none.

        Notes:
            Ids of `ids.new_id` carry a time: blocks written before it are passed over.
        """
        folder = layout.folder(self._root, name)
        since = layout.id_time(id) - _SKEW
        compacted = False
        for place in layout.places(folder).values():
            if place.last < since:
                continue
            if place.columns is not None and place.columns.kind == "records":
                compacted = True
                continue
            for _, records in _blocks(folder, place.segment, since=since):
                for record in records:
                    if record.get("id") == id:
                        return record
        if compacted:
            return next(_retry(lambda: _find_in_columns(folder, id)), None)
        return None

    def keys(self, name: str) -> dict[str, KeySummary]:
        """Sum up the metrics of a stream of points, sorted by key."""
        from cauce.kernel.telemetry import metrics  # late: needs numpy

        return metrics.summaries(layout.folder(self._root, name))

    def series(
        self,
        name: str,
        key: str,
        *,
        points: int = 1200,
        start: int | None = None,
        end: int | None = None,
    ) -> Series:
        """Read a metric in order of step, in at most so many buckets.

        Args:
            name: Stream.
            key: Metric.
            points: Buckets at most; each keeps its least and greatest value.
            start: First step wanted; None: from the first.
            end: Last step wanted; None: to the last.

        Raises:
            NotFound: The stream has no such metric.
        """
        from cauce.kernel.telemetry import metrics  # late: needs numpy and pyarrow

        if points < 1:
            raise Invalid(f"{points} points are too few", hint="ask for at least 1")
        folder = layout.folder(self._root, name)
        found = metrics.series(folder, key, points=points, start=start, end=end)
        if found is None:
            known = ", ".join(list(self.keys(name))[:20])
            raise NotFound(f"no metric {key!r} in {name}", hint=f"known: {known or 'none'}")
        return found

    def compact(self, name: str) -> "Compaction":
        """Turn the segments whose writers are gone into columns, with downsamples.

        Notes:
            May be killed anywhere and run beside writers and readers: nothing is lost or doubled.
        """
        from cauce.kernel.telemetry import compact  # late: needs numpy and pyarrow

        return compact.compact(layout.folder(self._root, name), ids.new_id)

    def check(self) -> list[str]:
        """Look for damage in every stream; each line is one fault, none means whole."""
        return [
            f"stream {name}: {fault}"
            for name in self.names()
            for fault in layout.faults(layout.folder(self._root, name))
        ]

    def close(self) -> None:
        """Close every open writer."""
        self._close()


def _blocks(
    folder: Path, segment: str, start: int = 0, *, since: float = float("-inf")
) -> Iterator[tuple[Block, list[dict[str, Any]]]]:
    """Iterate over a segment's blocks wherever it is now, also when it is compacted meanwhile.

    Args:
        folder: Of the stream.
        segment: Id.
        start: Blocks that end before this index are passed over.
        since: And those written before this time.
    """
    return _retry(lambda: _open(folder, segment, start, since))


def _retry(make: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Look again when a compaction deletes a file between finding and opening it."""
    for attempt in range(_TRIES):
        source = make()
        try:
            first = next(source)
        except FileNotFoundError as error:
            if attempt == _TRIES - 1:
                raise Damaged(f"{error.filename} is gone, but the manifest names it") from error
            continue
        except StopIteration:
            return
        yield first
        yield from source
        return


def _open(
    folder: Path, segment: str, start: int, since: float
) -> Iterator[tuple[Block, list[dict[str, Any]]]]:
    place = layout.places(folder).get(segment)
    if place is None:
        return
    if place.columns is None:
        with frames.Segment(place.path) as file:
            yield from file.decoded(lambda b: b.first + b.total > start and b.at >= since)
    elif place.columns.kind == "records":
        from cauce.kernel.telemetry import columns  # late: needs pyarrow

        yield from (found for found in columns.read(place, start) if found[0].at >= since)
    else:
        from cauce.kernel.telemetry import metrics  # late: needs numpy and pyarrow

        yield from metrics.records(folder, place, start)


def _last_blocks(
    folder: Path, segment: str, n: int
) -> Iterator[tuple[Block, list[dict[str, Any]]]]:
    """Iterate over the blocks that hold the last n records of a segment."""
    return _retry(
        lambda: _open(folder, segment, max(_total(folder, segment) - n, 0), float("-inf"))
    )


def _total(folder: Path, segment: str) -> int:
    """Count the records of a segment by its headers, or by the manifest."""
    return next(_retry(lambda: _totals(folder, segment)), 0)


def _totals(folder: Path, segment: str) -> Iterator[int]:
    place = layout.places(folder).get(segment)
    if place is not None and place.rows is not None:
        yield place.rows.count
    elif place is not None:
        with frames.Segment(place.path) as file:
            yield max((block.first + block.total for block in file.blocks()), default=0)


def _find_in_columns(folder: Path, id: str) -> Iterator[dict[str, Any]]:
    """Find records by id in all files of columns."""
    from cauce.kernel.telemetry import columns  # late: needs pyarrow

    for file in layout.read_manifest(folder).columns:
        if file.kind == "records":
            found = columns.find(folder / file.file, id)
            if found is not None:
                yield found


def _time(record: dict[str, Any], block: Block) -> float:
    """Give a record's own time, else when it was written."""
    at = record.get("at")
    if (type(at) is not float and type(at) is not int) or at != at:  # noqa: PLR0124 - NaN
        return block.at
    return float(at)
