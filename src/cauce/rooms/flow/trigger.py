"""From events to jobs, each event once."""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from cauce.errors import Conflict
from cauce.kernel import ids
from cauce.kernel.entities import Advance, Commit, Event, Job
from cauce.rooms.flow.entities import Flow, Trigger

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

KIND = "flow"
"""Kind of the jobs that workers of this room lease."""

CURSOR = "flow"
"""Cursor of all flows together: where a flow begins that has none of its own yet."""

_PAGE = 500
_TRIES = 20


def agent(flow: str) -> str:
    """Name who acts in a flow's steps."""
    return f"service:flow/{flow}"


def matches(flow: Flow, event: Event) -> Trigger | None:
    """Give the trigger of a flow that an event meets, or None.

    What a flow's own steps caused, which their agent tells, and its own run and job are not met
    unless the flow asks for it: it would start itself for ever.
    """
    mine = event.agent == agent(flow.name) or event.subject in {
        f"pipeline/{flow.name}",
        f"{KIND}/{flow.name}",
    }
    if mine and not flow.own:
        return None
    said = {event.data.get(key) for key in ("outcome", "status", "state")}
    for trigger in flow.on:
        if (
            trigger.kind == event.kind
            and fnmatchcase(event.subject, trigger.subject)
            and (not trigger.words or said & set(trigger.words))
        ):
            return trigger
    return None


def tick(ws: "Workspace", flows: dict[str, Flow]) -> list[Job]:
    """Queue the jobs that new events ask for, and move the cursors, in one commit.

    Raises:
        Conflict: Other tickers moved the cursors first in each of twenty tries.

    Notes:
        A flow that runs now keeps its events until it has ended: what happened while it ran
        starts it once more. O(new events) reads a flow.
    """
    for attempt in range(_TRIES):
        last = ws.catalog.last_event()
        common = ws.catalog.cursor(CURSOR)
        busy = _busy(ws)
        jobs: list[Job] = []
        advances: list[Advance] = []
        held = last <= common
        for flow in flows.values():
            name = f"{CURSOR}/{flow.name}"
            own = ws.catalog.cursor(name)
            start = own or common
            if flow.name in busy:
                held = held or not own
            elif last > start:
                found = _first(ws, flow, start, last)
                if found is not None:
                    jobs.append(_job(ws, flow, found))
                advances.append(Advance(name=name, seq=last, expect=own))
        if not held:
            advances.append(Advance(name=CURSOR, seq=last, expect=common))
        if not advances:
            return []
        try:
            ws.catalog.commit(Commit(jobs=tuple(jobs), advances=tuple(advances), agent=ws.agent))
        except Conflict:
            if attempt == _TRIES - 1:
                raise
            continue
        waiting = {job.id: job for job in ws.catalog.jobs(KIND, state="queued", limit=_PAGE)}
        return [waiting[job.id] for job in jobs if job.id in waiting]
    raise AssertionError("unreachable")


def _busy(ws: "Workspace") -> set[str]:
    """Name the flows that run now."""
    return {job.name for job in ws.catalog.jobs(KIND, state="running", limit=_PAGE)}


def _first(ws: "Workspace", flow: Flow, after: int, last: int) -> Event | None:
    """Find the first event that a flow waits for; the rest of a burst makes no second job."""
    kinds = tuple(sorted({trigger.kind for trigger in flow.on}))
    while kinds and after < last:
        page = ws.catalog.events(after, kinds=kinds, limit=_PAGE)
        for event in page:
            if event.seq <= last and matches(flow, event):
                return event
        if len(page) < _PAGE:
            return None
        after = page[-1].seq
    return None


def _job(ws: "Workspace", flow: Flow, event: Event) -> Job:
    """Make the job of an event; it waits until the cool-down is over."""
    runs = ws.catalog.runs("pipeline", group=flow.name, limit=1)
    after = runs[0].started + flow.cooldown if runs and flow.cooldown else 0.0
    words = [str(event.data[key]) for key in ("outcome", "status") if event.data.get(key)]
    return Job(
        id=ids.new_id(),
        kind=KIND,
        name=flow.name,
        key=flow.name,
        payload={
            "reason": " ".join([event.kind, event.subject, *words[:1]]),
            "event": event.seq,
        },
        run_after=after,
    )
