"""A model version on one split of one data version, once: an equal evaluation is found again."""

import time
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from cauce.kernel import decoding, runs, shares
from cauce.kernel.entities import Digest, Run, Version
from cauce.rooms.models import record, registry, rows
from cauce.rooms.models.entities import ClassScore, Evaluation, Sample

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

REPORT = "evaluation.json"
SAMPLES = "samples.json"


def known(ws: "Workspace", version: Digest, data: Digest, split: str) -> Evaluation | None:
    """Find the evaluation of a version on a split of a data version, if there is one."""
    for run in record.runs_over(ws, version, "evaluation", ("model",)):
        if run.params.get("data") == data and run.params.get("split") == split:
            return read(ws, run)
    return None


def read(ws: "Workspace", run: Run) -> Evaluation | None:
    """Read the report of an evaluation run."""
    report = next(record.generated(ws, run.id, "report"), None)
    if report is None:
        return None
    found = record.read(ws, ws.manifest(report.id), REPORT, Evaluation)
    return msgspec.structs.replace(found, report=report.id)


def samples(ws: "Workspace", found: Evaluation) -> list[Sample]:
    """Read the answers of an evaluation, row by row."""
    return record.read(ws, ws.manifest(found.report), SAMPLES, list[Sample])


def evaluate(ws: "Workspace", spec: str, data: str, split: str) -> Evaluation:
    """Evaluate, or find the equal evaluation that was done before."""
    target = registry.find(ws, spec)
    dataset = ws.find("dataset", data)
    done = known(ws, target.id, dataset.id, split)
    if done is not None:
        return done
    started, clock = ws.now(), time.perf_counter()
    labelled = rows.of_split(ws.manifest(dataset.id), split)
    session, signature = registry.session(ws, target.id)
    answers: list[Sample] = []
    for batch in decoding.batches(ws, labelled, signature):
        said = decoding.answer(session, signature, batch)
        chunk = labelled[len(answers) : len(answers) + len(batch)]
        answers += [
            Sample(path=row.path, digest=row.digest, truth=row.label, label=label, confidence=sure)
            for row, label, sure in zip(chunk, said.labels, said.confidence, strict=True)
        ]
    run = Run(
        id=runs.new_id(),
        kind="evaluation",
        name=registry.label(target),
        started=started,
        params={"model": target.id, "data": dataset.id, "split": split},
    )
    correct = sum(sample.truth == sample.label for sample in answers)
    low, high = shares.wilson(correct, len(answers))
    order, scores, confusion = _scores(answers, signature.classes)
    found = Evaluation(
        model=registry.label(target),
        version=target.id,
        dataset=data_label(ws, dataset),
        data=dataset.id,
        split=split,
        n=len(answers),
        correct=correct,
        accuracy=correct / len(answers),
        low=low,
        high=high,
        classes=scores,
        confusion=confusion,
        run=run.id,
        report=Digest(""),
        at=started,
        seconds=time.perf_counter() - clock,
    )
    return _keep(ws, run, found, answers, order)


def data_label(ws: "Workspace", dataset: Version) -> str:
    """Write a data version as people do: `digits@v3`, or its id when nothing points at it."""
    tags = sorted(
        (ref.tag for ref in ws.catalog.refs_to([dataset.id]) if ref.kind == "dataset"),
        key=lambda tag: (tag[:1] != "v", tag),
    )
    return f"{dataset.name}@{tags[0]}" if tags else dataset.id


def _keep(
    ws: "Workspace", run: Run, found: Evaluation, answers: list[Sample], order: tuple[str, ...]
) -> Evaluation:
    """Store the report and commit the run."""
    files = {REPORT: msgspec.json.encode(found), SAMPLES: msgspec.json.encode(answers)}
    labels = {"report": "evaluation", "split": found.split, "classes": str(len(order))}
    report = record.store(ws, "report", f"{found.model}-evaluation", files, labels)
    metrics = {"accuracy": found.accuracy, "n": float(found.n)}
    metrics |= {f"recall.{score.label}": score.recall for score in found.classes}
    ws.catalog.commit(
        runs.done(
            ws,
            msgspec.structs.replace(run, metrics=metrics),
            used=[(found.version, "model"), (found.data, found.split)],
            generated=[(report, "report")],
        )
    )
    return msgspec.structs.replace(found, report=report.id)


def _scores(
    answers: list[Sample], classes: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[ClassScore, ...], tuple[tuple[int, ...], ...]]:
    """Count by class; classes that only the data knows come after the model's own."""
    truths = Counter(sample.truth for sample in answers)
    pairs = Counter((sample.truth, sample.label) for sample in answers)
    predicted = Counter(sample.label for sample in answers)
    order = (*classes, *sorted({*truths, *predicted} - set(classes)))
    scores = tuple(
        ClassScore(
            label=label,
            count=truths[label],
            correct=pairs[label, label],
            predicted=predicted[label],
            recall=pairs[label, label] / truths[label] if truths[label] else 0.0,
            precision=pairs[label, label] / predicted[label] if predicted[label] else 0.0,
        )
        for label in order
    )
    return order, scores, tuple(tuple(pairs[truth, said] for said in order) for truth in order)
