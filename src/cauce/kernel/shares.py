"""Intervals of shares, which rooms that judge models, traffic and data have in common."""

import math

_Z = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Give the 95 % interval of a share.

    Args:
        hits: Successes, 0 ≤ hits ≤ n.
        n: Trials.

    Returns:
        Low and high, within 0 and 1; (0, 1) when n is 0.

    Notes:
        E. B. Wilson 1927, J. Am. Stat. Assoc. 22, 209: unlike the simple interval it never leaves
        0 to 1 and holds its level for few trials and for shares near the ends.
    """
    if not n:
        return 0.0, 1.0
    share, square = hits / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return max(0.0, middle - half), min(1.0, middle + half)
