"""Where writers put their blocks: a buffer, the segment that it goes to, and the flusher of all.

A segment is locked as long as its writer lives, so that nobody compacts it.
"""

import contextlib
import fcntl
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from cauce.kernel.telemetry import frames
from cauce.kernel.telemetry.frames import Kind

FLUSH_SECONDS = 0.25
"""A block is written no later than this after its first record."""

SEGMENT_BYTES = 1 << 26
"""A writer goes on in a new segment when its own has grown to this, so that it can be compacted."""

_MOST_HELD = 1 << 26


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
