"""Which objects of a folder were whole when they were last written or read: a record of ours.

A file's mode 0444 says that nobody meant to change it; that nobody did is another thing. A row says
which bytes a file held, by its inode, time and size at that moment. An object without a row is
hashed before it is used. The record is a convenience: it may be deleted at any time, and a row that
is torn or foreign fits no file.
"""

import os
import struct
from collections.abc import Sequence
from contextlib import suppress

_ROW = struct.Struct("<16sQqQ")
_INODE = (1 << 64) - 1
_LARGEST = 1 << 28
"""Bytes beyond which the record starts anew."""


def row(name: str, state: os.stat_result) -> bytes:
    """Give the row of an object whose bytes are right, in the state that its file is in."""
    digits = bytes.fromhex(name.partition(":")[2].removesuffix(".dir")[:32])
    return _ROW.pack(digits, state.st_ino & _INODE, state.st_mtime_ns, state.st_size)


def known(record: str, names: Sequence[str]) -> set[bytes]:
    """Read the rows of some objects; a store without a record has none."""
    if not record:
        return set()
    try:
        with open(record, "rb", buffering=0) as stream:
            data = stream.readall()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return set()
    if len(data) % _ROW.size:  # torn: what follows later would not be read
        with suppress(OSError):
            os.truncate(record, len(data) - len(data) % _ROW.size)
    wanted = {bytes.fromhex(name.partition(":")[2].removesuffix(".dir")[:32]) for name in names}
    size = _ROW.size
    rows = (data[start : start + size] for start in range(0, len(data) - size + 1, size))
    return {item for item in rows if item[:16] in wanted}


def remember(record: str, rows: Sequence[bytes]) -> None:
    """Append rows; where that is not possible, the objects are hashed again the next time."""
    if not (rows and record):
        return
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(record, flags, 0o666)
        try:
            if os.fstat(descriptor).st_size > _LARGEST:
                os.ftruncate(descriptor, 0)
            os.write(descriptor, b"".join(rows))
        finally:
            os.close(descriptor)
