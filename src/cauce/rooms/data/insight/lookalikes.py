"""Which pictures look alike and which texts say the same, without comparing all with all.

Signatures are cut into bands. What is close agrees on a whole band at least once, so that only
those which share a band are compared: seven bands of 64 bits find every pair that differs in up to
six of them; sixteen bands of a text's 64 MinHash numbers find a pair that has four fifths of its
shingles in common with a chance of 0.9998.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from cauce.kernel import progress

DISTANCE, CORRELATION, SIMILARITY = 6, 0.985, 0.8
"""Bits in which two pictures' looks may differ; correlation that their thumbnails must have; share
of equal numbers that two texts' sketches must have."""

_BANDS, _ROWS = 7, 4
_BLOCK = 1 << 22
"""Comparisons that are made at once."""

_MOST = 1 << 21
"""Pairs that are looked for at most."""

_BITS = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


class Pairs(Struct, frozen=True):
    """Pairs of rows that are alike.

    Attributes:
        first: `(k,)` rows, each less than its partner.
        second: `(k,)` rows.
        alike: `(k,)` how much, 0 to 1.
        truncated: Whether more were found than are looked for.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    alike: NDArray[np.float64]
    truncated: bool = False


def pictures(looks: NDArray[np.uint64], thumbs: NDArray[np.uint8]) -> Pairs:
    """Find pictures that look alike.

    Args:
        looks: `(n,)` 64 bits each; 0 stands for a flat picture, which is like no other.
        thumbs: `(n, 64)` grey levels.
    """
    rows = np.flatnonzero(looks)
    distinct, inverse = np.unique(looks[rows], return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(np.bincount(inverse, minlength=len(distinct)))
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    found, truncated = [], False
    same = _within(rows, order, starts, ends)
    total = 0
    for a, b in chain(same, _across(distinct, rows[order[starts]])):
        found.append((np.minimum(a, b), np.maximum(a, b)))
        total += len(a)
        if total > _MOST:
            truncated = True
            break
    first, second = _unique(found, len(looks))
    alike = _correlation(thumbs, first, second)
    good = alike >= CORRELATION
    return Pairs(first[good], second[good], alike[good], truncated)


def _within(
    rows: NDArray[np.int64],
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pair the pictures of one and the same look, each with the first of them."""
    counts = ends - starts
    heads = np.repeat(order[starts], counts) if len(order) else order
    other = heads != order
    return [(rows[heads[other]], rows[order[other]])]


def _across(
    distinct: NDArray[np.uint64], heads: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pair the pictures of looks that differ in a few bits; the first of each stands for it."""
    edges = np.linspace(0, 64, _BANDS + 1).astype(int)
    for band in range(_BANDS):
        width = int(edges[band + 1] - edges[band])
        keys = (distinct >> np.uint64(edges[band])) & np.uint64((1 << width) - 1)
        for group in _groups(keys):
            for a, b in _near(distinct, group):
                yield heads[a], heads[b]
        progress.report("comparing pictures", band + 1, _BANDS)


def _groups(keys: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """Give the rows that have the same key, group by group, singles left out."""
    order = np.argsort(keys, kind="stable")
    borders = np.flatnonzero(np.diff(keys[order])) + 1
    for group in np.split(order, borders):
        if len(group) > 1:
            yield group


def _near(
    looks: NDArray[np.uint64], group: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Compare all of a group with all, a block of rows at a time."""
    step = max(1, _BLOCK // len(group))
    for start in range(0, len(group), step):
        part = group[start : start + step]
        differ = _count(looks[part][:, None] ^ looks[group[start:]][None, :])
        a, b = np.nonzero(differ <= DISTANCE)
        keep = a < b
        if keep.any():
            yield part[a[keep]], group[start:][b[keep]]


def _count(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Count the bits of each number."""
    counter = getattr(np, "bitwise_count", None)  # numpy 2 has it
    if counter is None:
        parts = _BITS[words.view(np.uint8).reshape(*words.shape, 8)]
        return np.asarray(parts.sum(axis=-1), np.uint8)
    return np.asarray(counter(words), np.uint8)


def _correlation(
    thumbs: NDArray[np.uint8], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Correlate thumbnails pair by pair."""
    found = np.empty(len(first))
    for start in range(0, len(first), 1 << 16):
        part = slice(start, start + (1 << 16))
        a, b = (thumbs[rows[part]].astype(np.float64) for rows in (first, second))
        a -= a.mean(axis=1, keepdims=True)
        b -= b.mean(axis=1, keepdims=True)
        scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
        found[part] = np.divide((a * b).sum(axis=1), scale, out=np.zeros(len(a)), where=scale > 0)
    return found


def texts(sketches: NDArray[np.uint32]) -> Pairs:
    """Find texts that say the same.

    Args:
        sketches: `(n, 64)` MinHash numbers; a row of all ones has no word and is like no other.
    """
    count = len(sketches)
    worded = np.flatnonzero((sketches != 0xFFFFFFFF).any(axis=1)) if count else np.empty(0, int)
    found, truncated, total = [], False, 0
    bands = sketches.shape[1] // _ROWS
    for band in range(bands):
        part = np.ascontiguousarray(sketches[worded, band * _ROWS : (band + 1) * _ROWS])
        keys = part.view(f"V{4 * _ROWS}").ravel()
        _, inverse = np.unique(keys, return_inverse=True)
        for group in _groups(inverse.astype(np.uint64)):
            for a, b in _similar(sketches, worded[group]):
                found.append((np.minimum(a, b), np.maximum(a, b)))
                total += len(a)
        progress.report("comparing texts", band + 1, bands)
        if total > _MOST:
            truncated = True
            break
    first, second = _unique(found, count)
    alike = (sketches[first] == sketches[second]).mean(axis=1)
    return Pairs(first, second, alike, truncated)


def _similar(
    sketches: NDArray[np.uint32], group: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    step = max(1, _BLOCK // (len(group) * sketches.shape[1]))
    for start in range(0, len(group), step):
        part, rest = group[start : start + step], group[start:]
        alike = (sketches[part][:, None, :] == sketches[rest][None, :, :]).mean(axis=2)
        a, b = np.nonzero(alike >= SIMILARITY)
        keep = a < b
        if keep.any():
            yield part[a[keep]], rest[b[keep]]


def _unique(
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Put pairs together, each once, in order."""
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    codes = np.unique(
        np.concatenate([a.astype(np.int64) * count + b.astype(np.int64) for a, b in found])
    )
    return codes // max(1, count), codes % max(1, count)
