"""Lists of chunks, and the cutting of files by their content."""

import hashlib
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from cauce.errors import MissingExtra
from cauce.kernel import digest
from cauce.kernel.entities import Digest
from cauce.kernel.packs import pack
from cauce.kernel.packs.table import refusal

WHOLE = 8 << 20
"""Bytes up to which an object is not cut."""

LEAST, AVERAGE, LONGEST = 1 << 16, 1 << 18, 1 << 20
"""Parameters of the cutter, part of the format, as is its level 2."""

MOST = 16 << 20
"""Chunks of a list that came in a request."""

_HEAD = struct.Struct("<4sBBHQII")
HEAD = _HEAD.size
_MAGIC = b"CLST"
_CUT = 1
_ROW = np.dtype([("name", "u1", (32,)), ("length", "<u4")])


class ChunkList(Struct, frozen=True, kw_only=True, eq=False):
    """The chunks that an object is made of.

    Attributes:
        size: Bytes of the object.
        names: `(n, 32)` sha256 of each chunk, in order.
        lengths: `(n,)` bytes of each.
    """

    size: int
    names: npt.NDArray[np.uint8]
    lengths: npt.NDArray[np.uint32]

    def keys(self) -> npt.NDArray[np.uint8]:
        """Give the chunks as rows of 33 bytes, ready to be looked up."""
        kinds = np.full((len(self.names), 1), 3, np.uint8)
        return np.concatenate([self.names, kinds], axis=1)


def row(name: bytes, length: int) -> bytes:
    """Write one chunk of a list: its sha256 and its bytes."""
    return name + struct.pack("<I", length)


def dump(size: int, rows: bytes | bytearray) -> bytes:
    """Write a list of chunks.

    Args:
        size: Bytes of the object.
        rows: Its chunks in order, as `row` writes them.
    """
    return _HEAD.pack(_MAGIC, 1, _CUT, 0, size, len(rows) // _ROW.itemsize, 0) + rows


def rest(head: bytes, where: str) -> int:
    """Tell how many bytes of a list follow its first `HEAD` bytes."""
    if len(head) < HEAD:
        raise refusal(where, "it is cut off")
    count = int(_HEAD.unpack(head)[5])
    if count > MOST:
        raise refusal(where, f"it has {count} chunks, more than {MOST}")
    return count * _ROW.itemsize


def parse(data: bytes | memoryview, where: str, *, size: int | None = None) -> ChunkList:
    """Read a list of chunks and check its sums.

    Args:
        data: Its bytes.
        where: What it is called in errors.
        size: Bytes that the object must have; None: as the list says.

    Raises:
        Damaged: It is no list, or its numbers do not add up.
        Unsupported: A later Cauce wrote it.
    """
    if len(data) < _HEAD.size:
        raise refusal(where, "it is cut off")
    magic, format, _, zero, told, count, end = _HEAD.unpack_from(data)
    pack.require(magic, _MAGIC, format, where)
    if len(data) != _HEAD.size + count * _ROW.itemsize or not count or zero or end:
        raise refusal(where, "its length is not what its counts say")
    found = np.frombuffer(data[_HEAD.size :], _ROW)
    lengths = found["length"]
    if not ((lengths >= 1) & (lengths <= LONGEST)).all():
        raise refusal(where, "a chunk of it has an impossible length")
    if int(lengths.sum(dtype=np.uint64)) != told or size not in (None, told):
        raise refusal(where, "its chunks do not add up to its size")
    return ChunkList(size=told, names=found["name"], lengths=lengths)


def cut(stream: BinaryIO) -> Iterator[memoryview]:
    """Cut the rest of a stream by its content; a piece is valid until the next is asked for."""
    try:
        from pyfastcdc import FastCDC  # late: only whoever stores a big file needs it
    except ImportError as error:
        raise MissingExtra("big files need pyfastcdc", hint="pip install pyfastcdc") from error
    cutter = FastCDC(AVERAGE, min_size=LEAST, max_size=LONGEST, normalized_chunking=2)
    for piece in cutter.cut_stream(stream):
        yield piece.data


def listed(stream: BinaryIO, algorithm: str) -> tuple[Digest, bytes]:
    """Name the rest of a stream, and write the list of its chunks, in one pass."""
    state = digest.hasher(algorithm)
    rows = bytearray()
    size = 0
    for piece in cut(stream):
        state.update(piece)
        rows += row(name(piece), len(piece))
        size += len(piece)
    return Digest(f"{algorithm}:{state.hexdigest()}"), dump(size, rows)


def name(data: bytes | memoryview) -> bytes:
    """Name a chunk: the sha256 of its bytes, in binary."""
    return hashlib.sha256(data).digest()
