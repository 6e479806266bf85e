"""All indexes of a place as they were at one moment, in one table that is searched."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from cauce.kernel.entities import Digest
from cauce.kernel.packs import table
from cauce.kernel.packs.index import Index
from cauce.kernel.packs.table import RECORD, Lookup, Table

Numbers = npt.NDArray[np.int64]
"""Numbers of records in a snapshot."""


class Place(Struct, frozen=True):
    """Where the bytes of an object or chunk lie.

    Attributes:
        pack: Name of the pack.
        pack_size: Its bytes.
        offset: First byte.
        length: Bytes there.
        size: Bytes of the object.
        form: `table.WHOLE` or `table.LIST`.
        date: When it was stored.
    """

    pack: str
    pack_size: int
    offset: int
    length: int
    size: int
    form: int
    date: float


class Part(Struct, frozen=True, eq=False):
    """One index in a snapshot.

    Attributes:
        modified: Date of the index file.
        packs: Packs that it names, as numbers of the snapshot's.
        table: Its records; their `pack` is such a number.
        given: For each record the date that its row gives, 0 for that of the file.
    """

    modified: float
    packs: tuple[int, ...]
    table: Table
    given: npt.NDArray[np.float64]


class Snapshot:
    """What a place holds; never changes.

    Attributes:
        packs: Names and sizes of packs; some may be named by no index any more.
        parts: Index files by name.
    """

    def __init__(
        self,
        packs: list[tuple[str, int]],
        parts: dict[str, Part],
        whole: Table,
        given: npt.NDArray[np.float64],
    ) -> None:
        """Use what a `Builder` has put together."""
        self.packs, self.parts = packs, parts
        self._whole, self._given = whole, given

    @cached_property
    def lookup(self) -> Lookup:
        """The records of all indexes; of several for one key, that of the first index is found."""
        dates = self._given.copy()
        start = 0
        for part in self.parts.values():
            own = dates[start : start + len(part.table)]
            own[own == 0] = part.modified
            start += len(own)
        return Lookup(self._whole, dates)

    @property
    def named(self) -> set[str]:
        """Names of the packs that an index names."""
        return {self.packs[pack][0] for part in self.parts.values() for pack in part.packs}

    def find(self, wanted: npt.NDArray[np.uint8]) -> Numbers:
        """Give the numbers of the records of keys, -1 for those that are not there."""
        return self.lookup.find(wanted)

    def places(self, numbers: Numbers) -> Iterator[Place]:
        """Give the places of records by their numbers."""
        step = 10_000
        for start in range(0, len(numbers), step):
            part = numbers[start : start + step]
            chosen = self.lookup.table[part]
            fields = ("pack", "offset", "length", "size", "form")
            columns = (chosen[name].tolist() for name in fields)
            dates = self.lookup.dates[part].tolist()
            for pack, offset, length, size, form, date in zip(*columns, dates, strict=True):
                name, bytes_ = self.packs[pack]
                yield Place(name, bytes_, offset, length, size, form, date)

    def place(self, digest: Digest) -> Place | None:
        """Find one object."""
        numbers = self.find(table.keys([digest]))
        return None if numbers[0] < 0 else next(self.places(numbers))

    def objects(self, algorithm: str | None = None) -> Numbers:
        """Give the numbers of the records of all objects."""
        kinds = self.lookup.table["kind"][self.lookup.order]
        wanted = kinds != table.CHUNK
        if algorithm is not None:
            wanted &= (kinds == table.SHA256) == (algorithm == "sha256")
        found: Numbers = self.lookup.order[wanted].astype(np.int64)
        return found


class Builder:
    """Puts a snapshot together, with each record in memory once."""

    def __init__(self, room: int, packs: list[tuple[str, int]] | None = None) -> None:
        """Begin.

        Args:
            room: Records that are expected.
            packs: Those of the snapshot that parts are taken from.
        """
        self._packs = list(packs or ())
        self._rows = {name: number for number, (name, _) in enumerate(self._packs)}
        self._whole = np.empty(room, RECORD)
        self._given = np.empty(room)
        self._filled = 0
        self._parts: dict[str, Part] = {}

    def add(self, name: str, modified: float, found: Index) -> None:
        """Take an index that was read."""
        numbers = []
        for row in found.rows:
            if row.name not in self._rows:
                self._rows[row.name] = len(self._packs)
                self._packs.append((row.name, row.size))
            numbers.append(self._rows[row.name])
        rows = found.table["pack"]
        packs = np.array(numbers, np.uint32)[rows] if numbers else rows
        dates = np.array([row.date for row in found.rows])
        self._take(name, modified, tuple(numbers), found.table, dates[rows] if numbers else None)
        self._whole["pack"][self._filled - len(rows) : self._filled] = packs

    def keep(self, name: str, modified: float, part: Part) -> None:
        """Take an index over from the snapshot before."""
        self._take(name, modified, part.packs, part.table, part.given)

    def _take(
        self,
        name: str,
        modified: float,
        packs: tuple[int, ...],
        table: Table,
        given: npt.NDArray[np.float64] | None,
    ) -> None:
        start, end = self._filled, self._filled + len(table)
        if end > len(self._whole):
            self._grow(end)
        self._whole[start:end] = table
        self._given[start:end] = 0.0 if given is None else given
        own = self._whole[start:end], self._given[start:end]
        self._parts[name] = Part(modified, packs, *own)
        self._filled = end

    def _grow(self, room: int) -> None:
        """Make room for more than was said: a listing may be wrong."""
        whole, given = np.empty(room, RECORD), np.empty(room)
        whole[: self._filled] = self._whole[: self._filled]
        given[: self._filled] = self._given[: self._filled]
        start = 0
        for name, part in self._parts.items():
            end = start + len(part.table)
            self._parts[name] = Part(part.modified, part.packs, whole[start:end], given[start:end])
            start = end
        self._whole, self._given = whole, given

    def done(self) -> Snapshot:
        """Give the snapshot."""
        end = self._filled
        return Snapshot(self._packs, self._parts, self._whole[:end], self._given[:end])
