"""What the room `track` answers with."""

from typing import Literal

from cauce.kernel.entities import Digest, Entity, Run, RunId, Scalar, Series


class RunPage(Entity, frozen=True):
    """A page of runs.

    Attributes:
        runs: In the order asked for.
        total: Runs that the filter finds, on all pages.
        next: Give this as `before` for the next page; empty on the last one.
    """

    runs: tuple[Run, ...]
    total: int
    next: str = ""


class Metric(Entity, frozen=True):
    """What one metric of a run comes to.

    Attributes:
        last: Value at the greatest step.
        min: Smallest finite value, NaN when there is none.
        max: Largest finite value, NaN when there is none.
        count: Points logged.
        first_step: Smallest step.
        last_step: Greatest step.
    """

    key: str
    last: float
    min: float
    max: float
    count: int
    first_step: int
    last_step: int


class Linked(Entity, frozen=True):
    """A version that a run used or generated.

    Attributes:
        role: What it was to the run.
        refs: `name@tag` of the refs that point at it now.
    """

    version: Digest
    role: str
    kind: str
    name: str
    created: float
    size: int
    count: int
    refs: tuple[str, ...] = ()


class RunDetail(Entity, frozen=True):
    """All that is known of a run.

    Attributes:
        keys: Its metrics, sorted by name.
        used: Versions it used.
        generated: Versions it generated.
        children: Runs it started, newest first.
        lines: Lines of console output kept.
    """

    run: Run
    keys: tuple[Metric, ...]
    used: tuple[Linked, ...]
    generated: tuple[Linked, ...]
    children: tuple[Run, ...] = ()
    lines: int = 0


class RunSeries(Entity, frozen=True):
    """Metrics of one run, sorted by name."""

    run: RunId
    series: tuple[Series, ...]


class Compared(Entity, frozen=True):
    """One fact about each of the compared runs.

    Attributes:
        group: Where it comes from: `params`, `metrics`, `data`, `code`, `tags` or `run`.
        values: One for each run, None where it has none.
        differs: Whether the values are not all the same.
    """

    group: Literal["params", "metrics", "data", "code", "tags", "run"]
    name: str
    values: tuple[Scalar, ...]
    differs: bool


class RunComparison(Entity, frozen=True):
    """Runs side by side.

    Attributes:
        rows: What differs first.
    """

    runs: tuple[Run, ...]
    rows: tuple[Compared, ...]


class LogLine(Entity, frozen=True):
    """One line of a run's console.

    Attributes:
        text: Without its line end; longer lines are cut into several.
        stream: Where it was written to.
        at: When it was read.
    """

    text: str
    stream: Literal["out", "err"] = "out"
    at: float = 0.0


class LogPage(Entity, frozen=True):
    """Part of a run's console.

    Attributes:
        lines: Oldest first.
        next: Give this as `after` for what follows.
        ended: Whether the run has ended, so that nothing more comes after the last line.
    """

    lines: tuple[LogLine, ...]
    next: int
    ended: bool
