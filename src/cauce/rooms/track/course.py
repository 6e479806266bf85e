"""A run's course: finding it, starting, changing and ending it, each in one transaction."""

import contextlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cauce.errors import Conflict, Invalid
from cauce.kernel import ids, rows, runs, sql
from cauce.kernel.entities import Code, Commit, Digest, Edge, Run, RunId, Scalar, Status, Version
from cauce.kernel.workspace import DEFAULT_TAGS
from cauce.rooms.track import process

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

COMPACT_POINTS = 50_000
"""A run that logged so many points is compacted when it ends."""

_MOST = 10_000
_LONGEST = 100_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def metrics_of(run: str) -> str:
    """Name the stream of a run's points."""
    return f"metrics/{run}"


def console_of(run: str) -> str:
    """Name the stream of a run's console."""
    return f"logs/{run}"


def source(ws: "Workspace", spec: str) -> tuple[Version, str]:
    """Find what a run uses, and the role it has when none is given.

    Args:
        ws: Workspace.
        spec: `digits@main` for a data set, `model:digits@2` and so on for another kind.
    """
    kind, colon, rest = spec.partition(":")
    if colon and kind in DEFAULT_TAGS:
        return ws.find(kind, rest), "data" if kind == "dataset" else kind
    known = spec.startswith("sha256:")
    found = ws.catalog.version(Digest(spec)) if known else ws.find("dataset", spec)
    return found, "data" if found.kind == "dataset" else found.kind


def begin(
    ws: "Workspace",
    *,
    name: str,
    experiment: str,
    params: Mapping[str, Scalar],
    tags: Mapping[str, str],
    used: Sequence[str],
    parent: str,
    code: Code | None,
) -> Run:
    """Start a run."""
    check_label("name", name)
    check_label("experiment", experiment)
    check_values(params)
    check_values(tags)
    sources = [source(ws, spec) for spec in used]
    id = RunId(ids.new_id())
    run = Run(
        id=id,
        kind=runs.TRAIN,
        name=name or ids.readable(id),
        agent=ws.agent,
        started=ws.now(),
        group=experiment,
        parent=runs.find(ws, parent).id if parent else None,
        params=dict(params),
        tags=dict(tags),
        code=code,
    )
    edges = tuple(
        Edge(run=id, direction="used", version=version.id, role=role) for version, role in sources
    )
    ws.catalog.commit(Commit(runs=(run,), edges=edges, agent=ws.agent))
    return run


def change(ws: "Workspace", run: RunId, change: Callable[[Run], Run]) -> Run:
    """Change a run as it is now, in one transaction: two that change it at once both count.

    Raises:
        Conflict: It has ended and more than its tags would change.
    """
    with sql.tables(ws).transaction() as tx:
        query = f"SELECT {rows.RUN} FROM runs WHERE id = ?"  # noqa: S608 - own names only
        changed = change(rows.run(tx.query(query, (run,))[0]))
        tx.apply(Commit(runs=(changed,), agent=ws.agent))
    return changed


def end(ws: "Workspace", run: Run, *, status: Status, error: str) -> Run:
    """End a run with the last value of each metric; a run that ended the same way stays."""
    if run.status == status:
        return run
    if run.status != "running":
        raise Conflict(f"run {run.name} is {run.status} already, it cannot be {status}")
    stream = metrics_of(run.id)
    ws.streams.release(stream)
    ws.streams.release(console_of(run.id))
    keys = ws.streams.keys(stream)
    ended = change(
        ws,
        run.id,
        lambda now: replace(
            now,
            status=status,
            ended=ws.now(),
            tags={key: value for key, value in now.tags.items() if key != process.TAG},
            metrics={key: summary.last for key, summary in keys.items()},
            error=" ".join(error.split())[:2000],
        ),
    )
    if sum(summary.count for summary in keys.values()) >= COMPACT_POINTS:
        with contextlib.suppress(OSError):  # the run has ended; a full disk can wait
            ws.streams.compact(stream)
    return ended


def use(ws: "Workspace", run: RunId, version: Digest, role: str) -> None:
    """Record that a run used a version."""
    edge = Edge(run=run, direction="used", version=version, role=role)
    ws.catalog.commit(Commit(edges=(edge,), agent=ws.agent))


def check_label(what: str, text: str) -> None:
    """Raise `Invalid` unless a text can name a run or an experiment."""
    if len(text) > 200 or _CONTROL.search(text):
        raise Invalid(f"{text[:100]!r} cannot be the {what} of a run", hint="one short line")


def check_values(values: Mapping[str, Scalar] | Mapping[str, str]) -> None:
    """Raise `Invalid` unless these can be parameters or tags of a run."""
    if len(values) > _MOST:
        raise Invalid(f"{len(values)} parameters or tags are too many", hint=f"at most {_MOST}")
    for key, value in values.items():
        if not key or len(key) > 500 or _CONTROL.search(key):
            raise Invalid(f"{key[:100]!r} cannot name a parameter or tag")
        if isinstance(value, str) and len(value) > _LONGEST:
            raise Invalid(f"the value of {key} has {len(value)} characters; log it as an artifact")
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise Invalid(f"the value of {key} is beyond 64 bits")


def same(values: Sequence[Scalar]) -> bool:
    """Tell whether values are all the same; NaN is the same as NaN."""
    first = values[0]
    return all(
        type(value) is type(first) and (value == first or (_nan(value) and _nan(first)))
        for value in values[1:]
    )


def _nan(value: Scalar) -> bool:
    return isinstance(value, float) and math.isnan(value)
