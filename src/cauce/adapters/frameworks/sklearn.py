"""scikit-learn: models kept by skops, never by pickle, and turned into ONNX by skl2onnx."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import sklearn
import skops
import skops.io
from numpy.typing import NDArray
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator, is_classifier, is_regressor

from cauce.errors import Damaged, Denied, Invalid, Unsupported

FILE = "model.skops"
"""Name of the native model in its folder."""

FORMAT = "skops"

TRUSTED = (
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)
"""Beyond what skops trusts by default: plain holders of numbers that a fitted MLP keeps."""

OPSET = {"": 18, "ai.onnx.ml": 3}
IR_VERSION = 10
"""Newest form of an ONNX file that we write, so that older runtimes can load it."""

_MAX_BYTES = 8 << 30


def detects(model: object) -> bool:
    """Tell whether a model is one of scikit-learn's, pipelines included."""
    return isinstance(model, BaseEstimator) and (is_classifier(model) or is_regressor(model))


def versions() -> dict[str, str]:
    """Name the packages whose version decides what a saved model means."""
    return {"scikit-learn": sklearn.__version__, "skops": skops.__version__}


def save(model: Any, folder: Path) -> None:
    """Write a fitted model to `model.skops` in a folder.

    Raises:
        Denied: It holds a type that `load` would refuse: an own class, function or lambda.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = skops.io.dumps(model)
    _check_types(skops.io.get_untrusted_types(data=data))
    (folder / FILE).write_bytes(data)


def load(folder: Path) -> Any:
    """Read a model that `save` wrote.

    Raises:
        Denied: It names a type that is not of scikit-learn, NumPy or SciPy.
        Damaged: It is not a skops file, or unpacks to more than 8 GiB.
    """
    file = folder / FILE
    if not file.is_file():
        raise Damaged(f"there is no {FILE} in the model's folder")
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(item.file_size for item in archive.infolist()) > _MAX_BYTES:
                raise Damaged(f"{FILE} unpacks to more than {_MAX_BYTES >> 30} GiB")
        _check_types(skops.io.get_untrusted_types(file=file))
        return skops.io.load(file, trusted=list(TRUSTED))
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{FILE} is not a skops file: {error}") from error


def _check_types(found: list[str]) -> None:
    foreign = sorted(set(found) - set(TRUSTED))
    if foreign:
        raise Denied(
            f"the model holds types that are not trusted: {', '.join(foreign)}",
            hint="keep to what skops trusts: linear, neural, kernel and Bayes models and "
            "transformers of scikit-learn; no trees (a forged one reads foreign memory), "
            "no code of your own",
        )


def predict(model: Any, inputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Run the native model.

    Args:
        model: A fitted classifier or regressor.
        inputs: `(n, features)`.

    Returns:
        A classifier's `label` `(n,)` and, when it has them, `probabilities` `(n, classes)`; a
        regressor's `value` `(n, targets)`.
    """
    if not is_classifier(model):
        return {"value": np.asarray(model.predict(inputs)).reshape(len(inputs), -1)}
    outputs = {"label": np.asarray(model.predict(inputs))}
    if hasattr(model, "predict_proba"):
        outputs["probabilities"] = np.asarray(model.predict_proba(inputs))
    return outputs


def signature(
    model: Any, inputs: NDArray[Any], meaning: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Describe a model's inputs and outputs.

    Args:
        model: A fitted classifier or regressor.
        inputs: `(n, features)`, real rows; n ≥ 1.
        meaning: What a row stands for, e.g. `{"kind": "image", "height": 8, …}`.

    Raises:
        Invalid: `inputs` is not a table of numbers, or an image's size is not the row's.
    """
    rows = np.asarray(inputs)
    if rows.ndim != 2 or not len(rows) or rows.dtype.kind not in "fiub":
        raise Invalid(
            f"the sample inputs are {rows.dtype} of shape {list(rows.shape)}",
            hint="give at least one real row, as a table (rows, features) of numbers",
        )
    first: dict[str, Any] = {"name": "input", "dtype": "float32", "shape": [-1, rows.shape[1]]}
    if meaning is not None:
        _check_meaning(meaning, rows.shape[1])
        first["meaning"] = meaning
    outputs: list[dict[str, Any]] = []
    for name, array in predict(model, rows[:1]).items():
        dtype = "float32"
        if name == "label":
            dtype = "int64" if array.dtype.kind in "iub" else "string"
        outputs.append({"name": name, "dtype": dtype, "shape": [-1, *array.shape[1:]]})
    classes = [str(item) for item in model.classes_] if is_classifier(model) else []
    return {"inputs": [first], "outputs": outputs, "classes": classes}


def _check_meaning(meaning: dict[str, Any], width: int) -> None:
    if meaning.get("kind") != "image":
        raise Invalid(f"a row cannot mean {meaning.get('kind')!r}", hint="known: image")
    try:
        size = int(meaning["height"]) * int(meaning["width"])
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("an image's meaning needs a height and a width, in pixels") from error
    size *= 3 if meaning.get("mode", "L") == "RGB" else 1
    if size != width:
        raise Invalid(f"the image has {size} values, a row has {width}")


def to_onnx(model: Any, signature: dict[str, Any]) -> bytes:
    """Convert a fitted model to ONNX: float32 in, any number of rows.

    Args:
        model: What `load` gave.
        signature: What `signature` gave; its names become the graph's.

    Raises:
        Unsupported: The converter does not know a part of the model.
    """
    width = signature["inputs"][0]["shape"][1]
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    try:
        graph = convert_sklearn(
            model,
            initial_types=[("input", FloatTensorType([None, width]))],
            options=options,
            target_opset=OPSET,
        )
    except (RuntimeError, NotImplementedError, NameError) as error:
        first = str(error).strip().splitlines()[0]
        raise Unsupported(
            f"{type(model).__name__} cannot be converted to ONNX: {first}",
            hint="use estimators that skl2onnx knows",
        ) from error
    _name_outputs(graph, [item["name"] for item in signature["outputs"]])
    graph.ir_version = min(graph.ir_version, IR_VERSION)
    for item in (*graph.graph.input, *graph.graph.output):
        item.type.tensor_type.shape.dim[0].dim_param = "rows"
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString(deterministic=True))


def _name_outputs(graph: Any, names: list[str]) -> None:
    """Give the graph's outputs the signature's names and drop what the signature lacks."""
    outputs = list(graph.graph.output)
    del graph.graph.output[len(names) :]
    for item, name in zip(outputs, names, strict=False):
        if item.name != name:
            _rename(graph, name, f"inner_{name}")  # a converter may use the name inside
            _rename(graph, item.name, name)
            item.name = name


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.graph.node:
        node.input[:] = [new if part == old else part for part in node.input]
        node.output[:] = [new if part == old else part for part in node.output]
