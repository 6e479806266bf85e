"""Objects as files in a folder: `file:PATH`, relative to the project.

With md5 the folder is a valid DVC cache. DVC trusts a file of mode 0444 without hashing it, and so
do we: the mode is set last, after the bytes are on the disk. A file of any other mode was left by
a killed process or a lost power supply; it counts only once it was hashed.
docs/decisions/0003 says what survives what, and what it costs.
"""

import ctypes
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from cauce.errors import Conflict, Damaged, Invalid, NotFound
from cauce.kernel import digest as names
from cauce.kernel import objects
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectInfo, ObjectStore

_BESIDE = "tmp"
_TRUSTED = 0o444
_CHUNK = 1 << 20
_STALE = 24 * 3600.0
"""Seconds after which a temporary file belongs to nobody."""

_FRESH = 3600.0
"""Seconds for which a stored object counts as new; an older one that is put again is touched, so
that collection leaves it alone until the commit that will refer to it."""

_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}

_SETTLE_COUNT, _SETTLE_BYTES = 4096, 1 << 30
_AGAIN = 3
"""Tries to make a file whose folder another process takes away when it is empty."""

_FEW = 4
"""Up to so many files are flushed one by one; more are flushed by one `syncfs`."""


def open_store(url: str, root: Path, settings: Settings) -> "LocalStore":  # noqa: ARG001
    """Open `file:PATH`; nothing is made before something is put."""
    path = url.removeprefix("file:").removeprefix("//")
    if not path:
        raise Invalid(f"{url!r} names no folder", hint="write file:PATH")
    return LocalStore(root / path)


class LocalStore:
    """An object store in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tidied = False

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects from memory, in order."""
        digests = [names.of(item, algorithm) for item in items]
        with self._batch() as batch:
            for name, item in zip(digests, items, strict=True):
                target = self._file(name)
                if target not in batch.placed and not self._keep(target, name, len(item)):
                    temporary, descriptor = batch.create()
                    with _closing(descriptor):
                        _write(descriptor, item)
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
        with self._batch() as batch:
            return [
                self._put_file(batch, path, name) for path, name in zip(paths, wanted, strict=True)
            ]

    def _put_file(self, batch: "_Batch", path: Path, wanted: Digest | None) -> Digest:
        if wanted is not None:
            target = self._file(wanted)
            if target in batch.placed or self._keep(target, wanted, None):
                return wanted
        # O_NONBLOCK: opening a named pipe must not wait for its writer.
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with _closing(source):
            if not stat.S_ISREG(os.fstat(source).st_mode):
                raise Invalid(f"{path} is not a regular file")
            algorithm = wanted.partition(":")[0] if wanted else "sha256"
            temporary, descriptor = batch.create()
            with _closing(descriptor):
                found, size = _copy(source, descriptor, algorithm)
        if wanted is not None and not names.same(wanted, found):
            raise Conflict(f"{path} changed while it was read", hint="run the command again")
        target = self._file(wanted or found)
        if wanted is None and (target in batch.placed or self._keep(target, found, size)):
            batch.drop(temporary)
        else:
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
            if self._keep(target, digest, None):
                return True
            source = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            with _closing(source):
                if not _link(os.fspath(file), target, f"{self.root}/{_BESIDE}"):
                    return False
                # By descriptor: another process may have put the same object in this place.
                if stat.S_IMODE(os.fstat(source).st_mode) != _TRUSTED:
                    os.fsync(source)
                _flush(os.path.dirname(target))
                os.fchmod(source, _TRUSTED)
            return self._keep(target, digest, None)

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
        with _closing(source), objects.beside(target) as stream:
            found, _ = _copy(source, stream.fileno(), digest.partition(":")[0])
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
        return {name for name in digests if self._holds(self._file(name), name)}

    def size(self, digest: Digest) -> int:
        """Bytes of an object."""
        file = self._file(digest)
        if not self._holds(file, digest):
            raise self._missing(digest)
        return os.stat(file).st_size

    def list(self, algorithm: str | None = None) -> Iterator[ObjectInfo]:
        """Iterate over all objects, in no promised order; what is no object is passed over."""
        for name in (algorithm,) if algorithm else names.ALGORITHMS:
            for folder in _scan(f"{self.root}/files/{name}"):
                for item in _scan(folder.path):
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
            return sum(_remove(self._file(name), before) for name in digests)

    def close(self) -> None:
        """Leave no empty folder behind; nothing is held open between calls."""
        with suppress(OSError):  # it is not there, or another process writes in it
            os.rmdir(f"{self.root}/{_BESIDE}")

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
        return stat.S_IMODE(found.st_mode) == _TRUSTED or _vouch(file, name)

    def _keep(self, file: str, name: Digest, size: int | None) -> bool:
        """Tell whether an object need not be written, and keep it from being collected soon."""
        try:
            found = os.stat(file)
        except (FileNotFoundError, NotADirectoryError):
            return False
        if size is not None and found.st_size != size:
            return False
        if stat.S_IMODE(found.st_mode) != _TRUSTED and not _vouch(file, name):
            return False
        if time.time() - found.st_mtime > _FRESH:
            with suppress(OSError):  # somebody else's, or read-only: nobody collects there
                os.utime(file)
        return True

    @contextmanager
    def _batch(self) -> Iterator["_Batch"]:
        """Write several objects and make them durable together."""
        with objects.writing(self.root):
            batch = _Batch(str(self.root))
            if not self._tidied:
                self._tidied = True
                _tidy(f"{self.root}/{_BESIDE}")
            try:
                yield batch
                batch.settle()
            finally:
                batch.close()


class _Batch:
    """Objects on their way in: written beside, renamed, flushed together, then trusted.

    Attributes:
        placed: Files that have their names already and are not flushed yet.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._beside = f"{root}/{_BESIDE}/{os.getpid()}-{secrets.token_hex(6)}-"
        self._made = 0
        self._open: set[str] = set()
        self.placed: set[str] = set()
        self._bytes = 0

    def create(self) -> tuple[str, int]:
        """Make a temporary file; gives its name and a descriptor to write to."""
        self._made += 1
        temporary = f"{self._beside}{self._made}"
        descriptor = _create(temporary, 0o644)
        self._open.add(temporary)
        return temporary, descriptor

    def place(self, temporary: str, target: str, size: int) -> None:
        """Give a temporary file its name as an object."""
        try:
            os.replace(temporary, target)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(temporary, target)
        self._open.discard(temporary)
        self.placed.add(target)
        self._bytes += size
        if len(self.placed) >= _SETTLE_COUNT or self._bytes >= _SETTLE_BYTES:
            self.settle()

    def drop(self, temporary: str) -> None:
        """Take back a temporary file whose bytes are stored already."""
        _remove(temporary)
        self._open.discard(temporary)

    def settle(self) -> None:
        """Flush what was placed to the disk, then mark it as trusted."""
        if len(self.placed) > _FEW:
            _flush_all(self._root)
        else:
            for file in self.placed:
                _flush(file)
            for folder in {os.path.dirname(file) for file in self.placed}:
                _flush(folder)
        for file in self.placed:
            os.chmod(file, _TRUSTED)
        self.placed.clear()
        self._bytes = 0

    def close(self) -> None:
        """Remove what was not placed."""
        for temporary in self._open:
            _remove(temporary)


@contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)


def _create(file: str, mode: int) -> int:
    """Create a file for writing, with its folders."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    for _ in range(_AGAIN):
        with suppress(FileNotFoundError):
            return os.open(file, flags, mode)
        os.makedirs(os.path.dirname(file), exist_ok=True)
    return os.open(file, flags, mode)


def _link(file: str, target: str, beside: str) -> bool:
    """Make a hard link, in place of what is there; False where that is not possible."""
    try:
        try:
            os.link(file, target)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.link(file, target)
    except FileExistsError:  # damaged, or put by another process meanwhile: never away for a moment
        temporary = f"{beside}/{os.getpid()}-{secrets.token_hex(6)}"
        os.makedirs(beside, exist_ok=True)
        os.link(file, temporary)
        os.replace(temporary, target)
        _remove(temporary)  # it stays where both names were one file already
    except OSError as error:
        if error.errno in _NO_LINK:
            return False
        raise
    return True


def _write(descriptor: int, data: bytes | memoryview) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        data = memoryview(data)[written:]
        written = os.write(descriptor, data)


def _copy(source: int, target: int, algorithm: str) -> tuple[Digest, int]:
    """Copy the rest of a file and name its bytes."""
    state = names.hasher(algorithm)
    size = 0
    while chunk := os.read(source, _CHUNK):
        state.update(chunk)
        _write(target, chunk)
        size += len(chunk)
    return Digest(f"{algorithm}:{state.hexdigest()}"), size


def _vouch(file: str, name: Digest) -> bool:
    """Hash a file that is not trusted yet and, when it is whole, trust it."""
    try:
        found = names.of_file(Path(file), (name.partition(":")[0],))[0]
    except (FileNotFoundError, IsADirectoryError):
        return False
    if not names.same(name, found):
        return False
    with suppress(OSError):  # read-only, or somebody else's: it is hashed again the next time
        _flush(file)
        os.chmod(file, _TRUSTED)
    return True


def _flush(path: str) -> None:
    """Wait until a file's or folder's changes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with _closing(descriptor):
        os.fsync(descriptor)


def _flush_all(folder: str) -> None:
    """Wait until all changes of the folder's file system are on the disk."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):  # not Linux
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    with _closing(descriptor):
        if library.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), folder)


def _remove(file: str, before: float | None = None) -> bool:
    try:
        if before is not None and os.stat(file).st_mtime > before:
            return False
        os.unlink(file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _scan(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _tidy(folder: str) -> None:
    """Remove temporary files that a killed process left long ago."""
    before = time.time() - _STALE
    for item in _scan(folder):
        with suppress(OSError):
            if item.stat(follow_symlinks=False).st_mtime < before:
                os.unlink(item.path)
