"""Files on their way into a folder of objects: written beside, renamed, flushed, then trusted."""

import ctypes
import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cauce.adapters.stores import whole
from cauce.kernel import digest as names
from cauce.kernel.entities import Digest

BESIDE = "tmp"
TRUSTED = 0o444
_SHARED = 0o2775
_CHUNK = 1 << 18
_STALE = 24 * 3600.0
"""Seconds after which a temporary file belongs to nobody."""

_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_SETTLE_COUNT, _SETTLE_BYTES = 4096, 1 << 30
_AGAIN = 3
"""Tries to make a file whose folder another process takes away when it is empty."""

_FEW = 4
"""Up to so many files are flushed one by one; more are flushed by one `syncfs`."""


class Batch:
    """Objects on their way in: written beside, renamed, flushed together, then trusted.

    Attributes:
        placed: Files that have their names already and are not flushed yet.
        whole: Rows for the record of whole objects; kept with the next flush.
    """

    def __init__(self, root: str, *, shared: bool = False, record: str = "") -> None:
        self._root, self._shared, self._record = root, shared, record
        self._beside = f"{root}/{BESIDE}/{os.getpid()}-{secrets.token_hex(6)}-"
        self._made = 0
        self._open: set[str] = set()
        self.placed: set[str] = set()
        self.whole: list[bytes] = []
        self._bytes = 0

    def create(self) -> tuple[str, int]:
        """Make a temporary file; gives its name and a descriptor to write to."""
        self._made += 1
        temporary = f"{self._beside}{self._made}"
        try:
            descriptor = os.open(temporary, _NEW, 0o644)
        except FileNotFoundError:
            descriptor = create(temporary, 0o644, shared=self._shared)
        self._open.add(temporary)
        return temporary, descriptor

    def place(self, temporary: str, target: str, size: int) -> None:
        """Give a temporary file its name as an object."""
        try:
            os.replace(temporary, target)
        except FileNotFoundError:
            make_folders(os.path.dirname(target), shared=self._shared)
            os.replace(temporary, target)
        self._open.discard(temporary)
        self.placed.add(target)
        self._bytes += size
        if len(self.placed) >= _SETTLE_COUNT or self._bytes >= _SETTLE_BYTES:
            self.settle()

    def drop(self, temporary: str) -> None:
        """Take back a temporary file whose bytes are stored already."""
        remove(temporary)
        self._open.discard(temporary)

    def settle(self) -> None:
        """Flush what was placed to the disk, then mark it as trusted."""
        if len(self.placed) > _FEW:
            flush_all(self._root)
        else:
            for file in self.placed:
                flush(file)
            for folder in {os.path.dirname(file) for file in self.placed}:
                flush(folder)
        for file in self.placed:
            os.chmod(file, TRUSTED)
        if self.whole:
            whole.remember(self._record, self.whole)
        self.placed.clear()
        self.whole.clear()
        self._bytes = 0

    def close(self) -> None:
        """Remove what was not placed."""
        for temporary in self._open:
            remove(temporary)


@contextmanager
def closing(descriptor: int) -> Iterator[None]:
    """Close a descriptor in the end."""
    try:
        yield
    finally:
        os.close(descriptor)


def make_folders(folder: str, *, shared: bool) -> None:
    """Make folders; shared ones belong to the group, as DVC's `cache.shared = group` has it."""
    if not shared:
        os.makedirs(folder, exist_ok=True)
        return
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for one in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(one)
            os.chmod(one, _SHARED)


def create(file: str, mode: int, *, shared: bool = False) -> int:
    """Create a file for writing, with its folders."""
    for _ in range(_AGAIN):
        with suppress(FileNotFoundError):
            return os.open(file, _NEW, mode)
        make_folders(os.path.dirname(file), shared=shared)
    return os.open(file, _NEW, mode)


def link(file: str, target: str, beside: str) -> bool:
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
        remove(temporary)  # it stays where both names were one file already
    except OSError as error:
        if error.errno in _NO_LINK:
            return False
        raise
    return True


def write(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of the bytes."""
    written = os.write(descriptor, data)
    while written < len(data):
        data = memoryview(data)[written:]
        written = os.write(descriptor, data)


def copy(source: int, target: int, algorithm: str) -> tuple[Digest, int]:
    """Copy the rest of a file and name its bytes."""
    state = names.hasher(algorithm)
    buffer = bytearray(_CHUNK)  # one that stays in the processor's cache, instead of one a read
    view = memoryview(buffer)
    size = 0
    while count := os.readv(source, [buffer]):
        state.update(view[:count])
        write(target, view[:count])
        size += count
    return Digest(f"{algorithm}:{state.hexdigest()}"), size


def vouch(file: str, name: Digest) -> bool:
    """Hash a file that is not trusted yet and, when it is whole, trust it."""
    try:
        found = names.of_file(Path(file), (name.partition(":")[0],))[0]
    except (FileNotFoundError, IsADirectoryError):
        return False
    if not names.same(name, found):
        return False
    with suppress(OSError):  # read-only, or somebody else's: it is hashed again the next time
        if os.stat(file).st_mode & 0o7777 != TRUSTED:
            flush(file)
            os.chmod(file, TRUSTED)
    return True


def flush(path: str) -> None:
    """Wait until a file's or folder's changes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with closing(descriptor):
        os.fsync(descriptor)


def flush_all(folder: str) -> None:
    """Wait until all changes of the folder's file system are on the disk."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):  # not Linux
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    with closing(descriptor):
        if library.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), folder)


def remove(file: str, before: float | None = None) -> bool:
    """Remove a file, unless it was written after a time; tells whether it went."""
    try:
        if before is not None and os.stat(file).st_mtime > before:
            return False
        os.unlink(file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def scan(folder: str) -> list[os.DirEntry[str]]:
    """List a folder, which need not exist."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def tidy(folder: str) -> None:
    """Remove temporary files that a killed process left long ago."""
    before = time.time() - _STALE
    for item in scan(folder):
        with suppress(OSError):
            if item.stat(follow_symlinks=False).st_mtime < before:
                os.unlink(item.path)
