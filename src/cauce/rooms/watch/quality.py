"""Accuracy where somebody has said what is true."""

import math
from typing import TYPE_CHECKING

from cauce.kernel.entities import Digest
from cauce.rooms.watch.entities import Quality

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_Z = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""


def wilson(correct: int, n: int) -> tuple[float, float]:
    """Give the 95 % interval of a share; (0, 1) for no trial.

    Notes:
        E. B. Wilson 1927, JASA 22, 209: unlike the simple interval it never leaves 0 to 1 and
        holds its level for few trials and for shares near the ends.
    """
    if not n:
        return 0.0, 1.0
    share, square = correct / n, _Z**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def measure(ws: "Workspace", name: str, deployment: Digest) -> Quality | None:
    """Compare all answers of a deployment with feedback; None when there is none for it.

    The last word about a prediction counts. Labels are of those predictions that somebody looked
    at: when they were chosen as the least sure ones, the accuracy of all traffic is higher.
    """
    truth: dict[str, str] = {}
    for _, record in ws.streams.read(f"feedback/{name}"):
        prediction, label = record.get("prediction"), record.get("label")
        if isinstance(prediction, str) and isinstance(label, str):
            truth[prediction] = label
    if not truth:
        return None
    total = labelled = correct = 0
    for _, record in ws.streams.read(f"predictions/{name}"):
        if record.get("deployment") != deployment:
            continue
        total += 1
        id = record.get("id")
        if isinstance(id, str) and id in truth:
            labelled += 1
            correct += truth[id] == str(record.get("label"))
    if not labelled:
        return None
    low, high = wilson(correct, labelled)
    return Quality(
        labelled=labelled,
        total=total,
        coverage=labelled / total,
        correct=correct,
        accuracy=correct / labelled,
        low=low,
        high=high,
    )
