"""The object store over packs: `open_store("s3://BUCKET/PREFIX", root, settings)`."""

import hashlib
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from cauce.adapters.stores.packed.blobs import Blobs, FolderBlobs, MemoryBlobs
from cauce.adapters.stores.packed.reading import Reader
from cauce.adapters.stores.packed.removal import join, remove, restore
from cauce.adapters.stores.packed.snapshot import Place
from cauce.adapters.stores.packed.view import View
from cauce.adapters.stores.packed.writing import Session
from cauce.errors import Invalid
from cauce.kernel import digest as names
from cauce.kernel import moving
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest
from cauce.kernel.moving import Moved
from cauce.kernel.objects import ObjectInfo, ObjectStore
from cauce.kernel.packs import table

_AGE = 60.0
"""Seconds that a writer's first look may be old: what came since is only stored twice."""

_BATCH = 1024
"""Objects that are brought from elsewhere before they are packed."""


_PART = 20_000
"""Objects that are looked up at once."""


def open_store(
    url: str,
    root: Path | None,
    settings: Settings,
    *,
    options: Mapping[str, str] | None = None,
) -> "PackedStore":
    """Open objects in packs; nothing is sent and nothing is made before the store is used.

    Args:
        url: `file:PATH` or a path, `memory:`, or a bucket: `s3://`, `gs://`, `azure://`.
        root: Project folder: relative paths start there, and indexes that were read are kept in
            its `.cauce/packs/`. None: they are kept in memory.
        settings: Where `s3.*` come from when there are no options.
        options: Those of a remote in `.dvc/config`.
    """
    return PackedStore(_place(url, root, settings, options), kept=_kept(url, root))


def _place(
    url: str, root: Path | None, settings: Settings, options: Mapping[str, str] | None
) -> Blobs:
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return MemoryBlobs()
    if scheme in {"", "file"}:
        path = url.removeprefix("file:").removeprefix("//")
        if not path:
            raise Invalid(f"{url!r} names no folder", hint="write file:PATH")
        return FolderBlobs((root or Path.cwd()) / path / "packs")
    from cauce.adapters.stores.packed.bucket import BucketBlobs  # late: obstore

    return BucketBlobs.open(url, settings, options)


def _kept(url: str, root: Path | None) -> Path | None:
    if root is None or url.startswith("memory:"):
        return None
    return root / ".cauce" / "packs" / hashlib.sha256(url.encode()).hexdigest()[:16]


class PackedStore:
    """An object store whose objects lie in packs, big ones in chunks."""

    def __init__(self, blobs: Blobs, *, kept: Path | None = None) -> None:
        """Open a place of packs.

        Args:
            blobs: The place.
            kept: Folder of this machine for indexes that were read; None: memory only.
        """
        self._blobs = blobs
        self._view = View(blobs, kept)
        self._reader = Reader(blobs, self._view)

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects from memory, in order; all of one call share packs."""
        digests = [names.of(item, algorithm) for item in items]
        there = self._places(digests)
        with self._session() as session:
            for name, item, place in zip(digests, items, there, strict=True):
                session.put(item, name, place)
        join(self._blobs, self._view)
        return digests

    def put_files(
        self, paths: Sequence[Path], *, digests: Sequence[Digest] | None = None
    ) -> list[Digest]:
        """Store files; one whose digest is given and stored already is not read again.

        All files of one call share packs and an index: give many at once.
        """
        wanted: Sequence[Digest | None] = [None] * len(paths) if digests is None else digests
        there = itertools.repeat(None, len(paths)) if digests is None else self._places(digests)
        names.check(digests or ())
        with self._session() as session:
            stored = [
                session.put_file(path, name, place)
                for (path, name), place in zip(zip(paths, wanted, strict=True), there, strict=True)
            ]
        join(self._blobs, self._view)
        return stored

    def _places(self, digests: Iterable[Digest]) -> Iterator[Place | None]:
        """Find objects, as far as was known a minute ago; a part at a time, for memory's sake."""
        for part in _parts(digests):
            snapshot = self._view.snapshot(age=_AGE)
            numbers = snapshot.find(table.keys(part))
            places = snapshot.places(numbers[numbers >= 0])
            yield from (next(places) if number >= 0 else None for number in numbers.tolist())

    def _session(self) -> Session:
        return Session(self._blobs, self._view, self._reader.bytes_at)

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified."""
        return self._reader.get(digest)

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset; bytes are not verified."""
        return self._reader.open(digest, start)

    def open_near(self, digest: Digest, near: ObjectStore, *, start: int = 0) -> BinaryIO:
        """Open an object; chunks that files of another store hold are read there."""
        return self._reader.open(digest, start, near)

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified, beside-then-rename; parents are made."""
        self._reader.fetch(digest, target)

    def read_many(self, digests: Sequence[Digest]) -> Iterator[tuple[Digest, memoryview | None]]:
        """Read many small objects in few requests; see `cauce.kernel.moving.read_many`."""
        return self._reader.read_many(digests)

    def receive(
        self,
        source: ObjectStore,
        digests: Sequence[Digest],
        *,
        trust: bool = False,
        jobs: int | None = None,
        moved: Moved | None = None,
    ) -> None:
        """Store objects of another store in packs of one session; see `cauce.kernel.moving`."""
        names.check(digests)
        arrived: list[tuple[Digest, int]] = []

        def visible() -> None:
            for name, size in arrived:
                if moved is not None:
                    moved(name, size)
            arrived.clear()

        with self._session() as session:
            session.visible = visible
            for start in range(0, len(digests), _BATCH):
                batch = digests[start : start + _BATCH]
                there = dict(zip(batch, self._places(batch), strict=True))
                with tempfile.TemporaryDirectory(prefix="cauce-move-") as folder:
                    for name, path in moving.files(source, batch, Path(folder), jobs):
                        session.put_file(path, name, there[name], trust=trust)
                        arrived.append((name, path.stat().st_size))
        join(self._blobs, self._view)

    def path(self, digest: Digest) -> Path | None:
        """Give None: no object has a file of its own."""
        names.split(digest)
        return None

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are in the store: one listing, however many they are."""
        snapshot = self._view.snapshot()
        found: set[Digest] = set()
        for part in _parts(digests):
            numbers = snapshot.find(table.keys(part)).tolist()
            found.update(name for name, at in zip(part, numbers, strict=True) if at >= 0)
        return found

    def size(self, digest: Digest) -> int:
        """Bytes of an object."""
        return self._reader.find(digest).size

    def list(self, algorithm: str | None = None) -> Iterator[ObjectInfo]:
        """Iterate over all objects, in no promised order."""
        snapshot = self._view.snapshot()
        numbers = snapshot.objects(algorithm)
        for start in range(0, len(numbers), _PART):
            part = numbers[start : start + _PART]
            found = snapshot.lookup.table[part]
            columns = (found["size"].tolist(), snapshot.lookup.dates[part].tolist())
            for name, size, modified in zip(table.digests(found), *columns, strict=True):
                yield ObjectInfo(digest=name, size=size, modified=modified)

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> int:
        """Remove objects; only garbage collection calls this.

        Each call writes the indexes anew: give all objects at once. What was removed can be
        brought back for 24 hours, after which the next call frees its room.
        """
        wanted = list(dict.fromkeys(digests))
        keys = table.keys(wanted)
        return remove(self._blobs, self._view, self._reader, keys, before)

    def restore(self, digests: Iterable[Digest]) -> int:
        """Bring back objects that were removed in the last 24 hours; give how many came.

        Also those whose indexes were lost: packs say themselves what they hold.
        """
        keys = table.keys(dict.fromkeys(digests))
        return restore(self._blobs, self._view, self._reader, keys)

    def close(self) -> None:
        """Hold nothing open between calls, so there is nothing to release."""


def _parts(digests: Iterable[Digest]) -> Iterator[list[Digest]]:
    """Give digests a part at a time."""
    source = iter(digests)
    while part := list(itertools.islice(source, _PART)):
        yield part
