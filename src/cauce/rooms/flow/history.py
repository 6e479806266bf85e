"""Runs of kind `pipeline` as flow runs."""

from cauce.kernel.entities import Run
from cauce.rooms.flow.entities import FlowRun, Step


def flow_run(run: Run) -> FlowRun:
    """Read what the worker noted in a run.

    Parameters `step.N` are the command lines, metrics `step.N.seconds` and `step.N.exit` say how
    each went, tags `reason`, `event` and `job` what started it.
    """
    steps = []
    number = 1
    while f"step.{number}.seconds" in run.metrics:
        code = run.metrics.get(f"step.{number}.exit")
        steps.append(
            Step(
                command=str(run.params.get(f"step.{number}", "")),
                seconds=run.metrics[f"step.{number}.seconds"],
                exit_code=None if code is None else int(code),
            )
        )
        number += 1
    event = run.tags.get("event", "0")
    return FlowRun(
        id=run.id,
        flow=run.name,
        status=run.status,
        outcome=run.outcome,
        reason=run.tags.get("reason", ""),
        event=int(event) if event.isascii() and event.isdigit() else 0,
        job=run.tags.get("job", ""),
        started=run.started,
        ended=run.ended,
        steps=tuple(steps),
        error=run.error,
    )
