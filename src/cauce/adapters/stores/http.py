"""The objects of a server: `http://HOST:PORT`, small ones many at a time, large ones streamed."""

import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from cauce.adapters.stores.bodies import Chunks
from cauce.errors import Conflict, Damaged, Invalid, NotFound
from cauce.kernel import digest as names
from cauce.kernel import moving, objects, wire
from cauce.kernel.config import Settings
from cauce.kernel.connection import Connection
from cauce.kernel.entities import Digest
from cauce.kernel.moving import Moved
from cauce.kernel.objects import ObjectInfo, ObjectStore
from cauce.kernel.packs import chunks, message, nearby

_SMALL = 1 << 20
_BATCH_BYTES, _BATCH_COUNT = 16 << 20, 20_000
_ASK = 20_000
_ASK_MANY = 20_000
_FILES = 1024
_BLOCK = 4 << 20


def open_store(
    url: str,
    root: Path | None,  # noqa: ARG001 - the form of every store's opener
    settings: Settings,  # noqa: ARG001
    *,
    token: str = "",
) -> "HttpStore":
    """Open the objects of a server; nothing is sent before it is used."""
    return HttpStore(Connection(url, token=token))


class HttpStore:
    """An object store at the other end of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects from memory, in order."""
        digests = [names.of(item, algorithm) for item in items]
        batch = _Batch(self)
        for name, item in zip(digests, items, strict=True):
            if len(item) > _SMALL:
                self._send(name, item)
            else:
                batch.add(name, item)
        batch.flush()
        return digests

    def put_files(
        self, paths: Sequence[Path], *, digests: Sequence[Digest] | None = None
    ) -> list[Digest]:
        """Store files; one whose digest is given and stored already is not read again."""
        names.check(digests or ())
        known = self.has(digests or ())
        wanted = digests if digests is not None else [None] * len(paths)
        found: list[Digest] = []
        batch = _Batch(self)
        try:
            for path, name in zip(paths, wanted, strict=True):
                found.append(name if name in known else self._put_file(path, name, batch))
        finally:
            batch.flush()
        return found

    def receive(
        self,
        source: ObjectStore,
        digests: Sequence[Digest],
        *,
        trust: bool = False,  # noqa: ARG002 - the server hashes anyway, and so must we
        jobs: int | None = None,
        moved: Moved | None = None,
    ) -> None:
        """Store objects of another store, the small ones many a request; see `kernel.moving`."""
        names.check(digests)
        batch = _Batch(self, moved)
        for start in range(0, len(digests), _FILES):
            with tempfile.TemporaryDirectory(prefix="cauce-move-") as folder:
                part = digests[start : start + _FILES]
                for name, path in moving.files(source, part, Path(folder), jobs):
                    small = path.stat().st_size <= _SMALL
                    self._put_file(path, name, batch)
                    if moved is not None and not small:
                        moved(name, path.stat().st_size)
        batch.flush()

    def _put_file(self, path: Path, wanted: Digest | None, batch: "_Batch") -> Digest:
        if path.exists() and not path.is_file():
            raise Invalid(f"{path} is not a regular file")
        algorithm = wanted.partition(":")[0] if wanted else "sha256"
        size = path.stat().st_size
        if size <= _SMALL:
            data = path.read_bytes()
            found = names.of(data, algorithm)
            if wanted is not None and not names.same(wanted, found):
                raise _changed(path)
            batch.add(wanted or found, data)
            return wanted or found
        with path.open("rb", buffering=0) as stream:
            known = b""
            if size > chunks.WHOLE:
                found, known = chunks.listed(stream, algorithm)
            else:
                (found,) = names.of_file(path, (algorithm,))
            if wanted is not None and not names.same(wanted, found):
                raise _changed(path)
            stream.seek(0)
            try:
                if known:
                    self._send_chunks(wanted or found, stream, known)
                else:
                    self._send(wanted or found, stream)
            except Invalid as error:  # hashed once, sent as something else
                raise _changed(path) from error
        return wanted or found

    def _send_chunks(self, digest: Digest, stream: BinaryIO, known: bytes) -> None:
        """Send a big file without the chunks that the server has."""
        asked = {"content-type": message.BYTES, "accept": wire.PACKED}
        for again in (True, True, False):
            with self._connection.send(
                "POST", "/api/v1/packs/lacking", known, headers=asked
            ) as reply:
                lacking = wire.decode(reply.read(), list[int], packed=True)
            body = message.Body(stream, known, lacking)
            headers = {"content-type": message.BYTES, "content-length": str(body.length)}
            try:
                with self._connection.send(
                    "PUT", f"/objects/{digest}/chunks", cast("BinaryIO", body), headers=headers
                ) as reply:
                    reply.read()
                return
            except Conflict:  # a chunk is not what it was, or went since it was asked for
                if not again:
                    raise

    def _send(self, digest: Digest, body: bytes | BinaryIO) -> None:
        """Stream one object; the server keeps it only when it is what the name says."""
        kind = {"content-type": "application/octet-stream"}
        with self._connection.send("PUT", f"/objects/{digest}", body, headers=kind) as reply:
            reply.read()

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified."""
        names.split(digest)
        with self._connection.send("GET", f"/objects/{digest}") as reply:
            data = reply.read()
        if names.of(data, digest.partition(":")[0]) != digest.removesuffix(".dir"):
            raise damaged(digest)
        return data

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset; it is read in blocks when asked for."""
        blocks = _Blocks(self._connection, digest, self.size(digest))
        blocks.seek(start)
        return cast("BinaryIO", io.BufferedReader(blocks, buffer_size=_BLOCK))

    def open_near(self, digest: Digest, near: ObjectStore, *, start: int = 0) -> BinaryIO:
        """Open an object; chunks that files of another store hold are read there."""
        here: dict[bytes, nearby.At] = {}
        known = b""
        if max(chunks.WHOLE, start) < self.size(digest):
            with suppress(NotFound):
                known, others = self._chunks_of(digest)
                there = near.has(others)
                for name in (name for name in others if name in there):
                    path = near.path(name)
                    if path is not None:
                        data, _ = self._chunks_of(name)
                        here |= nearby.held(chunks.parse(data, f"the list of {name}"), path)
        if not here:
            return self.open(digest, start=start)

        def far(first: int, end: int) -> Iterator[bytes]:
            headers = {"range": f"bytes={first}-{end - 1}"}
            with self._connection.send("GET", f"/objects/{digest}", headers=headers) as reply:
                yield from reply.chunks()

        listed = chunks.parse(known, f"the list of {digest}")
        found = nearby.pieces(listed, here, far, start=start)
        return cast("BinaryIO", io.BufferedReader(Chunks(found), 1 << 18))

    def _chunks_of(self, digest: Digest) -> tuple[bytes, list[Digest]]:
        """Ask for an object's list of chunks, and for objects that share some."""
        with self._connection.send("GET", f"/objects/{digest}/chunks") as reply:
            others = [Digest(name) for name in reply.header("x-cauce-near").split(",") if name]
            names.check(others)
            return reply.read(), others

    def read_many(self, digests: Sequence[Digest]) -> Iterator[tuple[Digest, memoryview | None]]:
        """Read many small objects in few requests; see `cauce.kernel.moving.read_many`."""
        left = list(dict.fromkeys(digests))
        while left:
            asked = left[:_ASK_MANY]
            places = {name: place for place, name in enumerate(asked)}
            given = 0
            for name, data in self._pack_of(asked):
                place = places.get(name, -1)
                if place < given:
                    raise Damaged(f"{self._connection.url} answers what it was not asked for")
                yield from ((passed, None) for passed in asked[given:place])
                yield name, memoryview(data)
                given = place + 1
            if not given:
                yield from ((name, None) for name in asked)
                given = len(asked)
            left = left[given:]

    def _pack_of(self, asked: Sequence[Digest]) -> Iterator[tuple[Digest, bytes]]:
        """Ask for objects at once; those that the server gave come in the order of asking."""
        body = wire.encode({"digests": list(asked)}, packed=True)
        kind = {"content-type": wire.PACKED}
        with self._connection.send("POST", "/api/v1/packs/get", body, headers=kind) as reply:
            data = reply.read()
        if data:
            yield from message.load(io.BytesIO(data), len(data))

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified, beside-then-rename; parents are made."""
        names.split(digest)
        state = names.hasher(digest.partition(":")[0])
        with (
            self._connection.send("GET", f"/objects/{digest}") as reply,
            objects.beside(target) as stream,
        ):
            for piece in reply.chunks():
                state.update(piece)
                stream.write(piece)
            if state.hexdigest() != digest.partition(":")[2].removesuffix(".dir"):
                raise damaged(digest)

    def path(self, digest: Digest) -> Path | None:
        """Give None: the files are elsewhere."""
        names.split(digest)
        return None

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are in the store."""
        asked = list(dict.fromkeys(digests))
        names.check(asked)
        found: set[Digest] = set()
        for start in range(0, len(asked), _ASK):
            found.update(self._action("has", list[Digest], digests=asked[start : start + _ASK]))
        return found

    def size(self, digest: Digest) -> int:
        """Bytes of an object; `NotFound` when it is not there."""
        names.split(digest)
        try:
            with self._connection.send("HEAD", f"/objects/{digest}") as reply:
                return int(reply.header("content-length"))
        except NotFound as error:  # an answer to HEAD has no body that could say it
            raise NotFound(f"no object {digest} at {self._connection.url}") from error

    def list(self, algorithm: str | None = None) -> Iterator[ObjectInfo]:
        """Iterate over all objects, over a connection of its own."""
        body = wire.encode({"algorithm": algorithm})
        own = self._connection.another()
        try:
            with own.send(
                "POST", "/api/v1/objects/list", body, headers={"content-type": wire.JSON}
            ) as reply:
                for line in reply.lines():
                    yield wire.decode(line, ObjectInfo)
        finally:
            own.close()

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> int:
        """Remove objects; only garbage collection calls this."""
        asked = list(dict.fromkeys(digests))
        names.check(asked)
        return sum(
            self._action("delete", int, digests=asked[start : start + _ASK], before=before)
            for start in range(0, len(asked), _ASK)
        )

    def close(self) -> None:
        """Release connections."""
        self._connection.close()

    def _action(self, action: str, returns: Any, **arguments: Any) -> Any:
        return self._connection.call(
            f"/api/v1/objects/{action}", arguments, returns=returns, idempotent=True
        )


class _Batch:
    """Small objects on their way, many in one request."""

    def __init__(self, store: HttpStore, moved: Moved | None = None) -> None:
        self._store, self._moved = store, moved
        self._items: dict[Digest, bytes] = {}
        self._bytes = 0

    def add(self, name: Digest, item: bytes) -> None:
        """Take one; sends when there are enough."""
        self._items[name] = item
        self._bytes += len(item)
        if self._bytes >= _BATCH_BYTES or len(self._items) >= _BATCH_COUNT:
            self.flush()

    def flush(self) -> None:
        """Send what was taken."""
        items, self._items, self._bytes = self._items, {}, 0
        if not items:
            return
        body = message.dump(items.items())
        kind = {"content-type": message.BYTES}
        with self._store._connection.send("POST", "/api/v1/packs/put", body, headers=kind) as reply:
            reply.read()
        if self._moved is not None:
            for name, item in items.items():
                self._moved(name, len(item))


class _Blocks(io.RawIOBase):
    """An object read by ranges, so that no connection is held while nobody reads."""

    def __init__(self, connection: Connection, digest: Digest, size: int) -> None:
        self._connection, self._digest, self._size = connection, digest, size
        self._position = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be positioned."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        """Give the place."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read the next block."""
        end = min(self._size, self._position + len(buffer))
        if end <= self._position:
            return 0
        headers = {"range": f"bytes={self._position}-{end - 1}"}
        with self._connection.send("GET", f"/objects/{self._digest}", headers=headers) as reply:
            data = reply.read()
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _changed(path: Path) -> Conflict:
    return Conflict(f"{path} changed while it was read", hint="run the command again")


def damaged(digest: Digest) -> Damaged:
    """Say that bytes are not what their name says."""
    return Damaged(f"the object {digest} is damaged: its bytes are not what its name says")
