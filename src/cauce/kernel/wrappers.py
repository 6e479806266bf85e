"""Stores made of other stores; each is an `ObjectStore` itself."""

import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from cauce.errors import Damaged, NotFound, Unwritable
from cauce.kernel import digest as names
from cauce.kernel import objects
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectInfo, ObjectStore

if TYPE_CHECKING:
    from cauce.kernel.moving import Moved

T = TypeVar("T")

_ROOM = 0.9
"""Share of a cache's limit that is left after it made room."""


class Around:
    """Pass every call on to another store, through `_call`, which subclasses may change."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects from memory, in order."""
        return self._call("put", lambda: self._inner.put(items, algorithm=algorithm))

    def put_files(
        self, paths: Sequence[Path], *, digests: Sequence[Digest] | None = None
    ) -> list[Digest]:
        """Store files, hashing them while they are copied."""
        return self._call("put_files", lambda: self._inner.put_files(paths, digests=digests))

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified."""
        return self._call("get", lambda: self._inner.get(digest))

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset."""
        return self._call("open", lambda: self._inner.open(digest, start=start))

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified."""
        self._call("fetch", lambda: self._inner.fetch(digest, target))

    def path(self, digest: Digest) -> Path | None:
        """Give the local file of an object when the store has one, else None."""
        return self._call("path", lambda: self._inner.path(digest))

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are in the store."""
        wanted = set(digests)
        return self._call("has", lambda: self._inner.has(wanted))

    def size(self, digest: Digest) -> int:
        """Bytes of an object."""
        return self._call("size", lambda: self._inner.size(digest))

    def list(self, algorithm: str | None = None) -> Iterator[ObjectInfo]:
        """Iterate over all objects; only the start goes through `_call`, not each item."""

        def begin() -> tuple[Iterator[ObjectInfo], ObjectInfo | None]:
            items = self._inner.list(algorithm)
            return items, next(items, None)

        items, first = self._call("list", begin)
        if first is not None:
            yield first
            yield from items

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> int:
        """Remove objects; only garbage collection calls this."""
        wanted = set(digests)
        return self._call("delete", lambda: self._inner.delete(wanted, before=before))

    def receive(
        self,
        source: ObjectStore,
        digests: Sequence[Digest],
        *,
        trust: bool = False,
        jobs: int | None = None,
        moved: "Moved | None" = None,
    ) -> None:
        """Take objects out of another store; whoever moves them tries again (`kernel.moving`)."""
        from cauce.kernel import moving  # late: few commands move objects

        moving.receive(source, self._inner, digests, trust=trust, jobs=jobs, moved=moved)

    def read_many(self, digests: Sequence[Digest]) -> Iterator[tuple[Digest, memoryview | None]]:
        """Read many small objects at once; whoever moves them tries again (`kernel.moving`)."""
        from cauce.kernel import moving  # late: few commands move objects

        return moving.read_many(self._inner, digests)

    def open_near(self, digest: Digest, near: ObjectStore, *, start: int = 0) -> BinaryIO:
        """Open an object; what a near store holds of it is read there (`kernel.moving`)."""
        from cauce.kernel import moving  # late: few commands move objects

        return self._call("open", lambda: moving.open_near(self._inner, digest, near, start=start))

    def close(self) -> None:
        """Release the store inside."""
        self._inner.close()

    def _call(self, method: str, call: Callable[[], T]) -> T:  # noqa: ARG002 - for subclasses
        return call()


class Retry(Around):
    """Try again when a store does not answer, after a while that doubles and is random.

    Every call of a store may be repeated: putting what is there is a no-op. A stream or a list
    that breaks off in the middle is not taken up again.
    """

    def __init__(
        self,
        inner: ObjectStore,
        *,
        attempts: int = 5,
        first: float = 0.1,
        longest: float = 5.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Wrap a store.

        Args:
            inner: Store that may be away for a while.
            attempts: Calls at most, the first one included.
            first: Longest wait before the second attempt, in seconds; doubles each time.
            longest: Longest wait of all, in seconds.
            sleep: What waits.
        """
        super().__init__(inner)
        self._attempts, self._first, self._longest = attempts, first, longest
        self._sleep = sleep

    def _call(self, method: str, call: Callable[[], T]) -> T:  # noqa: ARG002
        for attempt in range(1, self._attempts):
            try:
                return call()
            except (ConnectionError, TimeoutError):  # `Unavailable` is a ConnectionError
                bound = min(self._longest, self._first * 2 ** (attempt - 1))
                self._sleep(random.uniform(0, bound))  # noqa: S311 - spreads load, no secret
        return call()


class Verified(Around):
    """Check the bytes of a store that does not check them itself."""

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects, and check the names that the store gives them."""
        wanted = [names.of(item, algorithm) for item in items]
        return self._agreed(wanted, self._inner.put(items, algorithm=algorithm))

    def put_files(
        self, paths: Sequence[Path], *, digests: Sequence[Digest] | None = None
    ) -> list[Digest]:
        """Store files that were hashed here first."""
        wanted = [names.of_file(path)[0] for path in paths] if digests is None else list(digests)
        return self._agreed(wanted, self._inner.put_files(paths, digests=wanted))

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified."""
        data = self._inner.get(digest)
        if not names.same(digest, names.of(data, digest.partition(":")[0])):
            raise _damaged(digest)
        return data

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, which gets its name only when its bytes are right."""
        with objects.beside(target) as stream:
            beside = Path(stream.name)
            self._inner.fetch(digest, beside)
            found = names.of_file(beside, (digest.partition(":")[0],))[0]
            if not names.same(digest, found):
                raise _damaged(digest)

    def _agreed(self, wanted: list[Digest], got: list[Digest]) -> list[Digest]:
        for name, other in zip(wanted, got, strict=True):
            if name != other:
                raise Damaged(f"the store took {name} for {other}", hint="check the connection")
        return got


_NO_ROOM = (Unwritable, FileNotFoundError)
"""What a near store may say; the second when another thread made room of a file just written."""


class Cache(Around):
    """Keep objects of a slow store in a near one, the least recently used leaving first.

    The slow store decides what exists. An object that is being read may leave the near store: on
    one machine its open file lives on, and whoever comes later fetches it again.
    """

    def __init__(self, far: ObjectStore, near: ObjectStore, *, limit: int) -> None:
        """Put a near store in front of a slow one.

        Args:
            far: The store that counts.
            near: A local store that holds nothing else.
            limit: Bytes to keep near; the newest object stays even when it alone is larger.
        """
        super().__init__(far)
        self._near = near
        self._limit = limit
        self._held: int | None = None
        self._lock = threading.Lock()

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects in both."""
        found = self._inner.put(items, algorithm=algorithm)
        with suppress(*_NO_ROOM):
            self._near.put(items, algorithm=algorithm)
            self._grown(sum(map(len, items)))
        return found

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified; one that is damaged near comes from afar."""
        return self._read(digest, lambda store: store.get(digest))

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset."""
        return self._read(digest, lambda store: store.open(digest, start=start))

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified."""
        self._read(digest, lambda store: store.fetch(digest, target))

    def path(self, digest: Digest) -> Path | None:
        """Give the near file of an object, brought near if need be; None when it does not exist."""
        with suppress(NotFound):
            return self._near.path(digest) if self._pull(digest) else None
        return None

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> int:
        """Remove objects from both; the far store's dates count."""
        wanted = set(digests)
        self._near.delete(wanted)
        return self._inner.delete(wanted, before=before)

    def close(self) -> None:
        """Release both."""
        self._near.close()
        super().close()

    def _read(self, digest: Digest, read: Callable[[ObjectStore], T]) -> T:
        if self._pull(digest):
            try:
                return read(self._near)
            except NotFound:
                pass  # it left in the meantime
            except Damaged:
                self._near.delete([digest])
        return read(self._inner)

    def _pull(self, digest: Digest) -> bool:
        """Bring an object near; False when there is no room for it."""
        if self._near.has([digest]):
            self._touch(digest)
            return True
        with suppress(*_NO_ROOM), tempfile.TemporaryDirectory(prefix="cauce-") as folder:
            beside = Path(folder) / "object"
            self._inner.fetch(digest, beside)
            self._near.put_files([beside], digests=[digest])
            self._grown(beside.stat().st_size, keep=digest)
            return True
        return False

    def _touch(self, digest: Digest) -> None:
        """Note on the file that it was used, for all processes that share the near store."""
        file = self._near.path(digest)
        if file is not None:
            with suppress(OSError):
                os.utime(file)

    def _grown(self, size: int, keep: Digest | None = None) -> None:
        """Count what came, and make room when it is too much."""
        with self._lock:
            if self._held is None:
                self._held = sum(info.size for info in self._near.list())
            else:
                self._held += size
            if self._held <= self._limit:
                return
            # Others may have added and removed: look again before anything goes.
            oldest = sorted(self._near.list(), key=lambda info: info.modified)
            self._held = sum(info.size for info in oldest)
            for info in oldest:
                if self._held <= self._limit * _ROOM:
                    break
                if info.digest != keep:
                    self._near.delete([info.digest])
                    self._held -= info.size


class Routed:
    """Send each algorithm's objects to a store of its own, the rest to a base.

    A DVC project keeps md5 objects in DVC's cache folder this way, and all others in ours.
    """

    def __init__(self, routes: Mapping[str, ObjectStore], base: ObjectStore) -> None:
        self._routes = dict(routes)
        self._base = base

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects from memory, in order."""
        return self._routes.get(algorithm, self._base).put(items, algorithm=algorithm)

    def put_files(
        self, paths: Sequence[Path], *, digests: Sequence[Digest] | None = None
    ) -> list[Digest]:
        """Store files, each where its digest belongs."""
        if digests is None:
            return self._routes.get("sha256", self._base).put_files(paths)
        pairs = list(zip(paths, digests, strict=True))
        for store in self._stores():
            here = [(path, name) for path, name in pairs if self._store(name) is store]
            if here:
                store.put_files([path for path, _ in here], digests=[name for _, name in here])
        return list(digests)

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified."""
        return self._store(digest).get(digest)

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset."""
        return self._store(digest).open(digest, start=start)

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified."""
        self._store(digest).fetch(digest, target)

    def path(self, digest: Digest) -> Path | None:
        """Give the local file of an object, if its store has one."""
        return self._store(digest).path(digest)

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are in their stores."""
        wanted = set(digests)
        found: set[Digest] = set()
        for store in self._stores():
            found |= store.has({name for name in wanted if self._store(name) is store})
        return found

    def size(self, digest: Digest) -> int:
        """Bytes of an object."""
        return self._store(digest).size(digest)

    def list(self, algorithm: str | None = None) -> Iterator[ObjectInfo]:
        """Iterate over the objects of all stores; what lies in a wrong one is passed over."""
        for store in self._stores():
            for info in store.list(algorithm):
                if self._store(info.digest) is store:
                    yield info

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> int:
        """Remove objects; only garbage collection calls this."""
        wanted = set(digests)
        return sum(
            store.delete({name for name in wanted if self._store(name) is store}, before=before)
            for store in self._stores()
        )

    def receive(
        self,
        source: ObjectStore,
        digests: Sequence[Digest],
        *,
        trust: bool = False,
        jobs: int | None = None,
        moved: "Moved | None" = None,
    ) -> None:
        """Take objects out of another store, each where it belongs."""
        from cauce.kernel import moving  # late: few commands move objects

        for store in self._stores():
            here = [name for name in digests if self._store(name) is store]
            if here:
                moving.receive(source, store, here, trust=trust, jobs=jobs, moved=moved)

    def part(self, algorithm: str) -> ObjectStore:
        """Give the store that an algorithm's objects are in."""
        return self._routes.get(algorithm, self._base)

    def close(self) -> None:
        """Release all stores."""
        for store in self._stores():
            store.close()

    def _store(self, digest: str) -> ObjectStore:
        return self._routes.get(digest.partition(":")[0], self._base)

    def _stores(self) -> tuple[ObjectStore, ...]:
        return tuple(dict.fromkeys((*self._routes.values(), self._base)))


def _damaged(digest: Digest) -> Damaged:
    return Damaged(f"the object {digest} came damaged: its bytes are not what its name says")
