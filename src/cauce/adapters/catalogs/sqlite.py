"""The catalogue in one SQLite file: `sqlite:///PATH`, relative to the project."""

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cauce.errors import CauceError, Conflict, Damaged, Invalid, Unavailable, Unwritable
from cauce.kernel.rows import Row
from cauce.kernel.sql import SqlCatalog

_IDLE = 8
"""Connections kept open while nobody uses them."""


def open_catalog(url: str, root: Path) -> SqlCatalog:
    """Open the catalogue that a URL names, made or brought up to date when needed.

    Args:
        url: `sqlite:///relative/path` or `sqlite:////absolute/path`; `?timeout=SECONDS` says how
            long a writer waits for another process (30).
        root: Folder that a relative path starts from.
    """
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or not path:
        raise Invalid(f"{url!r} names no SQLite file", hint="write sqlite:///.cauce/catalog.db")
    options = parse_qs(parts.query)
    try:
        timeout = float(options.pop("timeout", ["30"])[-1])
    except ValueError:
        raise Invalid(f"{url!r}: timeout is not a number of seconds") from None
    if options:
        raise Invalid(f"{url!r}: unknown option {', '.join(options)}", hint="known: timeout")
    return SqlCatalog(SqliteDatabase(root / path, timeout=timeout))


class SqliteDatabase:
    """A `Database` in one file, with the write-ahead log: readers never wait for the writer."""

    def __init__(self, path: Path, *, timeout: float = 30.0) -> None:
        self._path, self._timeout = path, timeout
        self._closed = False
        self._renew()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unwritable(
                f"the folder of the catalogue {path} cannot be made: {error.strerror}"
            ) from error
        with self.transaction(write=False):
            pass  # a damaged or unreadable file is an error now, not at the first use

    def _renew(self) -> None:
        """Start without connections: a forked child must not touch its parent's."""
        self._process = os.getpid()
        self._idle: deque[sqlite3.Connection] = deque()
        self._writer = threading.Lock()
        self._owner: int | None = None

    def read(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See `Database.read`."""
        with self._errors(), self._connection() as connection:
            return connection.execute(sql, args).fetchall()

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator["SqliteSession"]:
        """See `Database.transaction`."""
        if not write:
            with self._errors(), self._connection() as connection, _begin(connection, "DEFERRED"):
                yield SqliteSession(connection)
            return
        if self._process != os.getpid():
            self._renew()
        assert self._owner != threading.get_ident(), "a transaction inside a transaction"
        if not self._writer.acquire(timeout=self._timeout):
            raise self._busy()
        self._owner = threading.get_ident()
        try:
            with self._errors(), self._connection() as connection, _begin(connection, "IMMEDIATE"):
                yield SqliteSession(connection)
        finally:
            self._owner = None
            self._writer.release()

    def tables(self) -> list[str]:
        """See `Database.tables`."""
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        return [row[0] for row in self.read(sql) if not row[0].startswith("sqlite_")]

    def check(self) -> list[str]:
        """See `Database.check`."""
        found = self.read("PRAGMA integrity_check(20)")
        return [f"SQLite: {row[0]}" for row in found if row[0] != "ok"]

    def close(self) -> None:
        """See `Database.close`; connections in use are closed when they come back."""
        self._closed = True
        while self._idle:
            self._idle.popleft().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that nobody else uses meanwhile."""
        if self._process != os.getpid():
            self._renew()
        if self._closed:
            raise Unavailable(f"the catalogue {self._path} was closed")
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._take_back(connection)

    def _take_back(self, connection: sqlite3.Connection) -> None:
        if self._closed or len(self._idle) >= _IDLE or isinstance(connection, _Frozen):
            connection.close()
        else:
            self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        if not self._frozen():
            return self._configured(sqlite3.Connection, str(self._path))
        return self._configured(_Frozen, f"{self._path.absolute().as_uri()}?immutable=1")

    def _configured(self, factory: type[sqlite3.Connection], name: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            name,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
            factory=factory,
            uri=factory is _Frozen,
        )
        try:
            if factory is not _Frozen:
                self._keep_a_log(connection)
            # FULL: a commit that was acknowledged outlives a power loss (docs/decisions/0002).
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _keep_a_log(self, connection: sqlite3.Connection) -> None:
        """Switch to the write-ahead log; SQLite does not wait for others who do so just now."""
        until = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
                if not busy or time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return

    def _frozen(self) -> bool:
        """Tell whether the file lies where nobody can write, and everything is in it.

        Readers of a write-ahead log need a file beside it, which cannot be made there. Without a
        log SQLite may take the file as immutable; that is looked at anew for each connection.
        """
        return (
            self._path.is_file()
            and not os.access(self._path.parent, os.W_OK, effective_ids=True)
            and not self._path.with_name(self._path.name + "-wal").exists()
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in our words what SQLite reports."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._explain(error) from error
        except UnicodeEncodeError as error:
            raise Invalid(f"text that is not valid Unicode: {error}") from error

    def _busy(self) -> Unavailable:
        return Unavailable(
            f"the catalogue {self._path} was busy for {self._timeout:g} s",
            hint="another process writes for long; try again, or stop it",
        )

    def _explain(self, error: sqlite3.Error) -> CauceError:
        name = getattr(error, "sqlite_errorname", "")
        what = f"the catalogue {self._path}"
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return self._busy()
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return Damaged(f"{what} is damaged: {error}", hint="restore it from a backup")
        if name.startswith("SQLITE_FULL"):
            return Unwritable(
                f"{what} cannot grow: the disk is full", hint="free some space; nothing was changed"
            )
        if name.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
            return Unwritable(f"{what} is read-only", hint="check who owns the file and its folder")
        if name.startswith(("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")):
            return Conflict(f"a row with this key exists already: {error}")
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR")):
            return Unavailable(f"{what} cannot be opened or read: {error}")
        if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
            return Invalid(f"the catalogue refused a value: {error}")
        raise error


class _Frozen(sqlite3.Connection):
    """A connection to a file that is taken as immutable; used once, then closed."""


class SqliteSession:
    """An open transaction on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        """See `Session.execute`."""
        if any(type(value) is str and "\0" in value for value in args):
            raise Invalid("text with a NUL character", hint="PostgreSQL could not store it either")
        return self._connection.execute(sql, args).rowcount

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See `Session.query`."""
        return self._connection.execute(sql, args).fetchall()

    def script(self, text: str) -> None:
        """See `Session.script`; sqlite3's own executescript would commit."""
        lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
        for statement in "\n".join(lines).split(";"):
            if statement.strip():
                self._connection.execute(statement)


@contextmanager
def _begin(connection: sqlite3.Connection, mode: str) -> Iterator[None]:
    """Keep what the block did when it ends, undo it when it raises."""
    connection.execute(f"BEGIN {mode}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
