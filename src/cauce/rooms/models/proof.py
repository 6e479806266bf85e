"""Export: the native model to ONNX, and the proof that both say the same on real samples."""

import io
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from cauce.errors import Damaged, GateFailed, NotFound, Unsupported
from cauce.kernel import manifest, model, plugins, runs
from cauce.kernel.entities import Manifest, Run, Version
from cauce.rooms.models import record
from cauce.rooms.models.entities import Export, Parity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cauce.kernel.workspace import Workspace

PARITY = "parity.json"
_RUNTIME = "onnxruntime"


def artifact_of(ws: "Workspace", run: Run) -> Version:
    """Find the native model that a run logged last; raises `NotFound`.

    Files may have been logged as `model` too: what `log_model` kept names its framework.
    """
    for found in record.generated(ws, run.id, "model"):
        if found.kind == "artifact" and "framework" in found.labels:
            return found
    raise NotFound(
        f"the run {run.name or run.id} logged no model",
        hint="call run.log_model(model, inputs=X) in the training script",
    )


def known(ws: "Workspace", run: Run, artifact: Version) -> Export | None:
    """Find a passed export of an artifact."""
    for done in record.runs_over(ws, artifact.id, "export", ("artifact",)):
        if done.outcome != "passed":
            continue
        version = next(record.generated(ws, done.id, "export"), None)
        if version is not None:
            tree = ws.manifest(version.id)
            parity = record.read(ws, tree, PARITY, Parity)
            return _export(version, tree, done, run, artifact, parity)
    return None


def require(parity: Parity, run: Run) -> None:
    """Raise `GateFailed` unless the proof of a run's model was passed."""
    if not parity.passed:
        raise GateFailed(
            f"the ONNX model of {run.name or run.id} does not repeat the native one "
            f"(difference {parity.recorded} from the recorded outputs, "
            f"{parity.reloaded} from the model loaded again, "
            f"labels equal on {parity.labels:.1%})",
            hint=f"allowed is models.tolerance = {parity.tolerance:g}; "
            "the report is in `cauce models export`",
        )


def export(ws: "Workspace", run: Run) -> Export:
    """Convert a run's model and prove it; the report is kept whether it passes or not."""
    started = ws.now()
    clock = time.perf_counter()
    artifact = artifact_of(ws, run)
    tree = ws.manifest(artifact.id)
    framework = plugins.load("frameworks", tree.labels.get("framework", ""))
    signature_bytes = ws.objects.get(manifest.entry(tree, model.SIGNATURE).digest)
    signature = model.parse(signature_bytes)
    if len(signature.inputs) != 1:
        raise Unsupported("only models with one input are exported")
    inputs, recorded = _samples(ws, tree)
    with tempfile.TemporaryDirectory() as folder:
        _unpack(ws, tree, Path(folder))
        native = framework.load(Path(folder))
    data: bytes = framework.to_onnx(native, msgspec.json.decode(signature_bytes))
    rows = np.ascontiguousarray(inputs, dtype=signature.inputs[0].dtype)
    runtime = plugins.load("runtimes", _RUNTIME)
    session = runtime.load(data)
    given = dict(zip(session.outputs, session.run({signature.inputs[0].name: rows}), strict=True))
    reloaded = framework.predict(native, rows)
    parity = compare(
        given,
        recorded,
        reloaded,
        tolerance=float(ws.settings["models.tolerance"]),
        versions={**framework.versions(), **runtime.versions()},
        seconds=time.perf_counter() - clock,
    )
    return _keep(ws, run, artifact, tree, started, data, signature_bytes, parity)


def compare(
    given: "dict[str, NDArray[Any]]",
    recorded: "dict[str, NDArray[Any]]",
    reloaded: "dict[str, NDArray[Any]]",
    *,
    tolerance: float,
    versions: dict[str, str],
    seconds: float,
) -> Parity:
    """Compare the ONNX model's outputs with the native model's, recorded and computed again.

    Args:
        given: Output name -> array of the ONNX model.
        recorded: The same from the training run.
        reloaded: The same from the native model, loaded again.
        tolerance: Largest difference allowed, relative where the native number is beyond 1.
        versions: Packages that took part.
        seconds: Time used so far.
    """
    rows = len(next(iter(given.values())))
    apart = [_apart(given, other) for other in (recorded, reloaded)]
    labels = np.ones(rows, dtype=bool)
    for other in (recorded, reloaded):
        if "label" in given:
            same = other.get("label")
            if same is None or len(same) != rows:
                labels[:] = False
            else:
                labels &= np.asarray(given["label"]).astype(str) == np.asarray(same).astype(str)
    share = float(labels.mean()) if rows else 0.0
    return Parity(
        passed=rows > 0
        and all(worst is not None and worst <= tolerance for worst in apart)
        and share == 1.0,
        rows=rows,
        tolerance=tolerance,
        recorded=apart[0],
        reloaded=apart[1],
        labels=share,
        versions=versions,
        seconds=seconds,
    )


def _apart(given: "dict[str, NDArray[Any]]", other: "dict[str, NDArray[Any]]") -> float | None:
    """Give the largest difference over all outputs but the labels, None when there is no number."""
    worst = 0.0
    for name, array in given.items():
        if name == "label":
            continue
        twin = other.get(name)
        if twin is None or twin.shape != array.shape:
            return None
        left, right = array.astype(np.float64), twin.astype(np.float64)
        alike = (left == right) | (np.isnan(left) & np.isnan(right))
        with np.errstate(invalid="ignore"):
            apart = np.abs(left - right) / np.maximum(1.0, np.abs(right))
        apart[alike] = 0.0
        if not np.isfinite(apart).all():
            return None
        worst = max(worst, float(np.max(apart, initial=0.0)))
    return worst


def _samples(ws: "Workspace", tree: Manifest) -> "tuple[NDArray[Any], dict[str, NDArray[Any]]]":
    """Read the real rows and the native outputs that the training run recorded."""
    outputs = {}
    for entry in tree.entries:
        if entry.path.startswith("samples/outputs/") and entry.path.endswith(".npy"):
            name = entry.path.removeprefix("samples/outputs/").removesuffix(".npy")
            outputs[name] = _array(ws.objects.get(entry.digest), entry.path)
    inputs = _array(
        ws.objects.get(manifest.entry(tree, "samples/inputs.npy").digest), "samples/inputs.npy"
    )
    return inputs, outputs


def _array(data: bytes, path: str) -> "NDArray[Any]":
    try:
        found: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise Damaged(f"{path} is not a NumPy array without objects: {error}") from error
    return found


def _unpack(ws: "Workspace", tree: Manifest, folder: Path) -> None:
    """Write the native model's files into a folder; paths were checked with the manifest."""
    for entry in tree.entries:
        if entry.path.startswith("native/"):
            ws.objects.fetch(entry.digest, folder / entry.path.removeprefix("native/"))


def _keep(
    ws: "Workspace",
    run: Run,
    artifact: Version,
    tree: Manifest,
    started: float,
    data: bytes,
    signature: bytes,
    parity: Parity,
) -> Export:
    """Store the ONNX file with its proof, and commit the export run."""
    labels = {
        "framework": tree.labels.get("framework", ""),
        "format": "onnx",
        "run": run.id,
        "artifact": artifact.id,
    }
    files = {
        model.FILE: data,
        model.SIGNATURE: signature,
        PARITY: msgspec.json.encode(parity),
    }
    version = record.store(ws, "export", f"{run.name or run.id}-onnx", files, labels)
    done = Run(
        id=runs.new_id(),
        kind="export",
        name=run.name,
        started=started,
        outcome="passed" if parity.passed else "failed",
        params={"run": run.id, "tolerance": parity.tolerance},
        metrics={
            "rows": parity.rows,
            "labels": parity.labels,
            "seconds": parity.seconds,
            **({} if parity.recorded is None else {"recorded": parity.recorded}),
            **({} if parity.reloaded is None else {"reloaded": parity.reloaded}),
        },
    )
    ws.catalog.commit(
        runs.done(ws, done, used=[(artifact.id, "artifact")], generated=[(version, "export")])
    )
    return _export(version, ws.manifest(version.id), done, run, artifact, parity)


def _export(
    version: Version, tree: Manifest, done: Run, run: Run, artifact: Version, parity: Parity
) -> Export:
    return Export(
        id=version.id,
        run=done.id,
        source=run.id,
        artifact=artifact.id,
        size=manifest.entry(tree, model.FILE).size,
        parity=parity,
    )
