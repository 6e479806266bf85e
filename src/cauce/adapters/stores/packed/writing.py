"""One session of writing: packs first, then an index that names what they hold."""

import io
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import BinaryIO, cast

from cauce.adapters.stores.packed.blobs import Blobs
from cauce.adapters.stores.packed.snapshot import Place, Snapshot
from cauce.adapters.stores.packed.view import View
from cauce.errors import Conflict, Invalid
from cauce.kernel import digest as names
from cauce.kernel.entities import Digest
from cauce.kernel.packs import chunks, index, pack, table
from cauce.kernel.packs.index import Row
from cauce.kernel.packs.table import CHUNK, LIST, RECORD, WHOLE

HOUR = 3600.0
"""Seconds that a writer's knowledge may be old; an older object that is put again is renewed, so
that collection leaves it alone until the commit that will refer to it."""

_OFTEN = 1 << 30
"""Bytes after which a session writes an index, so that a killed one need not start anew."""

_ROOM = index.MOST // 2
"""Records after which it does."""


class Session:
    """Objects and chunks on their way in; leaving it without an error makes them visible.

    Attributes:
        written: Names of the indexes that it wrote.
        visible: Called when what was stored so far can be read.
    """

    def __init__(self, blobs: Blobs, view: View, read: Callable[[Place], bytes]) -> None:
        """Begin to write.

        Args:
            blobs: The place.
            view: What it holds.
            read: Reads the bytes at a place.
        """
        self._blobs, self._view, self._read = blobs, view, read
        self._pool = ThreadPoolExecutor(blobs.lanes)
        self._sending: list[tuple[Future[None], Path]] = []
        self._pack: pack.Writer | None = None
        self.written: list[str] = []
        self.visible: Callable[[], None] = lambda: None
        self._clear()

    def _clear(self) -> None:
        self._rows: list[Row | None] = []  # None: the pack that is being written
        self._open: dict[float, int] = {}  # the rows of that pack, by date
        self._numbers: dict[tuple[str, float], int] = {}
        self._records = bytearray()
        self._listed: set[bytes] = set()
        self._bytes = 0

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            if self._pack is not None:
                self._pack.drop()
            self._pool.shutdown(cancel_futures=True)
            for _, path in self._sending:
                path.unlink(missing_ok=True)

    @property
    def _snapshot(self) -> Snapshot:
        return self._view.snapshot(age=HOUR)

    def place(self, key: bytes) -> Place | None:
        """Find an object or chunk that is stored already."""
        snapshot = self._snapshot
        numbers = snapshot.find(table.rows([key]))
        return None if numbers[0] < 0 else next(snapshot.places(numbers))

    def put(self, data: bytes, name: Digest, there: Place | None) -> None:
        """Store an object from memory.

        Args:
            data: Its bytes.
            name: Their digest.
            there: Where they are stored already, if they are.
        """
        key = table.key(name)
        if self._keep(key, there):
            return
        self._rest()
        if len(data) <= chunks.WHOLE:
            self.append(key, data, size=len(data), form=WHOLE)
        else:
            _, _, parts = self._cut(io.BytesIO(data), name.partition(":")[0])
            self._append_list(key, len(data), parts)

    def put_file(
        self, path: Path, wanted: Digest | None, there: Place | None, *, trust: bool = False
    ) -> Digest:
        """Store a file.

        Args:
            path: A regular file.
            wanted: The digest that it must have; None: name it by sha256.
            there: Where this digest is stored already: then the file is not read.
            trust: Whether a file of mode 0444 is believed to be what the digest says.

        Raises:
            Conflict: It is not what the digest says.
        """
        if wanted is not None and self._keep(table.key(wanted), there):
            return wanted
        self._rest()
        # O_NONBLOCK: opening a named pipe must not wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Invalid(f"{path} is not a regular file")
            known = wanted if trust and stat.S_IMODE(status.st_mode) == 0o444 else None
            return self._put_open(descriptor, status.st_size, path, wanted, known)
        finally:
            os.close(descriptor)

    def _put_open(
        self, descriptor: int, size: int, path: Path, wanted: Digest | None, known: Digest | None
    ) -> Digest:
        algorithm = wanted.partition(":")[0] if wanted else "sha256"
        data, parts = b"", bytearray()
        if size <= chunks.WHOLE:
            data = os.read(descriptor, size + 1)
            found, length = known or names.of(data, algorithm), len(data)
        else:
            stream = io.FileIO(descriptor, closefd=False)
            found, length, parts = self._cut(cast("BinaryIO", stream), "" if known else algorithm)
            found = known or found
        if length != size or (wanted not in {None, found} and not names.same(str(wanted), found)):
            raise Conflict(f"{path} changed while it was read", hint="run the command again")
        key = table.key(wanted or found)
        if wanted is not None or not self._keep(key, self.place(key)):
            if size <= chunks.WHOLE:
                self.append(key, data, size=size, form=WHOLE)
            else:
                self._append_list(key, size, parts)
        return wanted or found

    def _keep(self, key: bytes, there: Place | None) -> bool:
        """Tell whether an object need not be written; an old one gets a new date."""
        if key in self._listed:
            return True
        if there is None:
            return False
        if time.time() - there.date > HOUR:
            if there.form == LIST and not self._list_again(self._read(there)):
                return False
            self.list_at(key, there)
        return True

    def _cut(self, stream: BinaryIO, algorithm: str) -> tuple[Digest, int, bytearray]:
        """Store the chunks of a stream that are not there; gives digest, size and chunks.

        Without an algorithm it is not hashed as a whole, and the digest is empty.
        """
        state = names.hasher(algorithm) if algorithm else None
        parts = bytearray()
        size = 0
        for piece in chunks.cut(stream):
            if state is not None:
                state.update(piece)
            size += len(piece)
            name = chunks.name(piece)
            parts += chunks.row(name, len(piece))
            key = name + bytes([CHUNK])
            if key not in self._listed and self.place(key) is None:
                self._rest()
                self.append(key, piece, size=len(piece), form=WHOLE)
        return Digest(f"{algorithm}:{state.hexdigest()}" if state else ""), size, parts

    def _append_list(self, key: bytes, size: int, parts: bytearray) -> None:
        """Store a list of chunks; the index that lists it lists all of them."""
        self._rest()
        data = chunks.dump(size, parts)
        if not self._list_again(data):
            raise Conflict(
                f"chunks were removed from {self._blobs.url} while they were counted on",
                hint="run the command again",
            )
        self.append(key, data, size=size, form=LIST)

    def _list_again(self, data: bytes) -> bool:
        """List the chunks of a list wherever they lie; False when one of them is nowhere."""
        keys = chunks.parse(data, "a list of chunks").keys()
        whole = keys.tobytes()
        wanted = dict.fromkeys(whole[at : at + 33] for at in range(0, len(whole), 33))
        missing = [key for key in wanted if key not in self._listed]
        snapshot = self._snapshot
        numbers = snapshot.find(table.rows(missing))
        if (numbers < 0).any():
            return False
        for key, place in zip(missing, snapshot.places(numbers), strict=True):
            self.list_at(key, place)
        return True

    def list_at(self, key: bytes, place: Place, *, date: float = 0.0) -> None:
        """List an entry of a pack that is stored already.

        Args:
            key: Of the object or chunk.
            place: Where it lies.
            date: When it was stored; 0: now.
        """
        number = self._numbers.get((place.pack, date))
        if number is None:
            number = self._numbers[place.pack, date] = len(self._rows)
            self._rows.append(Row(name=place.pack, size=place.pack_size, date=date))
        self._records += pack.record(
            key, place.offset, place.length, size=place.size, form=place.form, row=number
        )
        self._listed.add(key)

    def append(
        self, key: bytes, data: bytes | memoryview, *, size: int, form: int, date: float = 0.0
    ) -> None:
        """Write an entry into the current pack.

        Args:
            key: Of the object or chunk.
            data: Bytes of the entry.
            size: Bytes of the object.
            form: `WHOLE` or `LIST`.
            date: When it was stored; 0: now.
        """
        if self._pack is not None and not self._pack.fits(len(data)):
            self._seal()
        if self._pack is None:
            folder = self._blobs.workplace()
            self._pack = pack.Writer(folder / f"cauce-{os.getpid()}-{token_hex(6)}.pack")
        if date not in self._open:
            self._open[date] = len(self._rows)
            self._rows.append(None)
        offset = self._pack.add(key, data, size=size, form=form)
        self._records += pack.record(
            key, offset, len(data), size=size, form=form, row=self._open[date]
        )
        self._listed.add(key)
        self._bytes += len(data)
        if self._pack.size >= pack.TARGET:
            self._seal()

    def _seal(self) -> None:
        """End the current pack and send it, a few at a time."""
        if self._pack is None:
            return
        while len(self._sending) >= self._blobs.lanes:
            self._sending.pop(0)[0].result()
        done = self._pack
        name, size = done.end(flush=self._blobs.moves)
        self._pack = None
        for date, row in self._open.items():
            self._rows[row] = Row(name=name, size=size, date=date)
        self._open = {}
        future = self._pool.submit(self._send, name, done.path, size)
        self._sending.append((future, done.path))

    def _send(self, name: str, path: Path, size: int) -> None:
        try:
            self._blobs.put_file(f"data/{name}", path, size)
        finally:
            path.unlink(missing_ok=True)

    def _rest(self) -> None:
        """Write an index now and then; never between an object's chunks and its list of them."""
        if self._bytes > _OFTEN or len(self._listed) > _ROOM:
            self.flush()

    def flush(self) -> None:
        """Make all that was stored visible."""
        self._seal()
        while self._sending:
            self._sending.pop(0)[0].result()
        rows = [row for row in self._rows if row is not None]
        step = index.MOST * RECORD.itemsize
        for start in range(0, len(self._records), step):
            data = index.dump(rows, self._records[start : start + step])
            name = index.name(data)
            self._blobs.put(f"index/{name}", data)
            self._view.add(name, data)
            self.written.append(name)
        self._clear()
        self.visible()
