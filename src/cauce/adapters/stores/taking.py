"""Files of the work tree into a folder of objects: each read once, hashed while it is copied."""

import hashlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cauce.adapters.stores import batch as batches
from cauce.adapters.stores import whole
from cauce.adapters.stores.batch import Batch
from cauce.kernel import objects
from cauce.kernel.entities import Digest
from cauce.kernel.objects import Taken

if TYPE_CHECKING:
    from cauce.adapters.stores.local import LocalStore

_SMALL = 1 << 20
"""Bytes of a file that is read into memory as a whole."""

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""A named pipe that took a file's place must not be waited for."""


def take(store: "LocalStore", files: Sequence[tuple[str, int]], algorithm: str) -> list[Taken]:
    """See `Files.take`."""
    hasher = {"md5": hashlib.md5, "sha256": hashlib.sha256}[algorithm]
    found: list[Taken] = []
    with store.batch() as batch:
        for path, size in files:
            source = os.open(path, _OPEN)
            try:
                if size < _SMALL:
                    data = os.read(source, size + 1)
                    name = Digest(f"{algorithm}:{hasher(data, usedforsecurity=False).hexdigest()}")
                    _put(store, batch, name, data)
                else:
                    name = _stream(store, batch, source, algorithm)
                found.append((name, os.fstat(source)))
            finally:
                os.close(source)
    return found


def _put(store: "LocalStore", batch: Batch, name: Digest, data: bytes) -> None:
    target = f"{store.root}/{objects.place(name)}"
    if target in batch.placed or store.keep(target, name, len(data)):
        return
    temporary, descriptor = batch.create()
    try:
        batches.write(descriptor, data)
        batch.whole.append(whole.row(name, os.fstat(descriptor)))
    finally:
        os.close(descriptor)
    batch.place(temporary, target, len(data))


def _stream(store: "LocalStore", batch: Batch, source: int, algorithm: str) -> Digest:
    temporary, descriptor = batch.create()
    try:
        name, size = batches.copy(source, descriptor, algorithm)
        row = whole.row(name, os.fstat(descriptor))
    finally:
        os.close(descriptor)
    target = f"{store.root}/{objects.place(name)}"
    if target in batch.placed or store.keep(target, name, size):
        batch.drop(temporary)
    else:
        batch.whole.append(row)
        batch.place(temporary, target, size)
    return name
