"""Digits that a deployment has answered, recorded the way the model server does."""

import functools
import json

import numpy as np
from numpy.typing import NDArray
from tests.rooms import trained

from cauce.adapters.frameworks import sklearn as framework
from cauce.adapters.samples import digits as sample
from cauce.kernel import ids
from cauce.kernel.entities import Commit, Digest, Entry, Manifest, Move, Version
from cauce.kernel.workspace import Workspace


@functools.cache
def _files() -> dict[str, bytes]:
    signature = framework.signature(trained.mlp(), trained.rows()[0][:2], trained.MEANING)
    return {
        "model.onnx": framework.to_onnx(trained.mlp(), signature),
        "signature.json": json.dumps(signature).encode(),
    }


def deploy(ws: Workspace, *, name: str = "prod") -> Version:
    """Point `deployment/NAME@live` at a model of digits."""
    files = _files()
    digests = ws.objects.put(list(files.values()))
    tree = Manifest(
        kind="deployment",
        entries=tuple(
            Entry(path=path, digest=digest, size=len(data))
            for (path, data), digest in zip(files.items(), digests, strict=True)
        ),
    )
    deployment = ws.put_manifest(tree, name)
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
