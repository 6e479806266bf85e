"""Indexes: which objects and chunks lie in which packs, written once and never changed."""

import hashlib
import struct
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from cauce.kernel.packs import pack, table
from cauce.kernel.packs.table import RECORD, Table, refusal

MOST = 262_144
"""Records in one index."""

_HEAD = struct.Struct("<4sB3xII")
_MAGIC = b"CIDX"
_ROW = np.dtype([("name", "V32"), ("size", "<u8"), ("date", "<f8")])


class Row(Struct, frozen=True, kw_only=True):
    """A pack that an index names.

    Attributes:
        name: sha256 of its table, hex digits.
        size: Bytes of the pack.
        date: When the records that name this row were stored; 0: as old as the index file.
    """

    name: str
    size: int
    date: float = 0.0


class Index(Struct, frozen=True, kw_only=True, eq=False):
    """What one index file says.

    Attributes:
        rows: Packs.
        table: Records; their `pack` is the place of a row.
    """

    rows: tuple[Row, ...]
    table: Table


def dump(rows: Sequence[Row], records: bytes | bytearray) -> bytes:
    """Write an index."""
    packs = np.zeros(len(rows), _ROW)
    for place, row in enumerate(rows):
        packs[place] = (bytes.fromhex(row.name), row.size, row.date)
    head = _HEAD.pack(_MAGIC, 1, len(rows), len(records) // RECORD.itemsize)
    return head + packs.tobytes() + records


def room(size: int) -> int:
    """Give the most records that an index of a number of bytes can have."""
    return size // RECORD.itemsize


def name(data: bytes) -> str:
    """Give the name of an index: the sha256 of its bytes."""
    return hashlib.sha256(data).hexdigest()


def parse(data: bytes | memoryview, where: str) -> Index:
    """Read an index; nothing of a damaged one is believed.

    Raises:
        Damaged: It is not an index, or it says what cannot be.
        Unsupported: A later Cauce wrote it.
    """
    if len(data) < _HEAD.size:
        raise refusal(where, "it is cut off")
    magic, format, packs, count = _HEAD.unpack_from(data)
    pack.require(magic, _MAGIC, format, where)
    start = _HEAD.size + packs * _ROW.itemsize
    if len(data) != start + count * RECORD.itemsize:
        raise refusal(where, "its length is not what its counts say")
    found = np.frombuffer(data[_HEAD.size : start], _ROW)
    records = table.read(data[start:], where)
    if not (np.isfinite(found["date"]) & (found["date"] >= 0)).all():
        raise refusal(where, "a date of it is no date")
    if count and not (records["pack"] < packs).all():
        raise refusal(where, "a record names a pack that it does not list")
    if count:
        room = found["size"][records["pack"]].astype(np.uint64)
        ends = records["offset"].astype(np.uint64) + records["length"] + pack.TAIL
        if (ends > room).any() or (records["offset"] < pack.HEAD).any():
            raise refusal(where, "a record lies outside of its pack")
    rows = tuple(
        Row(name=bytes(item["name"]).hex(), size=int(item["size"]), date=float(item["date"]))
        for item in found
    )
    return Index(rows=rows, table=records)
