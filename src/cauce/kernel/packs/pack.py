"""Packs: the bytes of many objects and chunks one after the other, with a table at the end."""

import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np

from cauce.errors import Unsupported
from cauce.kernel import objects
from cauce.kernel.packs import table
from cauce.kernel.packs.table import RECORD, Table, refusal

TARGET = 32 << 20
"""Bytes after which a pack is ended."""

MOST = 64 << 20
"""Bytes that a pack of more than one entry never has more than."""

LONGEST = (1 << 32) - (1 << 20)
"""Bytes of the longest entry: offsets and lengths have 32 bits."""

HEAD, TAIL = 8, 8
_MAGIC, _END = b"CPAK", b"KAPC"
HEADER = _MAGIC + b"\1\0\0\0"
_TAIL = struct.Struct("<I4s")
_RECORD = struct.Struct("<32sQIIIBBH")
_HELD = 1 << 20


class Source(Protocol):
    """What can be read by offset: a file, or the body of a request."""

    def read(self, size: int, /) -> bytes:
        """Read the next bytes."""
        ...

    def seek(self, offset: int, /) -> int:
        """Go to a place."""
        ...


def tail(count: int) -> bytes:
    """Write the end of a pack."""
    return _TAIL.pack(count, _END)


def record(name: bytes, offset: int, length: int, *, size: int, form: int, row: int = 0) -> bytes:
    """Write one record; `name` is a key of 33 bytes."""
    return _RECORD.pack(name[:32], size, offset, length, row, name[32], form, 0)


class Writer:
    """A pack that is being written to a file.

    Attributes:
        path: The file; whoever made the writer removes or renames it.
        size: Bytes so far, without the table.
        count: Entries so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = HEAD
        self.count = 0
        self._stream = path.open("xb", buffering=_HELD)
        self._stream.write(HEADER)
        self._table = bytearray()

    def fits(self, length: int) -> bool:
        """Tell whether an entry may be added; a first one always may."""
        room = MOST - TAIL - (self.count + 1) * RECORD.itemsize
        return not self.count or self.size + length <= room

    def add(self, name: bytes, data: bytes | memoryview, *, size: int, form: int) -> int:
        """Append an entry and give its offset."""
        offset = self.size
        try:
            self._stream.write(data)
        except OSError:  # entered only then: this is done for each of many small objects
            with objects.writing(self.path.parent):
                raise
        self._table += record(name, offset, len(data), size=size, form=form)
        self.size += len(data)
        self.count += 1
        return offset

    def end(self, *, flush: bool) -> tuple[str, int]:
        """Write the table; gives the pack's name and its bytes.

        Args:
            flush: Whether to wait until the file is on the disk.
        """
        with objects.writing(self.path.parent):
            self._stream.write(self._table)
            self._stream.write(tail(self.count))
            self._stream.flush()
            if flush:
                os.fsync(self._stream.fileno())
            self._stream.close()
        size = self.size + len(self._table) + TAIL
        return hashlib.sha256(self._table).hexdigest(), size

    def drop(self) -> None:
        """Close and remove the file."""
        with suppress(OSError):  # what could not be written is not wanted any more
            self._stream.close()
        self.path.unlink(missing_ok=True)


def require(magic: bytes, wanted: bytes, format: int, where: str) -> None:
    """Refuse what another program, or a later Cauce, wrote."""
    if magic != wanted:
        raise refusal(where, "it does not begin as it should")
    if format > 1:
        raise Unsupported(f"{where} has format {format}", hint="a later Cauce wrote it: update")
    if format != 1:
        raise refusal(where, f"it has format {format}")


def read_table(source: Source, size: int, where: str) -> Table:
    """Read the table of a pack of a known number of bytes, and check it against that number.

    Raises:
        Damaged: It is no pack, or its entries overlap, leave gaps, or do not fill it.
        Unsupported: A later Cauce wrote it.
    """
    if size < HEAD + TAIL + RECORD.itemsize:
        raise refusal(where, "it is cut off")
    source.seek(0)
    head = source.read(HEAD)
    require(head[:4], _MAGIC, head[4], where)
    source.seek(size - TAIL)
    count, end = _TAIL.unpack(source.read(TAIL))
    start = size - TAIL - count * RECORD.itemsize
    if end != _END or not count or start < HEAD:
        raise refusal(where, "its end is not where it should be")
    source.seek(start)
    found = table.read(source.read(count * RECORD.itemsize), where)
    ends = HEAD + np.cumsum(found["length"].astype(np.uint64), dtype=np.uint64)
    begins = np.concatenate([np.array([HEAD], np.uint64), ends[:-1]])
    if (found["offset"] != begins).any() or int(ends[-1]) != start or found["pack"].any():
        raise refusal(where, "its entries do not follow each other")
    return found


def entries(source: Source, found: Table) -> Iterator[tuple[int, bytes]]:
    """Read the entries of a pack in order: the place in its table, and the bytes."""
    source.seek(HEAD)
    for place, length in enumerate(found["length"].tolist()):
        yield place, source.read(length)


def name(found: Table) -> str:
    """Give the name of the pack with a table."""
    return hashlib.sha256(found.tobytes()).hexdigest()
