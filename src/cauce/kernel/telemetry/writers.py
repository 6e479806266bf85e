"""Writers: one segment each, buffered in memory, handed to the operating system by size or time.

What was handed over survives a kill; what is in the buffer (at most a quarter of a second of it)
does not. A writer may be used by several threads. After a fork the child's writer forgets what the
parent has in its buffer and goes on in a segment of its own.
"""

import operator
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from cauce.errors import Invalid
from cauce.kernel.entities import Point
from cauce.kernel.telemetry import frames
from cauce.kernel.telemetry.frames import Column
from cauce.kernel.telemetry.output import Desk, Output

FLUSH_BYTES = 1 << 16
"""A block of records is written when its payload has grown to this."""

FLUSH_POINTS = 1 << 12
"""A block of points is written when it holds so many."""

BLOCK_BYTES = 1 << 19
"""Records that come many at once are written in blocks of about so many bytes."""

_CHUNK = 64
"""Records or points that are worth a block of their own."""

_ARRAY32 = b"\xdd"
_LONGEST_KEY = 500
_STEP_LIMIT = 1 << 62


class StreamWriter:
    """Appends records to a stream; made by `Streams.writer`."""

    def __init__(self, folder: Path, desk: Desk, make_name: Callable[[], str]) -> None:
        self._output = Output(folder, "records", desk, make_name, _packed_records)
        self._encode = msgspec.msgpack.Encoder().encode

    def append(self, record: dict[str, Any]) -> None:
        """Append one record: a dict of text, numbers, bytes, lists and dicts.

        Raises:
            Invalid: The record holds something that cannot be stored.
            OSError: The disk takes nothing now; this record and those before it are kept for the
                next try.
        """
        output = self._output
        if not isinstance(record, dict):
            raise Invalid(f"a record is a dict, not {type(record).__name__}")
        if output.closed:
            raise ValueError("the stream's writer is closed")
        try:
            data = self._encode(record)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Invalid(f"the record cannot be stored: {error}") from error
        output.pending.append(data)
        output.size += len(data)
        if output.size >= FLUSH_BYTES:
            output.flush()
        elif not output.armed:
            output.arm()

    def append_many(self, records: Iterable[dict[str, Any]]) -> None:
        """Append records in order; those before one that cannot be stored are kept.

        Raises:
            Invalid: A record holds something that cannot be stored.
            OSError: The disk takes nothing now; all are kept for the next try.

        Notes:
            Hundreds at a time become a block at once, much faster than one by one.
        """
        source, size = iter(records), _CHUNK
        rest: Iterator[dict[str, Any]] = iter(())
        try:
            while chunk := list(islice(source, size)):
                written = self._append_block(chunk) if len(chunk) >= min(size, _CHUNK) else 0
                if written:
                    size = max(1, len(chunk) * BLOCK_BYTES // written)
                    continue
                rest = iter(chunk)
                for record in rest:
                    self.append(record)
        except OSError:
            for record in chain(rest, source):
                with suppress(OSError):
                    self.append(record)
            raise

    def _append_block(self, records: list[dict[str, Any]]) -> int:
        """Write records as a block of their own; give its bytes, 0 when one cannot be stored."""
        if self._output.closed or set(map(type, records)) != {dict}:
            return 0
        try:
            payload = self._encode(records)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return 0
        encode = self._encode
        self._output.write(payload, len(records), lambda: [encode(one) for one in records])
        return len(payload)

    def flush(self) -> None:
        """Hand what was appended to the operating system, where it survives a kill."""
        self._output.flush()

    def close(self) -> None:
        """Flush and close the segment; a second time does nothing."""
        self._output.close()

    def __enter__(self) -> "StreamWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PointWriter:
    """Appends metric points to a stream; made by `Streams.points`."""

    def __init__(self, folder: Path, desk: Desk, make_name: Callable[[], str]) -> None:
        self._output = Output(folder, "points", desk, make_name, _packed_points)
        self._known: set[str] = set()

    def append(self, key: str, value: float, step: int = 0, at: float | None = None) -> None:
        """Append one point; NaN and infinities are kept.

        Args:
            key: Metric name.
            value: Anything that `float()` takes.
            step: Whole number; steps need not be unique or rising.
            at: Wall clock; None: now.

        Raises:
            Invalid: A value has the wrong type or is out of range.
            OSError: The disk takes nothing now; this point and those before it are kept for the
                next try.
        """
        output = self._output
        try:
            plain = (
                key in self._known
                and value.__class__ is float
                and step.__class__ is int
                and -_STEP_LIMIT < step < _STEP_LIMIT
            )
        except TypeError:  # a key that is not even hashable
            plain = False
        if not plain:
            key, value, step = plain_point(key, value, step)
            self._known.add(key)
        if output.closed:
            raise ValueError("the stream's writer is closed")
        pending = output.pending
        pending.append((key, step, value, float(at) if at is not None else time.time()))
        if len(pending) >= FLUSH_POINTS:
            output.flush()
        elif not output.armed:
            output.arm()

    def append_many(self, points: Iterable[Point]) -> int:
        """Append points in order; those without a time get the present one.

        Returns:
            How many.

        Raises:
            Invalid: A point has a value of the wrong type or out of range; those before it are
                kept.
            OSError: The disk takes nothing now; all are kept for the next try.

        Notes:
            Hundreds at a time become a block at once, much faster than one by one.
        """
        count = 0
        source = iter(points)
        rest: Iterator[Point] = iter(())
        try:
            while chunk := list(islice(source, FLUSH_POINTS)):
                count += len(chunk)
                if len(chunk) < _CHUNK or not self._append_block(chunk):
                    rest = iter(chunk)
                    for point in rest:
                        self._append(point)
        except OSError:
            for point in chain(rest, source):
                with suppress(OSError):
                    self._append(point)
            raise
        return count

    def _append(self, point: Point) -> None:
        self.append(point.key, point.value, point.step, point.at or None)

    def _append_block(self, points: list[Point]) -> bool:
        """Write points as a block of their own; False when one of them needs a closer look."""
        try:
            columns = None if self._output.closed else _columns(points)
        except (TypeError, Invalid):
            return False
        if columns is None:
            return False
        self._output.write(
            frames.encode_columns(columns),
            len(points),
            lambda: [(one.key, one.step, one.value, one.at or time.time()) for one in points],
        )
        return True

    def flush(self) -> None:
        """Hand what was appended to the operating system, where it survives a kill."""
        self._output.flush()

    def close(self) -> None:
        """Flush and close the segment; a second time does nothing."""
        self._output.close()

    def __enter__(self) -> "PointWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _packed_records(records: list[bytes]) -> bytes:
    """Join encoded records to an array of them."""
    return b"".join((_ARRAY32, len(records).to_bytes(4, "big"), *records))


def _packed_points(points: list[tuple[str, int, float, float]]) -> bytes:
    """Sort points into columns."""
    keys: dict[str, list[tuple[str, int, float, float]]] = {}
    for point in points:
        found = keys.get(point[0])
        if found is None:
            found = keys[point[0]] = []
        found.append(point)
    return frames.encode_columns(
        [
            Column(
                key,
                array("q", [point[1] for point in mine]),
                array("d", [point[2] for point in mine]),
                array("d", [point[3] for point in mine]),
            )
            for key, mine in keys.items()
        ]
    )


def _columns(points: list[Point]) -> list[Column] | None:
    """Sort points into columns; None when one of them needs a closer look."""
    keys: dict[str, list[Point]] = {}
    for point in points:
        found = keys.get(point.key)
        if found is None:
            found = keys[point.key] = []
        found.append(point)
    now = time.time()
    columns = []
    for key, mine in keys.items():
        steps = [point.step for point in mine]
        values = [point.value for point in mine]
        times = [point.at or now for point in mine]
        if (
            set(map(type, steps)) != {int}
            or set(map(type, values)) != {float}
            or not set(map(type, times)) <= {float, int}
            or min(steps) <= -_STEP_LIMIT
            or max(steps) >= _STEP_LIMIT
        ):
            return None
        columns.append(
            Column(_metric(key), array("q", steps), array("d", values), array("d", times))
        )
    return columns


def _metric(key: str) -> str:
    """Give a metric's name back when it can be stored."""
    try:
        usable = 0 < len(key.encode()) <= _LONGEST_KEY
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise Invalid(
            f"{key[:100]!r} is not a metric name", hint=f"use 1 to {_LONGEST_KEY} bytes of text"
        )
    return key


def plain_point(key: Any, value: Any, step: Any) -> tuple[str, float, int]:
    """Turn what a framework hands over (0-d arrays, numpy numbers) into plain values.

    Raises:
        Invalid: The key is not text, the value no number, or the step no whole number in range.
    """
    try:
        if not isinstance(key, str):
            raise TypeError("a metric's name is text")
        number = operator.index(step)
        if not -_STEP_LIMIT < number < _STEP_LIMIT:
            raise ValueError("the step is out of range")
        return _metric(str(key)), float(value), number
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(
            f"the point ({key!r}, {value!r}, step {step!r}) cannot be stored: {error}"
        ) from error
