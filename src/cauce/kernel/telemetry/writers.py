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
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec

from cauce.errors import Invalid
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

_MOST_BUFFERED = 1 << 26
_CHUNK = 256
_ARRAY16 = 3
"""Bytes that begin an array of `_CHUNK` items."""

_ARRAY32 = b"\xdd\x00\x00\x00\x00"
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


class _Output:
    """Where a writer's blocks go: the current segment, a new one when it is full."""

    def __init__(self, folder: Path, kind: Kind, make_name: Callable[[], str]) -> None:
        self._folder, self._kind, self._make_name = folder, kind, make_name
        self._file: SegmentFile | None = None

    def write(self, payload: bytes | bytearray, count: int) -> None:
        if self._file is None:
            self._file = SegmentFile(self._folder, self._kind, self._make_name())
        self._file.write(payload, count)
        if self._file.size >= SEGMENT_BYTES:
            self.drop()

    def drop(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class StreamWriter:
    """Appends records to a stream; made by `Streams.writer`."""

    def __init__(self, folder: Path, desk: Desk, make_name: Callable[[], str]) -> None:
        self._output = _Output(folder, "records", lambda: desk.segment_name(make_name))
        self._desk = desk
        encoder = msgspec.msgpack.Encoder()
        self._encode, self._encode_all = encoder.encode_into, encoder.encode
        self._closed = False
        self.forked()
        desk.writers.add(self)

    def append(self, record: dict[str, Any]) -> None:
        """Append one record: a dict of text, numbers, bytes, lists and dicts.

        Raises:
            Invalid: The record holds something that cannot be stored.
            OSError: The disk does not take what was appended before; it is kept for the next try.
        """
        if not isinstance(record, dict):
            raise Invalid(f"a record is a dict, not {type(record).__name__}")
        with self._lock:
            buffer = self._buffer
            start = len(buffer)
            if self._closed:
                raise ValueError("the stream's writer is closed")
            try:
                self._encode(record, buffer, start)
            except (TypeError, ValueError, OverflowError, RecursionError) as error:
                del buffer[start:]
                raise Invalid(f"the record cannot be stored: {error}") from error
            self._count += 1
            if len(buffer) >= FLUSH_BYTES:
                self._write()
            elif self._count == 1:
                self._desk.flusher.later(self)

    def append_many(self, records: Iterable[dict[str, Any]]) -> None:
        """Append records in order; those before one that cannot be stored are kept.

        Notes:
            Hundreds at a time become a block at once, some three times faster than one by one.
        """
        source = iter(records)
        while chunk := list(islice(source, _CHUNK)):
            if len(chunk) < _CHUNK or not self._append_block(chunk):
                for record in chunk:
                    self.append(record)

    def _append_block(self, records: list[dict[str, Any]]) -> bool:
        """Write records as a block of their own; False when one of them cannot be stored."""
        if not all(isinstance(record, dict) for record in records):
            return False
        try:
            payload = self._encode_all(records)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return False
        with self._lock:
            if self._closed:
                return False
            try:
                if self._count:
                    self._write()
                self._output.write(payload, len(records))
            except OSError:
                self._buffer += payload[_ARRAY16:]
                self._count += len(records)
                raise
        return True

    def flush(self) -> None:
        """Hand what was appended to the operating system, where it survives a kill."""
        with self._lock:
            if self._count:
                self._write()

    def _write(self) -> None:
        self._buffer[1:5] = self._count.to_bytes(4, "big")
        try:
            self._output.write(self._buffer, self._count)
        except OSError:
            if len(self._buffer) < _MOST_BUFFERED:
                self._desk.flusher.later(self)
                raise
            self._reset()
            raise
        self._reset()

    def _reset(self) -> None:
        self._buffer = bytearray(_ARRAY32)
        self._count = 0

    def close(self) -> None:
        """Flush and close the segment; a second time does nothing."""
        try:
            self.flush()
        finally:
            with self._lock:
                self._closed = True
                self._output.drop()
            self._desk.writers.discard(self)

    def forked(self) -> None:
        """Start afresh in a child process: a buffer and a segment of its own."""
        self._lock = threading.Lock()
        self._output.drop()
        self._reset()

    def __enter__(self) -> "StreamWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PointWriter:
    """Appends metric points to a stream; made by `Streams.points`."""

    def __init__(self, folder: Path, desk: Desk, make_name: Callable[[], str]) -> None:
        self._output = _Output(folder, "points", lambda: desk.segment_name(make_name))
        self._desk = desk
        self._closed = False
        self.forked()
        desk.writers.add(self)

    def append(self, key: str, value: float, step: int = 0, at: float | None = None) -> None:
        """Append one point; NaN and infinities are kept.

        Args:
            key: Metric name.
            value: Anything that `float()` takes.
            step: Whole number; steps need not be unique or rising.
            at: Wall clock; None: now.

        Raises:
            Invalid: A value has the wrong type or is out of range.
            OSError: The disk does not take what was appended before; it is kept for the next try.
        """
        if type(value) is not float or type(step) is not int or type(key) is not str:
            key, value, step = plain_point(key, value, step)
        elif not -_STEP_LIMIT < step < _STEP_LIMIT:
            raise Invalid(f"step {step} is out of range")
        when = time.time() if at is None else float(at)
        with self._lock:
            if self._closed:
                raise ValueError("the stream's writer is closed")
            column = self._columns.get(key)
            if column is None:
                column = self._columns[_metric(key)] = Column(
                    key, array("q"), array("d"), array("d")
                )
            column[1].append(step)
            column[2].append(value)
            column[3].append(when)
            self._count += 1
            if self._count >= FLUSH_POINTS:
                self._write()
            elif self._count == 1:
                self._desk.flusher.later(self)

    def flush(self) -> None:
        """Hand what was appended to the operating system, where it survives a kill."""
        with self._lock:
            if self._count:
                self._write()

    def _write(self) -> None:
        try:
            self._output.write(frames.encode_columns(list(self._columns.values())), self._count)
        except OSError:
            if self._count * 24 < _MOST_BUFFERED:
                self._desk.flusher.later(self)
                raise
            self._reset()
            raise
        self._reset()

    def _reset(self) -> None:
        self._columns: dict[str, Column] = {}
        self._count = 0

    def close(self) -> None:
        """Flush and close the segment; a second time does nothing."""
        try:
            self.flush()
        finally:
            with self._lock:
                self._closed = True
                self._output.drop()
            self._desk.writers.discard(self)

    def forked(self) -> None:
        """Start afresh in a child process: a buffer and a segment of its own."""
        self._lock = threading.Lock()
        self._output.drop()
        self._reset()

    def __enter__(self) -> "PointWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _metric(key: str) -> str:
    """Give a metric's name back when it can be stored."""
    try:
        usable = 0 < len(key.encode()) <= 500
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise Invalid(f"{key[:100]!r} is not a metric name", hint="use 1 to 500 bytes of text")
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
