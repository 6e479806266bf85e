"""Doing the jobs: steps as `cauce` commands, their output kept, the lease held meanwhile."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from cauce.errors import CauceError, Conflict, GateFailed
from cauce.kernel import ids, plugins, progress
from cauce.kernel.entities import Commit, Job, Run, RunId
from cauce.rooms.flow.definition import command
from cauce.rooms.flow.entities import Flow, FlowRun
from cauce.rooms.flow.history import flow_run
from cauce.rooms.flow.trigger import KIND, agent

if TYPE_CHECKING:
    from cauce.kernel.executor import Executor
    from cauce.kernel.telemetry import StreamWriter
    from cauce.kernel.workspace import Workspace

_LOOK = 0.2
"""Seconds between two looks at a running step."""

_LONGEST = 10_000
"""Characters that are kept of a line."""

_OF_A_RUN = ("CAUCE_RUN", "CAUCE_PARENT", "CAUCE_PROJECT", "CAUCE_USER")
"""What a flow's steps must not inherit from the process that works."""


class Worker:
    """Leases jobs and does them, one after the other.

    Args:
        lease: Seconds that a job is kept from others without a sign of life.
        quiet: Whether what the steps print is only kept, not shown on standard error too.
    """

    def __init__(self, ws: "Workspace", *, lease: float = 60.0, quiet: bool = False) -> None:
        self.ws, self.lease, self.quiet = ws, lease, quiet
        self.name = f"service:worker/{socket.gethostname()}/{os.getpid()}-{ids.new_id()[-4:]}"
        self.executor: Executor = plugins.load("executors", ws.settings["executor"]).open_executor()

    def next(self) -> Job | None:
        """Lease the oldest due job; None when none waits."""
        return self.ws.catalog.lease(KIND, worker=self.name, seconds=self.lease)

    def do(self, job: Job, flow: Flow | None) -> FlowRun | None:
        """Do a leased job and settle it; None when its flow is gone."""
        if flow is None:
            self._settle(job, "cancelled", error=f"no flow {job.name} in cauce.toml any more")
            return None
        before = _ended_run(self.ws, job)
        if before is None:
            before = self._run(job, flow)
        if before.status in {"finished", "failed"}:
            told = {"run": before.id, "status": before.status, "outcome": before.outcome}
            self._settle(job, "done", result=told, error=before.error)
        return flow_run(before)

    def _run(self, job: Job, flow: Flow) -> Run:
        """Run all steps; a failed one is no failure of the job: trying again would not help."""
        run = Run(
            id=RunId(ids.new_id()),
            kind="pipeline",
            name=flow.name,
            group=flow.name,
            agent=agent(flow.name),
            started=self.ws.now(),
            params={f"step.{number}": step for number, step in enumerate(flow.steps, 1)},
            tags={
                "reason": str(job.payload.get("reason", "")),
                "event": str(job.payload.get("event", 0)),
                "job": job.id,
            },
        )
        self.ws.catalog.commit(Commit(runs=(run,), agent=run.agent))
        progressing = _Progress(run)
        try:
            with _log(self.ws, run.id, self.quiet) as log:
                self._steps(job, flow, progressing, log)
        except BaseException as error:
            self._cut_off(job, progressing, error)
            if isinstance(error, Conflict):
                return progressing.run
            raise
        self.ws.catalog.commit(Commit(runs=(progressing.run,), agent=run.agent))
        return progressing.run

    def _steps(self, job: Job, flow: Flow, done: "_Progress", log: "_Log") -> None:
        for number, step in enumerate(flow.steps, 1):
            progress.report(f"{flow.name}: {step}", number - 1, len(flow.steps))
            log.line(f"$ cauce {step}")
            begun = time.monotonic()
            done.add(number, time.monotonic() - begun, None)
            code = self._step(job, flow, step, done.run.id, log)
            done.add(number, time.monotonic() - begun, code)
            if code == GateFailed.exit_code:
                done.end(self.ws.now(), "kept", "")
                return
            if code:
                done.end(self.ws.now(), "", f"step {number} ended with {code}: {log.last or step}")
                return
        done.end(self.ws.now(), "done", "")

    def _step(self, job: Job, flow: Flow, step: str, run: RunId, log: "_Log") -> int:
        """Run one step, keep the lease and pass its output on, until it has ended."""
        task = self.executor.submit(
            # -P: a file of the project must not stand in for a module of ours.
            [sys.executable, "-P", "-m", "cauce", *command(step)],
            cwd=self.ws.folder,
            env=self._environment(flow, run),
            limit=flow.limit,
        )
        read = 0
        extended = time.monotonic()
        try:
            while True:
                code = self.executor.poll(task, wait=_LOOK)
                fresh = self.executor.logs(task, after=read)
                read += len(fresh)
                log.feed(fresh)
                if code is not None:
                    log.finish()
                    return code
                if time.monotonic() - extended >= self.lease / 4:
                    self.ws.catalog.extend(job.id, worker=self.name, seconds=self.lease)
                    extended = time.monotonic()
        finally:
            self.executor.cancel(task)

    def _environment(self, flow: Flow, run: RunId) -> dict[str, str]:
        """Make a step's environment: ours, without the run that we may be in ourselves."""
        env = {name: text for name, text in os.environ.items() if name not in _OF_A_RUN}
        settings = self.ws.settings
        for key, source in settings.source.items():
            if source == "flag":
                env[f"CAUCE_{key.upper().replace('.', '__')}"] = str(settings[key])
        env.update(CAUCE_USER=agent(flow.name), CAUCE_PARENT=run, PYTHONUNBUFFERED="1")
        return env

    def _cut_off(self, job: Job, done: "_Progress", error: BaseException) -> None:
        """Leave things as they can be left when a run does not come to its end."""
        lost = isinstance(error, Conflict)
        words = str(error) if isinstance(error, CauceError) else type(error).__name__
        done.run = replace(
            done.run, status="killed", ended=self.ws.now(), error=words.splitlines()[0]
        )
        with suppress(CauceError, OSError):
            self.ws.catalog.commit(Commit(runs=(done.run,), agent=done.run.agent))
        if not lost:
            with suppress(CauceError, OSError):
                self._settle(job, "queued", error=words)

    def _settle(self, job: Job, state: Any, **told: Any) -> None:
        with suppress(Conflict):  # another worker has it, or it was cancelled: theirs to say
            self.ws.catalog.settle(job.id, worker=self.name, state=state, **told)

    def close(self) -> None:
        """End what still runs."""
        self.executor.close()


class _Progress:
    """The run as it stands, step by step."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def add(self, number: int, seconds: float, code: int | None) -> None:
        metrics = {**self.run.metrics, f"step.{number}.seconds": round(seconds, 3)}
        if code is not None:
            metrics[f"step.{number}.exit"] = float(code)
        self.run = replace(self.run, metrics=metrics)

    def end(self, at: float, outcome: str, error: str) -> None:
        self.run = replace(
            self.run,
            status="failed" if error else "finished",
            ended=at,
            outcome=outcome,
            error=error[:500],
        )


class _Log:
    """Passes a step's output on line by line.

    Attributes:
        last: Last line that says what happened.
    """

    def __init__(self, writer: "StreamWriter", quiet: bool) -> None:
        self._writer, self._quiet = writer, quiet
        self._rest = b""
        self.last = ""

    def feed(self, fresh: bytes) -> None:
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        for line in lines:
            self.line(line.decode("utf-8", "replace"))

    def finish(self) -> None:
        """Pass on a last line that has no end."""
        if self._rest:
            self.feed(b"\n")

    def line(self, text: str) -> None:
        text = text.rstrip("\r")
        if text.strip() and not text.startswith("hint: "):
            self.last = text.strip().removeprefix("error: ")
        self._writer.append({"at": time.time(), "stream": "out", "text": text[:_LONGEST]})
        if not self._quiet:
            sys.stderr.write(f"{text}\n")


@contextmanager
def _log(ws: "Workspace", run: RunId, quiet: bool) -> Iterator[_Log]:
    """Open the stream of a run's output."""
    writer = ws.streams.writer(f"logs/{run}")
    try:
        yield _Log(writer, quiet)
    finally:
        writer.close()


def _ended_run(ws: "Workspace", job: Job) -> Run | None:
    """Give the run of a job that was done but not settled; runs cut off with it are closed."""
    for run in ws.catalog.runs("pipeline", group=job.name, limit=100):
        if run.tags.get("job") != job.id:
            continue
        if run.status in {"finished", "failed"}:
            return run
        if run.status == "running":
            told = replace(
                run, status="killed", ended=ws.now(), error="its worker stopped answering"
            )
            with suppress(Conflict):
                ws.catalog.commit(Commit(runs=(told,), agent=run.agent))
    return None
