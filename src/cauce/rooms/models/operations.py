"""Verbs of models: export, prove, register, make smaller, evaluate, compare, promote."""

from pathlib import Path
from typing import Literal

import msgspec

from cauce.errors import Conflict, GateFailed, Invalid, NotFound
from cauce.kernel import ids, manifest, publish, runs
from cauce.kernel import model as kernel_model
from cauce.kernel.entities import Commit, Move, Run
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.models import (
    card,
    comparison,
    evaluation,
    optimisation,
    proof,
    record,
    registry,
)
from cauce.rooms.models.entities import (
    Comparison,
    Evaluation,
    Export,
    ModelDetail,
    ModelSummary,
    ModelVersion,
    Parity,
    Pulled,
    Variant,
)


@operation("models.export", role="writer", examples=("cauce models export latest",))
def export(ws: Workspace, run: str) -> Export:
    """Turn a run's model into ONNX and prove it against the native model.

    The proof runs both on the real samples that the run logged. Its report is kept whether it
    passes or not; only a passed one can be registered.

    Args:
        run: Training run: id, unique prefix, name, or `latest`.

    Returns:
        Where the ONNX file is, with the report.

    Raises:
        NotFound: There is no such run, or it logged no model.
        Unsupported: The framework's converter does not know a part of the model.
        Denied: The native model holds types that are not trusted.
    """
    return proof.export(ws, runs.find(ws, run, finished=True))


@operation(
    "models.register", role="writer", examples=("cauce models register latest --name digits",)
)
def register(ws: Workspace, run: str, *, name: str) -> ModelVersion:
    """Register a run's model as the next version of a name; it is exported and proved first.

    Args:
        run: Training run: id, unique prefix, name, or `latest`.
        name: Model that the version belongs to.

    Returns:
        The version. Registering the same run's model again gives the version it has.

    Raises:
        GateFailed: The ONNX model does not repeat the native one.
        NotFound: There is no such run, or it logged no model.
    """
    ids.check_name("model", name)
    started = ws.now()
    source = runs.find(ws, run, finished=True)
    artifact = proof.artifact_of(ws, source)
    there = registry.of_artifact(ws, name, artifact.id)
    if there is not None:
        return registry.find(ws, there.id)
    exported = proof.known(ws, source, artifact) or proof.export(ws, source)
    proof.require(exported.parity, source)
    tree = ws.manifest(exported.id)
    signature = kernel_model.read_signature(ws, tree)
    framework = tree.labels["framework"]
    text = card.write(ws, name, source, signature, exported.parity, framework)
    files = {
        path: ws.objects.get(manifest.entry(tree, path).digest)
        for path in (kernel_model.FILE, kernel_model.SIGNATURE, proof.PARITY)
    }
    files["metrics.json"] = msgspec.json.encode(source.metrics)
    files["card.md"] = text.encode()
    labels = {**tree.labels, "model": name, "size": str(exported.size)}
    version = record.store(ws, registry.KIND, name, files, labels)
    done = Run(
        id=runs.new_id(),
        kind="register",
        name=name,
        started=started,
        params={"run": source.id, "model": name},
    )
    commit = runs.done(ws, done, used=[(exported.id, "export")], generated=[(version, "model")])
    publish.publish(ws, version, commit, aliases=("latest",))
    return registry.find(ws, version.id)


@operation(
    "models.optimise",
    role="writer",
    examples=("cauce models optimise digits@1 --data digits@main",),
)
def optimise(
    ws: Workspace, model: str, *, data: str, precision: Literal["int8"] = "int8"
) -> Variant:
    """Make a smaller variant of a model, measured beside it, as `NAME@NUMBER-int8`.

    Every recipe is calibrated with rows of the training split and judged by all rows of the test
    split; speed is measured turn by turn in one process.

    Args:
        model: Model version, `name@number` or `name@alias`.
        data: Data set version with the splits `train` and `test`.
        precision: What to store weights in.

    Returns:
        The variant that was kept, its base, and every recipe that was tried.

    Raises:
        Unsupported: Nothing in the model can be quantised.
    """
    return optimisation.optimise(ws, model, data, precision)


@operation(
    "models.evaluate",
    role="writer",
    examples=("cauce models evaluate digits@latest --data digits@main",),
)
def evaluate(ws: Workspace, model: str, *, data: str, split: str = "test") -> Evaluation:
    """Measure a model's accuracy on one split of a data version.

    Args:
        model: Model version or variant.
        data: Data set version with images in `SPLIT/CLASS/`.
        split: Top folder to read.

    Returns:
        Accuracy, classes and confusion. The same model on the same split of the same data is
        not run twice: the first report is given again.
    """
    return evaluation.evaluate(ws, model, data, split)


@operation(
    "models.compare",
    role="writer",
    examples=("cauce models compare digits@latest digits@champion --data digits@main --gate",),
)
def compare(
    ws: Workspace,
    candidate: str,
    champion: str,
    *,
    data: str,
    split: str = "test",
    gate: bool = False,
) -> Comparison:
    """Judge a candidate against the champion: better, cheaper, same or worse.

    Both answer the same rows (paired test) and are timed turn by turn in one process.

    Args:
        candidate: Model version or variant.
        champion: The one to beat. When `NAME@champion` was never set, the verdict is `first`.
        data: Data set version that neither was trained on in this split.
        split: Top folder to read.
        gate: Fail unless the candidate is better, cheaper or the first.

    Returns:
        Verdict with its reasons and all numbers.

    Raises:
        GateFailed: `gate` was asked for and the candidate did not pass; the report is kept.
    """
    found = comparison.compare(ws, candidate, champion, data, split)
    if gate and not found.passed:
        raise GateFailed(
            f"{candidate} is {found.verdict} beside {champion}: {'; '.join(found.reasons)}",
            hint=f"the report is in the run {found.run}",
        )
    return found


@operation("models.promote", role="writer", examples=("cauce models promote digits@latest",))
def promote(
    ws: Workspace, model: str, *, alias: str = "champion", message: str = ""
) -> ModelVersion:
    """Point an alias at a model version.

    Args:
        model: Model version or variant.
        alias: Alias to move.
        message: Why, for the log.

    Raises:
        Conflict: Somebody else moved the alias at the same time.
    """
    registry.check_alias(alias)
    found = registry.find(ws, model)
    try:
        before = ws.catalog.ref(registry.KIND, found.name, alias).target
    except NotFound:
        before = None
    if before == found.id:
        return found
    move = Move(kind=registry.KIND, name=found.name, tag=alias, target=found.id, expect=before)
    ws.catalog.commit(Commit(moves=(move,), agent=ws.agent, message=message))
    return registry.find(ws, model)


@operation("models.ls", examples=("cauce models ls",))
def ls(ws: Workspace) -> list[ModelSummary]:
    """List the registered models."""
    return registry.summaries(ws)


@operation("models.versions", examples=("cauce models versions digits",))
def versions(ws: Workspace, name: str) -> list[ModelVersion]:
    """List the versions of a model, newest first, variants after their base.

    Args:
        name: The model.
    """
    return registry.numbered(ws, name, variants=True)


@operation("models.show", examples=("cauce models show digits@champion",))
def show(ws: Workspace, model: str) -> ModelDetail:
    """Show all there is to know of a model version.

    Args:
        model: Model version or variant.
    """
    return _detail(ws, registry.find(ws, model))


def _detail(ws: Workspace, found: ModelVersion) -> ModelDetail:
    tree = ws.manifest(found.id)
    texts = {item.path: item.digest for item in tree.entries}
    done = [
        evaluation.read(ws, run)
        for run in record.runs_over(ws, found.id, "evaluation", ("model",), limit=20)
    ]
    return ModelDetail(
        version=found,
        signature=kernel_model.parse(ws.objects.get(texts[kernel_model.SIGNATURE])),
        parity=record.read(ws, tree, proof.PARITY, Parity),
        metrics=found.metrics,
        variants=tuple(optimisation.of_base(ws, found)) if not found.variant else (),
        evaluations=tuple(item for item in done if item is not None),
        comparisons=tuple(comparison.of_version(ws, found)),
        card=ws.objects.get(texts["card.md"]).decode() if "card.md" in texts else "",
    )


@operation("models.pull", local=True, examples=("cauce models pull digits@champion model",))
def pull(ws: Workspace, model: str, target: Path) -> Pulled:
    """Write the files of a model version into a folder: ONNX, signature, proof, card.

    Args:
        model: Model version or variant.
        target: Folder to make; one that holds other files is refused.

    Raises:
        Conflict: The folder is not empty.
        Damaged: A stored file is not what its name says.
    """
    found = registry.find(ws, model)
    tree = ws.manifest(found.id)
    if target.exists() and not target.is_dir():
        raise Invalid(f"{target} is not a folder")
    if target.is_dir() and any(target.iterdir()):
        raise Conflict(f"{target} is not empty", hint="give a folder that does not exist yet")
    for item in tree.entries:
        ws.objects.fetch(item.digest, target / item.path)
    return Pulled(
        version=found.id,
        target=str(target),
        files=tuple(item.path for item in tree.entries),
        size=sum(item.size for item in tree.entries),
    )
