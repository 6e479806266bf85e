"""The objects of a server: `http://HOST:PORT`, small ones many at a time, large ones streamed."""

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from cauce.errors import Conflict, Damaged, Invalid, NotFound
from cauce.kernel import digest as names
from cauce.kernel import objects, wire
from cauce.kernel.config import Settings
from cauce.kernel.connection import Connection
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectInfo

_SMALL = 1 << 20
_BATCH_BYTES, _BATCH_COUNT = 8 << 20, 500
_ASK = 2000
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
        batch = _Batch(self, algorithm)
        for item in items:
            if len(item) > _SMALL:
                self._send(names.of(item, algorithm), item)
            else:
                batch.add(item)
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
        batches = {algorithm: _Batch(self, algorithm) for algorithm in names.ALGORITHMS}
        try:
            for path, name in zip(paths, wanted, strict=True):
                found.append(name if name in known else self._put_file(path, name, batches))
        finally:
            for batch in batches.values():
                batch.flush()
        return found

    def _put_file(self, path: Path, wanted: Digest | None, batches: dict[str, "_Batch"]) -> Digest:
        if path.exists() and not path.is_file():
            raise Invalid(f"{path} is not a regular file")
        algorithm = wanted.partition(":")[0] if wanted else "sha256"
        changed = Conflict(f"{path} changed while it was read", hint="run the command again")
        if path.stat().st_size <= _SMALL and not (wanted or "").endswith(".dir"):
            data = path.read_bytes()
            found = names.of(data, algorithm)
            if wanted not in (None, found):
                raise changed
            batches[algorithm].add(data)
            return found
        (found,) = names.of_file(path, (algorithm,))
        if wanted is not None and wanted.removesuffix(".dir") != found:
            raise changed
        with path.open("rb") as stream:
            try:
                self._send(wanted or found, stream)
            except Invalid as error:  # hashed once, sent as something else
                raise changed from error
        return wanted or found

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

    def __init__(self, store: HttpStore, algorithm: str) -> None:
        self._store, self._algorithm = store, algorithm
        self._items: list[bytes] = []
        self._bytes = 0

    def add(self, item: bytes) -> None:
        """Take one; sends when there are enough."""
        self._items.append(item)
        self._bytes += len(item)
        if self._bytes >= _BATCH_BYTES or len(self._items) >= _BATCH_COUNT:
            self.flush()

    def flush(self) -> None:
        """Send what was taken."""
        items, self._items, self._bytes = self._items, [], 0
        if items:
            self._store._action("put", list[Digest], items=items, algorithm=self._algorithm)


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


def damaged(digest: Digest) -> Damaged:
    """Say that bytes are not what their name says."""
    return Damaged(f"the object {digest} is damaged: its bytes are not what its name says")
