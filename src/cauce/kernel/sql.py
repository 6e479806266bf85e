"""The catalogue over SQL: one text for SQLite and PostgreSQL, values always bound.

An adapter offers no more than a `Database`. Rooms with tables of their own use three methods
beside the `Catalog` protocol, through `tables(ws)`:

    catalog = sql.tables(ws)
    catalog.ensure("label", SCHEMA)                  # creates label_… tables once
    with catalog.transaction() as tx:                # one transaction for rows and commit
        tx.execute("UPDATE label_tasks SET state = ? WHERE id = ?", ("done", task))
        tx.apply(Commit(notes=(...,)))
    catalog.query("SELECT id FROM label_tasks WHERE state = ?", ("waiting",))

Write SQL in the part that SQLite 3.40 and PostgreSQL 15 share, with `?` placeholders, table names
with the room's prefix, column types INTEGER, REAL and TEXT, and no `;` or `?` inside literals.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cauce.errors import Invalid, NotFound, Unsupported
from cauce.kernel import commit as committing
from cauce.kernel import jobs, lineage, migrations, rows
from cauce.kernel.database import Database, Session
from cauce.kernel.entities import (
    Commit,
    Digest,
    Edge,
    Event,
    Graph,
    Job,
    JobState,
    Receipt,
    Ref,
    RefMove,
    Run,
    RunId,
    Version,
)
from cauce.kernel.invariants import INVARIANTS
from cauce.kernel.rows import Row

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_MANY = 1_000_000
_PAGE = 5_000
_PREFIX = 6
_USUAL = {"status": "finished", "group": "", "name": ""}
"""Columns of `runs` -> the value that most runs have; their indexes leave it out."""


class Transaction:
    """What `SqlCatalog.transaction` gives: rows of a room and a commit, kept or undone together."""

    def __init__(self, session: Session, at: float) -> None:
        self._session = session
        self.at = at

    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Run a statement and give the number of rows that it changed."""
        return self._session.execute(sql, args)

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """Run a statement and give its rows; it sees what this transaction wrote."""
        return self._session.query(sql, args)

    def apply(self, commit: Commit) -> Receipt:
        """Apply a commit in this transaction; raises what `Catalog.commit` raises."""
        return committing.apply(self._session, commit, at=self.at)


class SqlCatalog:
    """A `Catalog` over a `Database`; brings the tables up to date when it is made."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ensured: set[str] = set()
        migrations.migrate(database, "kernel", migrations.KERNEL, now=time.time())

    # Rooms with tables of their own

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a writing transaction; see the module's docstring.

        Keep it short: other writers wait. What the block raises undoes everything in it.

        Raises:
            Unavailable: Another process held the catalogue for too long.
        """
        with self._database.transaction() as session:
            yield Transaction(session, time.time())

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """Run one reading statement by itself."""
        return self._database.read(sql, args)

    def tables(self) -> list[str]:
        """List all tables by name, the rooms' own included."""
        return self._database.tables()

    def ensure(self, component: str, *scripts: str) -> None:
        """Create a room's own tables, or bring them up to date.

        Args:
            component: Name of the room; its tables start with it and `_`.
            scripts: One SQL script a version, oldest first. A script is never edited after its
                release; a change of the tables is a new script at the end.

        Raises:
            Unsupported: A later version of Cauce has applied more scripts.
        """
        if component in self._ensured:
            return
        steps = [_script(component, number, text) for number, text in enumerate(scripts, start=1)]
        migrations.migrate(self._database, component, steps, now=time.time())
        self._ensured.add(component)

    # Catalog

    def commit(self, commit: Commit) -> Receipt:
        """See `Catalog.commit`."""
        committing.check(commit)
        with self.transaction() as tx:
            return tx.apply(commit)

    def ref(self, kind: str, name: str, tag: str) -> Ref:
        """See `Catalog.ref`."""
        found = self._list(
            rows.REF, "refs", ("kind = ?", "name = ?", "tag = ?"), (kind, name, tag), "tag", 1
        )
        if not found:
            raise NotFound(f"no {kind} {name}@{tag}", hint=self._known(kind, name))
        return rows.ref(found[0])

    def _known(self, kind: str, name: str) -> str:
        """Name the refs that do exist: the other tags, else other names of the kind."""
        near = self.refs(kind, name, limit=20)
        if not near:
            found = self.query(
                "SELECT name, MIN(tag) FROM refs WHERE kind = ? GROUP BY name"
                " ORDER BY MAX(moved) DESC LIMIT 20",
                (kind,),
            )
            if not found:
                return f"there is no {kind} yet"
            return "known: " + ", ".join(f"{row[0]}@{row[1]}" for row in found)
        return "known: " + ", ".join(f"{ref.name}@{ref.tag}" for ref in near)

    def refs(
        self,
        kind: str | None = None,
        name: str | None = None,
        tag: str | None = None,
        *,
        after: tuple[str, str, str] | None = None,
        limit: int = 100,
    ) -> list[Ref]:
        """See `Catalog.refs`."""
        where, args = equal(kind=kind, name=name, tag=tag)
        if after is not None:
            where.append("(kind, name, tag) > (?, ?, ?)")
            args += after
        found = self._list(rows.REF, "refs", where, args, "kind, name, tag", limit)
        return [rows.ref(row) for row in found]

    def refs_to(self, versions: Sequence[Digest]) -> list[Ref]:
        """See `Catalog.refs_to`."""
        found: list[Row] = []
        for start in range(0, len(versions), 500):
            part = tuple(versions[start : start + 500])
            marks = ", ".join("?" * len(part))
            found += self._list(rows.REF, "refs", (f"target IN ({marks})",), part, "kind", _MANY)
        return [rows.ref(row) for row in sorted(found)]

    def history(
        self, kind: str, name: str, tag: str | None = None, *, limit: int = 100
    ) -> list[RefMove]:
        """See `Catalog.history`."""
        where, args = equal(kind=kind, name=name, tag=tag)
        found = self._list(rows.REF_LOG, "ref_log", where, args, "seq DESC", limit)
        return [rows.ref_move(row) for row in found]

    def version(self, id: Digest) -> Version:
        """See `Catalog.version`."""
        found = self._list(rows.VERSION, "versions", ("id = ?",), (id,), "id", 1)
        if not found:
            raise NotFound(f"no version {id[:100]}", hint="`cauce refs ls` lists what has a name")
        return rows.version(found[0])

    def versions(
        self,
        kind: str | None = None,
        name: str | None = None,
        *,
        before: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> list[Version]:
        """See `Catalog.versions`."""
        where, args = equal(kind=kind, name=name)
        found = self._newest(rows.VERSION, "versions", where, args, "created", before, limit)
        return [rows.version(row) for row in found]

    def all_versions(self) -> Iterator[Digest]:
        """See `Catalog.all_versions`; versions committed meanwhile may be missing."""
        last = ""
        while page := self.query(
            "SELECT id FROM versions WHERE id > ? ORDER BY id LIMIT ?", (last, _PAGE)
        ):
            last = page[-1][0]
            yield from (Digest(row[0]) for row in page)

    def run(self, id: RunId) -> Run:
        """See `Catalog.run`."""
        found = self._list(rows.RUN, "runs", ("id = ?",), (id,), "id", 1)
        if not found and len(id) >= _PREFIX:
            end = id + "\U0010ffff"
            found = self._list(rows.RUN, "runs", ("id >= ?", "id < ?"), (id, end), "id", 3)
        if len(found) > 1:
            known = ", ".join(str(row[0]) for row in found)
            raise Invalid(f"{id} begins the id of several runs", hint=f"among them: {known}")
        if not found:
            raise NotFound(f"no run {id[:100]}", hint=self._known_runs())
        return rows.run(found[0])

    def _known_runs(self) -> str:
        newest = ", ".join(f"{run.id} ({run.name or run.kind})" for run in self.runs(limit=3))
        return f"newest: {newest}" if newest else "there is no run yet"

    def runs(
        self,
        kind: str | None = None,
        *,
        name: str | None = None,
        status: str | None = None,
        group: str | None = None,
        parent: RunId | None = None,
        outcome: str | None = None,
        before: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """See `Catalog.runs`."""
        where, args = equal(
            kind=kind, name=name, status=status, group=group, parent=parent, outcome=outcome
        )
        found = self._newest(rows.RUN, "runs", where, args, "started", before, limit)
        return [rows.run(row) for row in found]

    def count_runs(self, kind: str | None = None, *, status: str | None = None) -> int:
        """See `Catalog.count_runs`."""
        where, args = equal(kind=kind, status=status)
        return int(self.query(f"SELECT COUNT(*) FROM runs{_and(where)}", args)[0][0])  # noqa: S608

    def edges(
        self, *, run: RunId | None = None, version: Digest | None = None, limit: int = 1000
    ) -> list[Edge]:
        """See `Catalog.edges`."""
        asked = [id for id in (run, version) if id is not None]
        if not asked:
            raise Invalid("edges of what?", hint="give a run, a version, or both")
        # Two indexed lookups; an OR over both columns would scan the table on one of the engines.
        found: list[Row] = []
        for column in ("later", "earlier"):
            where, args = [f"{column} = ?"], [asked[0]]
            if len(asked) == 2:
                where.append(f"{'earlier' if column == 'later' else 'later'} = ?")
                args.append(asked[1])
            found += self._list(f"seq, {rows.EDGE}", "edges", where, args, "seq", limit)
        return [rows.edge(row[1:]) for row in sorted(found)[:limit]]

    def lineage(self, start: str, *, direction: str = "up", limit: int = 500) -> Graph:
        """See `Catalog.lineage`."""
        with self._database.transaction(write=False) as session:
            return lineage.graph(session, start, direction=direction, limit=limit)

    def events(
        self,
        after: int = 0,
        *,
        kinds: Sequence[str] = (),
        subject: str | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> list[Event]:
        """See `Catalog.events`."""
        where, args = equal(subject=subject)
        where.append("seq > ?")
        args.append(after)
        if kinds:
            where.append(f"kind IN ({', '.join('?' * len(kinds))})")
            args += kinds
        order = "seq DESC" if newest else "seq"
        found = self._list(rows.EVENT, "events", where, args, order, limit)
        return [rows.event(row) for row in found]

    def last_event(self) -> int:
        """See `Catalog.last_event`."""
        return int(self.query("SELECT MAX(seq) FROM events")[0][0] or 0)

    def cursor(self, name: str) -> int:
        """See `Catalog.cursor`."""
        found = self.query("SELECT seq FROM cursors WHERE name = ?", (name,))
        return int(found[0][0]) if found else 0

    def job(self, id: str) -> Job:
        """See `Catalog.job`."""
        with self._database.transaction(write=False) as session:
            return jobs.read(session, id)

    def jobs(
        self,
        kind: str | None = None,
        *,
        name: str | None = None,
        state: JobState | None = None,
        before: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> list[Job]:
        """See `Catalog.jobs`."""
        where, args = equal(kind=kind, name=name, state=state)
        found = self._newest(rows.JOB, "jobs", where, args, "created", before, limit)
        return [rows.job(row) for row in found]

    def lease(self, kind: str, *, worker: str, seconds: float = 60.0) -> Job | None:
        """See `Catalog.lease`."""
        now = time.time()
        with self._database.transaction(write=False) as session:
            if not jobs.waits(session, kind, now):
                return None  # polling workers must not queue for the writers' lock
        with self._database.transaction() as session:
            return jobs.lease(session, kind, worker, seconds, now)

    def extend(self, job: str, *, worker: str, seconds: float = 60.0) -> None:
        """See `Catalog.extend`."""
        with self._database.transaction() as session:
            jobs.extend(session, job, worker, seconds, time.time())

    def settle(
        self,
        job: str,
        *,
        worker: str,
        state: JobState,
        result: dict[str, Any] | None = None,
        error: str = "",
    ) -> None:
        """See `Catalog.settle`."""
        with self._database.transaction() as session:
            jobs.settle(session, job, worker, state, result or {}, error, time.time())

    def check(self) -> list[str]:
        """See `Catalog.check`."""
        faults = self._database.check()
        for sql, sentence in INVARIANTS:
            faults += [sentence.format(*row) for row in self.query(sql)]
        return faults

    def close(self) -> None:
        """See `Catalog.close`."""
        self._database.close()

    def _list(
        self,
        columns: str,
        table: str,
        where: Sequence[str],
        args: Sequence[Any],
        order: str,
        limit: int,
    ) -> list[Row]:
        sql = f"SELECT {columns} FROM {table}{_and(where)} ORDER BY {order} LIMIT ?"  # noqa: S608
        return self._database.read(sql, (*args, max(0, limit)))

    def _newest(
        self,
        columns: str,
        table: str,
        where: list[str],
        args: list[Any],
        clock: str,
        before: tuple[float, str] | None,
        limit: int,
    ) -> list[Row]:
        """List rows by (clock, id), newest first."""
        if before is not None:
            where = [*where, f"({clock}, id) < (?, ?)"]
            args = [*args, *before]
        return self._list(columns, table, where, args, f"{clock} DESC, id DESC", limit)


def tables(ws: "Workspace") -> SqlCatalog:
    """Give the workspace's catalogue for use with a room's own tables.

    Raises:
        Unsupported: The catalogue is on a server; the operation belongs there.
    """
    catalog = ws.catalog
    if not isinstance(catalog, SqlCatalog):
        raise Unsupported(
            "this needs the catalogue's database itself",
            hint="call the operation on the server, or run it inside the project",
        )
    return catalog


def _script(component: str, number: int, text: str) -> migrations.Step:
    """Make a step of a script."""

    def step(session: Session) -> None:
        session.script(text)

    step.__name__ = f"{component}_{number}"
    return step


def equal(**columns: Any) -> tuple[list[str], list[Any]]:
    """Ask for equality where a value is given; `group` is a word of SQL, so names are quoted.

    A partial index serves only a query that repeats the index's own condition.
    """
    given = {name: value for name, value in columns.items() if value is not None}
    where = [f'"{name}" = ?' for name in given]
    where += [
        f"\"{name}\" <> '{usual}'"
        for name, usual in _USUAL.items()
        if given.get(name, usual) != usual
    ]
    return where, list(given.values())


def _and(where: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(where)}" if where else ""
