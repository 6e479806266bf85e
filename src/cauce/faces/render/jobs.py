"""Jobs as text."""

import json
from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import columns, when
from cauce.faces.text import scalar
from cauce.kernel.entities import Job


@renders("jobs.ls")
def ls(jobs: Sequence[Job]) -> Iterator[str]:
    """One job a line."""
    if not jobs:
        yield "no jobs"
        return
    body = [
        (job.id, job.kind, job.name, job.state, job.attempts, when(job.created), job.error)
        for job in jobs
    ]
    head = ("job", "kind", "name", "state", "tries", "created", "error")
    yield from columns(head, body, right="tries")


@renders("jobs.show")
def show(job: Job) -> Iterator[str]:
    """One fact a line."""
    yield f"{job.kind}/{job.name} {job.id}"
    yield f"state     {job.state}, try {job.attempts} of {job.max_attempts}"
    yield f"created   {when(job.created)}"
    if job.worker:
        until = f", lease until {when(job.lease_until)}" if job.lease_until else ""
        yield f"worker    {scalar(job.worker)}{until}"
    if job.error:
        yield f"error     {scalar(job.error)}"
    yield f"payload   {json.dumps(job.payload)}"
    if job.result:
        yield f"result    {json.dumps(job.result)}"


@renders("jobs.cancel")
def cancel(job: Job) -> Iterator[str]:
    """Say what was cancelled."""
    yield f"cancelled {job.kind}/{job.name} {job.id}"
