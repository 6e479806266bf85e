"""The verbs of `flow`: what happens by itself when something has happened."""

import time

from cauce.errors import CauceError, Conflict
from cauce.kernel import ids
from cauce.kernel.entities import Commit, Job
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.flow import definition, trigger
from cauce.rooms.flow.entities import Flow, FlowRun, FlowSummary
from cauce.rooms.flow.history import flow_run
from cauce.rooms.flow.worker import Worker

_IDLE = 1.0
"""Seconds between two looks for events and jobs of a worker that goes on."""

_COUNTED = 1000


@operation("flow.ls", examples=("cauce flow ls",))
def ls(ws: Workspace) -> list[FlowSummary]:
    """List the flows of cauce.toml and how each stands.

    Raises:
        Invalid: A table `[flow.NAME]` is not a flow.
    """
    return [_summary(ws, flow) for flow in definition.flows(ws).values()]


def _summary(ws: Workspace, flow: Flow) -> FlowSummary:
    running = ws.catalog.jobs(trigger.KIND, name=flow.name, state="running", limit=1)
    queued = ws.catalog.jobs(trigger.KIND, name=flow.name, state="queued", limit=1)
    runs = ws.catalog.runs("pipeline", group=flow.name, limit=_COUNTED)
    return FlowSummary(
        flow=flow,
        state="running" if running else "queued" if queued else "idle",
        runs=len(runs),
        job=next(iter((*running, *queued)), None),
        last=flow_run(runs[0]) if runs else None,
    )


@operation("flow.tick", role="writer", examples=("cauce flow tick",))
def tick(ws: Workspace) -> list[Job]:
    """Queue a job for each flow that new events start.

    Returns:
        The jobs that were queued. Each event is looked at once, however many ticks there are at
        once; a burst of events makes one job a flow.

    Raises:
        Invalid: A table `[flow.NAME]` is not a flow.
    """
    return trigger.tick(ws, definition.flows(ws))


@operation(
    "flow.work",
    role="writer",
    local=True,
    examples=("cauce flow work", "cauce flow work --no-once"),
)
def work(
    ws: Workspace, *, once: bool = True, lease: float = 60.0, quiet: bool = False
) -> list[FlowRun]:
    """Do the jobs that wait; without `once`, look for events and jobs until stopped.

    Args:
        once: End when no job is due.
        lease: Seconds after which another worker takes over from one that stopped answering.
        quiet: Keep what the steps print without showing it on standard error.

    Returns:
        The runs that were done, in order; `cauce track logs RUN` shows what they printed.

    Raises:
        Invalid: A table `[flow.NAME]` is not a flow.
    """
    worker = Worker(ws, lease=lease, quiet=quiet)
    done: list[FlowRun] = []
    try:
        while True:
            flows = definition.flows(ws)
            if not once:
                trigger.tick(ws, flows)
            job = worker.next()
            if job is not None:
                found = worker.do(job, flows.get(job.name))
                done = [*done, *([found] if found else [])][-_COUNTED:]
            elif once:
                return done
            else:
                time.sleep(_IDLE)
    finally:
        worker.close()


@operation("flow.start", role="writer", examples=("cauce flow start retrain",))
def start(ws: Workspace, flow: str, *, reason: str = "manual") -> Job:
    """Queue a flow, for the worker of `cauce up` or of `cauce flow work`.

    Args:
        flow: Its name in cauce.toml.
        reason: Why, for its history.

    Returns:
        The job; where one waits or runs already, that one.

    Raises:
        NotFound: No such flow.
    """
    definition.flow(ws, flow)
    ws.catalog.commit(Commit(jobs=(_by_hand(flow, reason),), agent=ws.agent))
    for state in ("queued", "running"):
        found = ws.catalog.jobs(trigger.KIND, name=flow, state=state, limit=1)
        if found:
            return found[0]
    return ws.catalog.jobs(trigger.KIND, name=flow, limit=1)[0]  # a worker was quick


def _by_hand(flow: str, reason: str) -> Job:
    """Make the job of a flow that a person starts."""
    return Job(
        id=ids.new_id(),
        kind=trigger.KIND,
        name=flow,
        key=flow,
        payload={"reason": reason, "event": 0},
    )


@operation(
    "flow.run",
    role="writer",
    local=True,
    examples=("cauce flow run retrain", "cauce flow run retrain --reason 'new labels by hand'"),
)
def run(ws: Workspace, flow: str, *, reason: str = "manual", quiet: bool = False) -> FlowRun:
    """Run a flow now, whatever its trigger and cool-down say.

    Args:
        flow: Its name in cauce.toml.
        reason: Why, for its history.
        quiet: Keep what the steps print without showing it on standard error.

    Raises:
        NotFound: No such flow.
        Conflict: It runs already, or another worker took the job.
        CauceError: A step failed. A gate that keeps the champion is no failure.

    Notes:
        Jobs that are due already are done first. A job of the same flow that waits is replaced.
    """
    definition.flow(ws, flow)
    flows = definition.flows(ws)
    for waiting in ws.catalog.jobs(trigger.KIND, name=flow, state="queued", limit=10):
        ws.catalog.settle(waiting.id, worker="", state="cancelled", error="replaced by hand")
    job = _by_hand(flow, reason)
    ws.catalog.commit(Commit(jobs=(job,), agent=ws.agent))
    worker = Worker(ws, quiet=quiet)
    try:
        while ws.catalog.jobs(trigger.KIND, name=flow, state="queued", limit=1):
            leased = worker.next()
            done = worker.do(leased, flows.get(leased.name)) if leased else None
            if done is not None and done.job == job.id:
                return _succeeded(done)
    finally:
        worker.close()
    raise Conflict(
        f"flow {flow} runs already", hint=f"`cauce flow history {flow}` shows when it has ended"
    )


def _succeeded(run: FlowRun) -> FlowRun:
    """Give a run back unless a step of it failed: a person and a CI system want to know."""
    if run.status != "failed":
        return run
    raise CauceError(
        f"flow {run.flow} failed: {run.error}",
        hint=f"`cauce track logs {run.id}` shows what its steps printed",
    )


@operation("flow.history", examples=("cauce flow history", "cauce flow history retrain"))
def history(ws: Workspace, flow: str | None = None, *, limit: int = 50) -> list[FlowRun]:
    """List runs of flows, newest first: why each ran and what came of it.

    Args:
        flow: Only of this one, also when it is no longer in cauce.toml.
        limit: Runs at most.
    """
    return [flow_run(item) for item in ws.catalog.runs("pipeline", group=flow, limit=limit)]
