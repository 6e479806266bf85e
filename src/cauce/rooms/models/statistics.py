"""Paired tests on the same rows, and intervals of their difference."""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RESAMPLES = 10_000


def binomial_tail(k: int, n: int) -> float:
    """Give the chance of at most k heads in n tosses of a fair coin, exactly."""
    return sum(math.comb(n, i) for i in range(k + 1)) / (1 << n)


def mcnemar(gained: int, lost: int) -> float:
    """Test whether two classifiers differ, by the rows on which exactly one is right.

    Args:
        gained: Rows that only the candidate gets right.
        lost: Rows that only the champion gets right.

    Returns:
        Two-sided exact p-value, 1 when there is no such row.

    Notes:
        Q. McNemar 1947, Psychometrika 12, 153; given the discordant rows, gained is binomial
        with p = 1/2.
    """
    n = gained + lost
    return 1.0 if not n else min(1.0, 2 * binomial_tail(min(gained, lost), n))


def difference(gained: int, lost: int, n: int, *, seed: int = 0) -> tuple[float, float]:
    """Give the 95 % interval of the difference in accuracy, by a paired bootstrap.

    Args:
        gained: Rows that only the candidate gets right.
        lost: Rows that only the champion gets right.
        n: All rows; n ≥ 1.
        seed: Of the resampling, so that equal inputs give equal intervals.

    Returns:
        2.5th and 97.5th percentile over 10,000 resamples of the rows.

    Notes:
        A row adds +1, -1 or 0 to the difference, so that resampling rows is drawing how many of
        each kind there are: O(resamples), whatever n is.
    """
    shares = [gained / n, lost / n, 1 - (gained + lost) / n]
    drawn: NDArray[np.int64] = np.random.default_rng(seed).multinomial(n, shares, size=_RESAMPLES)
    low, high = np.percentile((drawn[:, 0] - drawn[:, 1]) / n, [2.5, 97.5])
    return float(low), float(high)
