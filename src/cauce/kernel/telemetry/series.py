"""A metric's points as at most so many buckets, spikes kept; numpy arrays in, numpy arrays out.

Buckets are aligned to the number of a point, and as wide as a power of two, so that a precomputed
level gives the very same buckets as the points themselves.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cauce.kernel.telemetry.layout import KeySummary

FACTOR = 8
"""Buckets of a level that become one of the next."""

LEAST = 256
"""A level that has no more buckets than this has none above it."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Points(NamedTuple):
    """Points in order of (step, segment, index)."""

    steps: Ints
    values: Floats
    times: Floats


class Buckets(NamedTuple):
    """Buckets in order: last step, last value, least and greatest finite value, last time."""

    steps: Ints
    values: Floats
    lows: Floats
    highs: Floats
    times: Floats


class Marked:
    """Points of one key with where each was written, in order of (step, segment, index).

    Attributes:
        segments: Number of each point's segment among the sorted ids.
        indexes: Its index there.
    """

    def __init__(self, points: Points, segments: Ints, indexes: Ints) -> None:
        self.points, self.segments, self.indexes = points, segments, indexes


def order(pieces: Sequence[Marked]) -> Marked:
    """Lay pieces together in order of (step, segment, index); O(n log n), O(n) when in order."""
    points = Points._make(
        np.concatenate(columns) for columns in zip(*(p.points for p in pieces), strict=True)
    )
    segments = np.concatenate([piece.segments for piece in pieces])
    indexes = np.concatenate([piece.indexes for piece in pieces])
    by = np.lexsort((indexes, segments, points.steps))
    return Marked(Points._make(column[by] for column in points), segments[by], indexes[by])


def summarise(points: Points) -> KeySummary:
    """Sum up ordered points, at least one."""
    finite = points.values[np.isfinite(points.values)]
    return KeySummary(
        last=float(points.values[-1]),
        min=float(finite.min()) if len(finite) else float("nan"),
        max=float(finite.max()) if len(finite) else float("nan"),
        count=len(points.steps),
        first_step=int(points.steps[0]),
        last_step=int(points.steps[-1]),
    )


def as_buckets(points: Points) -> Buckets:
    """Make every point a bucket of its own."""
    finite = np.where(np.isfinite(points.values), points.values, np.nan)
    return Buckets(points.steps, points.values, finite, finite, points.times)


def reduce(buckets: Buckets, starts: NDArray[Any]) -> Buckets:
    """Join neighbours: each of `starts` begins a new bucket; O(n)."""
    if not len(starts):
        return buckets
    ends = np.append(starts[1:], len(buckets.steps)) - 1
    return Buckets(
        buckets.steps[ends],
        buckets.values[ends],
        np.fmin.reduceat(buckets.lows, starts),
        np.fmax.reduceat(buckets.highs, starts),
        buckets.times[ends],
    )


def pyramid(points: Points) -> list[Buckets]:
    """Make the downsamples of a series: buckets of 8, 64, 512… points; O(n)."""
    levels: list[Buckets] = []
    current = as_buckets(points)
    while len(current.steps) > LEAST:
        current = reduce(current, np.arange(0, len(current.steps), FACTOR))
        levels.append(current)
    return levels


def width(start: int, stop: int, most: int) -> int:
    """Find the smallest power of two that cuts points [start, stop) into at most so many."""
    wide = 1
    while stop > start and (stop - 1) // wide - start // wide >= most:
        wide *= 2
    return wide


def downsample(
    compacted: Points, levels: list[Buckets], live: Points, span: tuple[int, int], most: int
) -> Buckets:
    """Cut a range of a series into at most so many buckets.

    Args:
        compacted: The first points of the series.
        levels: Their downsamples, finest first; may be empty.
        live: The points after those.
        span: First point, and the one after the last.
        most: Buckets at most, 1 or more.
    """
    start, stop = span
    wide = width(start, stop, most)
    depth = 0
    while depth < len(levels) and FACTOR ** (depth + 1) <= wide:
        depth += 1
    size = FACTOR**depth
    inner = min(stop, len(compacted.steps)) // size * size if depth else 0
    first = -(-start // size) * size if depth else 0
    if depth and first < inner:
        level = Buckets._make(part[first // size : inner // size] for part in levels[depth - 1])
        parts = [
            (as_buckets(_slice(compacted, live, start, first)), np.arange(start, first)),
            (level, np.arange(first, inner, size)),
            (as_buckets(_slice(compacted, live, inner, stop)), np.arange(inner, stop)),
        ]
        atoms = Buckets._make(
            np.concatenate(columns) for columns in zip(*(p for p, _ in parts), strict=True)
        )
        numbers = np.concatenate([number for _, number in parts])
    else:
        atoms, numbers = as_buckets(_slice(compacted, live, start, stop)), np.arange(start, stop)
    group = numbers // wide
    return reduce(atoms, np.flatnonzero(np.diff(group, prepend=group[:1] - 1)))


def _slice(compacted: Points, live: Points, start: int, stop: int) -> Points:
    """Take points [start, stop) of the two laid end to end."""
    count = len(compacted.steps)
    if stop <= count or not len(live.steps):
        return Points._make(column[start:stop] for column in compacted)
    if start >= count:
        return Points._make(column[start - count : stop - count] for column in live)
    return Points._make(
        (
            np.concatenate((old[start:], new[: stop - count]))
            for old, new in zip(compacted, live, strict=True)
        )
    )
