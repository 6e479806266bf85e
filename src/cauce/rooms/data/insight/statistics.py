"""Columns in figures; intervals and tests of shares; corrections for asking many times."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cauce.rooms.data.insight.entities import Bar, Statistic

_SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_BARS = 12


def numeric(
    name: str, what: str, values: NDArray[np.float64], *, missing: int = 0, type: str = "numeric"
) -> Statistic:
    """Describe numbers; NaN and infinities count as missing."""
    finite = values[np.isfinite(values)]
    lost = missing + len(values) - len(finite)
    if not len(finite):
        return Statistic(name=name, what=what, type=type, rows=lost, missing=lost)
    quantiles = np.quantile(finite, _SHARES)
    return Statistic(
        name=name,
        what=what,
        type=type,
        rows=len(values) + missing,
        missing=lost,
        distinct=len(np.unique(finite)),
        mean=float(finite.mean()),
        deviation=float(finite.std()),
        quantiles=tuple(map(float, quantiles)),
        bars=_bars(finite),
    )


def _bars(finite: NDArray[np.float64]) -> tuple[Bar, ...]:
    low, high = float(finite.min()), float(finite.max())
    if not math.isfinite(high - low) or high - low <= abs(high) * 1e-12:
        return (Bar(label=f"{low:.4g}", count=len(finite)),)
    counts, edges = np.histogram(finite, bins=_BARS, range=(low, high))
    return tuple(
        Bar(label=f"{edges[i]:.4g} to {edges[i + 1]:.4g}", count=int(count))
        for i, count in enumerate(counts)
    )


def categorical(name: str, what: str, values: Iterable[str], *, missing: int = 0) -> Statistic:
    """Describe categories by their counts, the commonest dozen of them by name."""
    counts = values if isinstance(values, Counter) else Counter(values)
    rows = counts.total()
    top = sorted(counts.items(), key=lambda it: (-it[1], it[0]))
    bars = [Bar(label=label, count=count) for label, count in top[:_BARS]]
    if len(top) > _BARS:
        rest = sum(count for _, count in top[_BARS:])
        bars.append(Bar(label=f"{len(top) - _BARS:,} others", count=rest))
    return Statistic(
        name=name,
        what=what,
        type="categorical",
        rows=rows + missing,
        missing=missing,
        distinct=len(counts),
        bars=tuple(bars),
    )


def shares_p(hits: int, n: int, others: int, m: int) -> float:
    """Give the chance of two shares this far apart when both are one share, two-sided.

    Notes:
        Fisher's exact test, by the hypergeometric law in logarithms: O(min(hits + others, n)).
        Beyond 20,000 rows that could be drawn, the two-proportion z test with a pooled share.
    """
    if not n or not m:
        return 1.0
    drawn, total = hits + others, n + m
    low, high = max(0, drawn - m), min(n, drawn)
    if high - low > 20_000:
        share = drawn / total
        spread = math.sqrt(share * (1 - share) * (1 / n + 1 / m))
        return math.erfc(abs(hits / n - others / m) / spread / math.sqrt(2)) if spread else 1.0
    k = np.arange(low, high + 1)
    logs = np.array([_log_choose(n, int(i)) + _log_choose(m, drawn - int(i)) for i in k])
    logs -= _log_choose(total, drawn)
    own = logs[hits - low]
    return min(1.0, float(np.exp(logs[logs <= own + 1e-7]).sum()))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def holm(chances: Sequence[float]) -> list[float]:
    """Correct p values for having asked so often, in their order.

    Notes:
        S. Holm 1979, Scand. J. Statist. 6, 65: the chance that any is wrong stays what each says,
        whatever depends on what.
    """
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    found = [1.0] * len(chances)
    running = 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, chances[place] * (len(chances) - rank)))
        found[place] = running
    return found


def evenness(counts: Sequence[int]) -> float:
    """Measure how even classes are: the entropy of their shares over the most it could be.

    Returns:
        1 when all are equally many, towards 0 when one has nearly all; 1 for fewer than two.
    """
    total = sum(counts)
    if len(counts) < 2 or not total:
        return 1.0
    shares = [count / total for count in counts if count]
    return max(0.0, -math.fsum(p * math.log(p) for p in shares) / math.log(len(counts)) + 0.0)
