"""Applying a commit inside a transaction, and the events that follow from it."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec import UNSET
from msgspec.structs import replace

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import digest, rows
from cauce.kernel.entities import (
    Advance,
    Commit,
    Digest,
    Edge,
    Job,
    Move,
    Receipt,
    Run,
    Version,
)

if TYPE_CHECKING:
    from cauce.kernel.database import Session

_NAMES = {
    forbidden: re.compile(rf"[^\x00-\x1f\x7f{forbidden}]{{1,500}}") for forbidden in ("", "@", "/@")
}
"""Forbidden characters -> what a name without them looks like."""


def apply(session: "Session", commit: Commit, *, at: float) -> Receipt:
    """Apply a commit; the caller's transaction makes it whole.

    Events are written in this order: versions, runs, moves, jobs, notes.

    Raises:
        Conflict: See `Catalog.commit`.
        NotFound: See `Catalog.commit`.
        Invalid: A value could not be stored by every back end.
    """
    check(commit)
    log = EventLog(session, commit.agent, at)
    for version in commit.versions:
        _add_version(session, version, log)
    for run in commit.runs:
        _put_run(session, run, log)
    _add_edges(session, commit.edges)
    for move in commit.moves:
        _move(session, move, commit.message, log)
    for job in commit.jobs:
        queue(session, job, log)
    for advance in commit.advances:
        _advance(session, advance, log)
    for note in commit.notes:
        log.write(note.kind, note.subject, note.data)
    return Receipt(seq=log.last, at=at)


class EventLog:
    """Writes events with the next numbers.

    Attributes:
        last: Number of the last event.
        at: Time that each event gets.
    """

    def __init__(self, session: "Session", agent: str, at: float) -> None:
        self._session = session
        self.agent, self.at = agent, at
        self.last = last_number(session, "events")

    def write(self, kind: str, subject: str, data: dict[str, Any], *, agent: str = "") -> int:
        """Append an event and give its number."""
        self.last += 1
        self._session.execute(
            f"INSERT INTO events ({rows.EVENT}) VALUES ({rows.marks(rows.EVENT)})",  # noqa: S608
            (self.last, self.at, kind, subject, agent or self.agent, rows.pack(data)),
        )
        return self.last


def last_number(session: "Session", table: str) -> int:
    """Read the last number of `events` or `edges`; writers are alone, so the next one is free."""
    return int(session.query(f"SELECT MAX(seq) FROM {table}")[0][0] or 0)  # noqa: S608


def check(commit: Commit) -> None:
    """Raise `Invalid` unless each value of a commit can be stored by every back end."""
    digest.check(version.id for version in commit.versions)
    for move in commit.moves:
        _check_name("kind", move.kind, "/@")
        _check_name("name", move.name, "@")
        _check_name("tag", move.tag, "@")
    for run in commit.runs:
        if run.status == "running" and run.ended is not None:
            raise Invalid(f"run {run.id} is running, yet has an end")
    named: tuple[Version | Run | Job, ...] = (*commit.versions, *commit.runs, *commit.jobs)
    for item in named:
        _check_name("id", item.id, "")
        _check_name("kind", item.kind, "/@")
    for job in commit.jobs:
        if job.state != "queued" or job.attempts:
            raise Invalid(f"job {job.id} is {job.state}; a commit queues new jobs only")
        if job.max_attempts < 1:
            raise Invalid(f"job {job.id} has max_attempts {job.max_attempts}", hint="at least 1")
    for note in commit.notes:
        _check_name("kind", note.kind, "")


def _check_name(what: str, text: str, forbidden: str) -> None:
    if not _NAMES[forbidden].fullmatch(text):
        raise Invalid(
            f"{text[:100]!r} cannot be a {what}",
            hint=f"1 to 500 characters, no control characters{', none of ' if forbidden else ''}"
            f"{' '.join(forbidden)}",
        )


def _add_version(session: "Session", version: Version, log: EventLog) -> None:
    if session.query("SELECT 1 FROM versions WHERE id = ?", (version.id,)):
        return
    stored = replace(version, created=version.created or log.at)
    session.execute(
        f"INSERT INTO versions ({rows.VERSION}) VALUES ({rows.marks(rows.VERSION)})",  # noqa: S608
        rows.of_version(stored),
    )
    log.write("version.added", f"{version.kind}/{version.name}", {"version": version.id})


def _put_run(session: "Session", run: Run, log: EventLog) -> None:
    """Insert a run or change a known one."""
    found = session.query(f"SELECT {rows.RUN} FROM runs WHERE id = ?", (run.id,))  # noqa: S608
    known = rows.run(found[0]) if found else None
    ended = run.status != "running"
    fresh = replace(
        run,
        agent=run.agent or (known.agent if known else "") or log.agent,
        started=run.started or (known.started if known else 0.0) or log.at,
        ended=run.ended or ((known.ended if known else None) or log.at if ended else None),
    )
    if known is None:
        session.execute(
            f"INSERT INTO runs ({rows.RUN}) VALUES ({rows.marks(rows.RUN)})",  # noqa: S608
            rows.of_run(fresh),
        )
    else:
        _check_change(known, fresh)
        session.execute(
            f"UPDATE runs SET ({rows.RUN}) = ({rows.marks(rows.RUN)}) WHERE id = ?",  # noqa: S608
            (*rows.of_run(fresh), run.id),
        )
    subject = f"{run.kind}/{run.name}"
    if known is None:
        told = {"run": run.id, "status": "running", "outcome": ""}
        log.write("run.started", subject, told, agent=fresh.agent)
    if ended and (known is None or known.status == "running"):
        told = {"run": run.id, "status": run.status, "outcome": run.outcome}
        log.write("run.ended", subject, told, agent=fresh.agent)


def _check_change(known: Run, fresh: Run) -> None:
    """Raise `Conflict` where a change would rewrite what happened."""
    if known.kind != fresh.kind:
        raise Conflict(f"run {known.id} is of kind {known.kind}, not {fresh.kind}")
    if known.status == "running":
        return
    if fresh.status != known.status:
        raise Conflict(
            f"run {known.id} is {known.status} already, it cannot be {fresh.status}",
            hint="start a new run",
        )
    old, new = rows.of_run(replace(known, tags={})), rows.of_run(replace(fresh, tags={}))
    for field, before, after in zip(Run.__struct_fields__, old, new, strict=True):
        if before != after:
            raise Conflict(
                f"run {known.id} has ended, its {field} stays as it is",
                hint="only tags of an ended run can change",
            )


def _add_edges(session: "Session", edges: Iterable[Edge]) -> None:
    number = None
    for item in dict.fromkeys(edges):
        _require(session, "versions", item.version, "an edge")
        _require(session, "runs", item.run, "an edge")
        if number is None:
            number = last_number(session, "edges")
        number += session.execute(
            f"INSERT INTO edges (seq, {rows.EDGE}) VALUES (?, {rows.marks(rows.EDGE)})"  # noqa: S608
            " ON CONFLICT DO NOTHING",
            (number + 1, *rows.of_edge(item)),
        )


def _require(session: "Session", table: str, id: str, who: str) -> None:
    if not session.query(f"SELECT 1 FROM {table} WHERE id = ?", (id,)):  # noqa: S608
        raise NotFound(
            f"{who} names {table[:-1]} {id[:100]}, which is neither known nor in the commit",
            hint="store it first, or add it to the same commit",
        )


def _move(session: "Session", move: Move, message: str, log: EventLog) -> None:
    key = (move.kind, move.name, move.tag)
    found = session.query("SELECT target FROM refs WHERE kind = ? AND name = ? AND tag = ?", key)
    old = Digest(found[0][0]) if found else None
    subject = f"{move.kind}/{move.name}@{move.tag}"
    if move.expect is not UNSET and move.expect != old:
        raise Conflict(
            f"{subject} points at {_short(old)}, not at {_short(move.expect)} as expected",
            hint="somebody moved it; look again and retry",
        )
    if move.target == old:
        return
    if move.target is None:
        session.execute("DELETE FROM refs WHERE kind = ? AND name = ? AND tag = ?", key)
    else:
        _require(session, "versions", move.target, f"the move of {subject}")
        session.execute(
            f"INSERT INTO refs ({rows.REF}) VALUES ({rows.marks(rows.REF)})"  # noqa: S608
            " ON CONFLICT (kind, name, tag)"
            " DO UPDATE SET target = excluded.target, moved = excluded.moved",
            (*key, move.target, log.at),
        )
    told = {"old": old, "new": move.target, "message": message}
    seq = log.write("ref.moved", subject, told)
    session.execute(
        f"INSERT INTO ref_log ({rows.REF_LOG}) VALUES ({rows.marks(rows.REF_LOG)})",  # noqa: S608
        (seq, *key, old, move.target, log.at, log.agent, message),
    )


def _short(target: Any) -> str:
    return "nothing" if target is None else digest.short(target)


def queue(session: "Session", job: Job, log: EventLog) -> None:
    """Queue a job, unless an unsettled one has its key or a known one its id."""
    if session.query("SELECT 1 FROM jobs WHERE id = ?", (job.id,)):
        return
    if job.key and session.query(
        "SELECT 1 FROM jobs WHERE kind = ? AND key = ? AND state IN ('queued', 'running')",
        (job.kind, job.key),
    ):
        return
    session.execute(
        f"INSERT INTO jobs ({rows.JOB}) VALUES ({rows.marks(rows.JOB)})",  # noqa: S608
        rows.of_job(replace(job, created=job.created or log.at)),
    )
    log.write("job.queued", f"{job.kind}/{job.name}", {"job": job.id, "state": "queued"})


def _advance(session: "Session", advance: Advance, log: EventLog) -> None:
    found = session.query("SELECT seq FROM cursors WHERE name = ?", (advance.name,))
    at = int(found[0][0]) if found else 0
    if at != advance.expect:
        raise Conflict(
            f"cursor {advance.name} stands at {at}, not at {advance.expect} as expected",
            hint="another worker read these events; read the cursor again",
        )
    if not at <= advance.seq <= log.last:
        raise Invalid(
            f"cursor {advance.name} cannot go from {at} to {advance.seq}",
            hint=f"it goes forward only, to {log.last} at most",
        )
    session.execute(
        "INSERT INTO cursors (name, seq) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET seq = excluded.seq",
        (advance.name, advance.seq),
    )
