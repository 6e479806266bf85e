"""Leases of durable jobs, inside a transaction of the catalogue."""

from typing import TYPE_CHECKING, Any

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import rows
from cauce.kernel.commit import EventLog
from cauce.kernel.entities import Job, JobState

if TYPE_CHECKING:
    from cauce.kernel.database import Session

_DUE = (
    "kind = ? AND ((state = 'queued' AND run_after <= ?)"
    " OR (state = 'running' AND lease_until < ?))"
)


def waits(session: "Session", kind: str, now: float) -> bool:
    """Tell whether a job of a kind is due or its lease has run out."""
    found = session.query(f"SELECT 1 FROM jobs WHERE {_DUE} LIMIT 1", (kind, now, now))  # noqa: S608
    return bool(found)


def lease(session: "Session", kind: str, worker: str, seconds: float, now: float) -> Job | None:
    """Take the oldest due job; jobs whose last lease ran out fail on the way."""
    while True:
        found = session.query(
            f"SELECT {rows.JOB} FROM jobs WHERE {_DUE} ORDER BY created, id LIMIT 1",  # noqa: S608
            (kind, now, now),
        )
        if not found:
            return None
        job = rows.job(found[0])
        if job.state == "running" and job.attempts >= job.max_attempts:
            error = f"the lease ran out {job.attempts} times, last held by {job.worker}"
            _end(session, job, "failed", {}, error, now)
            continue
        session.execute(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, worker = ?,"
            " lease_until = ? WHERE id = ?",
            (worker, now + seconds, job.id),
        )
        return read(session, job.id)


def extend(session: "Session", id: str, worker: str, seconds: float, now: float) -> None:
    """Move the end of a lease; raises `Conflict` when it was lost."""
    _held(session, id, worker)
    session.execute("UPDATE jobs SET lease_until = ? WHERE id = ?", (now + seconds, id))


def settle(
    session: "Session",
    id: str,
    worker: str,
    state: JobState,
    result: dict[str, Any],
    error: str,
    now: float,
) -> None:
    """End a job, give it back, or cancel it; see `Catalog.settle`."""
    if state == "running":
        raise Invalid("a job cannot be settled as running", hint="extend its lease instead")
    if state == "cancelled":
        job = read(session, id)
        if job.state not in {"queued", "running"}:
            raise Conflict(f"job {id} is {job.state} already")
        _end(session, job, state, result, error, now)
        return
    job = _held(session, id, worker)
    if state == "queued":
        # Giving back is no failure: the lease does not count.
        _requeue(session, job, job.attempts - 1, now, error or job.error, now)
    elif state == "failed" and job.attempts < job.max_attempts:
        _requeue(session, job, job.attempts, now + 2.0**job.attempts, error, now)
    else:
        _end(session, job, state, result, error, now)


def read(session: "Session", id: str) -> Job:
    """Read one job; raises `NotFound`."""
    found = session.query(f"SELECT {rows.JOB} FROM jobs WHERE id = ?", (id,))  # noqa: S608
    if not found:
        raise NotFound(f"no job {id[:100]}", hint="`cauce jobs ls` lists them")
    return rows.job(found[0])


def _held(session: "Session", id: str, worker: str) -> Job:
    job = read(session, id)
    if job.state != "running" or job.worker != worker:
        holder = f", held by {job.worker}" if job.state == "running" else ""
        raise Conflict(
            f"job {id} is {job.state}{holder}: {worker} has lost its lease",
            hint="drop the work; another worker goes on, or nobody wants it",
        )
    return job


def _requeue(
    session: "Session", job: Job, attempts: int, run_after: float, error: str, now: float
) -> None:
    session.execute(
        "UPDATE jobs SET state = 'queued', attempts = ?, run_after = ?, lease_until = NULL,"
        " error = ? WHERE id = ?",
        (attempts, run_after, error, job.id),
    )
    _tell(session, "job.queued", job, "queued", now)


def _end(
    session: "Session", job: Job, state: JobState, result: dict[str, Any], error: str, now: float
) -> None:
    session.execute(
        "UPDATE jobs SET state = ?, lease_until = NULL, result = ?, error = ? WHERE id = ?",
        (state, rows.pack(result), error, job.id),
    )
    _tell(session, "job.ended", job, state, now)


def _tell(session: "Session", kind: str, job: Job, state: JobState, now: float) -> None:
    log = EventLog(session, job.worker, now)
    log.write(kind, f"{job.kind}/{job.name}", {"job": job.id, "state": state})
