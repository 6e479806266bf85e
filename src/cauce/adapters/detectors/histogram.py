"""The bf16 histogram: exact counts by the top 16 bits of `float32(value - pivot)`.

No edges to fit, merged by addition, deterministic, at most 65,536 counters whatever the rows.
Buckets are 0.8 % wide relative to their distance from the pivot, the reference's median: a column
whose interest lies far from its pivot at a tiny relative scale is seen coarsely. Infinities have
their buckets and NaN has the last one, so that a changed share of missing values is a distance as
any other. Texts are counted by value.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from cauce.adapters.detectors import measures
from cauce.errors import Damaged, Invalid
from cauce.kernel.detector import Bin, Difference, Rule, Verdict

MISSING = 0xFFFF
"""Bucket of NaN, above all others."""

_MAGIC = b"CAUCEHIST1\n"
_CHUNK = 1 << 16
_FEW = 1 << 13
"""Rows below which sorting them is cheaper than 65,536 counters; less than a chunk."""

_SAMPLE = 1 << 16
_PSI_BINS = 10
_DRAWN = 12
_MAX_BYTES = 1 << 26
_MAX_COUNT = 1 << 53


class Numeric(Struct, frozen=True, eq=False):
    """Counts of numbers.

    Attributes:
        pivot: Subtracted from each value before it is cut to 16 bits; finite.
        buckets: `(k,)` rising bucket numbers 0 to 65,535, in order of value.
        counts: `(k,)` rows in each bucket, 1 or more.
    """

    pivot: float
    buckets: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Rows counted, missing ones included."""
        return int(self.counts.sum())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Numeric) and dump(self) == dump(other)

    def __hash__(self) -> int:
        return hash(dump(self))


class Categorical(Struct, frozen=True):
    """Counts of texts.

    Attributes:
        counts: Rows of each category, 1 or more, sorted by category.
    """

    counts: dict[str, int]

    @property
    def rows(self) -> int:
        """Rows counted."""
        return sum(self.counts.values())


Profile = Numeric | Categorical


def profile(values: "NDArray[Any] | Sequence[str]", *, like: Profile | None = None) -> Profile:
    """Count a column.

    Args:
        values: `(n,)` numbers (any real dtype), or texts for a categorical column.
        like: Profile whose pivot is used; None: the median of the finite values, taken from
            65,536 evenly spaced rows when there are more.

    Raises:
        Invalid: The values are not one column of numbers or texts, or not of the kind of `like`.

    Notes:
        O(n) time in chunks of 65,536 rows, constant memory beyond the input.
    """
    if not isinstance(values, np.ndarray) or values.dtype.kind in "UO":
        if isinstance(like, Numeric):
            raise Invalid("the reference holds numbers, these are texts")
        if not all(isinstance(value, str) for value in values):
            raise Invalid("a column of categories must hold texts only")
        return Categorical(dict(sorted(Counter(map(str, values)).items())))
    if values.ndim != 1 or values.dtype.kind not in "fiub":
        raise Invalid(f"a column must be one row of real numbers, not {values.dtype}{values.shape}")
    if isinstance(like, Categorical):
        raise Invalid("the reference holds categories, these are numbers")
    pivot = _median(values) if like is None else like.pivot
    return _count(values, pivot)


def _count(values: NDArray[Any], pivot: float) -> Numeric:
    """Count by the top 16 bits, then put the counts in order of value."""
    dense = np.zeros(1 << 16, np.int64)
    tops = np.empty(0, np.int64)
    for tops in _tops(values, pivot):
        if len(values) >= _FEW:
            dense += np.bincount(tops, minlength=1 << 16)
    if len(values) >= _FEW:
        raw = np.flatnonzero(dense)
        counts = dense[raw]
    else:
        raw, counts = np.unique(tops, return_counts=True)
    buckets = np.where(raw < 0x8000, raw + 0x8000, 0xFFFF - raw)
    # Arithmetic gives quiet NaNs of either sign: all of them are one bucket.
    missing = (raw & 0x7FFF) > 0x7F80
    lost = int(counts[missing].sum())
    order = np.argsort(buckets[~missing])
    buckets, counts = buckets[~missing][order], counts[~missing][order]
    if lost:
        buckets, counts = np.append(buckets, MISSING), np.append(counts, lost)
    return Numeric(pivot, buckets, counts)


def _tops(values: NDArray[Any], pivot: float) -> Iterator[NDArray[np.int64]]:
    """Give the top 16 bits of `float32(value - pivot)`, chunk by chunk; the array is reused."""
    size = min(_CHUNK, len(values))
    wide, narrow = np.empty(size, np.float64), np.empty(size, np.float32)
    tops = np.empty(size, np.int64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for start in range(0, len(values), _CHUNK):
            chunk = values[start : start + _CHUNK]
            size = len(chunk)
            # Adding zero turns -0.0 into 0.0: both are one value and need one bucket.
            np.subtract(chunk, pivot, out=wide[:size], dtype=np.float64)
            np.add(wide[:size], 0.0, out=narrow[:size], casting="same_kind")
            np.right_shift(narrow[:size].view(np.uint32), 16, out=tops[:size])
            yield tops[:size]


def _median(values: NDArray[Any]) -> float:
    step = max(1, len(values) // _SAMPLE)
    sample = values[::step].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if not len(sample):
        return 0.0
    middle = (len(sample) - 1) // 2  # one of the values: the mean of two could overflow
    return float(np.partition(sample, middle)[middle]) + 0.0


def centres(pivot: float, buckets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the middle value of each bucket; infinities and NaN stay what they are."""
    raw = np.where(buckets >= 0x8000, buckets - 0x8000, 0xFFFF - buckets).astype(np.uint32)
    edge = (raw << 16).view(np.float32).astype(np.float64)
    with np.errstate(invalid="ignore"):
        outer = ((raw << 16) + 0xFFFF).view(np.float32).astype(np.float64)
        middle = np.where(np.isfinite(edge) & (buckets != 0x8000), (edge + outer) / 2, edge)
    return np.where(buckets == MISSING, np.nan, middle) + pivot


def merge(first: Profile, second: Profile) -> Profile:
    """Give the profile of both columns' rows together, exactly.

    Raises:
        Invalid: One is numeric and the other is not, or their pivots differ.
    """
    if isinstance(first, Categorical) and isinstance(second, Categorical):
        total = Counter(first.counts)
        total.update(second.counts)
        return Categorical(dict(sorted(total.items())))
    if not isinstance(first, Numeric) or not isinstance(second, Numeric):
        raise Invalid("a numeric and a categorical profile cannot be merged")
    buckets, reference, current = _aligned(first, second)
    return Numeric(first.pivot, buckets, reference + current)


def _aligned(
    first: Numeric, second: Numeric
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give the union of the buckets and both counts on it."""
    if first.pivot != second.pivot:
        raise Invalid(
            f"profiles with pivots {first.pivot} and {second.pivot} have no common buckets",
            hint="count the second with like=the first",
        )
    buckets = np.union1d(first.buckets, second.buckets)
    counts = np.zeros((2, len(buckets)), np.int64)
    for row, item in zip(counts, (first, second), strict=True):
        row[np.searchsorted(buckets, item.buckets)] = item.counts
    return buckets, counts[0], counts[1]


def compare(reference: Profile, current: Profile, rule: Rule, *, columns: int = 1) -> Difference:
    """Compare a profile with its reference under the one decision rule.

    Args:
        columns: How many columns are tested at once: each gets its part of `rule.alpha`.
    """
    if isinstance(reference, Categorical) and isinstance(current, Categorical):
        return _compare_texts(reference, current, rule, columns)
    if not isinstance(reference, Numeric) or not isinstance(current, Numeric):
        raise Invalid("a numeric and a categorical profile cannot be compared")
    buckets, first, second = _aligned(reference, current)
    n, m = int(first.sum()), int(second.sum())
    if not n or not m:
        return Difference(type="numeric", verdict="too-few", reference_rows=n, rows=m)
    distance = measures.ks_distance(first, second)
    p = measures.ks_p(distance, n, m)
    bins = _grouped(first, first, second, _PSI_BINS)
    values = centres(reference.pivot, buckets)
    return Difference(
        type="numeric",
        verdict=_verdict(p, distance, rule.distance, rule, columns, min(n, m)),
        reference_rows=n,
        rows=m,
        distance=distance,
        p=p,
        psi=measures.psi(bins[0], bins[1]),
        js=measures.jensen_shannon(bins[0], bins[1]),
        wasserstein=_moved(values, first, second),
        reference_median=_middle(values, first),
        median=_middle(values, second),
        bins=_drawn(values, first, second),
    )


def _compare_texts(
    reference: Categorical, current: Categorical, rule: Rule, columns: int
) -> Difference:
    names = sorted(set(reference.counts) | set(current.counts))
    first, second = (
        np.array([item.counts.get(name, 0) for name in names], np.int64)
        for item in (reference, current)
    )
    n, m = int(first.sum()), int(second.sum())
    if not n or not m:
        return Difference(type="categorical", verdict="too-few", reference_rows=n, rows=m)
    distance, p = measures.total_variation(first, second), measures.g_p(first, second)
    return Difference(
        type="categorical",
        verdict=_verdict(p, distance, rule.variation, rule, columns, min(n, m)),
        reference_rows=n,
        rows=m,
        distance=distance,
        p=p,
        psi=measures.psi(first, second),
        js=measures.jensen_shannon(first, second),
        bins=_named(names, first / n, second / m),
    )


def _verdict(
    p: float, distance: float, least: float, rule: Rule, columns: int, rows: int
) -> Verdict:
    if rows < rule.min_rows:
        return "too-few"
    return "drifted" if p < rule.alpha / max(1, columns) and distance >= least else "steady"


def _middle(values: NDArray[np.float64], counts: NDArray[np.int64]) -> float | None:
    seen = np.isfinite(values) & (counts > 0)
    return measures.quantile(values[seen], counts[seen], 0.5) if seen.any() else None


def _moved(
    values: NDArray[np.float64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> float:
    """Earth mover's distance of the finite values in interquartile ranges.

    A reference without a range is measured by its span, then by the largest value seen, then by
    1, so that the figure is always finite.
    """
    seen = np.isfinite(values)
    values, first, second = values[seen], first[seen], second[seen]
    if not first.sum() or not second.sum():
        return 0.0
    low, high = (measures.quantile(values, first, share) for share in (0.25, 0.75))
    own = values[first > 0]
    span = own[-1] - own[0]
    scale = (high - low) or span or float(np.abs(values).max()) or 1.0
    return measures.wasserstein(values / scale, first, second)


def _grouped(
    order: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    parts: int,
) -> NDArray[np.int64]:
    """Add buckets up into bins that hold about equal shares of `order`; `(2, bins)`."""
    starts = _starts(order, parts)
    return np.stack([np.add.reduceat(counts, starts) for counts in (first, second)])


def _starts(order: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Find the first bucket of each bin; repeated edges are merged."""
    running = np.cumsum(order)
    shares = running[-1] * np.arange(1, parts) / parts
    edges = np.searchsorted(running, shares) + 1
    return np.unique(np.concatenate([[0], edges[edges < len(order)]]))


def _drawn(
    values: NDArray[np.float64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[Bin, ...]:
    """Give a dozen bins of equal width between the 1st and 99th percentile of both sides."""
    seen = np.isfinite(values)
    n, m = first.sum(), second.sum()
    finite, a, b = values[seen], first[seen], second[seen]
    bins: list[Bin] = []
    if len(finite):
        both = a + b
        low, high = (measures.quantile(finite, both, share) for share in (0.01, 0.99))
        edges = np.linspace(low, high, _DRAWN - 1) if high > low else np.array([low])
        place = np.searchsorted(edges, finite, side="right")
        limits = [float(finite[0]), *map(float, edges), float(finite[-1])]
        for index, (start, end) in enumerate(pairwise(limits)):
            inside = place == index
            if both[inside].sum():
                label = f"{start:.3g} to {end:.3g}" if end > start else f"{start:.3g}"
                bins.append(
                    Bin(
                        label=label,
                        reference=float(a[inside].sum() / n),
                        current=float(b[inside].sum() / m),
                    )
                )
    if not seen.all():
        left = (float(first[~seen].sum() / n), float(second[~seen].sum() / m))
        bins.append(Bin(label="missing or infinite", reference=left[0], current=left[1]))
    return tuple(bins)


def _named(
    names: Sequence[str], first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[Bin, ...]:
    """Give the categories with the largest shares, the rest as one."""
    order = np.argsort(-np.maximum(first, second), kind="stable")
    kept = sorted(order[: _DRAWN - 1]) if len(order) > _DRAWN else range(len(order))
    bins = [Bin(label=names[i], reference=float(first[i]), current=float(second[i])) for i in kept]
    if len(order) > _DRAWN:
        rest = order[_DRAWN - 1 :]
        bins.append(
            Bin(
                label=f"{len(rest)} others",
                reference=float(first[rest].sum()),
                current=float(second[rest].sum()),
            )
        )
    return tuple(bins)


def dump(profile: Profile) -> bytes:
    """Give a profile's bytes: magic line, then a zlib stream.

    The stream holds one line of JSON, a line feed and, for numbers, two little-endian arrays:
    the bucket numbers as uint16 and their counts as uint64. The JSON line is
    `{"buckets": K, "pivot": X, "type": "numeric"}`, or
    `{"counts": {CATEGORY: ROWS, …}, "type": "categorical"}`.
    """
    if isinstance(profile, Categorical):
        head: dict[str, Any] = {"counts": profile.counts, "type": "categorical"}
        body = b""
    else:
        head = {"buckets": len(profile.buckets), "pivot": profile.pivot, "type": "numeric"}
        body = profile.buckets.astype("<u2").tobytes() + profile.counts.astype("<u8").tobytes()
    line = json.dumps(head, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
    return _MAGIC + zlib.compress(line + b"\n" + body, 6)


def load(data: bytes) -> Profile:
    """Read a profile's bytes.

    Raises:
        Damaged: They are not a profile: cut, changed, not finite, unsorted or absurdly large.
    """
    try:
        if not data.startswith(_MAGIC):
            raise Damaged("not a profile: it does not begin as one")
        unzip = zlib.decompressobj()
        plain = unzip.decompress(data[len(_MAGIC) :], _MAX_BYTES)
        if not unzip.eof or unzip.unused_data:
            raise Damaged("not a profile: it is cut, or has something after its end")
        line, _, body = plain.partition(b"\n")
        head = msgspec.json.decode(line)
        found = _texts(head, body) if head["type"] == "categorical" else _numbers(head, body)
    except (zlib.error, msgspec.MsgspecError, UnicodeError) as error:
        raise Damaged(f"not a profile: {error}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise Damaged("not a profile: a field is missing or wrong") from error
    return found


def _texts(head: Mapping[str, Any], body: bytes) -> Categorical:
    counts = msgspec.convert(head["counts"], dict[str, int])
    if body or any(not 0 < count < _MAX_COUNT for count in counts.values()):
        raise ValueError("counts")
    return Categorical(dict(sorted(counts.items())))


def _numbers(head: Mapping[str, Any], body: bytes) -> Numeric:
    size, pivot = msgspec.convert((head["buckets"], head["pivot"]), tuple[int, float])
    if not 0 <= size <= 1 << 16 or len(body) != size * 10 or not np.isfinite(pivot):
        raise ValueError("size")
    buckets = np.frombuffer(body, "<u2", size).astype(np.int64)
    counts = np.frombuffer(body, "<u8", size, size * 2)
    if (np.diff(buckets) <= 0).any() or (counts == 0).any() or (counts >= _MAX_COUNT).any():
        raise ValueError("counts")
    return Numeric(pivot, buckets, counts.astype(np.int64))
