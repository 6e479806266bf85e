"""What `flow` prints: a line a flow, job, run or step."""

import time
from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import ago, columns
from cauce.faces.text import scalar
from cauce.kernel.entities import Job
from cauce.rooms.flow.entities import Flow, FlowRun, FlowSummary


@renders("flow.ls")
def ls(found: Sequence[FlowSummary]) -> Iterator[str]:
    """One flow a line."""
    if not found:
        yield "no flows: add a table [flow.NAME] to cauce.toml"
        return
    body = [
        (
            item.flow.name,
            item.state,
            len(item.flow.steps),
            item.runs,
            _word(item.last) if item.last else "-",
            ago(item.last.started) if item.last else "",
            "; ".join(_triggers(item.flow)) or "by hand",
        )
        for item in found
    ]
    head = ("flow", "state", "steps", "runs", "last", "when", "starts on")
    yield from columns(head, body, right="steps runs")


@renders("flow.start")
def start(job: Job) -> Iterator[str]:
    """What waits for a worker."""
    yield f"{job.name} is {job.state}: {scalar(str(job.payload.get('reason', '')))}"
    if job.state == "queued":
        yield "`cauce up` does it by itself; without it: cauce flow work"


@renders("flow.tick")
def tick(jobs: Sequence[Job]) -> Iterator[str]:
    """One job a line."""
    if not jobs:
        yield "no flow has anything new to do"
    for job in jobs:
        wait = job.run_after - time.time()
        later = f", in {wait:.0f} s" if wait > 0 else ""
        yield scalar(f"queued {job.name}: {job.payload.get('reason', '')}{later}")


@renders("flow.run")
def run(done: FlowRun) -> Iterator[str]:
    """What came of it, then a line a step."""
    yield scalar(f"{done.flow} {_word(done)}: {done.reason}")
    body = [
        (
            number,
            "cut off" if step.exit_code is None else f"exit {step.exit_code}",
            f"{step.seconds:.1f} s",
            step.command,
        )
        for number, step in enumerate(done.steps, 1)
    ]
    yield from columns(("step", "end", "took", "command"), body, right="step took")
    if done.error:
        yield scalar(done.error)
    yield f"run {done.id}"


@renders("flow.work")
def work(found: Sequence[FlowRun]) -> Iterator[str]:
    """Each run as `run` prints it."""
    if not found:
        yield "no job waits"
    for index, done in enumerate(found):
        if index:
            yield ""
        yield from run(done)


@renders("flow.history")
def history(found: Sequence[FlowRun]) -> Iterator[str]:
    """One run a line."""
    if not found:
        yield "no flow has run yet"
        return
    body = [
        (
            ago(item.started),
            item.flow,
            _word(item),
            len(item.steps),
            f"{item.ended - item.started:.1f} s" if item.ended else "",
            item.reason,
            item.id,
        )
        for item in found
    ]
    head = ("when", "flow", "outcome", "steps", "took", "reason", "run")
    yield from columns(head, body, right="steps took")


def _word(item: FlowRun) -> str:
    return item.outcome or item.status


def _triggers(flow: Flow) -> list[str]:
    return [" ".join((found.kind, found.subject, *found.words)) for found in flow.on]
