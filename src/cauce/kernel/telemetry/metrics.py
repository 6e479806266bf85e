"""Metric points read back: what is compacted and what is still in segments, as one series."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from cauce.errors import Damaged
from cauce.kernel.entities import Series
from cauce.kernel.telemetry import frames, layout
from cauce.kernel.telemetry import series as shapes
from cauce.kernel.telemetry.frames import Block, Column
from cauce.kernel.telemetry.layout import Columns, KeyRows, KeySummary, Place
from cauce.kernel.telemetry.series import Buckets, Points

T = TypeVar("T")
EMPTY = Points(np.empty(0, np.int64), np.empty(0), np.empty(0))
_TRIES = 20


class Sources(NamedTuple):
    """Where a stream's points are at one moment.

    Attributes:
        columns: Their compacted part, None when there is none.
        live: Segments beside it, sorted by id.
        ranks: Id of every segment to its number in order.
    """

    columns: Columns | None
    live: list[Place]
    ranks: dict[str, int]

    @property
    def appended(self) -> bool:
        """Tell whether every live segment is later than every compacted one."""
        compacted = self.columns.rows[-1].segment if self.columns else ""
        return not self.live or self.live[0].segment > compacted


def sources(folder: Path) -> Sources:
    """Find the parts of a stream of points."""
    found = layout.places(folder)
    columns = next(
        (p.columns for p in found.values() if p.columns and p.columns.kind == "points"), None
    )
    live = [place for place in found.values() if place.columns is None]
    return Sources(columns, live, {id: rank for rank, id in enumerate(found)})


def retry(read: Callable[[], T]) -> T:
    """Look again when a compaction deletes a file between finding and opening it."""
    for _ in range(_TRIES):
        try:
            return read()
        except FileNotFoundError as error:
            missing = error
    raise Damaged(f"{missing.filename} is gone, but the manifest names it") from missing


def summaries(folder: Path) -> dict[str, KeySummary]:
    """Sum up every metric of a stream, sorted by key."""
    return retry(lambda: _summaries(folder))


def _summaries(folder: Path) -> dict[str, KeySummary]:
    parts = sources(folder)
    found = {row.key: row.summary for row in parts.columns.keys} if parts.columns else {}
    for key, points in _live(parts.live).items():
        old = found.get(key)
        new = shapes.summarise(_ordered(points))
        if old is None:
            found[key] = new
        elif new.last_step == old.last_step and not parts.appended:
            compacted, _, rest = _load(folder, parts, key)
            found[key] = _join(old, new, (rest if len(rest.steps) else compacted).values[-1])
        else:
            found[key] = _join(old, new, (new if new.last_step >= old.last_step else old).last)
    return dict(sorted(found.items()))


def _join(old: KeySummary, new: KeySummary, last: float) -> KeySummary:
    return KeySummary(
        last=float(last),
        min=float(np.fmin(old.min, new.min)),
        max=float(np.fmax(old.max, new.max)),
        count=old.count + new.count,
        first_step=min(old.first_step, new.first_step),
        last_step=max(old.last_step, new.last_step),
    )


def series(
    folder: Path, key: str, *, points: int, start: int | None, end: int | None
) -> Series | None:
    """Read one metric, None when the stream has no point of it."""
    compacted, levels, live = retry(lambda: _load(folder, sources(folder), key))
    old, new = len(compacted.steps), len(live.steps)
    if not old + new:
        return None
    low, high = 0, old + new
    if start is not None:
        low = _position(compacted, live, start, "left")
    if end is not None:
        high = max(low, _position(compacted, live, end, "right"))
    found = shapes.downsample(compacted, levels, live, (low, high), points)
    return Series(
        key=key,
        steps=found.steps.tolist(),
        values=found.values.tolist(),
        lows=found.lows.tolist(),
        highs=found.highs.tolist(),
        times=found.times.tolist(),
        total=high - low,
    )


def _position(compacted: Points, live: Points, step: int, side: Any) -> int:
    """Count the points before a step, or up to it."""
    bounded = min(max(step, -(1 << 62)), 1 << 62)
    before = int(np.searchsorted(compacted.steps, bounded, side))
    return before + int(np.searchsorted(live.steps, bounded, side))


def _load(folder: Path, parts: Sources, key: str) -> tuple[Points, list[Buckets], Points]:
    """Read one metric: compacted points with their downsamples, then later points.

    Where live points belong between compacted ones, all are given as later ones.
    """
    live = _live(parts.live, key).get(key)
    number, row = _row(parts.columns, key)
    if parts.columns is None or row is None:
        return EMPTY, [], _ordered(live) if live else EMPTY
    from cauce.kernel.telemetry import points as files  # late: needs pyarrow

    old = files.read(folder, parts.columns, number)
    if live is None:
        return old, files.read_levels(folder, parts.columns, row), EMPTY
    new = _ordered(live)
    if new.steps[0] > old.steps[-1] or (parts.appended and new.steps[0] == old.steps[-1]):
        return old, files.read_levels(folder, parts.columns, row), new
    marked = files.read_marked(folder, parts.columns, number, parts.ranks)
    pieces = [marked]
    for segment, some in _by_segment(parts.live, key):
        rank = np.full(len(some.steps), parts.ranks[segment])
        pieces.append(shapes.Marked(some, rank, np.arange(len(some.steps))))
    return EMPTY, [], shapes.order(pieces).points


def _row(columns: Columns | None, key: str) -> tuple[int, KeyRows | None]:
    for number, row in enumerate(columns.keys if columns else ()):
        if row.key == key:
            return number, row
    return 0, None


def _live(live: list[Place], key: str | None = None) -> dict[str, list[Column]]:
    """Read the points of segments by key, in order of segment and writing."""
    found: dict[str, list[Column]] = {}
    for place in live:
        for column in segment_columns(place.path):
            if key is None or column.key == key:
                found.setdefault(column.key, []).append(column)
    return found


def _by_segment(live: list[Place], key: str) -> Iterator[tuple[str, Points]]:
    for place in live:
        columns = [column for column in segment_columns(place.path) if column.key == key]
        if columns:
            yield place.segment, joined(columns)


def segment_columns(path: Path) -> Iterator[Column]:
    """Iterate over the columns of all blocks of a segment; none when it holds records."""
    with frames.Segment(path) as segment:
        for _, columns in segment.columns():
            yield from columns


def joined(columns: list[Column]) -> Points:
    """Lay the blocks of one metric end to end as arrays."""
    return Points(
        np.concatenate([np.frombuffer(column.steps, np.int64) for column in columns]),
        np.concatenate([np.frombuffer(column.values, np.float64) for column in columns]),
        np.concatenate([np.frombuffer(column.times, np.float64) for column in columns]),
    )


def _ordered(columns: list[Column]) -> Points:
    """Lay the blocks of one metric together in order of step, stable."""
    points = joined(columns)
    if len(points.steps) > 1 and (points.steps[1:] < points.steps[:-1]).any():
        by = np.argsort(points.steps, kind="stable")
        return Points._make(column[by] for column in points)
    return points


def records(folder: Path, place: Place, start: int) -> Iterator[tuple[Block, list[dict[str, Any]]]]:
    """Iterate over the points of one compacted segment as records, in order of writing."""
    from cauce.kernel.telemetry import points as files  # late: needs pyarrow

    assert place.columns is not None
    assert place.rows is not None
    ranks = {rows.segment: rank for rank, rows in enumerate(place.columns.rows)}
    found: list[tuple[int, dict[str, Any]]] = []
    for number, row in enumerate(place.columns.keys):
        marked = files.read_marked(folder, place.columns, number, ranks)
        mine = (marked.segments == ranks[place.segment]) & (marked.indexes >= start)
        steps, values, times = (column[mine].tolist() for column in marked.points)
        for index, step, value, at in zip(
            marked.indexes[mine].tolist(), steps, values, times, strict=True
        ):
            found.append((index, {"key": row.key, "value": value, "step": step, "at": at}))
    if found:
        found.sort(key=lambda item: item[0])
        block = Block(place.rows.last, len(found), found[0][0], 0, 0, 0)
        yield block, [record for _, record in found]
