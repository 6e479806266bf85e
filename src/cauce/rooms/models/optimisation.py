"""Smaller variants of a model: every recipe is made and measured, the best is kept."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from msgspec import Struct

from cauce.errors import Conflict, Invalid, NotFound, Unsupported
from cauce.kernel import decoding, manifest, model, plugins, progress, runs
from cauce.kernel.entities import Digest, Manifest, Move, Run, Version
from cauce.rooms.models import measure, proof, record, registry, rows
from cauce.rooms.models.entities import Measured, ModelVersion, Variant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cauce.kernel.workspace import Workspace

REPORT = "optimise.json"
BASE = "float32"
_RUNTIME = "onnxruntime"
_CALIBRATION = 512
_NEAR = 0.05


class Judged(Struct, frozen=True):
    """The rows that recipes are calibrated with and judged by, and what the base says of them."""

    calibration: "NDArray[np.float32]"
    test: "NDArray[np.float32]"
    truths: list[str]


class Candidate(Struct, frozen=True):
    """A recipe's model, or why there is none."""

    recipe: str
    data: bytes
    error: str = ""


def optimise(ws: "Workspace", spec: str, data: str, precision: str) -> Variant:
    """Make int8 variants of a model, keep the best as `model/NAME@NUMBER-int8`."""
    started = ws.now()
    base = registry.find(ws, spec)
    if base.variant:
        raise Invalid(f"{registry.label(base)} is a variant already", hint="name its base")
    dataset = ws.find("dataset", data)
    tree = ws.manifest(base.id)
    signature = model.read_signature(ws, tree)
    source = ws.objects.get(manifest.entry(tree, model.FILE).digest)
    judged = _rows(ws, dataset, signature)
    candidates = _make(source, judged.calibration)
    tried = _measure([Candidate(BASE, source), *candidates], judged, signature)
    chosen = choose(tried[1:], tried[0], max_drop=float(ws.settings["models.max_drop"]))
    run = Run(
        id=runs.new_id(),
        kind="optimise",
        name=registry.label(base),
        started=started,
        outcome=chosen.recipe,
        params={"model": base.id, "data": dataset.id, "precision": precision},
        metrics={
            "accuracy": chosen.accuracy,
            "base.accuracy": tried[0].accuracy,
            "size": chosen.size,
            "base.size": tried[0].size,
            "p50": chosen.p50,
            "base.p50": tried[0].p50,
        },
    )
    found = Variant(
        name=base.name,
        number=base.number,
        precision=precision,
        id=Digest(""),
        chosen=chosen,
        base=tried[0],
        tried=tuple(tried),
        run=run.id,
        data=dataset.id,
        calibration=len(judged.calibration),
        rows=len(judged.test),
    )
    small = next(item.data for item in candidates if item.recipe == chosen.recipe)
    return _keep(ws, base, tree, run, found, small)


def choose(tried: list[Measured], base: Measured, *, max_drop: float) -> Measured:
    """Pick a variant: accurate enough first, then the faster, then (within 5 %) the smaller.

    Args:
        tried: Measured recipes, failed ones included.
        base: The float32 model, measured beside them.
        max_drop: Loss of accuracy that is still enough.

    Raises:
        Unsupported: Every recipe failed.
    """
    made = [item for item in tried if not item.error]
    if not made:
        raise Unsupported("no recipe worked: " + "; ".join(item.error for item in tried))
    enough = [item for item in made if base.accuracy - item.accuracy <= max_drop]
    if not enough:
        return max(made, key=lambda item: item.accuracy)
    fastest = min(item.p50 for item in enough)
    near = [item for item in enough if item.p50 <= fastest * (1 + _NEAR)]
    return min(near, key=lambda item: item.size)


def of_base(ws: "Workspace", base: ModelVersion) -> list[Variant]:
    """Read the variants of a model version."""
    found = []
    for ref in registry.refs(ws, base.name):
        number, _, precision = ref.tag.partition("-")
        if precision and number == str(base.number):
            variant = record.read(ws, ws.manifest(ref.target), REPORT, Variant)
            found.append(msgspec.structs.replace(variant, id=ref.target))
    return found


def _rows(ws: "Workspace", dataset: Version, signature: model.Signature) -> Judged:
    """Read the rows; no image that judges is among those that calibrate."""
    tree = ws.manifest(dataset.id)
    test = rows.of_split(tree, "test")
    judging = frozenset(row.digest for row in test)
    calibration = rows.spread(rows.of_split(tree, "train"), _CALIBRATION, exclude=judging)
    if not calibration:
        raise Invalid(
            "every training image is in the test split too",
            hint="calibrate with images that do not judge the result",
        )
    return Judged(
        calibration=rows.table(ws, calibration, signature),
        test=rows.table(ws, test, signature),
        truths=[row.label for row in test],
    )


def _make(source: bytes, calibration: "NDArray[np.float32]") -> list[Candidate]:
    """Quantise by every recipe of the runtime; raises `Unsupported` when none can work."""
    runtime = plugins.load("runtimes", _RUNTIME)
    made, errors = [], []
    for recipe in progress.track(runtime.RECIPES, "recipes", len(runtime.RECIPES)):
        try:
            made.append(Candidate(recipe, runtime.quantise(source, recipe, calibration)))
        except Unsupported as error:
            errors.append(error)
            made.append(Candidate(recipe, b"", error.message))
    if len(errors) == len(made):
        raise errors[0]
    return made


def _measure(
    candidates: list[Candidate], judged: Judged, signature: model.Signature
) -> list[Measured]:
    """Measure what was made, the base first, all in one process and turn by turn."""
    runtime = plugins.load("runtimes", _RUNTIME)
    sessions = {item.recipe: runtime.load(item.data) for item in candidates if not item.error}
    name = signature.inputs[0].name
    speeds = dict(
        zip(
            sessions,
            measure.interleaved(
                [measure.Contender(one, name, judged.test) for one in sessions.values()],
                seconds=1.5,
            ),
            strict=True,
        )
    )
    said = {key: decoding.answer(one, signature, judged.test) for key, one in sessions.items()}
    reference = said[BASE].labels
    measured = []
    for item in candidates:
        if item.error:
            measured.append(Measured(recipe=item.recipe, error=item.error))
            continue
        labels, speed = said[item.recipe].labels, speeds[item.recipe]
        measured.append(
            Measured(
                recipe=item.recipe,
                size=len(item.data),
                accuracy=_share(labels, judged.truths),
                agreement=_share(labels, reference),
                p50=speed.p50,
                p95=speed.p95,
                throughput=speed.throughput,
            )
        )
    return measured


def _share(ours: list[str], theirs: list[str]) -> float:
    return sum(a == b for a, b in zip(ours, theirs, strict=True)) / len(theirs)


def _keep(
    ws: "Workspace", base: ModelVersion, tree: Manifest, run: Run, found: Variant, data: bytes
) -> Variant:
    """Store the variant and commit it with its ref and the run."""
    files = {
        model.FILE: data,
        model.SIGNATURE: ws.objects.get(manifest.entry(tree, model.SIGNATURE).digest),
        proof.PARITY: ws.objects.get(manifest.entry(tree, proof.PARITY).digest),
        REPORT: msgspec.json.encode(found),
    }
    labels = {
        **tree.labels,
        "precision": found.precision,
        "recipe": found.chosen.recipe,
        "base": base.id,
        "size": str(len(data)),
    }
    labels.pop("artifact", None)
    version = record.store(ws, registry.KIND, base.name, files, labels)
    tag = f"{base.number}-{found.precision}"
    try:
        before = ws.catalog.ref(registry.KIND, base.name, tag).target
    except NotFound:
        before = None
    commit = runs.done(
        ws,
        run,
        used=[(base.id, "model"), (found.data, "calibration")],
        generated=[(version, "model")],
    )
    move = Move(kind=registry.KIND, name=base.name, tag=tag, target=version.id, expect=before)
    try:
        ws.catalog.commit(msgspec.structs.replace(commit, moves=(move,)))
    except Conflict as error:
        raise Conflict(
            f"somebody else just made {base.name}@{tag}", hint="look at it with `cauce models show`"
        ) from error
    return msgspec.structs.replace(found, id=version.id)
