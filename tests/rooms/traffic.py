"""Digits that a deployment has answered, recorded the way the model server does."""

import functools

import numpy as np
from numpy.typing import NDArray
from tests.rooms import trained

from cauce.adapters.samples import digits as sample
from cauce.kernel import ids, manifest
from cauce.kernel.entities import Commit, Digest, Manifest, Move, Version
from cauce.kernel.workspace import Workspace
from cauce.rooms.models import operations as models


def deploy(ws: Workspace, data: Version, *, seed: int = 0, name: str = "prod") -> Version:
    """Register a model and point `deployment/NAME@live` at it."""
    run = trained.run(ws, data, trained.mlp(seed=seed))
    model = models.register(ws, run.id, name="digits")
    tree = ws.manifest(model.id)
    kept = tuple(manifest.entry(tree, path) for path in ("model.onnx", "signature.json"))
    deployment = ws.put_manifest(
        Manifest(kind="deployment", entries=kept, labels={"model": model.id}), name
    )
    ws.catalog.commit(
        Commit(
            versions=(deployment,),
            moves=(Move(kind="deployment", name=name, tag="live", target=deployment.id),),
            agent=ws.agent,
        )
    )
    return deployment


@functools.cache
def fresh(*, worse: bool = False) -> NDArray[np.float32]:
    """Scans that are in no data version, `(997, 64)`, as they are or from a worse scanner."""
    images, _ = sample.scans()
    images = images[trained.TRAIN + trained.TEST :]
    if worse:
        rng = np.random.default_rng(5)
        images = np.stack([sample.worsen(image, rng) for image in images])
    return images.reshape(len(images), 64).astype(np.float32)


def record(
    ws: Workspace, rows: NDArray[np.float32], deployment: Digest, *, at: float, name: str = "prod"
) -> list[dict[str, object]]:
    """Answer rows and append the records, a millisecond apart from a time on."""
    chances = trained.mlp().predict_proba(rows)
    records: list[dict[str, object]] = [
        {
            "id": ids.new_id(),
            "at": at + index / 1000,
            "deployment": deployment,
            "inputs": row.astype("<f4").tobytes(),
            "shape": [64],
            "label": str(chance.argmax()),
            "confidence": float(chance.max()),
            "scores": [float(value) for value in chance],
            "ms": 0.1,
        }
        for index, (row, chance) in enumerate(zip(rows, chances, strict=True))
    ]
    append(ws, f"predictions/{name}", records)
    return records


def append(ws: Workspace, stream: str, records: list[dict[str, object]]) -> None:
    """Append records with a writer of their own."""
    writer = ws.streams.writer(stream)
    for item in records:
        writer.append(item)
    writer.close()
