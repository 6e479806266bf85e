"""The contract of a database below the catalogue: statements, and transactions of one writer.

Members live in `cauce.adapters.catalogs`; the catalogue over them is `cauce.kernel.sql.SqlCatalog`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from cauce.kernel.rows import Row


class Session(Protocol):
    """One open transaction."""

    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Run a statement and give the number of rows that it changed."""
        ...

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """Run a statement and give its rows."""
        ...

    def script(self, text: str) -> None:
        """Run statements that define tables."""
        ...


class Database(Protocol):
    """What an adapter offers; safe to use from many threads."""

    def read(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """Run one reading statement by itself."""
        ...

    def transaction(self, *, write: bool = True) -> AbstractContextManager[Session]:
        """Open a transaction: kept when the block ends, undone when it raises.

        Writers are alone: a second one waits, in this process and in others, and sees what the
        first one kept. Readers wait for nobody and see one moment.
        """
        ...

    def tables(self) -> list[str]:
        """List the tables by name."""
        ...

    def check(self) -> list[str]:
        """Let the engine verify its own structures."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
