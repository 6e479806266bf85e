"""Segments byte by byte: a header, then blocks with length, checksum, time and count.

docs/format.md, section Streams, is the same text for people. A segment is only ever appended to,
by the one writer that made it; what follows the last whole block is a torn tail and is not there.
"""

import os
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from cauce.errors import Unsupported

FORMAT = 1
"""Number of the segment's form; a reader refuses a later one."""

Kind = Literal["records", "points"]
KINDS: tuple[Kind, ...] = ("records", "points")

HEADER = struct.Struct("<4sBBH")
"""Magic `CSEG`, format, kind (index in `KINDS`), zero."""

BLOCK = struct.Struct("<IIdII")
"""Payload length, number of records, time of writing, crc32 of the payload, crc32 of these."""

_FIELDS = struct.Struct("<IIdI")
MAGIC = b"CSEG"


class Block(NamedTuple):
    """One block of a segment.

    Attributes:
        at: When it was handed to the operating system.
        total: Records or points in it.
        first: Index in the segment of its first record.
        offset: Where its payload starts in the file.
        length: Bytes of the payload.
        crc: Checksum of the payload.
    """

    at: float
    total: int
    first: int
    offset: int
    length: int
    crc: int


class Column(NamedTuple):
    """Points of one key in one block, in the order they were appended."""

    key: str
    steps: "array[int]"
    values: "array[float]"
    times: "array[float]"


def header(kind: Kind) -> bytes:
    """Give the first eight bytes of a segment."""
    return HEADER.pack(MAGIC, FORMAT, KINDS.index(kind), 0)


def block_header(payload: bytes | bytearray, at: float, count: int) -> bytes:
    """Give the 24 bytes before a payload."""
    fields = _FIELDS.pack(len(payload), count, at, zlib.crc32(payload))
    return fields + zlib.crc32(fields).to_bytes(4, "little")


class Segment:
    """A segment opened for reading; close it, or use it in a `with` statement.

    Attributes:
        kind: What its blocks hold, None when the header is not one of ours.
        fault: Why reading stopped before the end of the file; empty when it did not.
        torn: Whether the fault is only an unfinished last block, as a kill leaves it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        self.torn = False
        self.kind: Kind | None = None
        self._fd = os.open(path, os.O_RDONLY)
        try:
            self._read_header()
        except BaseException:
            self.close()
            raise

    def _read_header(self) -> None:
        head = os.pread(self._fd, HEADER.size, 0)
        if len(head) < HEADER.size:
            self._stop("the header is cut short", torn=True)
            return
        magic, form, kind, _ = HEADER.unpack(head)
        if magic != MAGIC:
            self._stop("it does not start with CSEG")
        elif form > FORMAT:
            raise Unsupported(
                f"{self.path.name} has stream format {form}, this Cauce reads up to {FORMAT}",
                hint="upgrade Cauce",
            )
        elif kind >= len(KINDS):
            self._stop(f"its kind {kind} is not known")
        else:
            self.kind = KINDS[kind]

    def _stop(self, why: str, *, torn: bool = False) -> None:
        self.fault, self.torn = why, torn

    def blocks(self) -> Iterator[Block]:
        """Iterate over the blocks' headers, without reading payloads."""
        if self.kind is None:
            return
        size = os.fstat(self._fd).st_size
        offset, first = HEADER.size, 0
        while offset < size:
            head = os.pread(self._fd, BLOCK.size, offset)
            if len(head) < BLOCK.size:
                self._stop("the last block is cut short", torn=True)
                return
            length, count, at, crc, own = BLOCK.unpack(head)
            if own != zlib.crc32(head[: _FIELDS.size]) or not length or not count:
                self._stop(f"no block at byte {offset}", torn=not any(head))
                return
            offset += BLOCK.size
            if offset + length > size:
                self._stop("the last block is cut short", torn=True)
                return
            yield Block(at, count, first, offset, length, crc)
            offset += length
            first += count

    def payload(self, block: Block) -> bytes | None:
        """Read and verify a block's payload; None, with the fault set, when it is damaged."""
        data = os.pread(self._fd, block.length, block.offset)
        if zlib.crc32(data) != block.crc:
            end = block.offset + block.length >= os.fstat(self._fd).st_size
            self._stop(f"damaged block at byte {block.offset - BLOCK.size}", torn=end)
            return None
        return data

    def decoded(
        self, wanted: Callable[[Block], bool] | None = None
    ) -> Iterator[tuple[Block, list[dict[str, Any]]]]:
        """Iterate over blocks as records, up to the first that is damaged.

        Args:
            wanted: Says by a block's header whether to read it; others are jumped over.
        """
        decode = decode_points if self.kind == "points" else decode_records
        for block, data in self.payloads(wanted):
            try:
                records = decode(data)
            except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
                self._stop(f"block at byte {block.offset - BLOCK.size}: {error}")
                return
            if len(records) != block.total:
                self._stop(f"block at byte {block.offset - BLOCK.size} has another count")
                return
            yield block, records

    def columns(self) -> Iterator[tuple[Block, list[Column]]]:
        """Iterate over the blocks of a segment of points, up to the first that is damaged."""
        if self.kind != "points":
            return
        for block, data in self.payloads():
            try:
                columns = decode_columns(data)
            except (msgspec.MsgspecError, ValueError, OverflowError, MemoryError) as error:
                self._stop(f"block at byte {block.offset - BLOCK.size}: {error}")
                return
            if sum(len(column.values) for column in columns) != block.total:
                self._stop(f"block at byte {block.offset - BLOCK.size} has another count")
                return
            yield block, columns

    def payloads(
        self, wanted: Callable[[Block], bool] | None = None
    ) -> Iterator[tuple[Block, bytes]]:
        """Iterate over verified payloads, up to the first block that is damaged."""
        for block in self.blocks():
            if wanted is not None and not wanted(block):
                continue
            data = self.payload(block)
            if data is None:
                return
            yield block, data

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> "Segment":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_RECORDS = msgspec.msgpack.Decoder(list[dict[Any, Any]])
_RAW = msgspec.msgpack.Decoder(list[msgspec.Raw])
_COLUMNS = msgspec.msgpack.Decoder(list[tuple[str, bytes | tuple[int, int], bytes, bytes]])
_MOST_POINTS = 1 << 24


def decode_records(payload: bytes) -> list[dict[str, Any]]:
    """Decode the payload of a block of records."""
    return _RECORDS.decode(payload)


def raw_records(payload: bytes) -> list[msgspec.Raw]:
    """Take the payload of a block of records apart without decoding them."""
    return _RAW.decode(payload)


def encode_columns(columns: list[Column]) -> bytes:
    """Encode the payload of a block of points; steps with one stride take two numbers."""
    rows = []
    for key, steps, values, times in columns:
        count = len(steps)
        stride = steps[1] - steps[0] if count > 1 else 0
        end = steps[0] + stride * count
        regular = (
            abs(end) < 1 << 62
            and steps[-1] == end - stride
            and steps == array("q", range(steps[0], end, stride) if stride else [steps[0]] * count)
        )
        packed = (steps[0], stride) if regular else _little(steps)
        rows.append((key, packed, _little(values), _little(times)))
    return msgspec.msgpack.encode(rows)


def decode_columns(payload: bytes) -> list[Column]:
    """Decode the payload of a block of points.

    Raises:
        ValueError: Its columns have different lengths.
    """
    found = []
    for key, packed, raw_values, raw_times in _COLUMNS.decode(payload):
        values, times = _array("d", raw_values), _array("d", raw_times)
        count = len(values)
        if count > _MOST_POINTS:
            raise ValueError("too many points in one block")
        if isinstance(packed, bytes):
            steps = _array("q", packed)
        elif packed[1]:
            first, stride = packed
            steps = array("q", range(first, first + stride * count, stride))
        else:
            steps = array("q", [packed[0]]) * count
        if not len(steps) == count == len(times):
            raise ValueError(f"the columns of {key!r} have different lengths")
        found.append(Column(key, steps, values, times))
    return found


def decode_points(payload: bytes) -> list[dict[str, Any]]:
    """Decode the payload of a block of points as records, key by key."""
    return [
        {"key": key, "value": value, "step": step, "at": at}
        for key, steps, values, times in decode_columns(payload)
        for step, value, at in zip(steps, values, times, strict=True)
    ]


def _little(values: "array[Any]") -> bytes:
    """Give an array's bytes, least significant first."""
    return (values if _LITTLE else _swapped(values)).tobytes()


def _array(code: Any, raw: bytes) -> "array[Any]":
    values: array[Any] = array(code)
    values.frombytes(raw)
    return values if _LITTLE else _swapped(values)


def _swapped(values: "array[Any]") -> "array[Any]":
    copy = values[:]
    copy.byteswap()
    return copy


_LITTLE = struct.pack("=H", 1) == struct.pack("<H", 1)
