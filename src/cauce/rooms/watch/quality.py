"""Accuracy where somebody has said what is true."""

from typing import TYPE_CHECKING

from cauce.kernel.entities import Digest
from cauce.kernel.shares import wilson
from cauce.rooms.watch.entities import Quality

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace


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
