"""The kernel's own verbs: lineage, events, jobs, refs, and care of a project."""

from urllib.parse import urlsplit, urlunsplit

from cauce.errors import Invalid, NotFound
from cauce.kernel import auth, check, config, gc, lineage, progress, runs
from cauce.kernel.auth import NewToken, Token
from cauce.kernel.check import CheckReport
from cauce.kernel.entities import (
    Entity,
    Event,
    Graph,
    Job,
    JobState,
    Ref,
    RefMove,
    RunId,
)
from cauce.kernel.gc import GcReport
from cauce.kernel.lineage import Way
from cauce.kernel.operation import Role, operation
from cauce.kernel.sql import tables
from cauce.kernel.workspace import Workspace

_HIDDEN = "…"


class SettingValue(Entity, frozen=True):
    """One setting of the project and where its value comes from.

    Attributes:
        value: As in force; passwords inside addresses are left out.
        source: File, variable or flag that set it; `default` when none did.
    """

    key: str
    value: str | int | float | bool
    source: str
    help: str


class CompactReport(Entity, frozen=True):
    """What compaction did.

    Attributes:
        streams: Streams looked at.
        segments: Segments that became columns.
        records: Records and metric points in them.
        before: Bytes of the files that were replaced.
        after: Bytes of the files that replace them.
    """

    streams: int
    segments: int
    records: int
    before: int
    after: int


@operation(
    "lineage.show",
    examples=(
        "cauce lineage show model:digits@3",
        "cauce lineage show dataset:digits --direction down",
    ),
)
def lineage_show(ws: Workspace, of: str, *, direction: Way = "up", limit: int = 500) -> Graph:
    """Follow a prediction, run or version back to where it came from, or on to what it made.

    Args:
        of: `prediction:ID`, `run:ID` (or name, or `latest`), `model:NAME@TAG` and so for every kind
            of ref, or a bare run id or version id.
        direction: `up` shows what it stands on, `down` what stands on it, `both` the two.
        limit: Most nodes to show; the nearest come first.

    Raises:
        NotFound: Nothing has this name or id.
    """
    kind, _, rest = of.partition(":")
    if kind == "prediction":
        return _of_prediction(ws, rest, direction, limit)
    start = _start(ws, kind, rest) if rest else ws.catalog.run(RunId(of)).id
    return ws.catalog.lineage(start, direction=direction, limit=limit)


def _start(ws: Workspace, kind: str, rest: str) -> str:
    """Find the run or version that `kind:rest` names."""
    if kind in ("sha256", "md5"):
        return f"{kind}:{rest}"
    return runs.find(ws, rest).id if kind == "run" else ws.find(kind, rest).id


def _of_prediction(ws: Workspace, id: str, direction: Way, limit: int) -> Graph:
    """Find a prediction's record in the streams and put it before its deployment's graph."""
    for name in ws.streams.names("predictions/"):
        record = ws.streams.find(name, id)
        if record is not None:
            at = float(record.get("at", 0.0))
            node = lineage.prediction(id, name.removeprefix("predictions/"), at)
            if direction == "down":  # nothing stands on a prediction
                return Graph(start=id, nodes=(node,), edges=())
            deployment = str(record.get("deployment", ""))
            return lineage.before(node, ws.catalog.lineage(deployment, limit=limit))
    known = ", ".join(ws.streams.names("predictions/")) or "none"
    raise NotFound(f"no prediction {id[:100]}", hint=f"streams of predictions: {known}")


@operation("events.ls", examples=("cauce events ls --newest", "cauce events ls --kinds ref.moved"))
def events_ls(
    ws: Workspace,
    *,
    after: int = 0,
    kinds: tuple[str, ...] = (),
    subject: str | None = None,
    newest: bool = False,
    limit: int = 100,
) -> list[Event]:
    """List what happened, oldest first.

    Args:
        after: Only events with a greater number.
        kinds: Only these kinds: `ref.moved`, `version.added`, `run.started`, `run.ended`,
            `job.queued`, `job.ended`, or a note's own.
        subject: Only events about this ref (`kind/name@tag`), version, run or job (`kind/name`).
        newest: Start from the newest and go back.
        limit: Most events to list.
    """
    return ws.catalog.events(after, kinds=kinds, subject=subject, newest=newest, limit=limit)


@operation("jobs.ls", examples=("cauce jobs ls --state failed",))
def jobs_ls(
    ws: Workspace, *, kind: str | None = None, state: JobState | None = None, limit: int = 100
) -> list[Job]:
    """List jobs, newest first.

    Args:
        kind: Only jobs of this kind, e.g. `flow`.
        state: Only jobs that stand here.
        limit: Most jobs to list.
    """
    return ws.catalog.jobs(kind, state=state, limit=limit)


@operation("jobs.show", examples=("cauce jobs show JOB",))
def jobs_show(ws: Workspace, job: str) -> Job:
    """Show one job.

    Args:
        job: Its id.
    """
    return ws.catalog.job(job)


@operation("jobs.cancel", role="writer", examples=("cauce jobs cancel JOB",))
def jobs_cancel(ws: Workspace, job: str) -> Job:
    """Cancel a job that waits or runs; its worker stops at its next sign of life.

    Args:
        job: Its id.

    Raises:
        Conflict: It has ended already.
    """
    ws.catalog.settle(job, worker=ws.agent, state="cancelled", error=f"cancelled by {ws.agent}")
    return ws.catalog.job(job)


@operation("refs.ls", examples=("cauce refs ls", "cauce refs ls model"))
def refs_ls(
    ws: Workspace, kind: str | None = None, name: str | None = None, *, limit: int = 1000
) -> list[Ref]:
    """List refs and the versions that they point at.

    Args:
        kind: Only refs of this kind: `dataset`, `model`, `deployment`…
        name: Only refs of this name.
        limit: Most refs to list.
    """
    return ws.catalog.refs(kind, name, limit=limit)


@operation("refs.history", examples=("cauce refs history model digits --tag champion",))
def refs_history(
    ws: Workspace, kind: str, name: str, *, tag: str | None = None, limit: int = 100
) -> list[RefMove]:
    """List who moved a name's refs, when, from where to where; newest first.

    Args:
        kind: Kind of the refs.
        name: Their name.
        tag: Only this tag.
        limit: Most moves to list.
    """
    return ws.catalog.history(kind, name, tag, limit=limit)


@operation("admin.check", examples=("cauce admin check", "cauce admin check --fast"))
def admin_check(ws: Workspace, *, fast: bool = False) -> CheckReport:
    """Check that the catalogue is whole and that the store has every object it names.

    Args:
        fast: Read the manifests only; do not look for every file of every version.
    """
    return check.run(ws, fast=fast)


@operation("admin.gc", role="admin", examples=("cauce admin gc", "cauce admin gc --apply"))
def admin_gc(ws: Workspace, *, apply: bool = False, grace_hours: float | None = None) -> GcReport:
    """Find objects that nothing names any more, and remove them with `apply`.

    Args:
        apply: Remove them; without it nothing changes.
        grace_hours: Keep objects younger than this; default: the setting `gc.grace_hours`.

    Raises:
        Damaged: A manifest cannot be read, so nobody can tell what it names.
    """
    hours = float(ws.settings["gc.grace_hours"]) if grace_hours is None else grace_hours
    if not hours >= 0:
        raise Invalid(f"a grace period of {hours} hours", hint="0 or more")
    return gc.collect(ws, apply=apply, grace_hours=hours)


@operation("admin.compact", role="admin", examples=("cauce admin compact",))
def admin_compact(ws: Workspace) -> CompactReport:
    """Turn finished parts of streams into columns that are quick to read.

    Nothing is lost; it may run beside writers and readers.
    """
    names = ws.streams.names()
    done = [ws.streams.compact(name) for name in progress.track(names, "compacting", len(names))]
    return CompactReport(
        streams=len(names),
        segments=sum(one.segments for one in done),
        records=sum(one.records for one in done),
        before=sum(one.before for one in done),
        after=sum(one.after for one in done),
    )


@operation("admin.settings", examples=("cauce admin settings",))
def admin_settings(ws: Workspace) -> list[SettingValue]:
    """List every setting, its value here, and where it comes from."""
    return [
        SettingValue(
            key=item.key,
            value=_without_password(ws.settings[item.key]),
            source=ws.settings.source.get(item.key, "default"),
            help=item.help,
        )
        for item in config.SETTINGS
    ]


def _without_password(value: str | int | float | bool) -> str | int | float | bool:
    """Take the password out of an address."""
    if not isinstance(value, str) or "@" not in value:
        return value
    parts = urlsplit(value)
    if parts.password is None:
        return value
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{_HIDDEN}@{host}"))


@operation("admin.token_add", role="admin", examples=("cauce admin token-add maria --role reader",))
def token_add(ws: Workspace, name: str, *, role: Role = "writer") -> NewToken:
    """Make a token for a person or service; its secret is shown this once.

    Args:
        name: Who holds it; it acts as `user:NAME`.
        role: `reader` looks, `writer` changes, `admin` may also remove and make tokens.

    Raises:
        Conflict: The name has a token already.
    """
    return auth.add(tables(ws), name, role)


@operation("admin.token_ls", role="admin", examples=("cauce admin token-ls",))
def token_ls(ws: Workspace) -> list[Token]:
    """List tokens, without their secrets."""
    return auth.every(tables(ws))


@operation("admin.token_remove", role="admin", examples=("cauce admin token-remove maria",))
def token_remove(ws: Workspace, name: str) -> None:
    """Take a token away; whoever holds it is refused from now on.

    Args:
        name: Who holds it.

    Raises:
        NotFound: The name has no token.
    """
    auth.remove(tables(ws), name)
