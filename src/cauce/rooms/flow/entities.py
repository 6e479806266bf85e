"""What the room `flow` answers with."""

from typing import Literal

from cauce.kernel.entities import Entity, Job, RunId, Status


class Trigger(Entity, frozen=True):
    """An event that a flow waits for.

    Attributes:
        kind: Kind of the event, e.g. `ref.moved`.
        subject: Its subject; `*`, `?` and `[…]` stand for any characters.
        words: Any of these must be the event's outcome, status or state; empty: no matter.
    """

    kind: str
    subject: str
    words: tuple[str, ...] = ()


class Flow(Entity, frozen=True):
    """A table `[flow.NAME]` of cauce.toml, checked.

    Attributes:
        on: Events that start it; empty: only a person does.
        steps: Cauce command lines, run one after the other.
        cooldown: Seconds that pass at least between the starts of two runs by events.
        limit: Seconds that a step may take; 0: as long as it needs.
        own: Whether events that its own steps cause start it again.
    """

    name: str
    on: tuple[Trigger, ...]
    steps: tuple[str, ...]
    cooldown: float = 0.0
    limit: float = 0.0
    own: bool = False


class Step(Entity, frozen=True):
    """A step that a flow ran.

    Attributes:
        command: Its command line.
        seconds: Time that it took.
        exit_code: What it ended with; None when it was cut off.
    """

    command: str
    seconds: float
    exit_code: int | None


class FlowRun(Entity, frozen=True):
    """One run of a flow.

    Attributes:
        outcome: `done`, or `kept` when a gate failed and everything stayed as it was.
        reason: What started it: `manual`, another word that was given, or the event.
        event: Number of that event, 0 when none did.
        job: Job that it was the work of.
        steps: What was run, in order.
        error: What went wrong, one line.
    """

    id: RunId
    flow: str
    status: Status
    outcome: str
    reason: str
    event: int
    job: str
    started: float
    ended: float | None
    steps: tuple[Step, ...] = ()
    error: str = ""


class FlowSummary(Entity, frozen=True):
    """A flow and how it stands.

    Attributes:
        state: `running`, `queued`, or `idle`.
        runs: How often it has run, 1,000 at most.
        job: The job that runs or waits.
        last: Its last run.
    """

    flow: Flow
    state: Literal["idle", "queued", "running"]
    runs: int
    job: Job | None = None
    last: FlowRun | None = None
