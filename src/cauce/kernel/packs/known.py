"""Which chunks a server's objects hold, so that a client need not send them again.

A table in `.cauce/chunks.db`: a convenience, never the truth. It may be deleted at any time;
whoever reads a chunk by it hashes what came.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from cauce.kernel.entities import Digest
from cauce.kernel.packs import chunks
from cauce.kernel.packs.chunks import ChunkList

_SCHEMA = """
CREATE TABLE IF NOT EXISTS parts (
    object TEXT NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, name BLOB NOT NULL,
    PRIMARY KEY (object, start)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS parts_by_name ON parts (name);
"""
_RELATIVES = """
SELECT other.object FROM parts AS own JOIN parts AS other ON other.name = own.name
WHERE own.object = ? AND other.object <> own.object
GROUP BY other.object ORDER BY COUNT(*) DESC LIMIT 4
"""

Holders = Callable[[set[Digest]], set[Digest]]


class Spot(Struct, frozen=True):
    """Where a chunk's bytes are.

    Attributes:
        object: An object that holds them.
        start: Their first byte in it.
    """

    object: Digest
    start: int


class Known:
    """The chunks of a project's big objects."""

    def __init__(self, root: Path) -> None:
        """Open the table of a project; nothing is made before something is added."""
        self._file = root / ".cauce" / "chunks.db"

    def find(self, names: Iterable[bytes], there: Holders) -> dict[bytes, Spot]:
        """Tell where chunks are, as far as is known.

        Args:
            names: sha256 of each.
            there: Tells which objects are in the store.
        """
        if not self._file.exists():
            return {}
        rows: list[tuple[bytes, str, int]] = []
        with self._unless_broken(), self._opened() as table:
            for name in names:
                rows += table.execute(
                    "SELECT name, object, start FROM parts WHERE name = ?", (name,)
                )
        held = there({Digest(holder) for _, holder, _ in rows})
        return {name: Spot(Digest(holder), start) for name, holder, start in rows if holder in held}

    def add(self, name: Digest, known: ChunkList) -> None:
        """Note the chunks of an object that was just stored."""

        def rows() -> Iterator[tuple[str, int, int, bytes]]:
            start = 0
            for chunk, length in zip(known.names, known.lengths.tolist(), strict=True):
                yield name, start, length, chunk.tobytes()
                start += length

        with self._unless_broken(), self._opened() as table:
            table.executescript(_SCHEMA)
            table.executemany("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", rows())

    def list_of(self, name: Digest) -> tuple[bytes, list[Digest]]:
        """Give the list of an object's chunks, and objects that have chunks in common with it.

        Both are empty when its chunks are not known. Those with the most in common come first.
        """
        rows, others, size = bytearray(), [], 0
        if not self._file.exists():
            return b"", []
        with self._unless_broken(), self._opened() as table:
            query = "SELECT name, length FROM parts WHERE object = ? ORDER BY start"
            for chunk, length in table.execute(query, (name,)):
                rows += chunks.row(chunk, length)
                size += length
            others = [Digest(one) for (one,) in table.execute(_RELATIVES, (name,))]
        return (chunks.dump(size, rows), others) if rows else (b"", [])

    def forget(self, holder: Digest) -> None:
        """Note that an object's bytes are not what they were said to be."""
        with self._unless_broken(), self._opened() as table:
            table.execute("DELETE FROM parts WHERE object = ?", (holder,))

    @contextmanager
    def _unless_broken(self) -> Iterator[None]:
        """Do without the table where it cannot be used; one that is no table is removed."""
        try:
            yield
        except sqlite3.OperationalError:
            pass  # locked for long, or the disk is full
        except sqlite3.DatabaseError:
            self._file.unlink(missing_ok=True)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._file.parent.mkdir(exist_ok=True)
        connection = sqlite3.connect(self._file, timeout=30)
        try:
            with connection:
                yield connection
        finally:
            connection.close()
