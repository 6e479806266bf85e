"""Recorded predictions as arrays; records that are not what they should be are counted."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

BATCH = 4096
_LONGEST = 200


class Row(Struct, frozen=True):
    """One prediction that was understood."""

    id: str
    at: float
    deployment: str
    inputs: bytes
    label: str
    confidence: float


class Batch(Struct, frozen=True):
    """Predictions, row by row.

    Attributes:
        inputs: `(n, width)`.
        rows: The n records.
    """

    inputs: NDArray[np.float32]
    rows: list[Row]


class Count(Struct):
    """What was met on the way; filled while the batches are read."""

    rows: int = 0
    malformed: int = 0
    end: float = 0.0


def batches(
    records: Iterable[dict[str, Any]],
    width: int,
    count: Count,
    *,
    after: float = -math.inf,
    until: float = math.inf,
) -> Iterator[Batch]:
    """Read records into arrays, 4,096 at a time.

    Args:
        records: As they come from the stream, in any order.
        width: Values of one row.
        count: Updated with each record.
        after: Records at this time or before are passed over.
        until: Records after this time are malformed: a clock that is years ahead would hide all
            that comes until then.
    """
    rows: list[Row] = []
    for record in records:
        row = understand(record, width)
        if row is None or row.at > until:
            count.malformed += 1
            continue
        if row.at <= after:
            continue
        count.rows += 1
        count.end = max(count.end, row.at)
        rows.append(row)
        if len(rows) == BATCH:
            yield _batch(rows, width)
            rows = []
    if rows:
        yield _batch(rows, width)


def _batch(rows: list[Row], width: int) -> Batch:
    joined = b"".join(row.inputs for row in rows)
    return Batch(np.frombuffer(joined, "<f4").reshape(len(rows), width), rows)


def understand(record: dict[str, Any], width: int) -> Row | None:
    """Read one record; None when a field is missing, of another type, or of another shape."""
    id, at, deployment = record.get("id"), record.get("at"), record.get("deployment")
    inputs, label, shape = record.get("inputs"), record.get("label"), record.get("shape")
    confidence = record.get("confidence")
    if not (isinstance(id, str) and isinstance(deployment, str) and isinstance(inputs, bytes)):
        return None
    if not _number(at) or not _number(confidence) or not 0 <= confidence <= 1:
        return None
    if isinstance(label, bool) or not isinstance(label, str | int):
        return None
    if len(inputs) != 4 * width or not _holds(shape, width):
        return None
    return Row(id, float(at), deployment, inputs, str(label)[:_LONGEST], float(confidence))


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _holds(shape: Any, width: int) -> bool:
    """Tell whether a shape is that of one row; a record without one is taken as one row."""
    if shape is None:
        return True
    if not isinstance(shape, list | tuple) or len(shape) > 8:
        return False
    if not all(type(size) is int and size > 0 for size in shape):
        return False
    return math.prod(shape) == width
