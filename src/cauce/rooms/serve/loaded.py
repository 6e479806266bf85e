"""One deployment version, loaded and ready: what the server swaps as a whole."""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cauce.kernel import model as kernel_model
from cauce.kernel.entities import Digest
from cauce.rooms.serve import deployments, oip, statistics

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

PLATFORM = "onnxruntime_onnx"
_TYPES = {
    "BYTES": "TYPE_STRING",
    **{name: f"TYPE_{name}" for name in oip.DATATYPES.values() if name != "BYTES"},
}


class Loaded(Struct, frozen=True):
    """A loaded model with everything that is the same for each of its requests.

    Attributes:
        id: Version id of the deployment.
        name: Name of the deployment.
        model: Name of the model; both names answer.
        version: Number of the model, with its variant: `3`, `3-int8`.
        label: `name@number` of the model.
        inputs: What it takes, by name.
        statistics: Its counters, new with each version.
    """

    id: Digest
    name: str
    model: str
    version: str
    label: str
    session: kernel_model.Session
    signature: kernel_model.Signature
    inputs: dict[str, kernel_model.Tensor]
    statistics: statistics.Statistics

    @property
    def names(self) -> tuple[str, ...]:
        """Names that the model answers to."""
        return tuple(dict.fromkeys((self.name, self.model)))

    def metadata(self, name: str) -> dict[str, Any]:
        """Answer `GET /v2/models/M`."""
        return {
            "name": name,
            "versions": [self.version],
            "platform": PLATFORM,
            "inputs": [_tensor(item) for item in self.signature.inputs],
            "outputs": [_tensor(item) for item in self.signature.outputs],
        }

    def config(self, name: str) -> dict[str, Any]:
        """Answer `GET /v2/models/M/config`."""
        return {
            "name": name,
            "platform": PLATFORM,
            "backend": "onnxruntime",
            "version_policy": {"latest": {"num_versions": 1}},
            "max_batch_size": 0,
            "input": [_configured(item) for item in self.signature.inputs],
            "output": [_configured(item) for item in self.signature.outputs],
            "instance_group": [{"name": name, "kind": "KIND_CPU", "count": 1}],
            "default_model_filename": kernel_model.FILE,
        }


def load(ws: "Workspace", id: Digest) -> Loaded:
    """Load a deployment version, bytes verified, and run it once.

    Raises:
        Damaged: A stored object is not what its name says, or is no model.
    """
    version = ws.catalog.version(id)
    session, signature = kernel_model.open_session(ws, ws.manifest(id))
    deployments.warm(session, signature)
    label = deployments.model_label(version)
    return Loaded(
        id=id,
        name=version.name,
        model=version.labels["model_name"],
        version=label.partition("@")[2],
        label=label,
        session=session,
        signature=signature,
        inputs={tensor.name: tensor for tensor in signature.inputs},
        statistics=statistics.fresh(),
    )


def _tensor(tensor: kernel_model.Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "datatype": oip.DATATYPES[tensor.dtype],
        "shape": list(tensor.shape),
    }


def _configured(tensor: kernel_model.Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "data_type": _TYPES[oip.DATATYPES[tensor.dtype]],
        "dims": list(tensor.shape),
    }
