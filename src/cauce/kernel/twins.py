"""Bytes that are known under two names, md5 for DVC and sha256 for Git LFS, stored once.

In folders both names are hard links of one file (docs/decisions/0004). Removing one name leaves
the other, so neither DVC's collection nor ours can take what the other tool still needs.
"""

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from cauce.kernel import digest as names
from cauce.kernel import objects
from cauce.kernel.entities import Digest
from cauce.kernel.wrappers import Routed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cauce.kernel.objects import ObjectInfo, ObjectStore
    from cauce.kernel.workspace import Workspace


class Linking(Protocol):
    """A store in a folder, which can name a file without copying it."""

    root: Path

    def link(self, file: Path, digest: Digest) -> bool: ...  # noqa: D102
    def path(self, digest: Digest) -> Path | None: ...  # noqa: D102


class Incoming:
    """A file on its way in, hashed under both names while it is written.

    Attributes:
        path: Its temporary place, on the store's file system where there is one.
        size: Bytes so far.
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path = path
        self.size = 0
        self._stream = stream
        self._states = {algorithm: names.hasher(algorithm) for algorithm in ("sha256", "md5")}

    def write(self, data: bytes) -> None:
        """Write and hash a piece."""
        for state in self._states.values():
            state.update(data)
        self._stream.write(data)
        self.size += len(data)

    def name(self, algorithm: str) -> Digest:
        """Give the name of what was written so far."""
        return Digest(f"{algorithm}:{self._states[algorithm].hexdigest()}")

    def flush(self) -> None:
        """Hand all that was written to the system."""
        self._stream.flush()


@contextmanager
def incoming(ws: "Workspace") -> "Iterator[Incoming]":
    """Open a temporary file that becomes an object by `keep`; it is gone at the end.

    A killed process leaves it in the store's `tmp/`, where the store removes it after a day.
    """
    ours = linking(ws.objects, "sha256")
    folder = None if ours is None else ours.root / "tmp"
    with objects.writing(folder or tempfile.gettempdir()):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=folder, prefix=f"{os.getpid()}-")
        try:
            with os.fdopen(number, "wb") as stream:
                yield Incoming(Path(name), stream)
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()


def keep(ws: "Workspace", file: Incoming) -> None:
    """Store what came in under its sha256 and, without a second copy, under its md5.

    Bytes that are there by md5 already get their second name, after they were read and compared:
    equal md5 sums alone prove nothing.
    """
    file.flush()
    adopt(ws, file.path, file.name("sha256"), file.name("md5"))


def adopt(ws: "Workspace", file: Path, sha256: Digest, md5: Digest) -> None:
    """Store a file that was hashed under both names; see `keep`."""
    store = ws.objects
    ours, theirs = linking(store, "sha256"), linking(store, "md5")
    if ours is None:
        store.put_files([file], digests=[sha256])
        return
    known = theirs.path(md5) if theirs is not None and ours.path(sha256) is None else None
    if known is not None and names.of_file(known)[0] == sha256 and ours.link(known, sha256):
        return
    if not ours.link(file, sha256):
        store.put_files([file], digests=[sha256])
    stored = ours.path(sha256)
    if theirs is not None and stored is not None and _ours(ws, theirs):
        theirs.link(stored, md5)


def _ours(ws: "Workspace", store: Linking) -> bool:
    """Tell whether a store lies in the project: names in a shared cache would never be removed."""
    return ws.root is not None and store.root.resolve().is_relative_to(ws.root)


def linking(store: "ObjectStore", algorithm: str) -> Linking | None:
    """Give the folder store that an algorithm's objects are in, None when it is no folder."""
    part: Any = store.part(algorithm) if isinstance(store, Routed) else store
    return cast("Linking", part) if hasattr(part, "link") else None


def free(ws: "Workspace") -> int | None:
    """Give the bytes that may still come, None where nobody can tell."""
    ours = linking(ws.objects, "sha256")
    if ours is None:
        return None
    place = next((one for one in (ours.root, *ours.root.parents) if one.exists()), Path("/"))
    return shutil.disk_usage(place).free


def also(ws: "Workspace", reached: set[Digest]) -> set[Digest]:
    """Give the other names of files that these objects are; to remove such a name frees nothing."""
    files = {file for name in reached if (file := _file(ws, name))}
    if not files:
        return set()
    return {info.digest for info in ws.objects.list() if _file(ws, info.digest) in files}


def sizes(ws: "Workspace", found: "Iterable[ObjectInfo]") -> dict[Digest, int]:
    """Give the bytes of objects, those of a file with two names once."""
    seen: set[tuple[int, int]] = set()
    bytes: dict[Digest, int] = {}
    for info in found:
        file = _file(ws, info.digest)
        bytes[info.digest] = 0 if file in seen else info.size
        if file is not None:
            seen.add(file)
    return bytes


def _file(ws: "Workspace", name: Digest) -> tuple[int, int] | None:
    """Tell which file an object is, when that file has several names; else None."""
    store = linking(ws.objects, name.partition(":")[0])
    if store is None:
        return None
    try:
        found = os.stat(f"{store.root}/{objects.key(name)}")  # noqa: PTH116 - once an object
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_nlink > 1 else None
