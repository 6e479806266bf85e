"""What a store of packs holds, as its indexes tell: listed, read once, kept on this machine."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from cauce.adapters.stores.packed.blobs import Blob, Blobs
from cauce.adapters.stores.packed.snapshot import Builder, Snapshot
from cauce.errors import Damaged, NotFound, Unavailable, Unwritable
from cauce.kernel import objects
from cauce.kernel.packs import index, table
from cauce.kernel.packs.index import Index

_LANES = 16
_AT_ONCE = 32
"""Indexes that are read before the next are asked for."""

_TRIES = 3


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
        self._snapshot = Builder(0).done()
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
            before = self._snapshot
            room = sum(len(part.table) for part in before.parts.values()) + len(found.table)
            builder = Builder(room, before.packs)
            builder.add(name, time.time(), found)
            for other, part in before.parts.items():
                if other != name:
                    builder.keep(other, part.modified, part)
            self._snapshot = builder.done()

    def _listed(self, before: Snapshot) -> Snapshot:
        for _ in range(_TRIES):
            listed = {
                blob.name: blob
                for blob in self._blobs.list("index")
                if len(blob.name) == 64 and set(blob.name) <= set("0123456789abcdef")
            }
            dates = {name: blob.modified for name, blob in listed.items()}
            if dates == {name: part.modified for name, part in before.parts.items()}:
                return before
            with suppress(NotFound):  # joined with others since it was listed
                found = self._built(before, list(listed.values()))
                self._forget(listed)
                return found
        raise Unavailable(f"the indexes of {self._blobs.url} change all the time")

    def _built(self, before: Snapshot, listed: list[Blob]) -> Snapshot:
        """Put the indexes together, the newest first, and read those that are new."""
        listed.sort(key=lambda blob: blob.modified, reverse=True)
        builder = Builder(sum(index.room(blob.size) for blob in listed), before.packs)
        for start in range(0, len(listed), _AT_ONCE):
            group = listed[start : start + _AT_ONCE]
            missing = [blob.name for blob in group if blob.name not in before.parts]
            found = dict(zip(missing, self._read_all(missing), strict=True))
            for blob in group:
                if blob.name in found:
                    builder.add(blob.name, blob.modified, found[blob.name])
                else:
                    builder.keep(blob.name, blob.modified, before.parts[blob.name])
        return builder.done()

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

    def _forget(self, listed: Mapping[str, Blob]) -> None:
        """Remove kept indexes that are listed no more."""
        if self._kept is not None:
            with suppress(OSError):
                for file in self._kept.iterdir():
                    if len(file.name) == 64 and file.name not in listed:
                        file.unlink(missing_ok=True)
