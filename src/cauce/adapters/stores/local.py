"""Objects as files in a folder: `file:PATH`, relative to the project.

With md5 the folder is a valid DVC cache. DVC trusts a file of mode 0444 without hashing it, and so
do we: the mode is set last, after the bytes are on the disk. A file of any other mode was left by
a killed process or a lost power supply; it counts only once it was hashed.
docs/decisions/0003 says what survives what, and what it costs.
"""

import os
import stat
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from cauce.adapters.stores import batch as batches
from cauce.adapters.stores import looking, whole
from cauce.adapters.stores.batch import BESIDE, TRUSTED, Batch
from cauce.errors import Conflict, Damaged, Invalid, NotFound
from cauce.kernel import digest as names
from cauce.kernel import objects
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectInfo, ObjectStore, Taken

_FRESH = 3600.0
"""Seconds for which a stored object counts as new; an older one that is put again is touched, so
that collection leaves it alone until the commit that will refer to it."""


def open_store(url: str, root: Path, settings: Settings) -> "LocalStore":  # noqa: ARG001
    """Open `file:PATH`; nothing is made before something is put."""
    path = url.removeprefix("file:").removeprefix("//")
    if not path:
        raise Invalid(f"{url!r} names no folder", hint="write file:PATH")
    return LocalStore(root / path)


class LocalStore:
    """An object store in a folder."""

    def __init__(self, root: Path, *, shared: bool = False, record: str = "") -> None:
        """Use a folder.

        Args:
            root: The folder; it need not exist.
            shared: Whether all of the folder's group may write in it.
            record: File that says which objects were whole; empty for none.
        """
        self.root = root
        self.shared = shared
        self.record = record
        self._tidied = False

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects from memory, in order."""
        digests = [names.of(item, algorithm) for item in items]
        with self.batch() as batch:
            for name, item in zip(digests, items, strict=True):
                target = self._file(name)
                if target not in batch.placed and not self.keep(target, name, len(item)):
                    temporary, descriptor = batch.create()
                    with batches.closing(descriptor):
                        batches.write(descriptor, item)
                    batch.place(temporary, target, len(item))
        return digests

    def put_files(
        self, paths: Sequence[Path], *, digests: Sequence[Digest] | None = None
    ) -> list[Digest]:
        """Store files, hashing them while they are copied.

        A file whose digest is given and stored already is not read again.
        """
        if digests is None:
            wanted: list[Digest | None] = [None] * len(paths)
        else:
            names.check(digests)
            wanted = list(digests)
        with self.batch() as batch:
            return [
                self._put_file(batch, path, name) for path, name in zip(paths, wanted, strict=True)
            ]

    def _put_file(self, batch: Batch, path: Path, wanted: Digest | None) -> Digest:
        if wanted is not None:
            target = self._file(wanted)
            if target in batch.placed or self.keep(target, wanted, None):
                return wanted
        # O_NONBLOCK: opening a named pipe must not wait for its writer.
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with batches.closing(source):
            if not stat.S_ISREG(os.fstat(source).st_mode):
                raise Invalid(f"{path} is not a regular file")
            algorithm = wanted.partition(":")[0] if wanted else "sha256"
            temporary, descriptor = batch.create()
            with batches.closing(descriptor):
                found, size = batches.copy(source, descriptor, algorithm)
                state = os.fstat(descriptor)
        if wanted is not None and not names.same(wanted, found):
            raise Conflict(f"{path} changed while it was read", hint="run the command again")
        target = self._file(wanted or found)
        if wanted is None and (target in batch.placed or self.keep(target, found, size)):
            batch.drop(temporary)
        else:
            batch.whole.append(whole.row(found, state))
            batch.place(temporary, target, size)
        return wanted or found

    def link(self, file: Path, digest: Digest) -> bool:
        """Give a file whose bytes were hashed already a name as an object, without a copy.

        The file keeps its own name; both are one file from then on.

        Returns:
            False where a hard link cannot be made: another file system, or one without links.
        """
        target = self._file(digest)
        with objects.writing(self.root):
            if self.keep(target, digest, None):
                return True
            source = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            with batches.closing(source):
                if not batches.link(os.fspath(file), target, f"{self.root}/{BESIDE}"):
                    return False
                # By descriptor: another process may have put the same object in this place.
                if stat.S_IMODE(os.fstat(source).st_mode) != TRUSTED:
                    os.fsync(source)
                batches.flush(os.path.dirname(target))
                os.fchmod(source, TRUSTED)
            return self.keep(target, digest, None)

    def take(self, files: Sequence[tuple[str, int]], algorithm: str) -> list[Taken]:
        """Store files that may be large and many, each read once; see `Files.take`."""
        from cauce.adapters.stores import taking  # late: few commands store files

        return taking.take(self, files, algorithm)

    def whole(self, digests: Iterable[Digest]) -> dict[Digest, str]:
        """Give the files of objects, each whole; see `Files.whole`."""
        wanted = list(digests)
        known = whole.known(self.record, wanted)
        found: dict[Digest, str] = {}
        fresh: list[bytes] = []
        for name in wanted:
            file = self._file(name)
            try:
                state = os.stat(file)
            except (FileNotFoundError, NotADirectoryError):
                continue
            row = whole.row(name, state)
            trusted = stat.S_IMODE(state.st_mode) == TRUSTED
            if not (trusted and row in known):
                if not batches.vouch(file, name):
                    raise self._damaged(name)
                fresh.append(whole.row(name, os.stat(file)))
            found[name] = file
        whole.remember(self.record, fresh)
        return found

    def lacking(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which objects have no file here; see `Files.lacking`."""
        folders: dict[str, set[str]] = {}
        missing = set()
        for name in digests:
            folder, _, base = objects.key(name).rpartition("/")
            there = folders.get(folder)
            if there is None:
                there = folders[folder] = {
                    item.name for item in batches.scan(f"{self.root}/{folder}")
                }
            if base not in there:
                missing.add(name)
        return missing

    def shape(self, algorithm: str) -> bytes:
        """Give what changes when an object comes or goes; see `Files.shape`."""
        found = array("q")
        for number in range(256):
            with suppress(FileNotFoundError, NotADirectoryError):
                state = os.stat(f"{self.root}/files/{algorithm}/{number:02x}")
                found.extend((number, state.st_mtime_ns, state.st_ctime_ns))
        return found.tobytes()

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified."""
        try:
            with open(self._file(digest), "rb", buffering=0) as stream:
                data = stream.readall()
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing(digest) from None
        if not names.same(digest, names.of(data, digest.partition(":")[0])):
            raise self._damaged(digest)
        return data

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset; bytes are not verified."""
        try:
            stream = open(self._file(digest), "rb")  # noqa: SIM115 - handed to the caller
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing(digest) from None
        stream.seek(start)
        return stream

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified, beside-then-rename; parents are made."""
        try:
            source = os.open(self._file(digest), os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing(digest) from None
        with batches.closing(source), objects.beside(target) as stream:
            found, _ = batches.copy(source, stream.fileno(), digest.partition(":")[0])
            if not names.same(digest, found):
                raise self._damaged(digest)

    def receive(self, source: ObjectStore, digests: Sequence[Digest], **how: Any) -> None:
        """Store objects of another store; see `Receiver.receive`."""
        from cauce.adapters.stores import receiving  # late: few commands move objects

        receiving.receive(self, source, digests, **how)

    def path(self, digest: Digest) -> Path | None:
        """Give the object's file, None when it is not in the store."""
        file = self._file(digest)
        return Path(file) if self._holds(file, digest) else None

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are in the store."""
        wanted = set(digests)
        if len(wanted) < looking.MANY:
            return {name for name in wanted if self._holds(self._file(name), name)}
        found = looking.candidates(str(self.root), wanted)
        return {name for name, file in found if self._holds(file, name)}

    def size(self, digest: Digest) -> int:
        """Bytes of an object."""
        file = self._file(digest)
        if not self._holds(file, digest):
            raise self._missing(digest)
        return os.stat(file).st_size

    def list(self, algorithm: str | None = None) -> Iterator[ObjectInfo]:
        """Iterate over all objects, in no promised order; what is no object is passed over."""
        for name in (algorithm,) if algorithm else names.ALGORITHMS:
            for folder in batches.scan(f"{self.root}/files/{name}"):
                for item in batches.scan(folder.path):
                    digest = objects.named(f"files/{name}/{folder.name}/{item.name}")
                    with suppress(FileNotFoundError):
                        if digest is not None and item.is_file(follow_symlinks=False):
                            found = item.stat(follow_symlinks=False)
                            yield ObjectInfo(
                                digest=digest, size=found.st_size, modified=found.st_mtime
                            )

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> int:
        """Remove objects; only garbage collection calls this."""
        with objects.writing(self.root):
            return sum(batches.remove(self._file(name), before) for name in digests)

    def close(self) -> None:
        """Leave no empty folder behind; nothing is held open between calls."""
        with suppress(OSError):  # it is not there, or another process writes in it
            os.rmdir(f"{self.root}/{BESIDE}")

    def _file(self, digest: str) -> str:
        return f"{self.root}/{objects.key(digest)}"

    def _missing(self, digest: Digest) -> NotFound:
        return NotFound(f"no object {digest} in {self.root}")

    def _damaged(self, digest: Digest) -> Damaged:
        return Damaged(
            f"the object {digest} in {self.root} is damaged: its bytes are not what its name says",
            hint="delete its file and store or fetch it again",
        )

    def _holds(self, file: str, name: Digest) -> bool:
        """Tell whether an object is there: by its mode, or by hashing it."""
        try:
            found = os.stat(file)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stat.S_IMODE(found.st_mode) == TRUSTED or batches.vouch(file, name)

    def keep(self, file: str, name: Digest, size: int | None) -> bool:
        """Tell whether an object need not be written, and keep it from being collected soon."""
        try:
            found = os.stat(file)
        except (FileNotFoundError, NotADirectoryError):
            return False
        if size is not None and found.st_size != size:
            return False
        if stat.S_IMODE(found.st_mode) != TRUSTED and not batches.vouch(file, name):
            return False
        if time.time() - found.st_mtime > _FRESH:
            with suppress(OSError):  # somebody else's, or read-only: nobody collects there
                os.utime(file)
        return True

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Write several objects and make them durable together."""
        with objects.writing(self.root):
            batch = Batch(str(self.root), shared=self.shared, record=self.record)
            if not self._tidied:
                self._tidied = True
                batches.tidy(f"{self.root}/{BESIDE}")
            try:
                yield batch
                batch.settle()
            finally:
                batch.close()
