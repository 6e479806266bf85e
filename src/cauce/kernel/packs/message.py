"""Packs and chunks as bodies of requests: many objects at once, big ones without what is known.

A body of chunks is a list of chunks, a bit a chunk (the first chunk is the lowest bit of the first
byte) that says whether its bytes follow, and these bytes in order. A chunk that occurs again, or
that the receiver has, does not follow.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any, BinaryIO

import numpy as np

from cauce.errors import Conflict, Damaged
from cauce.kernel import digest as names
from cauce.kernel.entities import Digest
from cauce.kernel.packs import chunks, pack, table
from cauce.kernel.packs.chunks import ChunkList
from cauce.kernel.packs.table import CHUNK, LIST, RECORD, WHOLE

BYTES = "application/octet-stream"

LARGEST = pack.MOST + (16 << 20)
"""Bytes of a body that is a pack, its table included."""

_PIECE = 1 << 20


def dump(entries: Iterable[tuple[Digest, bytes]]) -> bytes:
    """Write a pack in memory; there must be at least one entry."""
    body = bytearray(pack.HEADER)
    records = bytearray()
    for name, data in entries:
        records += pack.record(table.key(name), len(body), len(data), size=len(data), form=WHOLE)
        body += data
    return bytes(body + records + pack.tail(len(records) // RECORD.itemsize))


def load(body: IO[bytes], size: int) -> Iterable[tuple[Digest, bytes]]:
    """Read a pack that came from outside: whole objects only, each verified.

    Raises:
        Damaged: It is no pack, or an entry is not what its name says.
    """
    found = pack.read_table(body, size, "the pack")
    if (found["kind"] == CHUNK).any() or (found["form"] == LIST).any():
        raise table.refusal("the pack", "it holds chunks, which are not sent in packs")
    digests = table.digests(found)
    for place, data in pack.entries(body, found):
        name = digests[place]
        if not names.same(name, names.of(data, name.partition(":")[0])):
            raise table.refusal("the pack", f"the bytes of {name} are not what its name says")
        yield name, data


def parse_body(body: IO[bytes]) -> tuple[ChunkList, list[bool]]:
    """Read the head of a body of chunks: the list, and which chunks follow."""
    where = "the body"
    head = body.read(chunks.HEAD)
    known = chunks.parse(head + body.read(chunks.rest(head, where)), where)
    count = len(known.names)
    bits = np.frombuffer(body.read(-(-count // 8)), np.uint8)
    if len(bits) != -(-count // 8):
        raise table.refusal(where, "it is cut off")
    return known, np.unpackbits(bits, count=count, bitorder="little").astype(bool).tolist()


class Body(io.RawIOBase):
    """A file's chunks on their way: list, bits, and those chunks that the receiver lacks.

    Attributes:
        length: Bytes of the body.
    """

    def __init__(self, stream: BinaryIO, data: bytes, lacking: Sequence[int]) -> None:
        """Prepare to send a file.

        Args:
            stream: The file.
            data: Its list of chunks.
            lacking: Places in the list whose chunks the receiver lacks, rising.
        """
        known = chunks.parse(data, "a list of chunks")
        bits = np.zeros(len(known.names), np.uint8)
        bits[list(lacking)] = 1
        self._head = data + np.packbits(bits, bitorder="little").tobytes()
        ends = np.cumsum(known.lengths, dtype=np.int64).tolist()
        lengths = known.lengths.tolist()
        self._spans = [(ends[place] - lengths[place], lengths[place]) for place in lacking]
        self.length = len(self._head) + sum(length for _, length in self._spans)
        self._stream = stream
        self._pending = memoryview(self._head)
        self._next = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Begin anew; other places are not asked for."""
        if offset or whence:
            raise io.UnsupportedOperation("only the start")
        self._pending, self._next = memoryview(self._head), 0
        return 0

    def readinto(self, buffer: Any) -> int:
        """Read what comes next."""
        if not self._pending and self._next < len(self._spans):
            start, length = self._spans[self._next]
            self._next += 1
            self._stream.seek(start)
            self._pending = memoryview(self._stream.read(length))
            if len(self._pending) != length:
                raise Conflict("the file changed while it was read", hint="run the command again")
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count


def assemble(
    body: IO[bytes],
    known: ChunkList,
    follows: Sequence[bool],
    out: IO[bytes],
    have: Callable[[bytes, int], bytes | None],
) -> None:
    """Write a file from the chunks that came, and those that are here.

    Args:
        body: Where the chunks that follow are next.
        known: All chunks of the file.
        follows: For each, whether it is in the body.
        out: The file, open for writing and reading.
        have: Gives a chunk that is here, by its sha256 and its length; None when it is not.

    Raises:
        Conflict: A chunk neither came nor is here (any more): the sender must ask again.
        Damaged: The body is cut off, or goes on after its end.
    """
    done: dict[bytes, int] = {}
    at = 0
    for name, length, comes in zip(known.names, known.lengths.tolist(), follows, strict=True):
        key = name.tobytes()
        data: bytes | None
        if comes:
            data = body.read(length)
            if len(data) != length:
                raise table.refusal("the body", "it is cut off")
        elif key in done:
            out.seek(done[key])
            data = out.read(length)
            out.seek(at)
        else:
            data = have(key, length)
        if data is None:
            raise Conflict(f"the chunk {key.hex()} is not here", hint="ask again what is lacking")
        done.setdefault(key, at)
        out.write(data)
        at += length
    if body.read(1):
        raise Damaged("the body is damaged: it goes on after its end")
