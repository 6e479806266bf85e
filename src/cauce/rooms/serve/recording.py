"""Each answered row as a record of the stream `predictions/NAME`."""

import logging
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from cauce.errors import CauceError
from cauce.kernel import model
from cauce.rooms.serve.http import Refused
from cauce.rooms.serve.loaded import Loaded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cauce.kernel.telemetry import StreamWriter

log = logging.getLogger("cauce.serve")

_MOST_BYTES = 1 << 20


class Answers(Struct, frozen=True):
    """What the model said of each row.

    Attributes:
        labels: As text.
        confidence: 0 to 1.
        scores: By class; empty where the model gives none.
    """

    labels: list[str]
    confidence: list[float]
    scores: list[list[float]]


def read(signature: model.Signature, outputs: "Mapping[str, NDArray[Any]]", rows: int) -> Answers:
    """Take labels, confidence and scores out of a model's outputs.

    Raises:
        Refused: An output is no number: the input had none.
    """
    probabilities = outputs.get("probabilities")
    confidence = [1.0] * rows
    scores: list[list[float]] = [[]] * rows
    if probabilities is not None:
        scores = probabilities.tolist()
        confidence = [min(1.0, max(row)) for row in scores]
        if any(math.isnan(sum(row)) for row in scores):
            raise Refused(400, "the model's answer to these inputs is no number (NaN)")
    labels = model.labels(signature, outputs)
    if labels is None:
        values = np.asarray(next(iter(outputs.values())), np.float64).reshape(rows, -1)[:, 0]
        if not np.isfinite(values).all():
            raise Refused(400, "the model's answer to these inputs is no finite number")
        labels = [f"{value:g}" for value in values.tolist()]
    return Answers(labels, confidence, scores)


def append(
    writer: "StreamWriter",
    loaded: Loaded,
    ids: list[str],
    answers: Answers,
    inputs: "NDArray[Any]",
    milliseconds: float,
) -> None:
    """Append a record a row; a disk that is full is counted and said, the reply goes out."""
    rows = inputs
    if inputs.dtype != np.dtype("<f4"):
        rows = inputs.astype("<f4") if inputs.dtype.kind in "fiub" else np.zeros((len(inputs), 0))
    keep = rows[0].nbytes <= _MOST_BYTES
    shape = list(rows.shape[1:])
    at = time.time()
    counted = loaded.statistics.labels
    try:
        for index, id in enumerate(ids):
            record = {
                "id": id,
                "at": at,
                "deployment": loaded.id,
                "model": loaded.label,
                "label": answers.labels[index],
                "confidence": answers.confidence[index],
                "scores": answers.scores[index],
                "ms": milliseconds,
            }
            if keep:
                record["inputs"] = rows[index].tobytes()
                record["shape"] = shape
            writer.append(record)
            counted[answers.labels[index]] += 1
    except (OSError, CauceError) as error:
        if not loaded.statistics.unrecorded:
            log.error("predictions cannot be recorded: %s", error)
        loaded.statistics.unrecorded += len(ids)
