"""The gate: a candidate beside the champion, on the same rows and in the same process."""

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from cauce.errors import NotFound
from cauce.kernel import runs
from cauce.kernel.entities import Run
from cauce.rooms.models import evaluation, measure, record, registry, rows, statistics
from cauce.rooms.models.entities import (
    ClassChange,
    Comparison,
    Evaluation,
    ModelVersion,
    Sample,
    Side,
    Verdict,
)

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

REPORT = "comparison.json"
_LEAST_SAVING = 0.05
_SIGNIFICANT = 0.05
_TIMED = 64


class Paired(Struct, frozen=True):
    """What the same rows say about both models.

    Attributes:
        gained: Rows that only the candidate gets right.
        lost: Rows that only the champion gets right.
        low: Lower end of the interval of the difference in accuracy.
        high: Upper end.
        classes: The same by class.
    """

    gained: int
    lost: int
    low: float
    high: float
    classes: tuple[ClassChange, ...]


def compare(ws: "Workspace", candidate: str, champion: str, data: str, split: str) -> Comparison:
    """Compare two models; the report and the verdict are kept as a run."""
    started = ws.now()
    new = evaluation.evaluate(ws, candidate, data, split)
    try:
        old = evaluation.evaluate(ws, champion, data, split)
    except NotFound:
        if not _unset(ws, champion):
            raise
        old = None
    run = Run(
        id=runs.new_id(),
        kind="compare",
        name=new.model,
        started=started,
        params={"candidate": candidate, "champion": champion, "data": new.data, "split": split},
    )
    if old is None:
        found = _first(ws, candidate, champion, new, run)
    else:
        found = _both(ws, candidate, champion, new, old, run)
    return _keep(ws, found, run)


def pair(ours: list[Sample], theirs: list[Sample], *, max_drop: float) -> Paired:
    """Join two evaluations row by row.

    Args:
        ours: Answers of the candidate.
        theirs: Answers of the champion, for the same rows in the same order.
        max_drop: Loss of a class that is still allowed, as a share of its rows.

    Notes:
        Each class is one more chance of a false alarm, so the level is shared among them
        (Bonferroni).
    """
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for new, old in zip(ours, theirs, strict=True):
        assert (new.path, new.digest) == (old.path, old.digest), new.path
        row = counts[new.truth]
        good, was_good = new.label == new.truth, old.label == old.truth
        row[0] += 1
        row[1] += was_good
        row[2] += good
        row[3] += good and not was_good
        row[4] += was_good and not good
    gained, lost = (sum(row[index] for row in counts.values()) for index in (3, 4))
    low, high = statistics.difference(gained, lost, len(ours))
    classes = tuple(
        ClassChange(
            label=label,
            count=count,
            champion=before,
            candidate=after,
            worse=(before - after) / count > max_drop
            and statistics.binomial_tail(up, up + down) < _SIGNIFICANT / len(counts),
        )
        for label, (count, before, after, up, down) in sorted(counts.items())
    )
    return Paired(gained, lost, low, high, classes)


def judge(
    paired: Paired, new: Side, old: Side, *, min_gain: float, max_drop: float
) -> tuple[Verdict, tuple[str, ...]]:
    """Give the verdict and why.

    Args:
        paired: What the rows say.
        new: The candidate.
        old: The champion.
        min_gain: The interval of the difference must lie above this for `better`.
        max_drop: It must lie above minus this for `cheaper`.

    Notes:
        Better: surely more accurate, no class worse. Cheaper: surely not less accurate by more
        than `max_drop`, no class worse, and size or p95 latency smaller by 5 % at least. Worse:
        surely less accurate, or a class worse. Same: nothing of that is sure.
    """
    interval = f"difference {new.accuracy - old.accuracy:+.4f}, 95 % [{paired.low:+.4f}, "
    interval += f"{paired.high:+.4f}]"
    bad = [change.label for change in paired.classes if change.worse]
    if bad:
        return "worse", (interval, f"worse on {', '.join(bad)}")
    if paired.low > min_gain:
        return "better", (f"{interval}, above {min_gain:g}", "no class is worse")
    savings = []
    for what, ours, theirs, unit in (
        ("file", new.size, old.size, "bytes"),
        ("p95 latency", new.p95, old.p95, "ms"),
    ):
        if ours <= (1 - _LEAST_SAVING) * theirs:
            savings.append(f"{what} {theirs:g} -> {ours:g} {unit}")
    if paired.low > -max_drop and savings:
        return "cheaper", (f"{interval}, above {-max_drop:g}", *savings)
    if paired.high < 0:
        return "worse", (interval,)
    if savings:
        return "same", (f"{interval}, not above {-max_drop:g}, so that {', '.join(savings)} "
                        "does not count",)  # fmt: skip
    return "same", (interval, "neither file nor p95 latency is smaller by 5 %")


def of_version(ws: "Workspace", found: ModelVersion, *, limit: int = 20) -> list[Comparison]:
    """Read the comparisons that a version took part in, newest first."""
    made = record.runs_over(ws, found.id, "compare", ("candidate", "champion"), limit=limit)
    reports = (report for run in made for report in record.generated(ws, run.id, "report"))
    return [record.read(ws, ws.manifest(report.id), REPORT, Comparison) for report in reports]


def _unset(ws: "Workspace", champion: str) -> bool:
    """Tell whether this is an alias `champion` that was never moved: only that may be missing."""
    name, _, tag = champion.partition("@")
    return tag == "champion" and not ws.catalog.refs(registry.KIND, name, tag)


def _side(ws: "Workspace", spec: str, found: Evaluation, speed: measure.Speed | None) -> Side:
    version = ws.catalog.version(found.version)
    return Side(
        model=spec,
        version=found.version,
        accuracy=found.accuracy,
        size=int(version.labels.get("size", "0")),
        p50=speed.p50 if speed else 0.0,
        p95=speed.p95 if speed else 0.0,
    )


def _first(ws: "Workspace", candidate: str, champion: str, new: Evaluation, run: Run) -> Comparison:
    """Let the first candidate through: there is nothing to compare it with."""
    return Comparison(
        candidate=_side(ws, candidate, new, None),
        champion=None,
        dataset=new.dataset,
        data=new.data,
        split=new.split,
        n=new.n,
        difference=0.0,
        low=0.0,
        high=0.0,
        p_value=1.0,
        gained=0,
        lost=0,
        classes=(),
        verdict="first",
        passed=True,
        reasons=(f"there is no {champion} yet",),
        run=run.id,
        at=run.started,
    )


def _both(
    ws: "Workspace", candidate: str, champion: str, new: Evaluation, old: Evaluation, run: Run
) -> Comparison:
    max_drop = float(ws.settings["models.max_drop"])
    ours, theirs = evaluation.samples(ws, new), evaluation.samples(ws, old)
    paired = pair(ours, theirs, max_drop=max_drop)
    some = rows.spread(
        [rows.Labelled(row.path, row.digest, row.truth) for row in ours],
        _TIMED,
        exclude=frozenset(),
    )
    contenders = []
    for version in (new.version, old.version):
        session, signature = registry.session(ws, version)
        name = signature.inputs[0].name
        contenders.append(measure.Contender(session, name, rows.table(ws, some, signature)))
    speeds = measure.interleaved(contenders)
    sides = (_side(ws, candidate, new, speeds[0]), _side(ws, champion, old, speeds[1]))
    verdict, reasons = judge(
        paired, *sides, min_gain=float(ws.settings["models.min_gain"]), max_drop=max_drop
    )
    return Comparison(
        candidate=sides[0],
        champion=sides[1],
        dataset=new.dataset,
        data=new.data,
        split=new.split,
        n=new.n,
        difference=new.accuracy - old.accuracy,
        low=paired.low,
        high=paired.high,
        p_value=statistics.mcnemar(paired.gained, paired.lost),
        gained=paired.gained,
        lost=paired.lost,
        classes=paired.classes,
        verdict=verdict,
        passed=verdict in {"better", "cheaper"},
        reasons=reasons,
        run=run.id,
        at=run.started,
    )


def _keep(ws: "Workspace", found: Comparison, run: Run) -> Comparison:
    """Store the report and commit the run with the verdict as its outcome."""
    labels = {"report": "comparison", "verdict": found.verdict}
    name = f"{found.candidate.model}-comparison"
    report = record.store(ws, "report", name, {REPORT: msgspec.json.encode(found)}, labels)
    used = [(found.candidate.version, "candidate"), (found.data, found.split)]
    if found.champion is not None:
        used.append((found.champion.version, "champion"))
    done = msgspec.structs.replace(
        run,
        outcome=found.verdict,
        metrics={
            "difference": found.difference,
            "low": found.low,
            "high": found.high,
            "p_value": found.p_value,
            "candidate.accuracy": found.candidate.accuracy,
        },
    )
    ws.catalog.commit(runs.done(ws, done, used=used, generated=[(report, "report")]))
    return found
