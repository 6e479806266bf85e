"""Rows of the catalogue's tables as entities and back."""

import json
from functools import cache
from typing import Any

import msgspec

from cauce.kernel.entities import (
    Code,
    Digest,
    Edge,
    Event,
    Job,
    Ref,
    RefMove,
    Run,
    RunId,
    Version,
)

Row = tuple[Any, ...]

VERSION = "id, kind, name, created, size, count, labels"
REF = "kind, name, tag, target, moved"
REF_LOG = "seq, kind, name, tag, old, new, at, agent, message"
RUN = (
    'id, kind, name, status, agent, started, ended, "group", parent, outcome,'
    " params, metrics, tags, code, error"
)
EDGE = "later, earlier, direction, role"
EVENT = "seq, at, kind, subject, agent, data"
JOB = (
    "id, kind, name, key, payload, state, attempts, max_attempts, created, run_after,"
    " lease_until, worker, result, error"
)


_encode = json.JSONEncoder(separators=(",", ":")).encode


@cache
def marks(columns: str) -> str:
    """Give as many placeholders as there are columns."""
    return ", ".join("?" * (columns.count(",") + 1))


def pack(value: Any) -> str:
    """Write JSON; NaN and infinities are kept, as Python's own reader and writer do."""
    return _encode(value)


def version(row: Row) -> Version:
    """Read a row of `versions`."""
    return Version(
        id=Digest(row[0]),
        kind=row[1],
        name=row[2],
        created=row[3],
        size=row[4],
        count=row[5],
        labels=json.loads(row[6]),
    )


def of_version(item: Version) -> Row:
    """Write a row of `versions`."""
    return (
        item.id,
        item.kind,
        item.name,
        float(item.created),
        item.size,
        item.count,
        pack(item.labels),
    )


def ref(row: Row) -> Ref:
    """Read a row of `refs`."""
    return Ref(kind=row[0], name=row[1], tag=row[2], target=Digest(row[3]), moved=row[4])


def ref_move(row: Row) -> RefMove:
    """Read a row of `ref_log`."""
    return RefMove(
        seq=row[0],
        kind=row[1],
        name=row[2],
        tag=row[3],
        old=row[4],
        new=row[5],
        at=row[6],
        agent=row[7],
        message=row[8],
    )


def run(row: Row) -> Run:
    """Read a row of `runs`."""
    return Run(
        id=RunId(row[0]),
        kind=row[1],
        name=row[2],
        status=row[3],
        agent=row[4],
        started=row[5],
        ended=row[6],
        group=row[7],
        parent=row[8],
        outcome=row[9],
        params=json.loads(row[10]),
        metrics=json.loads(row[11]),
        tags=json.loads(row[12]),
        code=None if row[13] is None else msgspec.convert(json.loads(row[13]), Code),
        error=row[14],
    )


def of_run(item: Run) -> Row:
    """Write a row of `runs`."""
    return (
        item.id,
        item.kind,
        item.name,
        item.status,
        item.agent,
        float(item.started),
        None if item.ended is None else float(item.ended),
        item.group,
        item.parent,
        item.outcome,
        pack(item.params),
        pack(item.metrics),
        pack(item.tags),
        None if item.code is None else pack(msgspec.to_builtins(item.code)),
        item.error,
    )


def edge(row: Row) -> Edge:
    """Read a row of `edges`."""
    later, earlier, direction, role = row
    if direction == "used":
        return Edge(run=RunId(later), direction="used", version=Digest(earlier), role=role)
    return Edge(run=RunId(earlier), direction="generated", version=Digest(later), role=role)


def of_edge(item: Edge) -> Row:
    """Write a row of `edges`, without its number."""
    if item.direction == "used":
        return (item.run, item.version, item.direction, item.role)
    return (item.version, item.run, item.direction, item.role)


def event(row: Row) -> Event:
    """Read a row of `events`."""
    return Event(
        seq=row[0],
        at=row[1],
        kind=row[2],
        subject=row[3],
        agent=row[4],
        data=json.loads(row[5]),
    )


def job(row: Row) -> Job:
    """Read a row of `jobs`."""
    return Job(
        id=row[0],
        kind=row[1],
        name=row[2],
        key=row[3],
        payload=json.loads(row[4]),
        state=row[5],
        attempts=row[6],
        max_attempts=row[7],
        created=row[8],
        run_after=row[9],
        lease_until=row[10],
        worker=row[11],
        result=json.loads(row[12]),
        error=row[13],
    )


def of_job(item: Job) -> Row:
    """Write a row of `jobs`."""
    return (
        item.id,
        item.kind,
        item.name,
        item.key,
        pack(item.payload),
        item.state,
        item.attempts,
        item.max_attempts,
        float(item.created),
        float(item.run_after),
        None if item.lease_until is None else float(item.lease_until),
        item.worker,
        pack(item.result),
        item.error,
    )
