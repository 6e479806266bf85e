"""Objects in memory: `memory:`, gone with the process; for tests and dry runs."""

import io
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from cauce.errors import Conflict, Damaged, Invalid, NotFound
from cauce.kernel import digest as names
from cauce.kernel import objects
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectInfo


def open_store(url: str, root: Path, settings: Settings) -> "MemoryStore":  # noqa: ARG001
    """Open an empty store; each call gives another one."""
    return MemoryStore()


class MemoryStore:
    """An object store in a dictionary; safe to share between threads."""

    def __init__(self) -> None:
        self._objects: dict[Digest, tuple[bytes, float]] = {}

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects from memory, in order."""
        digests = [names.of(item, algorithm) for item in items]
        for name, item in zip(digests, items, strict=True):
            self._objects[name] = (bytes(item), time.time())
        return digests

    def put_files(
        self, paths: Sequence[Path], *, digests: Sequence[Digest] | None = None
    ) -> list[Digest]:
        """Store files; one whose digest is given and stored already is not read again."""
        names.check(digests or ())
        found: list[Digest] = []
        wanted = digests if digests is not None else [None] * len(paths)
        for path, name in zip(paths, wanted, strict=True):
            if name is None or name not in self._objects:
                found.append(self._put_file(path, name))
            else:
                found.append(name)
        return found

    def _put_file(self, path: Path, wanted: Digest | None) -> Digest:
        if not path.is_file() and path.exists():
            raise Invalid(f"{path} is not a regular file")
        data = path.read_bytes()
        found = names.of(data, wanted.partition(":")[0] if wanted else "sha256")
        if wanted is not None and not names.same(wanted, found):
            raise Conflict(f"{path} changed while it was read", hint="run the command again")
        self._objects[wanted or found] = (data, time.time())
        return wanted or found

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified."""
        data = self._find(digest)[0]
        if not names.same(digest, names.of(data, digest.partition(":")[0])):
            raise Damaged(f"the object {digest} is damaged: its bytes are not what its name says")
        return data

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset."""
        stream = io.BytesIO(self._find(digest)[0])
        stream.seek(start)
        return stream

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified, beside-then-rename; parents are made."""
        data = self.get(digest)
        with objects.beside(target) as stream:
            stream.write(data)

    def path(self, digest: Digest) -> Path | None:
        """Give None: nothing has a file here."""
        names.split(digest)
        return None

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are in the store."""
        wanted = set(digests)
        names.check(wanted)
        return wanted & self._objects.keys()

    def size(self, digest: Digest) -> int:
        """Bytes of an object."""
        return len(self._find(digest)[0])

    def list(self, algorithm: str | None = None) -> Iterator[ObjectInfo]:
        """Iterate over all objects as they are now."""
        for name, (data, stored) in list(self._objects.items()):
            if algorithm is None or name.startswith(f"{algorithm}:"):
                yield ObjectInfo(digest=name, size=len(data), modified=stored)

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> int:
        """Remove objects; only garbage collection calls this."""
        wanted = self.has(digests)
        if before is not None:
            wanted = {name for name in wanted if self._find(name)[1] <= before}
        return sum(self._objects.pop(name, None) is not None for name in wanted)

    def close(self) -> None:
        """Keep the objects: a closed store of this kind is only let go."""

    def _find(self, digest: Digest) -> tuple[bytes, float]:
        names.split(digest)
        try:
            return self._objects[digest]
        except KeyError:
            raise NotFound(f"no object {digest} in memory") from None
