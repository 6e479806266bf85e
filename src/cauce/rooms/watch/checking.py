"""One check: a window of traffic against the reference, told in a report."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec.structs import replace

from cauce.errors import Damaged, NotFound
from cauce.kernel import manifest, runs
from cauce.kernel.detector import Difference, Rule, Verdict
from cauce.kernel.entities import Digest, Entry, Manifest, Run, Version
from cauce.kernel.model import read_signature
from cauce.rooms.watch import features, quality, reference, traffic
from cauce.rooms.watch.counting import Counter
from cauce.rooms.watch.entities import Column, ColumnDrift, DriftReport

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

FILE = "drift.json"
KIND = "drift"

_SKEW = 60.0
"""Seconds by which the clock of a server may be ahead."""


def check(ws: "Workspace", name: str, *, last: int) -> DriftReport:
    """Compare the traffic since the last check, or the last rows, with the reference."""
    live = ws.find("deployment", name)
    profile, description, counted = reference.read(ws, name)
    signature = read_signature(ws, ws.manifest(live.id))
    watched = features.watched(signature)
    started = ws.now()
    before = _following(ws, name)
    stream = f"predictions/{name}"
    records: Iterable[dict[str, Any]] = (
        ws.streams.tail(stream, last) if last else ws.streams.since(stream, before)
    )
    count = traffic.Count(end=before)
    counter = Counter(reference.detector(), counted)
    own = 0
    after = float("-inf") if last else before
    until = started + _SKEW
    for batch in traffic.batches(records, watched.width, count, after=after, until=until):
        for column, values in features.columns(batch.inputs, watched).items():
            counter.add(column, values)
        mine = [row for row in batch.rows if row.deployment == description.deployment]
        own += len(mine)
        counter.add("label", [row.label for row in mine])
        counter.add("confidence", np.array([row.confidence for row in mine]))
    inputs = _compare(ws, description.columns, counted, counter)
    outcome = _outcome(inputs)
    report = DriftReport(
        run=runs.new_id(),
        name=name,
        at=ws.now(),
        outcome=outcome,
        deployment=live.id,
        profile=profile.id,
        start=before,
        end=count.end,
        following=before if last or outcome == "too-few" else count.end,
        rows=count.rows,
        malformed=count.malformed,
        foreign=count.rows - own,
        inputs=inputs,
        quality=quality.measure(ws, name, live.id),
    )
    return _commit(ws, report, started)


def rule(ws: "Workspace") -> Rule:
    """Give the rule as the settings have it."""
    return Rule(
        alpha=ws.settings["watch.alpha"],
        distance=ws.settings["watch.distance"],
        min_rows=ws.settings["watch.min_rows"],
    )


def _following(ws: "Workspace", name: str) -> float:
    """Give the time that the next check begins after, 0 before the first."""
    for run in ws.catalog.runs(KIND, name=name, status="finished", limit=1):
        value = run.params.get("following")
        if isinstance(value, int | float):
            return float(value)
    return 0.0


def _compare(
    ws: "Workspace",
    columns: tuple[Column, ...],
    counted: dict[str, Any],
    counter: Counter,
) -> tuple[ColumnDrift, ...]:
    """Compare every column of the reference; those that moved furthest come first."""
    limits = rule(ws)
    detector = reference.detector()
    current = counter.profiles({column.name: column.type for column in columns})
    found = [
        _drift(
            column,
            detector.compare(
                counted[column.name], current[column.name], limits, columns=len(columns)
            ),
        )
        for column in columns
    ]
    order: dict[Verdict, int] = {"drifted": 0, "steady": 1, "too-few": 2}
    return tuple(sorted(found, key=lambda item: (order[item.verdict], -item.distance)))


def _drift(column: Column, found: Difference) -> ColumnDrift:
    values = msgspec.structs.asdict(found)
    return ColumnDrift(
        name=column.name,
        what=column.what,
        source=column.source,
        drifted=found.verdict == "drifted",
        **values,
    )


def _outcome(inputs: tuple[ColumnDrift, ...]) -> Verdict:
    verdicts = {item.verdict for item in inputs}
    return "drifted" if "drifted" in verdicts else "steady" if "steady" in verdicts else "too-few"


def _commit(ws: "Workspace", report: DriftReport, started: float) -> DriftReport:
    """Store the report and tell of it: one commit, from which the event follows."""
    body = msgspec.json.format(msgspec.json.encode(report), indent=1)
    [digest] = ws.objects.put([body])
    tree = Manifest(
        kind="report",
        entries=(Entry(path=FILE, digest=digest, size=len(body)),),
        labels={"deployment": report.deployment, "outcome": report.outcome, "what": KIND},
    )
    version = ws.put_manifest(tree, report.name)
    metrics = {"rows": float(report.rows), "malformed": float(report.malformed)}
    for item in report.inputs:
        metrics[f"{item.name}.distance"] = item.distance
        metrics[f"{item.name}.p"] = item.p
        metrics[f"{item.name}.psi"] = item.psi
    if report.quality is not None:
        metrics["accuracy"] = report.quality.accuracy
    run = Run(
        id=report.run,
        kind=KIND,
        name=report.name,
        started=started,
        outcome=report.outcome,
        params={"start": report.start, "end": report.end, "following": report.following},
        metrics=metrics,
    )
    used = ((report.deployment, "deployment"), (report.profile, "reference"))
    ws.catalog.commit(runs.done(ws, run, used=used, generated=((version, "report"),)))
    return replace(report, report=version.id)


def read(ws: "Workspace", run: Run) -> DriftReport:
    """Read the report of a check.

    Raises:
        NotFound: The run made none.
        Damaged: Its file is not one.
    """
    version = _report_of(ws, run)
    tree = ws.manifest(version.id)
    try:
        found = msgspec.json.decode(
            ws.objects.get(manifest.entry(tree, FILE).digest), type=DriftReport
        )
    except msgspec.DecodeError as error:
        raise Damaged(f"{FILE} of run {run.id} is not a report: {error}") from error
    return replace(found, report=version.id)


def listed(ws: "Workspace", run: Run) -> DriftReport:
    """Read the report of a check, or what its run says where the report cannot be read."""
    try:
        return read(ws, run)
    except (Damaged, NotFound) as error:
        used = {edge.role: edge.version for edge in ws.catalog.edges(run=run.id)}
        start, end, following = (
            float(run.params.get(name) or 0) for name in ("start", "end", "following")
        )
        return DriftReport(
            run=run.id,
            name=run.name,
            at=run.ended or run.started,
            outcome=msgspec.convert(run.outcome, Verdict),
            deployment=used.get("deployment", Digest("")),
            profile=used.get("reference", Digest("")),
            start=start,
            end=end,
            following=following,
            rows=int(run.metrics.get("rows", 0)),
            malformed=int(run.metrics.get("malformed", 0)),
            foreign=0,
            inputs=(),
            report=used.get("report"),
            fault=str(error),
        )


def _report_of(ws: "Workspace", run: Run) -> Version:
    for edge in ws.catalog.edges(run=run.id) if run.kind == KIND else ():
        if edge.direction == "generated" and edge.role == "report":
            return ws.catalog.version(edge.version)
    raise NotFound(
        f"run {run.id} of kind {run.kind} has no drift report",
        hint="`cauce watch reports` lists the checks",
    )
