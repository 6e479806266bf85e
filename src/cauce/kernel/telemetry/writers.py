"""Writers: one segment each, buffered in memory, handed to the operating system by size or time.

What was handed over survives a kill; what is in the buffer (at most a quarter of a second of it)
does not. A writer may be used by several threads. After a fork the child's writer forgets what the
parent has in its buffer and goes on in a segment of its own.
"""

import contextlib
import fcntl
import operator
import os
import threading
import time
import weakref
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec

from cauce.errors import Invalid
from cauce.kernel.entities import Point
from cauce.kernel.telemetry import frames
from cauce.kernel.telemetry.frames import Column, Kind

FLUSH_BYTES = 1 << 16
"""A block of records is written when its payload has grown to this."""

FLUSH_POINTS = 1 << 12
"""A block of points is written when it holds so many."""

FLUSH_SECONDS = 0.25
"""And no later than this after its first record."""

SEGMENT_BYTES = 1 << 26
"""A writer goes on in a new segment when its own has grown to this, so that it can be compacted."""

_MOST_HELD = 1 << 26
_CHUNK = 256
_ARRAY32 = b"\xdd"
_LONGEST_KEY = 500
_STEP_LIMIT = 1 << 62


class Writer(Protocol):
    """What the flusher and the streams need of a writer."""

    def flush(self) -> None:
        """Hand the buffer to the operating system."""
        ...

    def close(self) -> None:
        """Flush, and let the segment go."""
        ...

    def forked(self) -> None:
        """Start afresh in a child process."""
        ...


class SegmentFile:
    """A segment being written, locked as long as its writer lives.

    It is made under a name that readers do not look at, locked, and only then renamed: whoever can
    lock a segment knows that its writer is gone.
    """

    def __init__(self, folder: Path, kind: Kind, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f"{name}.tmp"
        self._fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.size = os.write(self._fd, frames.header(kind))
            beside.rename(folder / f"{name}.seg")
        except BaseException:
            os.close(self._fd)
            beside.unlink(missing_ok=True)
            raise

    def write(self, payload: bytes | bytearray, count: int) -> None:
        """Append a block whole; after an error the file ends where it ended before."""
        head = frames.block_header(payload, time.time(), count)
        total = len(head) + len(payload)
        try:
            done = os.writev(self._fd, [head, payload])
            if done < total:
                rest = memoryview(head + payload)
                while done < total:
                    done += os.write(self._fd, rest[done:])
        except BaseException:
            os.ftruncate(self._fd, self.size)
            os.lseek(self._fd, self.size, os.SEEK_SET)
            raise
        self.size += total

    def close(self) -> None:
        """Close the file, which unlocks it."""
        os.close(self._fd)


class Flusher:
    """Flushes writers a moment after they got something to write; one thread for all of them."""

    def __init__(self) -> None:
        self.forked()

    def forked(self) -> None:
        """Forget the thread, which a child process does not have."""
        self._lock = threading.Lock()
        self._dirty: set[Writer] = set()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def later(self, writer: Writer) -> None:
        """Flush a writer within `FLUSH_SECONDS`."""
        with self._lock:
            self._dirty.add(writer)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="cauce-streams", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        wake, stop = self._wake, self._stop
        while not stop.is_set():
            wake.wait()
            wake.clear()
            stop.wait(FLUSH_SECONDS)
            with self._lock:
                dirty, self._dirty = self._dirty, set()
            for writer in dirty:
                with contextlib.suppress(OSError):  # the writer meets it again, in its own thread
                    writer.flush()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None


class Desk:
    """The open writers of one `Streams`; it outlives them in a child process."""

    def __init__(self) -> None:
        self.flusher = Flusher()
        self.writers: set[Writer] = set()
        self._last = ""
        self._lock = threading.Lock()
        _DESKS.add(self)

    def segment_name(self, make: Callable[[], str]) -> str:
        """Make a segment id later than every one made here before."""
        with self._lock:
            name = make()
            while name <= self._last:
                name = make()
            self._last = name
            return name

    def close(self) -> None:
        """Close every writer and end the thread."""
        try:
            for writer in list(self.writers):
                writer.close()
        finally:
            self.flusher.stop()

    def forked(self) -> None:
        """Start afresh in a child process."""
        self._lock = threading.Lock()
        self.flusher.forked()
        for writer in list(self.writers):
            writer.forked()


_DESKS: weakref.WeakSet[Desk] = weakref.WeakSet()


def _after_fork() -> None:
    for desk in list(_DESKS):
        desk.forked()


os.register_at_fork(after_in_child=_after_fork)


class Output:
    """A writer's buffer and the segment that it goes to; a new segment when that is full.

    Appending takes no lock: a deque keeps what several threads append at once, in order. Only
    flushing does.

    Attributes:
        pending: What was appended and not handed over yet.
        size: Its bytes, as far as they are counted; threads may lose some of the count.
        armed: Whether the flusher knows that there is something.
        closed: Whether the writer takes no more.
    """

    def __init__(
        self,
        folder: Path,
        kind: Kind,
        desk: Desk,
        make_name: Callable[[], str],
        pack: Callable[[list[Any]], bytes],
    ) -> None:
        self._folder, self._kind, self._desk = folder, kind, desk
        self._make_name, self._pack = make_name, pack
        self._file: SegmentFile | None = None
        self._held: list[Any] = []
        self.closed = False
        self.forked()
        desk.writers.add(self)

    def arm(self) -> None:
        """Have what is pending flushed soon."""
        self.armed = True
        self._desk.flusher.later(self)

    def flush(self) -> None:
        """Hand over what is pending as one block; what cannot be written is kept."""
        with self._lock:
            self._flush()

    def write(self, payload: bytes, count: int, items: Callable[[], list[Any]]) -> None:
        """Hand over a block that is packed already, after what is pending.

        Args:
            payload: Of the block.
            count: Records in it.
            items: Gives them one by one, to be kept when they cannot be written.
        """
        with self._lock:
            try:
                self._flush()
                self._write(payload, count)
            except OSError:
                self._held += items()
                self.arm()
                raise

    def _flush(self) -> None:
        self.armed, self.size = False, 0
        taken = self.pending.popleft
        self._held += [taken() for _ in range(len(self.pending))]
        if not self._held:
            return
        payload = self._pack(self._held)
        try:
            self._write(payload, len(self._held))
        except OSError:
            if len(payload) > _MOST_HELD:
                self._held = []
            self.arm()
            raise
        self._held = []

    def _write(self, payload: bytes, count: int) -> None:
        if self._file is None:
            self._file = SegmentFile(
                self._folder, self._kind, self._desk.segment_name(self._make_name)
            )
        self._file.write(payload, count)
        if self._file.size >= SEGMENT_BYTES:
            self._drop()

    def _drop(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def close(self) -> None:
        """Flush and close the segment; a second time does nothing."""
        self.closed = True
        try:
            self.flush()
        finally:
            with self._lock:
                self._drop()
            self._desk.writers.discard(self)

    def forked(self) -> None:
        """Start afresh in a child process: a buffer and a segment of its own."""
        self._lock = threading.Lock()
        self._drop()
        self._held = []
        self.pending: deque[Any] = deque()
        self.size = 0
        self.armed = False


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

        Notes:
            Hundreds at a time become a block at once, much faster than one by one.
        """
        source = iter(records)
        while chunk := list(islice(source, _CHUNK)):
            if len(chunk) < _CHUNK or not self._append_block(chunk):
                for record in chunk:
                    self.append(record)

    def _append_block(self, records: list[dict[str, Any]]) -> bool:
        """Write records as a block of their own; False when one of them cannot be stored."""
        if self._output.closed or set(map(type, records)) != {dict}:
            return False
        try:
            payload = self._encode(records)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return False
        encode = self._encode
        self._output.write(payload, len(records), lambda: [encode(one) for one in records])
        return True

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

        Notes:
            Hundreds at a time become a block at once, much faster than one by one.
        """
        count = 0
        source = iter(points)
        while chunk := list(islice(source, FLUSH_POINTS)):
            if len(chunk) < _CHUNK or not self._append_block(chunk):
                for point in chunk:
                    self.append(point.key, point.value, point.step, point.at or None)
            count += len(chunk)
        return count

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
