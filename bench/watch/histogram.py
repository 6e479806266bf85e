"""Profile and compare a million rows of eight columns, beside the floor: sorting both sides."""

import resource
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from cauce.kernel import plugins
from cauce.kernel.detector import Rule

T = TypeVar("T")

ROWS, COLUMNS, ROUNDS = 1_000_000, 8, 3


def main() -> None:
    """Print CPU seconds of each way, best of three, and the memory beyond the data."""
    rng = np.random.default_rng(0)
    reference = [rng.normal(size=ROWS) for _ in range(COLUMNS)]
    current = [rng.normal(0.05 * number, size=ROWS) for number in range(COLUMNS)]
    detector = plugins.load("detectors", "histogram")
    before = _peak()
    profiles, profile = _best(lambda: [detector.profile(column) for column in reference])
    others, count = _best(
        lambda: [
            detector.profile(column, like=like)
            for column, like in zip(current, profiles, strict=True)
        ]
    )
    found, compare = _best(
        lambda: [
            detector.compare(a, b, Rule(), columns=COLUMNS)
            for a, b in zip(profiles, others, strict=True)
        ]
    )
    used = _peak() - before
    exact, floor = _best(lambda: [_ks(a, b) for a, b in zip(reference, current, strict=True)])
    error = max(abs(item.distance - d) for item, d in zip(found, exact, strict=True))
    size = sum(len(detector.dump(item)) for item in profiles)
    cells = ROWS * COLUMNS
    for name, seconds, note in (
        ("profile the reference", profile, f"{profile / cells * 1e9:.1f} ns a value"),
        ("count the window", count, f"{count / cells * 1e9:.1f} ns a value"),
        ("compare, all measures", compare, f"{compare / COLUMNS * 1e3:.2f} ms a column"),
        ("all three", profile + count + compare, f"{used:.0f} MiB more, {size / 1e3:.0f} kB kept"),
        ("floor: sort both, KS only", floor, f"largest error of our D: {error:.5f}"),
    ):
        sys.stdout.write(f"{name:<28} {seconds:8.3f} s CPU   {note}\n")
    sys.stdout.write(f"{floor / (profile + count + compare):.1f} times the floor's speed\n")


def _ks(first: np.ndarray, second: np.ndarray) -> float:
    """Exact Kolmogorov-Smirnov distance, the way of two sorts."""
    a, b = np.sort(first), np.sort(second)
    both = np.concatenate([a, b])
    both.sort(kind="stable")
    ranks = (np.searchsorted(side, both, side="right") / len(side) for side in (a, b))
    return float(np.abs(next(ranks) - next(ranks)).max())


def _best(work: Callable[[], T]) -> tuple[T, float]:
    """Give the last result and the least CPU time of some rounds."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        result = work()
        seconds.append(time.process_time() - begun)
    return result, min(seconds)


def _peak() -> float:
    """Highest resident memory so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
