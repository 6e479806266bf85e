"""The catalogue in PostgreSQL 15 or later: `postgresql://USER@HOST/DATABASE`.

The address is libpq's; `?options=-csearch_path%3DNAME` keeps several projects in one database.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

from cauce.errors import (
    CauceError,
    Conflict,
    Damaged,
    Denied,
    Invalid,
    Unavailable,
    Unwritable,
)
from cauce.kernel.rows import Row
from cauce.kernel.sql import SqlCatalog

T = TypeVar("T")

logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # we raise what it would warn of
Connection = psycopg.Connection[Row]

_MAX_CONNECTIONS = 10
_WAIT = 30.0
_PATIENCE = 1.0
_TRIES = 3
_LOCK = 0x0CA0CE
"""First key of the advisory lock that makes writers queue; the second is the schema's name."""

_TYPES = {
    "INTEGER": "BIGINT",
    "REAL": "DOUBLE PRECISION",
    "TEXT": 'TEXT COLLATE "C"',  # the order of code points, as SQLite's
    "BLOB": "BYTEA",
}
_TYPE = re.compile(rf"\b({'|'.join(_TYPES)})\b")


def open_catalog(url: str, root: Path) -> SqlCatalog:  # noqa: ARG001 - one signature for all
    """Open the catalogue of a PostgreSQL database, made or brought up to date when needed."""
    return SqlCatalog(PostgresDatabase(url))


@lru_cache(maxsize=512)
def _bound(sql: str) -> bytes:
    """Write our placeholders as psycopg's."""
    return sql.replace("%", "%%").replace("?", "%s").encode()


class PostgresDatabase:
    """A `Database` on a server."""

    def __init__(self, url: str, *, wait: float = _WAIT) -> None:
        self._url, self._wait = url, wait
        with self._errors():
            known = conninfo_to_dict(url)
        self._name = f"{known.get('host', 'local')}/{known.get('dbname', '')}"
        with self._errors():
            self._probe()
        self._renew()

    def _renew(self) -> None:
        """Start without connections: a forked child must not touch its parent's."""
        self._process = os.getpid()
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self._url,
            kwargs={"autocommit": True, "application_name": "cauce"},
            min_size=0,
            max_size=_MAX_CONNECTIONS,
            num_workers=1,
            timeout=self._wait,
            open=True,
        )

    def read(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See `Database.read`; asked again when the connection turns out to be dead."""

        def once(connection: Connection) -> list[Row]:
            return PostgresSession(connection).query(sql, args)

        with self._errors(), self._connection(once) as (_, found):
            return found

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator["PostgresSession"]:
        """See `Database.transaction`."""
        milliseconds = int(self._wait * 1000)
        # One round trip; each statement sees what was kept before it began, so reads after the
        # lock see the work of the writer before.
        begin = (
            f"BEGIN; SET LOCAL lock_timeout = {milliseconds};"
            f" SELECT pg_advisory_xact_lock({_LOCK}, hashtext(current_schema()))"
            if write
            else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        ).encode()

        def start(connection: Connection) -> None:
            connection.execute(begin)

        with self._errors(), self._connection(start) as (connection, _):
            try:
                yield PostgresSession(connection)
            except BaseException:
                if not connection.broken:
                    connection.execute(b"ROLLBACK")
                raise
            try:
                connection.execute(b"COMMIT")
            except psycopg.Error as error:
                if write and connection.broken:
                    raise Unavailable(
                        f"the connection to {self._name} broke while a transaction ended",
                        hint="it may or may not have been kept; look before trying again",
                    ) from error
                raise

    def tables(self) -> list[str]:
        """See `Database.tables`."""
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        return [str(row[0]) for row in self.read(sql)]

    def check(self) -> list[str]:
        """See `Database.check`; PostgreSQL verifies its pages when it reads them."""
        return []

    def close(self) -> None:
        """See `Database.close`."""
        if self._process == os.getpid():
            self._pool.close()

    @contextmanager
    def _connection(self, first: Callable[[Connection], T]) -> Iterator[tuple[Connection, T]]:
        """Lend a connection on which a first statement has gone well.

        A server that was restarted leaves dead connections behind. Only the first statement is
        repeated on another one: it has changed nothing yet.
        """
        if self._process != os.getpid():
            self._renew()
        for attempt in range(_TRIES):
            connection = self._borrow()
            try:
                try:
                    result = first(connection)
                except psycopg.OperationalError:
                    if not connection.broken or attempt == _TRIES - 1:
                        raise
                    self._pool.check()
                    continue
                yield connection, result
                return
            finally:
                self._pool.putconn(connection)

    def _borrow(self) -> Connection:
        """Take a connection from the pool.

        The pool cannot tell a server that is gone from connections that are all in use: it waits.
        So now and then the server is asked directly, which fails at once and says why.
        """
        end = time.monotonic() + self._wait
        while True:
            try:
                return self._pool.getconn(timeout=min(_PATIENCE, self._wait))
            except PoolTimeout:
                self._probe()
                if time.monotonic() > end:
                    raise

    def _probe(self) -> None:
        psycopg.connect(self._url, connect_timeout=10).close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in our words what PostgreSQL reports."""
        try:
            yield
        except psycopg.Error as error:
            raise self._explain(error) from error
        except UnicodeEncodeError as error:
            raise Invalid(f"text that is not valid Unicode: {error}") from error

    def _explain(self, error: psycopg.Error) -> CauceError:
        what = f"the catalogue at {getattr(self, '_name', 'this address')}"
        said = str(error).strip().partition("\n")[0]
        if isinstance(error, pg.LockNotAvailable | PoolTimeout):
            return Unavailable(
                f"{what} was busy for {self._wait:g} s",
                hint="another process writes for long; try again, or stop it",
            )
        if isinstance(error, pg.DiskFull):
            return Unwritable(f"{what} cannot grow: {said}", hint="free some space on the server")
        if isinstance(error, pg.ReadOnlySqlTransaction):
            return Unwritable(f"{what} is read-only", hint="give the address of the primary server")
        if isinstance(error, pg.UniqueViolation):
            return Conflict(f"a row with this key exists already: {said}")
        if isinstance(error, pg.SerializationFailure | pg.DeadlockDetected):
            return Conflict(f"{what} undid the transaction: {said}", hint="try again")
        if isinstance(error, pg.InsufficientPrivilege):
            return Denied(f"{what} refuses: {said}")
        if isinstance(error, pg.DataCorrupted | pg.IndexCorrupted):
            return Damaged(f"{what} is damaged: {said}", hint="restore it from a backup")
        if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
            return Invalid(f"the catalogue refused a value: {said}")
        if isinstance(error, psycopg.OperationalError):
            return Unavailable(f"{what} does not answer: {said}", hint="is the server running?")
        if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
            return Invalid(f"not an address of PostgreSQL: {said}")
        raise error


class PostgresSession:
    """An open transaction, or one statement, on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        """See `Session.execute`."""
        return self._connection.execute(_bound(sql), args).rowcount

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See `Session.query`."""
        return self._connection.execute(_bound(sql), args).fetchall()

    def script(self, text: str) -> None:
        """See `Session.script`."""
        self._connection.execute(_TYPE.sub(lambda match: _TYPES[match[1]], text).encode())
