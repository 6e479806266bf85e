"""Measures of how two distributions differ, from counts; numpy and the standard library only.

Every function takes aligned counts: position i is the same bucket in both arrays, in order of
value where order matters.
"""

import math

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

_TINY = 1e-300
_TERMS = 200
_CROSSOVER = 1.18
"""Where the two series of Kolmogorov's distribution need about as few terms."""


def ks_distance(reference: Counts, current: Counts) -> float:
    """Measure the largest distance between two cumulative distributions, 0 to 1."""
    return float(np.max(np.abs(_cumulative(reference) - _cumulative(current)), initial=0.0))


def ks_p(distance: float, n: int, m: int) -> float:
    """Give the chance of at least this distance when both samples have one distribution.

    Notes:
        Kolmogorov's limit with Stephens' correction for finite samples (M. A. Stephens 1970,
        JRSS B 32, 115), for n·m / (n + m) effective rows. Ties make it conservative.
    """
    effective = math.sqrt(n * m / (n + m))
    scaled = (effective + 0.12 + 0.11 / effective) * distance
    if scaled < 0.04:
        return 1.0
    if scaled < _CROSSOVER:
        factor = math.pi**2 / (8 * scaled**2)
        total = math.fsum(math.exp(-((2 * k - 1) ** 2) * factor) for k in range(1, 5))
        return min(1.0, max(0.0, 1 - math.sqrt(2 * math.pi) / scaled * total))
    signs = (1.0, -1.0, 1.0, -1.0)
    total = math.fsum(sign * math.exp(-2 * (k * scaled) ** 2) for k, sign in enumerate(signs, 1))
    return min(1.0, max(0.0, 2 * total))


def total_variation(reference: Counts, current: Counts) -> float:
    """Measure half the sum of absolute differences of shares, 0 to 1."""
    return float(np.abs(_shares(reference) - _shares(current)).sum() / 2)


def g_p(reference: Counts, current: Counts) -> float:
    """Give the G-test's chance that two rows of counts come from the same shares.

    Notes:
        Likelihood ratio on the 2 x k table, with Williams' correction (D. A. Williams 1976,
        Biometrika 63, 33). Categories that expect fewer than five in the smaller sample are
        counted as one, so that the chi-squared law holds.
    """
    table = _pooled(np.stack([reference, current]).astype(np.float64))
    total = table.sum()
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    freedom = len(columns) - 1
    if freedom < 1 or not rows.all():
        return 1.0
    expected = np.outer(rows, columns) / total
    ratio = np.divide(table, expected, out=np.ones_like(table), where=table > 0)
    statistic = 2 * float((table * np.log(ratio)).sum())
    correction = 1 + (total * (1 / rows).sum() - 1) * (total * (1 / columns).sum() - 1) / (
        6 * total * freedom
    )
    return chi2_sf(max(0.0, statistic / float(correction)), freedom)


def _pooled(table: Floats) -> Floats:
    """Drop empty columns and add up those that expect fewer than five in the smaller sample."""
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=0) * (table.sum(axis=1).min() / max(1.0, table.sum()))
    rare = expected < 5
    if rare.sum() < 2:
        return table
    return np.concatenate([table[:, ~rare], table[:, rare].sum(axis=1, keepdims=True)], axis=1)


def chi2_sf(statistic: float, freedom: int) -> float:
    """Give the upper tail of the chi-squared distribution.

    Notes:
        Regularised upper incomplete gamma function: its series below a + 1, else Lentz's
        continued fraction (Abramowitz and Stegun 6.5.29, 6.5.31).
    """
    a, x = freedom / 2, statistic / 2
    if x <= 0:
        return 1.0
    front = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for k in range(1, _TERMS * 10):
            term *= x / (a + k)
            total += term
            if term < total * 1e-16:
                break
        return min(1.0, max(0.0, 1 - front * total))
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    fraction = d
    for k in range(1, _TERMS * 10):
        step = -k * (k - a)
        b += 2
        d = 1 / (step * d + b or _TINY)
        c = step / c + b or _TINY
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(1.0, max(0.0, front * fraction))


def psi(reference: Counts, current: Counts) -> float:
    """Measure the population stability index in nats, its expectation under no drift taken off.

    Notes:
        Sum of (p - q)·ln(p / q), Jeffreys' divergence (H. Jeffreys 1946, Proc. R. Soc. A 186,
        453). An empty bin counts as half a row. Under no drift the sum is about
        (bins - 1)(1/n + 1/m) by chance alone; that much is subtracted, down to 0.
    """
    used = (reference + current) > 0
    first, second = reference[used].astype(float), current[used].astype(float)
    n, m = first.sum(), second.sum()
    if not n or not m:
        return 0.0
    p, q = np.maximum(first, 0.5) / n, np.maximum(second, 0.5) / m
    raw = float(((p - q) * np.log(p / q)).sum())
    return max(0.0, raw - float((len(first) - 1) * (1 / n + 1 / m)))


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Measure the Jensen-Shannon distance: root of the divergence in bits, 0 to 1."""
    p, q = _shares(reference), _shares(current)
    middle = (p + q) / 2

    def divergence(shares: Floats) -> float:
        seen = shares > 0
        return float((shares[seen] * np.log2(shares[seen] / middle[seen])).sum())

    return math.sqrt(min(1.0, max(0.0, (divergence(p) + divergence(q)) / 2)))


def wasserstein(values: Floats, reference: Counts, current: Counts) -> float:
    """Measure the earth mover's distance; `values` are rising and finite, in their own unit."""
    gaps = np.diff(values)
    distance = np.abs(_cumulative(reference) - _cumulative(current))[:-1]
    return float((distance * gaps).sum())


def quantile(values: Floats, counts: Counts, share: float) -> float:
    """Give the smallest value with at least this share of the rows at or below it."""
    running = np.cumsum(counts)
    return float(values[int(np.searchsorted(running, share * running[-1]))])


def _shares(counts: Counts) -> Floats:
    total = counts.sum()
    return counts / total if total else np.zeros(len(counts))


def _cumulative(counts: Counts) -> Floats:
    running = np.cumsum(counts)
    total = running[-1] if len(running) else 0
    return running / total if total else np.zeros(len(counts))
