"""The verbs of room `track`: start, log, finish, find and compare runs."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import asdict, replace

from cauce.errors import Conflict, Invalid
from cauce.kernel import runs
from cauce.kernel.entities import Code, Point, Run, Scalar
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.track import compare as comparing
from cauce.rooms.track import console, course, launch, process, search
from cauce.rooms.track import filter as filters
from cauce.rooms.track.entities import (
    LogLine,
    LogPage,
    Metric,
    RunComparison,
    RunDetail,
    RunPage,
    RunSeries,
)
from cauce.rooms.track.links import linked

_MOST_RUNS = 200
_STEP_LIMIT = 1 << 62


@operation("track.start", role="writer", examples=("cauce track start --experiment sweep",))
def start(
    ws: Workspace,
    *,
    name: str = "",
    experiment: str = "default",
    params: dict[str, Scalar] | None = None,
    tags: dict[str, str] | None = None,
    used: tuple[str, ...] = (),
    parent: str = "",
    code: Code | None = None,
) -> Run:
    """Start a run that somebody else logs to and finishes.

    Args:
        name: Its name; empty: a readable one is made.
        experiment: What it belongs to.
        params: Parameters by dotted name.
        tags: Free text by name.
        used: What it uses: `digits@main`, `model:digits@2`.
        parent: Run that starts it: id, name or `latest`.
        code: State of its code.

    Raises:
        NotFound: Something that it uses does not exist.
    """
    return course.begin(
        ws,
        name=name,
        experiment=experiment,
        params=params or {},
        tags=tags or {},
        used=used,
        parent=parent,
        code=code,
    )


@operation("track.log", role="writer")
def log(ws: Workspace, run: str, points: list[Point]) -> int:
    """Append metric points to a run.

    Args:
        run: Id, unique prefix, name, or `latest`.
        points: Points; those without a time get the present one.

    Returns:
        How many points were appended; they survive a crash of the server.

    Raises:
        Conflict: The run has ended.
    """
    found = runs.find(ws, run)
    if found.status != "running":
        raise Conflict(f"run {found.name} is {found.status}; nothing can be logged any more")
    for point in points:
        if not 0 < len(point.key.encode("utf-8", "replace")) <= 500:
            raise Invalid(f"{point.key[:100]!r} cannot name a metric", hint="1 to 500 bytes")
        if not -_STEP_LIMIT < point.step < _STEP_LIMIT:
            raise Invalid(f"step {point.step} is out of range")
    return ws.streams.log(course.metrics_of(found.id), points)


@operation("track.finish", role="writer", examples=("cauce track finish latest --status failed",))
def finish(
    ws: Workspace,
    run: str,
    *,
    status: Literal["finished", "failed", "killed"] = "finished",
    error: str = "",
) -> Run:
    """End a run; the last value of each metric becomes part of it.

    Args:
        run: Id, unique prefix, name, or `latest`.
        status: How it ended.
        error: What went wrong, one line.

    Raises:
        Conflict: It has ended already in another way.
    """
    return course.end(ws, runs.find(ws, run), status=status, error=error)


@operation("track.set", role="writer", examples=("cauce track set latest --tags note=good",))
def set(
    ws: Workspace,
    run: str,
    *,
    params: dict[str, Scalar] | None = None,
    tags: dict[str, str] | None = None,
) -> Run:
    """Set parameters and tags of a run; others stay.

    Args:
        run: Id, unique prefix, name, or `latest`.
        params: Parameters by dotted name.
        tags: Free text by name; an empty text removes the tag.

    Raises:
        Conflict: The run has ended; then only its tags can change.
    """
    course.check_values(params or {})
    course.check_values(tags or {})

    def merged(now: Run) -> Run:
        kept = {**now.tags, **(tags or {})}
        return replace(
            now,
            params={**now.params, **(params or {})},
            tags={key: value for key, value in kept.items() if value},
        )

    return course.change(ws, runs.find(ws, run).id, merged)


@operation(
    "track.ls",
    examples=(
        "cauce track ls",
        "cauce track ls --filter 'val/accuracy > 0.9 and params.hidden = 64' --sort=-val/accuracy",
        "cauce track ls --filter 'data = digits@v3 and not status = failed'",
    ),
)
def ls(
    ws: Workspace,
    *,
    filter: str = "",
    experiment: str | None = None,
    status: Literal["running", "finished", "failed", "killed"] | None = None,
    kind: str = "train",
    sort: str = "-started",
    before: str = "",
    limit: int = 100,
) -> RunPage:
    """List runs, newest first.

    Args:
        filter: What they must pass, such as `val/acc > 0.9 and params.lr < 0.01`; see the page.
        experiment: Only runs of this experiment.
        status: Only runs that stand here.
        kind: Only runs of this kind; empty: every kind.
        sort: Field to sort by: `-started`, `val/acc`, `params.lr`; `-` puts the greatest first.
        before: `next` of the page before.
        limit: Most runs on a page.

    Returns:
        A page of runs and how many there are on all pages.

    Raises:
        Invalid: The filter cannot be read; the message names the column.
    """
    if limit < 1:
        raise Invalid(f"a page of {limit} runs", hint="at least 1")
    columns = {"kind": kind or None, "group": experiment, "status": status}
    where = {name: value for name, value in columns.items() if value is not None}
    return search.page(
        ws, filter=filters.parse(filter), where=where, sort=sort, before=before, limit=limit
    )


@operation("track.show", examples=("cauce track show latest", "cauce track show tidal-weir-42"))
def show(ws: Workspace, run: str) -> RunDetail:
    """Show a run: parameters, metrics, code, and the versions it used and generated.

    Args:
        run: Id, unique prefix, name, or `latest`.
    """
    found = runs.find(ws, run)
    keys = ws.streams.keys(course.metrics_of(found.id))
    return RunDetail(
        run=found,
        keys=tuple(Metric(key=key, **asdict(summary)) for key, summary in keys.items()),
        used=linked(ws, found.id, "used"),
        generated=linked(ws, found.id, "generated"),
        children=tuple(ws.catalog.runs(parent=found.id, limit=100)),
        lines=console.count(ws, found.id),
    )


@operation("track.series", examples=("cauce track series latest --keys val/loss val/accuracy",))
def series(
    ws: Workspace,
    runs: list[str],
    *,
    keys: tuple[str, ...] = (),
    points: Annotated[int, Meta(ge=1, le=10_000)] = 1200,
    start: int | None = None,
    end: int | None = None,
) -> list[RunSeries]:
    """Read metrics over steps, each in at most so many buckets that keep its spikes.

    Args:
        runs: Ids, unique prefixes, names, or `latest`.
        keys: Metrics; none: all.
        points: Buckets at most.
        start: First step wanted.
        end: Last step wanted.

    Returns:
        One entry a run, in the order asked for; a metric that a run lacks is left out.
    """
    found = []
    for run in _several(ws, runs):
        stream = course.metrics_of(run.id)
        known = ws.streams.keys(stream)
        read = [
            ws.streams.series(stream, key, points=points, start=start, end=end)
            for key in (sorted(known) if not keys else dict.fromkeys(keys))
            if key in known
        ]
        found.append(RunSeries(run=run.id, series=tuple(read)))
    return found


@operation("track.compare", examples=("cauce track compare tidal-weir-42 latest",))
def compare(ws: Workspace, runs: list[str]) -> RunComparison:
    """Put runs side by side; what differs comes first.

    Args:
        runs: Ids, unique prefixes, names, or `latest`.
    """
    return comparing.compare(ws, _several(ws, runs))


@operation("track.logs", examples=("cauce track logs latest",))
def logs(ws: Workspace, run: str, *, after: int = 0, limit: int = 500) -> LogPage:
    """Read what a run wrote to its console.

    Args:
        run: Id, unique prefix, name, or `latest`.
        after: Lines to pass over: `next` of the page before.
        limit: Most lines to read.
    """
    return console.page(ws, runs.find(ws, run), after=after, limit=limit)


@operation("track.write", role="writer")
def write(ws: Workspace, run: str, lines: list[LogLine]) -> int:
    """Append lines to a run's console, for runs whose command runs elsewhere.

    Args:
        run: Id, unique prefix, name, or `latest`.
        lines: Lines; those without a time get the present one.
    """
    return console.append(ws, runs.find(ws, run), lines)


@operation(
    "track.run",
    role="writer",
    local=True,
    examples=("cauce track run --data digits@main -- python train.py",),
)
def run(
    ws: Workspace,
    command: tuple[str, ...],
    *,
    name: str = "",
    experiment: str = "default",
    data: tuple[str, ...] = (),
    quiet: bool = False,
) -> Run:
    """Run a command as a tracked run: parameters, metrics, console, code and data are kept.

    The command's process finds its run in CAUCE_RUN; `cauce.run()` in a script joins it. What it
    writes goes to stderr, so that stdout is only the result.

    Args:
        command: The command and its arguments, after `--`; `python` is the one that runs Cauce.
        name: Name of the run; empty: a readable one is made.
        experiment: What it belongs to.
        data: What it uses: `digits@main`, `model:digits@2`.
        quiet: Do not show what the command writes; it is kept all the same.

    Raises:
        CauceError: The command failed or was killed; the run says so too.
        NotFound: Something that it uses does not exist.
    """
    reap(ws)
    return launch.launch(ws, command, name=name, experiment=experiment, data=data, quiet=quiet)


@operation("track.reap", role="writer", local=True, examples=("cauce track reap",))
def reap(ws: Workspace) -> list[Run]:
    """End the runs of this machine whose process is gone, as killed; what they logged is kept.

    Returns:
        The runs that were ended.
    """
    found = []
    for run in _running(ws):
        if process.TAG in run.tags and process.gone(run.tags[process.TAG]):
            try:
                found.append(
                    ws.call(
                        "track.finish", run=run.id, status="killed", error="its process is gone"
                    )
                )
            except Conflict:
                continue  # it ended meanwhile
    return found


def _running(ws: Workspace) -> Iterator[Run]:
    """Iterate over the training runs that have not ended."""
    before: tuple[float, str] | None = None
    while page := ws.catalog.runs(runs.TRAIN, status="running", before=before, limit=500):
        yield from page
        before = (page[-1].started, page[-1].id)


def _several(ws: Workspace, specs: list[str]) -> list[Run]:
    """Find several runs."""
    if not 1 <= len(specs) <= _MOST_RUNS:
        raise Invalid(f"{len(specs)} runs", hint=f"name 1 to {_MOST_RUNS} of them")
    return [runs.find(ws, spec) for spec in specs]
