"""The little that packs need of a place: put, get a range, list, delete."""

import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from cauce.errors import NotFound
from cauce.kernel import objects

_STALE = 24 * 3600.0
"""Seconds after which a temporary file belongs to nobody."""


class Blob(Struct, frozen=True):
    """A file of a place.

    Attributes:
        name: The last part of its key.
        size: Bytes.
        modified: When it was put.
    """

    name: str
    size: int
    modified: float


class Blobs(Protocol):
    """A place of named bytes: `data/NAME`, `index/NAME`, `gone/NAME`.

    A blob is visible whole or not at all, and is durable when `put` returns. Putting what is there
    replaces it and gives it a new date.

    Attributes:
        url: Address, for errors.
        lanes: Requests that are worth sending at once.
        moves: Whether `put_file` moves the file, which then must have been flushed to the disk.
    """

    url: str
    lanes: int
    moves: bool

    def put(self, key: str, data: bytes) -> None:
        """Put bytes from memory."""
        ...

    def put_file(self, key: str, path: Path, size: int) -> None:
        """Put a file; it may be moved away."""
        ...

    def get(self, key: str) -> bytes:
        """Read all; `NotFound` when it is not there."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read a part, at least one byte of which is there; `NotFound` when the blob is not."""
        ...

    def list(self, folder: str) -> Iterator[Blob]:
        """Iterate over the blobs of a folder, in no promised order."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Remove blobs; those that are not there are passed over."""
        ...

    def workplace(self) -> Path:
        """Give a folder for packs that are being written, on the same disk where that helps."""
        ...


class MemoryBlobs:
    """Blobs in a dictionary; for tests and for objects in `memory:`."""

    def __init__(self) -> None:
        self.url = "memory:"
        self.lanes = 1
        self.moves = False
        self.blobs: dict[str, tuple[bytes, float]] = {}

    def put(self, key: str, data: bytes) -> None:
        """Put bytes from memory."""
        self.blobs[key] = (bytes(data), time.time())

    def put_file(self, key: str, path: Path, size: int) -> None:  # noqa: ARG002
        """Put a file."""
        self.put(key, path.read_bytes())

    def get(self, key: str) -> bytes:
        """Read all."""
        try:
            return self.blobs[key][0]
        except KeyError:
            raise NotFound(f"no {key} in {self.url}") from None

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read a part."""
        return self.get(key)[start : start + length]

    def list(self, folder: str) -> Iterator[Blob]:
        """Iterate over the blobs of a folder."""
        for key, (data, modified) in list(self.blobs.items()):
            if key.startswith(f"{folder}/"):
                yield Blob(key.removeprefix(f"{folder}/"), len(data), modified)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove blobs."""
        for key in keys:
            self.blobs.pop(key, None)

    def workplace(self) -> Path:
        """Give the system's folder of temporary files."""
        return Path(tempfile.gettempdir())


class FolderBlobs:
    """Blobs as files, each flushed before it gets its name."""

    def __init__(self, root: Path) -> None:
        self.url = str(root)
        self.lanes = 2
        self.moves = True
        self._root = root
        self._tidied = False

    def put(self, key: str, data: bytes) -> None:
        """Put bytes from memory."""
        beside = self.workplace() / f"{os.getpid()}-{secrets.token_hex(6)}"
        with objects.writing(self._root):
            try:
                with beside.open("xb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                self._place(key, beside)
            finally:
                beside.unlink(missing_ok=True)

    def put_file(self, key: str, path: Path, size: int) -> None:  # noqa: ARG002
        """Move a file of the workplace, which was flushed, to its place."""
        with objects.writing(self._root):
            self._place(key, path)

    def _place(self, key: str, beside: Path) -> None:
        target = self._root / key
        beside.chmod(0o444)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.replace(target)
        descriptor = os.open(target.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def get(self, key: str) -> bytes:
        """Read all."""
        try:
            return (self._root / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"no {key} in {self.url}") from None

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read a part."""
        try:
            descriptor = os.open(self._root / key, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"no {key} in {self.url}") from None
        try:
            return os.pread(descriptor, length, start)
        finally:
            os.close(descriptor)

    def list(self, folder: str) -> Iterator[Blob]:
        """Iterate over the blobs of a folder."""
        try:
            with os.scandir(self._root / folder) as found:
                items = list(found)
        except (FileNotFoundError, NotADirectoryError):
            return
        for item in items:
            with suppress(FileNotFoundError):
                status = item.stat(follow_symlinks=False)
                if item.is_file(follow_symlinks=False):
                    yield Blob(item.name, status.st_size, status.st_mtime)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove blobs."""
        with objects.writing(self._root):
            for key in keys:
                (self._root / key).unlink(missing_ok=True)

    def workplace(self) -> Path:
        """Give the folder `tmp`, tidied of what killed processes left a day ago."""
        folder = self._root / "tmp"
        with objects.writing(self._root):
            folder.mkdir(parents=True, exist_ok=True)
        if not self._tidied:
            self._tidied = True
            before = time.time() - _STALE
            for file in folder.iterdir():
                with suppress(OSError):
                    if file.stat().st_mtime < before:
                        file.unlink()
        return folder
