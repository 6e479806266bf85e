"""ONNX Runtime on the CPU: load and run a model, and make smaller ones of it.

One thread and no spinning: a small model gains nothing from a second thread, and a server's other
requests do. IOBinding and OrtValues were measured and gain nothing on the CPU.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from cauce.errors import Damaged, Invalid, Unsupported

NAME = "onnxruntime"

RECIPES = ("dynamic", "static")
"""Ways to int8: weights only with activations scaled as they come, or all calibrated before."""

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
    "tensor(string)": "string",
}

_QUANTISABLE = ("MatMul", "Gemm", "Conv")
_BATCH = 32
_PREPROCESSED = ("onnx.quant.pre_process", "onnxruntime.quant")


class Session:
    """A loaded model; see `cauce.kernel.model.Session`."""

    def __init__(self, native: Any) -> None:
        self._run = native.run
        self.inputs = {
            item.name: (
                _DTYPES.get(item.type, item.type),
                tuple(size if isinstance(size, int) else -1 for size in item.shape),
            )
            for item in native.get_inputs()
        }
        self._names = [item.name for item in native.get_outputs()]
        self.outputs = tuple(self._names)

    def run(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Compute all outputs; raises `Invalid` when the runtime refuses the arrays."""
        try:
            outputs: list[NDArray[Any]] = self._run(self._names, feed)
        except Exception as error:  # its errors share no base class but this
            raise Invalid(f"the model refuses these inputs: {_line(error)}") from error
        return outputs


def versions() -> dict[str, str]:
    """Name the packages whose version decides what is computed."""
    return {"onnxruntime": onnxruntime.__version__}


def load(data: bytes, *, threads: int = 1) -> Session:
    """Load a model from its bytes.

    Raises:
        Damaged: They are not an ONNX model that the runtime can load.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        native = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no base class but this
        raise Damaged(f"the runtime cannot load the model: {_line(error)}") from error
    return Session(native)


def quantise(data: bytes, recipe: str, rows: NDArray[np.float32]) -> bytes:
    """Make an int8 model of a float32 one.

    Args:
        data: The ONNX model.
        recipe: One of `RECIPES`.
        rows: `(n, …)` real inputs to calibrate `static` with; never those it is judged by.

    Raises:
        Unsupported: Nothing in the model can be quantised, or the quantiser fails on it.
    """
    import onnx  # late: a server loads models and never needs it
    from onnxruntime import quantization

    model = onnx.load_from_string(data)
    weights = {item.name for item in model.graph.initializer}
    if not any(
        node.op_type in _QUANTISABLE and weights.intersection(node.input)
        for node in model.graph.node
    ):
        found = sorted({node.op_type for node in model.graph.node})
        raise Unsupported(
            f"nothing in the model can be quantised; it consists of {', '.join(found)}",
            hint="int8 needs layers with weights (MatMul, Gemm, Conv), such as an MLP has; "
            "trees and linear classifiers are small already",
        )
    # Shapes noted in the file go stale when the quantiser transposes a weight, and it then fails.
    del model.graph.value_info[:]
    # Its own preparation fuses MatMul and Add into Gemm, on whose bias per-channel scales fail
    # (onnxruntime 1.32); the mark keeps it from asking for that preparation.
    onnx.helper.set_model_props(model, dict([_PREPROCESSED]))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "int8.onnx"
        common: dict[str, Any] = {
            "per_channel": True,
            # Seven bits: eight saturate in 16-bit sums on x86 without VNNI. On digits, 1.2 points
            # of accuracy were lost with eight and none with seven.
            "reduce_range": True,
            "op_types_to_quantize": list(_QUANTISABLE),
        }
        try:
            if recipe == "dynamic":
                quantization.quantize_dynamic(model, target, **common)
            elif recipe == "static":
                reader = _reader(quantization, model.graph.input[0].name, rows)
                quantization.quantize_static(model, target, reader, **common)
            else:
                raise Invalid(f"no recipe {recipe!r}", hint=f"known: {', '.join(RECIPES)}")
        except (ValueError, RuntimeError, AssertionError, KeyError) as error:
            if isinstance(error, Invalid):
                raise
            raise Unsupported(f"the {recipe} recipe fails on it: {_line(error)}") from error
        small = onnx.load(target)
    del small.metadata_props[:]
    return bytes(small.SerializeToString(deterministic=True))


def _reader(quantization: Any, name: str, rows: NDArray[np.float32]) -> Any:
    """Hand the calibration rows to the quantiser, in batches."""
    batches = iter([{name: rows[at : at + _BATCH]} for at in range(0, len(rows), _BATCH)])

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # untyped base
        def get_next(self) -> Any:
            return next(batches, None)

    return Reader()


def _line(error: Exception) -> str:
    """Give an error's first line, without the runtime's own prefix."""
    return str(error).strip().split("\n", 1)[0][:300] or type(error).__name__
