"""Runs as text."""

import math
import time
from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import ago, columns, short, size, when
from cauce.faces.text import scalar
from cauce.kernel.entities import Run, Scalar
from cauce.rooms.track.entities import (
    Linked,
    LogPage,
    RunComparison,
    RunDetail,
    RunPage,
    RunSeries,
)

_METRICS = 4
"""Metrics that a list shows; `show` has all."""

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


@renders("track.ls")
def ls(page: RunPage) -> Iterator[str]:
    """One run a line, with the metrics that most of them have."""
    if not page.runs:
        yield "no runs" if not page.total else f"no more of the {page.total:,} runs"
        return
    counts: dict[str, int] = {}
    for run in page.runs:
        for key in run.metrics:
            counts[key] = counts.get(key, 0) + 1
    keys = sorted(counts, key=lambda key: (-counts[key], key))[:_METRICS]
    body = [
        (
            run.name or run.id,
            run.status,
            ago(run.started),
            _seconds(run),
            *(_value(run.metrics.get(key)) for key in keys),
        )
        for run in page.runs
    ]
    head = ("run", "status", "started", "took", *keys)
    yield from columns(head, body, right=" ".join(("took", *keys)))
    if page.next or page.total > len(page.runs):
        yield f"{len(page.runs)} of {page.total:,} runs"
    if page.next:
        yield f"more: --before {page.next}"


@renders("track.show")
def show(detail: RunDetail) -> Iterator[str]:
    """What it is, parameters, metrics, versions."""
    run = detail.run
    yield f"{run.name} {run.id}"
    error = f": {scalar(run.error)}" if run.error else ""
    yield f"status      {run.status}{error}"
    yield f"started     {when(run.started)}, took {_seconds(run)}"
    yield f"experiment  {scalar(run.group)}"
    yield f"agent       {scalar(run.agent)}"
    if run.code is not None:
        yield from _code(run)
    tags = {key: value for key, value in run.tags.items() if not key.startswith("cauce.")}
    for title, values in (("parameters", run.params), ("tags", tags)):
        if values:
            yield f"{title}:"
            width = max(map(len, values))
            yield from (f"  {key:<{width}}  {scalar(value)}" for key, value in values.items())
    if detail.keys:
        yield "metrics:"
        body = [
            ("", one.key, _value(one.last), _value(one.min), _value(one.max), one.count)
            for one in detail.keys
        ]
        head = ("", "name", "last", "min", "max", "points")
        yield from columns(head, body, right="last min max points")
    for title, links in (("used", detail.used), ("generated", detail.generated)):
        if links:
            yield f"{title}:"
            yield from (f"  {_link(link)}" for link in links)
    if detail.children:
        yield f"started {len(detail.children)} runs, the newest {detail.children[0].name}"
    if detail.lines:
        yield f"console: {detail.lines:,} lines, `cauce track logs {run.name}`"


def _code(run: Run) -> Iterator[str]:
    assert run.code is not None
    state = run.code
    if state.commit:
        branch = f" on {scalar(state.branch)}" if state.branch else ""
        changed = ", with changes" if state.dirty else ""
        yield f"code        {state.commit[:12]}{branch}{changed}"
    if state.command:
        yield f"command     {scalar(' '.join(state.command))}"


def _link(link: Linked) -> str:
    names = ", ".join(link.refs) or f"{link.name} {short(link.version)}"
    files = "file" if link.count == 1 else "files"
    return f"{link.role}: {link.kind} {names} ({link.count:,} {files}, {size(link.size)})"


@renders("track.start")
def start(run: Run) -> Iterator[str]:
    """Its id, for scripts that log to it."""
    yield f"started {run.name} {run.id}"


@renders("track.finish")
def finish(run: Run) -> Iterator[str]:
    """How it ended."""
    yield _ended(run)


@renders("track.set")
def changed(run: Run) -> Iterator[str]:
    """Which run changed."""
    yield f"changed {run.name}"


@renders("track.run")
def run(done: Run) -> Iterator[str]:
    """How it ended, with its last metrics."""
    yield _ended(done)
    for key, value in done.metrics.items():
        yield f"  {scalar(key)}  {_value(value)}"


@renders("track.reap")
def reap(runs: Sequence[Run]) -> Iterator[str]:
    """Which runs were ended."""
    yield from (_ended(one) for one in runs)
    if not runs:
        yield "every running run has its process"


@renders("track.logs")
def logs(page: LogPage) -> Iterator[str]:
    """The lines as they were written."""
    for line in page.lines:
        yield scalar(line.text)


@renders("track.compare")
def compare(found: RunComparison) -> Iterator[str]:
    """A column a run; what is the same in all of them is only counted."""
    differing = [row for row in found.rows if row.differs]
    head = ("", "", *(run.name or run.id for run in found.runs))
    body = [(row.group, row.name, *map(_value, row.values)) for row in differing]
    if differing:
        yield from columns(head, body)
    same = len(found.rows) - len(differing)
    yield f"{len(differing)} facts differ, {same} are the same"


@renders("track.series")
def series(found: Sequence[RunSeries]) -> Iterator[str]:
    """One small chart a metric."""
    for one in found:
        yield one.run
        for line in one.series:
            finite = [value for value in line.values if math.isfinite(value)]
            last = _value(line.values[-1]) if line.values else ""
            yield f"  {scalar(line.key)}: {_chart(line.values)} {last} ({line.total:,} points)"
            if finite:
                low = min(value for value in line.lows if math.isfinite(value))
                high = max(value for value in line.highs if math.isfinite(value))
                yield f"    from {_value(low)} to {_value(high)}"
        if not one.series:
            yield "  no points"


def _chart(values: Sequence[float]) -> str:
    """Draw values as one line of bars; blanks where there is no number."""
    step = max(1, -(-len(values) // _WIDTH))
    some = values[step - 1 :: step] or values[-1:]
    finite = [value for value in some if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    span = (high / 2 - low / 2) or 1.0  # halves: the difference may be beyond all floats
    return "".join(
        _BARS[min(int((value / 2 - low / 2) / span * len(_BARS)), len(_BARS) - 1)]
        if math.isfinite(value)
        else " "
        for value in some
    )


def _ended(run: Run) -> str:
    error = f": {scalar(run.error)}" if run.error else ""
    return f"{run.name} {run.status} after {_seconds(run)}{error}"


def _seconds(run: Run) -> str:
    """Write how long a run took, or takes so far."""
    seconds = max((time.time() if run.ended is None else run.ended) - run.started, 0.0)
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"


def _value(value: Scalar) -> str:
    """Write a value short; nothing for None."""
    return f"{value:.5g}" if isinstance(value, float) else scalar(value)
