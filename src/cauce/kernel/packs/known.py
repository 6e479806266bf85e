"""Which chunks a server's objects hold, so that a client need not send them again.

A table in `.cauce/chunks.db`: a convenience, never the truth. It may be deleted at any time;
whoever reads a chunk by it hashes what came.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from cauce.kernel.entities import Digest
from cauce.kernel.packs.chunks import ChunkList

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS chunks (name BLOB PRIMARY KEY, object TEXT NOT NULL, "
    "start INTEGER NOT NULL) WITHOUT ROWID"
)


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

    def find(self, names: Iterable[bytes]) -> dict[bytes, Spot]:
        """Tell where chunks are, as far as is known."""
        found: dict[bytes, Spot] = {}
        if not self._file.exists():
            return found
        with self._unless_broken(), self._opened() as table:
            for name in names:
                row = table.execute("SELECT object, start FROM chunks WHERE name = ?", (name,))
                for holder, start in row:
                    found[name] = Spot(Digest(holder), start)
        return found

    def add(self, name: Digest, known: ChunkList) -> None:
        """Note the chunks of an object that was just stored."""

        def rows() -> Iterator[tuple[bytes, str, int]]:
            start = 0
            pairs = zip(known.names, known.lengths.tolist(), strict=True)
            for chunk, length in pairs:
                yield chunk.tobytes(), name, start
                start += length

        with self._unless_broken(), self._opened() as table:
            table.execute(_SCHEMA)
            table.executemany("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?)", rows())

    def forget(self, holder: Digest) -> None:
        """Note that an object's bytes are not what they were said to be."""
        with self._unless_broken(), self._opened() as table:
            table.execute("DELETE FROM chunks WHERE object = ?", (holder,))

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
