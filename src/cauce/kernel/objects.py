"""The object store's contract: bytes named by their digest.

Members live in `cauce.adapters.stores` (local, memory, s3, http) and all pass
`cauce.testing.store_suite.StoreSuite`. Wrappers (retry, cache, verification) are in
`cauce.kernel.wrappers` and are stores themselves.
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from msgspec import Struct

from cauce.errors import Unwritable
from cauce.kernel.digest import LEGACY, split
from cauce.kernel.entities import Digest

_KEY = re.compile(r"files/(md5|sha256)/([0-9a-f]{2})/([0-9a-f]+(?:\.dir)?)\Z")


def key(digest: str) -> str:
    """Give the place of an object below any store's root; `Invalid` for a malformed digest."""
    split(digest)
    return place(digest)


def place(digest: str) -> str:
    """Give the place of an object whose name was checked before."""
    algorithm, _, name = digest.partition(":")
    if algorithm == LEGACY:  # DVC 2 knew no other algorithm, and no folder for it
        return f"{name[:2]}/{name[2:]}"
    return f"files/{algorithm}/{name[:2]}/{name[2:]}"


def named(key: str) -> Digest | None:
    """Give the digest that a place stands for, None when it is no object's place."""
    match = _KEY.match(key)
    if match is None:
        return None
    try:
        split(found := f"{match[1]}:{match[2]}{match[3]}")
    except ValueError:
        return None
    return Digest(found)


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def writing(place: Path | str) -> Iterator[None]:
    """Turn the system's refusals to write below a folder into `Unwritable`."""
    try:
        yield
    except OSError as error:
        elsewhere = error.filename is not None and not str(error.filename).startswith(str(place))
        if error.errno not in _FULL | _READ_ONLY or elsewhere:
            raise
        raise Unwritable(
            f"cannot write to {place}: {error.strerror}",
            hint="free some space" if error.errno in _FULL else "make the folder writable",
        ) from error


@contextmanager
def beside(target: Path) -> Iterator[BinaryIO]:
    """Write a file under a temporary name in its folder; it gets its own name when all went well.

    Missing folders are made. A killed process leaves `.cauce-….tmp` behind.
    """
    # Text, not paths: a checkout comes here for each of its files.
    name = os.fspath(target)
    folder = os.path.dirname(name) or "."
    temporary = f"{folder}/.cauce-{os.urandom(8).hex()}.tmp"
    with writing(folder):
        try:
            stream = open(temporary, "xb")
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
            stream = open(temporary, "xb")
        try:
            with stream:
                yield stream
            os.replace(temporary, name)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


class ObjectInfo(Struct, frozen=True, kw_only=True):
    """What a store says of an object without reading it.

    Attributes:
        size: Bytes.
        modified: When it was stored.
    """

    digest: Digest
    size: int
    modified: float


class ObjectStore(Protocol):
    """Immutable bytes by digest; layout `files/<algorithm>/<2 hex>/<rest>` (docs/format.md).

    Every write goes beside its place, is verified, then renamed: a reader never sees half an
    object. Putting what is there is a no-op.
    """

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects from memory, in order.

        Raises:
            OSError: The disk is full or read-only; what was stored before stays.
        """
        ...

    def put_files(
        self, paths: Sequence[Path], *, digests: Sequence[Digest] | None = None
    ) -> list[Digest]:
        """Store files, hashing them while they are copied.

        Args:
            paths: Regular files.
            digests: What they were hashed to before; the bytes must still match, else `Conflict`
                (the file changed while it was read). None: hash with sha256.
        """
        ...

    def get(self, digest: Digest) -> bytes:
        """Read a whole object.

        Raises:
            NotFound: It is not in the store.
            Damaged: Its bytes are not what its name says.
        """
        ...

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset; bytes are not verified."""
        ...

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified, beside-then-rename; parents are made."""
        ...

    def path(self, digest: Digest) -> Path | None:
        """Give the local file of an object when the store has one, else None."""
        ...

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are in the store."""
        ...

    def size(self, digest: Digest) -> int:
        """Bytes of an object; `NotFound` when it is not there."""
        ...

    def list(self, algorithm: str | None = None) -> Iterator[ObjectInfo]:
        """Iterate over all objects, in no promised order."""
        ...

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> int:
        """Remove objects; only garbage collection calls this. Returns how many went.

        Args:
            digests: Objects; those that are not there are passed over.
            before: Spare what was stored, or put again, after this time: looked at last of all.
        """
        ...

    def close(self) -> None:
        """Release connections."""
        ...


Taken = tuple[Digest, os.stat_result]
"""Name of a file's bytes, and its state after they were read."""


class Files(Protocol):
    """A store whose objects are files of this machine, which it takes and gives many at once."""

    def take(self, files: Sequence[tuple[str, int]], algorithm: str) -> list[Taken]:
        """Store files in one pass of reading each, without knowing their names before.

        Args:
            files: Path, and the bytes that it had when it was found. Whoever found it compares its
                state with the one that is returned: the file may have changed meanwhile.
            algorithm: What names the bytes.

        Raises:
            OSError: One cannot be opened; those before it are stored.
        """
        ...

    def whole(self, digests: Iterable[Digest]) -> dict[Digest, str]:
        """Give the files of objects; missing ones are left out.

        What is known to be whole by its mode and by the store's own record is not read, all else
        is hashed.

        Raises:
            Damaged: One is not what its name says.
        """
        ...

    def lacking(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which objects have no file; folders are listed, the files are not looked at."""
        ...

    def shape(self, algorithm: str) -> bytes:
        """Give what is another when an object came or went, at the cost of 256 `stat`s."""
        ...


def files(store: ObjectStore, algorithm: str) -> Files | None:
    """Give the folder that a store keeps an algorithm's objects in, None when it is no folder."""
    part = getattr(store, "part", None)
    found: Any = part(algorithm) if part is not None else store
    return found if hasattr(found, "take") else None
