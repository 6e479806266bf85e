"""What a store of packs holds, as its indexes tell: listed, read once, kept on this machine."""

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from cauce.adapters.stores.packed.blobs import Blobs
from cauce.errors import Damaged, NotFound, Unavailable, Unwritable
from cauce.kernel import objects
from cauce.kernel.entities import Digest
from cauce.kernel.packs import index, table
from cauce.kernel.packs.index import Index
from cauce.kernel.packs.table import Lookup, Table

_LANES = 16
_TRIES = 3


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


class Snapshot:
    """All indexes as they were at one moment; never changes.

    Attributes:
        indexes: Index files by name, with their dates.
        packs: Names and sizes of the packs; the records' `pack` is a place in it.
    """

    def __init__(self, indexes: Mapping[str, tuple[Index, float]]) -> None:
        self.indexes = dict(indexes)
        self.packs: list[tuple[str, int]] = []
        self._rows: dict[str, int] = {}
        for found, _ in self.indexes.values():
            for row in found.rows:
                if row.name not in self._rows:
                    self._rows[row.name] = len(self.packs)
                    self.packs.append((row.name, row.size))

    @cached_property
    def lookup(self) -> Lookup:
        """The records of all indexes, the newest index first, each key once."""
        tables, dates = [], []
        newest = sorted(self.indexes.values(), key=lambda pair: pair[1], reverse=True)
        for found, modified in newest:
            places = np.array([self._rows[row.name] for row in found.rows], np.uint32)
            renumbered = found.table.copy()
            if len(renumbered):
                renumbered["pack"] = places[found.table["pack"]]
            tables.append(renumbered)
            dates.append(found.dates(modified))
        return Lookup(tables, dates)

    def find(self, wanted: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Give the numbers of the records of keys, -1 for those that are not there."""
        return self.lookup.find(wanted)

    def places(self, numbers: "npt.NDArray[np.int64] | list[int]") -> Iterator[Place]:
        """Give the places of records by their numbers."""
        chosen = self.lookup.table[numbers]
        columns = (chosen[name].tolist() for name in ("pack", "offset", "length", "size", "form"))
        dates = self.lookup.dates[numbers].tolist()
        for pack, offset, length, size, form, date in zip(*columns, dates, strict=True):
            name, bytes_ = self.packs[pack]
            yield Place(name, bytes_, offset, length, size, form, date)

    def place(self, digest: Digest) -> Place | None:
        """Find one object."""
        number = int(self.find(table.keys([digest]))[0])
        return None if number < 0 else next(self.places([number]))

    def objects(self, algorithm: str | None = None) -> tuple[Table, npt.NDArray[np.float64]]:
        """Give the records of all objects, and their dates."""
        kinds = self.lookup.table["kind"]
        wanted = kinds != table.CHUNK
        if algorithm is not None:
            wanted &= (kinds == table.SHA256) == (algorithm == "sha256")
        return self.lookup.table[wanted], self.lookup.dates[wanted]


class View:
    """The latest snapshot of a place; safe to share between threads."""

    def __init__(self, blobs: Blobs, kept: Path | None) -> None:
        """Look at a place through its indexes.

        Args:
            blobs: The place.
            kept: Folder of this machine for indexes that were read; None: memory only.
        """
        self._blobs = blobs
        self._kept = kept
        self._lock = threading.Lock()
        self._snapshot = Snapshot({})
        self._at = float("-inf")

    def snapshot(self, *, age: float = 0.0) -> Snapshot:
        """Give what the place holds.

        Args:
            age: Seconds that the answer may be old.
        """
        with self._lock:
            if time.monotonic() - self._at > age:
                began = time.monotonic()
                self._snapshot = self._listed(self._snapshot)
                self._at = began
            return self._snapshot

    def known(self) -> Snapshot:
        """Give what was last seen; listed now if nothing was."""
        return self.snapshot(age=float("1e9"))

    def add(self, name: str, data: bytes) -> None:
        """Take an index into account that was just put."""
        found = index.parse(data, name)
        self._keep(name, data)
        with self._lock:
            self._snapshot = Snapshot({**self._snapshot.indexes, name: (found, time.time())})

    def _listed(self, before: Snapshot) -> Snapshot:
        for attempt in range(_TRIES):
            dates = {
                blob.name: blob.modified
                for blob in self._blobs.list("index")
                if len(blob.name) == 64 and set(blob.name) <= set("0123456789abcdef")
            }
            known = {name: before.indexes[name][0] for name in dates if name in before.indexes}
            missing = [name for name in dates if name not in known]
            try:
                known |= zip(missing, self._read_all(missing), strict=True)
            except NotFound:  # joined with others since it was listed
                if attempt == _TRIES - 1:
                    raise
                continue
            self._forget(dates)
            current = {name: (known[name], dates[name]) for name in dates}
            if {name: dates[name] for name in dates} == {
                name: date for name, (_, date) in before.indexes.items()
            }:
                return before
            return Snapshot(current)
        raise Unavailable(f"the indexes of {self._blobs.url} change all the time")

    def _read_all(self, missing: list[str]) -> list[Index]:
        if len(missing) < 2:
            return [self._read(name) for name in missing]
        with ThreadPoolExecutor(min(_LANES, len(missing))) as pool:
            return list(pool.map(self._read, missing))

    def _read(self, name: str) -> Index:
        """Read an index, from this machine when it was read before."""
        if self._kept is not None:
            file = self._kept / name
            with suppress(OSError, Damaged):
                data = file.read_bytes()
                if index.name(data) == name:
                    return index.parse(data, name)
        data = self._blobs.get(f"index/{name}")
        if index.name(data) != name:
            raise table.refusal(
                f"the index {name} of {self._blobs.url}", "it is not what its name says"
            )
        found = index.parse(data, f"the index {name} of {self._blobs.url}")
        self._keep(name, data)
        return found

    def _keep(self, name: str, data: bytes) -> None:
        if self._kept is not None:
            with suppress(Unwritable), objects.beside(self._kept / name) as stream:
                stream.write(data)

    def _forget(self, listed: Mapping[str, float]) -> None:
        """Remove kept indexes that are listed no more."""
        if self._kept is not None:
            with suppress(OSError):
                for file in self._kept.iterdir():
                    if len(file.name) == 64 and file.name not in listed:
                        file.unlink(missing_ok=True)
