"""What a model is to every room: a signature, and a session of a runtime that runs the file.

A version of kind `model` or `deployment` holds `model.onnx` and `signature.json`. Runtimes are
adapters (`cauce.adapters.runtimes`); this module names what one must offer.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from cauce.errors import Damaged, Invalid
from cauce.kernel import manifest, plugins
from cauce.kernel.entities import Entity, Manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cauce.kernel.workspace import Workspace

FILE = "model.onnx"
SIGNATURE = "signature.json"

Dtype = Literal[
    "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "bool", "string",
]  # fmt: skip


class Meaning(Entity, frozen=True):
    """What one row of numbers stands for.

    Attributes:
        kind: Only images for now.
        height: Pixels.
        width: Pixels.
        mode: `L` (grey) or `RGB`.
        scale: What black and white become.
    """

    kind: Literal["image"]
    height: int
    width: int
    mode: Literal["L", "RGB"] = "L"
    scale: tuple[float, float] = (0.0, 255.0)


class Tensor(Entity, frozen=True):
    """An input or output.

    Attributes:
        name: Name in the graph.
        dtype: NumPy's name of the element type, or `string`.
        shape: Sizes, -1 where any number goes; the first is the number of rows.
        meaning: What a row stands for, None when nothing was declared.
    """

    name: str
    dtype: Dtype
    shape: tuple[int, ...]
    meaning: Meaning | None = None


class Signature(Entity, frozen=True):
    """What a model takes and gives.

    Attributes:
        classes: Labels in the order of the probabilities; empty for a regressor.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    classes: tuple[str, ...] = ()


class Session(Protocol):
    """A loaded model.

    Attributes:
        inputs: Name -> (dtype, shape) as the file has them.
        outputs: Names, in the order of `run`'s result.
    """

    inputs: dict[str, tuple[str, tuple[int, ...]]]
    outputs: tuple[str, ...]

    def run(self, feed: "Mapping[str, NDArray[Any]]") -> "list[NDArray[Any]]":
        """Compute all outputs; raises `Invalid` when the runtime refuses the arrays."""
        ...


def parse(data: bytes) -> Signature:
    """Read a signature's JSON; raises `Damaged`."""
    try:
        found = msgspec.json.decode(data, type=Signature)
    except msgspec.DecodeError as error:
        raise Damaged(f"{SIGNATURE} is not a signature: {error}") from error
    if not found.inputs or not found.outputs:
        raise Damaged(f"{SIGNATURE} names no input or no output")
    return found


def read_signature(ws: "Workspace", tree: Manifest) -> Signature:
    """Read the signature of a model's or a deployment's version.

    Raises:
        NotFound: The version has none.
        Damaged: Its file is not one.
    """
    return parse(ws.objects.get(manifest.entry(tree, SIGNATURE).digest))


def meaning(signature: Signature) -> dict[str, Any]:
    """Give the meaning of the first input as the format adapters take it.

    Raises:
        Invalid: None was declared.
    """
    found = signature.inputs[0].meaning
    if found is None:
        raise Invalid(
            "the model's signature does not say what a row means",
            hint="log the model with a meaning, such as an image's height and width",
        )
    values: dict[str, Any] = msgspec.structs.asdict(found)
    return values


def labels(signature: Signature, outputs: "Mapping[str, NDArray[Any]]") -> list[str] | None:
    """Name what a classifier says of each row; None when it is no classifier.

    Notes:
        Labels that are texts and known classes stand for themselves. Others (numbers, or texts that
        the run gave other names) are named by the place of the highest probability.
    """
    given = outputs.get("label")
    if given is None:
        return None
    texts = [str(item) for item in given.tolist()]
    scores = outputs.get("probabilities")
    classes = signature.classes
    if scores is None or scores.ndim != 2 or scores.shape[1] != len(classes):
        return texts
    if given.dtype.kind in "OU" and all(text in classes for text in texts):
        return texts
    return [classes[index] for index in scores.argmax(axis=1).tolist()]


def open_session(
    ws: "Workspace", tree: Manifest, *, runtime: str = "onnxruntime"
) -> tuple[Session, Signature]:
    """Load the model of a version, its bytes verified against their names.

    Raises:
        Damaged: An object is missing bytes or holds others, or file and signature disagree.
    """
    signature = read_signature(ws, tree)
    data = ws.objects.get(manifest.entry(tree, FILE).digest)
    session: Session = plugins.load("runtimes", runtime).load(data)
    for tensor in signature.inputs:
        if session.inputs.get(tensor.name) != (tensor.dtype, tensor.shape):
            raise Damaged(f"the model has no input {tensor.name} as its signature says")
    for tensor in signature.outputs:
        if tensor.name not in session.outputs:
            raise Damaged(f"the model has no output {tensor.name} as its signature says")
    return session, signature
