"""Digits as a data set version and trained models as runs, the way the rooms data and track do."""

import functools
import io
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from cauce.adapters.formats import image
from cauce.adapters.frameworks import sklearn as framework
from cauce.adapters.samples import digits as sample
from cauce.kernel import ids, publish
from cauce.kernel.entities import Commit, Edge, Entry, Manifest, Run, RunId, Version
from cauce.kernel.workspace import Workspace

MEANING = {"kind": "image", "height": 8, "width": 8, "mode": "L", "scale": [0, 255]}
TRAIN, TEST = 600, 200


@functools.cache
def _pngs() -> tuple[list[bytes], list[str], NDArray[np.float32]]:
    images, truths = sample.scans()
    images, truths = images[: TRAIN + TEST], truths[: TRAIN + TEST]
    files = [sample.png(one) for one in images]
    rows = np.stack([image.decode(data, MEANING) for data in files])
    return files, [str(truth) for truth in truths], rows


def rows() -> tuple[NDArray[np.float32], list[str], NDArray[np.float32], list[str]]:
    """Training rows and truths, test rows and truths."""
    _, truths, table = _pngs()
    return table[:TRAIN], truths[:TRAIN], table[TRAIN:], truths[TRAIN:]


def png(index: int) -> bytes:
    """The PNG file of the test row with this number."""
    return _pngs()[0][TRAIN + index]


def dataset(
    ws: Workspace, name: str = "digits", *, train: int = TRAIN, test: int = TEST
) -> Version:
    """Publish so many digits as `name@v1` and `@main`."""
    files, truths, _ = _pngs()
    chosen = slice(TRAIN - train, TRAIN + test)
    files, truths = files[chosen], truths[chosen]
    digests = ws.objects.put(files)
    entries = tuple(
        Entry(
            path=f"{'train' if number < train else 'test'}/{truth}/{number:04d}.png",
            digest=digest,
            size=len(data),
        )
        for number, (data, truth, digest) in enumerate(zip(files, truths, digests, strict=True))
    )
    version = ws.put_manifest(Manifest(kind="dataset", entries=entries), name)
    run = Run(id=RunId(ids.new_id()), kind="add", name=name, status="finished", agent=ws.agent)
    edge = Edge(run=run.id, direction="generated", version=version.id, role="dataset")
    publish.publish(ws, version, Commit(runs=(run,), edges=(edge,)), prefix="v", aliases=("main",))
    return version


@functools.cache
def mlp(hidden: int = 64, iterations: int = 60, seed: int = 0, count: int = TRAIN) -> Any:
    """A pipeline with weights that int8 can hold."""
    model = make_pipeline(
        MinMaxScaler(), MLPClassifier((hidden,), max_iter=iterations, random_state=seed)
    )
    table, truths, _, _ = rows()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(table[:count], truths[:count])


@functools.cache
def linear() -> Any:
    """A linear classifier, which becomes one ONNX operator without layers."""
    table, truths, _, _ = rows()
    return make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=300)).fit(table, truths)


def native_files(model: Any) -> dict[str, bytes]:
    """The files of a native model, as the framework adapter writes them."""
    with tempfile.TemporaryDirectory() as folder:
        framework.save(model, Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def npy(array: NDArray[Any]) -> bytes:
    """An array as a .npy file."""
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def run(
    ws: Workspace,
    data: Version,
    model: Any,
    *,
    name: str = "",
    samples: int = 64,
    change: dict[str, bytes] | None = None,
) -> Run:
    """Record a finished training run that logged a model.

    Args:
        change: Files of the artifact to replace, by path.
    """
    id = RunId(ids.new_id())
    table = rows()[0][:samples]
    signature = framework.signature(model, table, MEANING)
    files = {f"native/{path}": content for path, content in native_files(model).items()}
    files["samples/inputs.npy"] = npy(table)
    for output, array in framework.predict(model, table).items():
        files[f"samples/outputs/{output}.npy"] = npy(array)
    files["signature.json"] = json.dumps(signature).encode()
    files |= change or {}
    digests = ws.objects.put(list(files.values()))
    tree = Manifest(
        kind="artifact",
        entries=tuple(
            Entry(path=path, digest=digest, size=len(content))
            for (path, content), digest in zip(files.items(), digests, strict=True)
        ),
        labels={"framework": "sklearn", "format": "skops", "nonce": id},
    )
    name = name or ids.readable(id)
    artifact = ws.put_manifest(tree, f"{name}-model")
    now = ws.now()
    done = Run(
        id=id,
        kind="train",
        name=name,
        status="finished",
        agent=ws.agent,
        started=now - 1,
        ended=now,
        params={"hidden": 64},
        metrics={"loss": 0.25},
    )
    ws.catalog.commit(
        Commit(
            versions=(artifact,),
            runs=(done,),
            edges=(
                Edge(run=id, direction="used", version=data.id, role="train"),
                Edge(run=id, direction="generated", version=artifact.id, role="model"),
            ),
            agent=ws.agent,
        )
    )
    return done
