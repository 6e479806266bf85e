"""Stores made of other stores; each is an `ObjectStore` itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectInfo, ObjectStore


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

    def delete(self, digests: Iterable[Digest]) -> int:
        """Remove objects; only garbage collection calls this."""
        wanted = set(digests)
        return sum(
            store.delete({name for name in wanted if self._store(name) is store})
            for store in self._stores()
        )

    def close(self) -> None:
        """Release all stores."""
        for store in self._stores():
            store.close()

    def _store(self, digest: str) -> ObjectStore:
        return self._routes.get(digest.partition(":")[0], self._base)

    def _stores(self) -> tuple[ObjectStore, ...]:
        return (*self._routes.values(), self._base)
