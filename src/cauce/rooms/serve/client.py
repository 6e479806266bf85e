"""Ask a running model server about files, over the protocol that everybody else speaks."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import orjson

from cauce.errors import Invalid, NotFound, Unavailable
from cauce.kernel import model, plugins
from cauce.kernel.entities import Digest
from cauce.rooms.serve import deployments, recording, running
from cauce.rooms.serve.entities import Deployment, Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cauce.kernel.workspace import Workspace

_BATCH = 64
_SECONDS = 60.0


def predict(ws: "Workspace", name: str, files: Sequence[Path]) -> list[Prediction]:
    """Send files to the server of a deployment, 64 a request, and read its answers."""
    if not files:
        raise Invalid("no file to predict", hint="give one or more image files")
    live = deployments.live(ws, name)
    server = running.find(ws, name)
    if server is None:
        raise NotFound(f"no server of {name} answers here", hint=f"cauce serve run {name}")
    signature = model.read_signature(ws, ws.manifest(live.id))
    declared = model.meaning(signature)
    decode = plugins.load("formats", "image").decode
    rows = []
    for file in files:
        try:
            rows.append(decode(file.read_bytes(), declared))
        except Invalid as error:
            raise Invalid(f"{file}: {error.message}", hint=error.hint) from error
        except OSError as error:
            raise NotFound(f"{file} cannot be read: {error.strerror}") from error
    found: list[Prediction] = []
    for at in range(0, len(rows), _BATCH):
        table = np.stack(rows[at : at + _BATCH])
        reply = _send(server.url, name, signature, table)
        found += _read(reply, live, signature, files[at : at + _BATCH], ws.now())
    return found


def _send(
    url: str, name: str, signature: model.Signature, table: "NDArray[np.float32]"
) -> dict[str, Any]:
    """Send rows in the binary extension; give the reply's JSON."""
    data = table.astype("<f4").tobytes()
    tensor = signature.inputs[0]
    head = orjson.dumps(
        {
            "inputs": [
                {
                    "name": tensor.name,
                    "datatype": "FP32",
                    "shape": list(table.shape),
                    "parameters": {"binary_data_size": len(data)},
                }
            ]
        }
    )
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    path = f"/v2/models/{quote(name)}/infer"
    status, body = running.ask(url, "POST", path, head + data, headers, seconds=_SECONDS)
    try:
        reply: dict[str, Any] = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unavailable(f"the model server at {url} answers {status} without JSON") from error
    if status != 200:
        raise Invalid(f"the model server refuses: {reply.get('error', status)}")
    return reply


def _read(
    reply: dict[str, Any],
    live: Deployment,
    signature: model.Signature,
    files: Sequence[Path],
    at: float,
) -> list[Prediction]:
    """Take the answers for some files out of a reply."""
    outputs = {
        item["name"]: np.array(item["data"]).reshape(item["shape"]) for item in reply["outputs"]
    }
    ids = str(reply["parameters"]["cauce_prediction"]).split(",")
    said = recording.read(signature, outputs, len(files))
    found = []
    for index, file in enumerate(files):
        found.append(
            Prediction(
                id=ids[index],
                at=at,
                deployment=Digest(live.id),
                model=f"{live.model.partition('@')[0]}@{reply['model_version']}",
                label=said.labels[index],
                confidence=said.confidence[index],
                scores=dict(zip(signature.classes, said.scores[index], strict=False)),
                ms=0.0,
                source=str(file),
            )
        )
    return found
