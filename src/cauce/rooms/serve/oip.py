"""The Open Inference Protocol's bodies: JSON and the binary extension, in and out.

Read off tritonclient 2.73 and checked against it in tests/protocols. Every fault of a request is a
`Refused` with status 400 that names the field.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from msgspec import Struct
from numpy.typing import NDArray

from cauce.kernel.model import Tensor
from cauce.rooms.serve.http import Refused

DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float32": "FP32",
    "float64": "FP64",
    "string": "BYTES",
}
"""NumPy's names -> the protocol's."""

MAX_ROWS = 1 << 16
_BY_CHAR = {np.dtype(name).char: name for name in DATATYPES if name != "string"} | {
    "q": "int64",
    "Q": "uint64",
}
"""NumPy's letters -> its names; `dtype.name` itself costs more than writing a small tensor."""
_MOST = {4: float(np.finfo(np.float32).max), 8: float(np.finfo(np.float64).max)}
_REQUEST_FIELDS = {"id", "parameters", "inputs", "outputs"}
_INPUT_FIELDS = {"name", "shape", "datatype", "parameters", "data"}
_OUTPUT_FIELDS = {"name", "parameters"}
_JSON_OPTIONS = orjson.OPT_SERIALIZE_NUMPY
_LITTLE = {
    name: np.dtype(name).newbyteorder("<") for name in DATATYPES if name not in {"string", "bool"}
} | {"bool": np.dtype(np.bool_)}


class Wanted(Struct, frozen=True):
    """An output that the client asks for.

    Attributes:
        binary: Whether its bytes follow the JSON.
        classes: The so many highest as "score:index:label" strings, 0 for the numbers themselves.
    """

    name: str
    binary: bool
    classes: int = 0


class Inference(Struct, frozen=True):
    """A request that was understood.

    Attributes:
        rows: Size of the first dimension.
    """

    id: str | None
    feed: dict[str, NDArray[Any]]
    outputs: tuple[Wanted, ...]
    rows: int


def refuse(message: str) -> Refused:
    """Make the error of a malformed request."""
    return Refused(400, message)


def header_length(value: bytes | None, size: int) -> int | None:
    """Read `Inference-Header-Content-Length`, None when all of the body is JSON."""
    if value is None:
        return None
    if not value.isdigit() or len(value) > 12 or not 0 < int(value) <= size:
        raise refuse(f"Inference-Header-Content-Length is not within the body of {size} bytes")
    return int(value)


def decode(
    body: bytes, length: int | None, inputs: Mapping[str, Tensor], outputs: Sequence[str]
) -> Inference:
    """Read the body of an inference request.

    Args:
        body: All of it.
        length: Bytes of the JSON in front of binary data, None when there is none.
        inputs: What the model takes, by name.
        outputs: Names of what it gives.
    """
    head = body if length is None else body[:length]
    try:
        request = orjson.loads(head)
    except orjson.JSONDecodeError as error:
        raise refuse(f"the body is not JSON: {error}") from None
    _known(request, _REQUEST_FIELDS, "the request")
    given = request.get("inputs")
    if type(given) is not list or not given:
        raise refuse("inputs: must be a list with at least one tensor")
    feed: dict[str, NDArray[Any]] = {}
    tail = memoryview(body)[len(head) :]
    used = 0
    for index, item in enumerate(given):
        name, array, taken = _input(item, f"inputs[{index}]", inputs, tail[used:])
        if name in feed:
            raise refuse(f"inputs[{index}].name: {name} is given twice")
        feed[name] = array
        used += taken
    if used != len(tail):
        raise refuse(f"{len(tail)} bytes follow the JSON, the inputs say {used}")
    missing = [name for name in inputs if name not in feed]
    if missing:
        raise refuse(f"inputs: {', '.join(missing)} missing")
    rows = {array.shape[0] for array in feed.values()}
    if len(rows) > 1:
        raise refuse(f"inputs: have different numbers of rows: {sorted(rows)}")
    id = request.get("id")
    if id is not None and type(id) is not str:
        raise refuse("id: must be a text")
    return Inference(id, feed, _outputs(request, outputs), rows.pop())


def _known(value: Any, fields: set[str], where: str) -> None:
    """Refuse what is no object or holds a field that the protocol does not know."""
    if type(value) is not dict:
        raise refuse(f"{where}: must be an object")
    if not value.keys() <= fields:
        unknown = sorted(set(value) - fields)[0]
        raise refuse(f"{where}: no field {unknown[:50]!r}; known: {', '.join(sorted(fields))}")


def _parameters(value: dict[str, Any], where: str) -> dict[str, Any]:
    found = value.get("parameters")
    if found is None:
        return {}
    if type(found) is not dict:
        raise refuse(f"{where}.parameters: must be an object")
    return found


def _input(
    item: Any, where: str, inputs: Mapping[str, Tensor], tail: memoryview
) -> tuple[str, NDArray[Any], int]:
    """Read one input tensor; give its name, its array, and how many binary bytes it took."""
    _known(item, _INPUT_FIELDS, where)
    name = item.get("name")
    tensor = inputs.get(name) if type(name) is str else None
    if tensor is None:
        raise refuse(f"{where}.name: no input {str(name)[:50]!r}; known: {', '.join(inputs)}")
    if item.get("datatype") != DATATYPES[tensor.dtype]:
        raise refuse(
            f"{where}.datatype: {name} is {DATATYPES[tensor.dtype]}, "
            f"not {str(item.get('datatype'))[:20]}"
        )
    shape = _shape(item.get("shape"), tensor, where)
    size = _parameters(item, where).get("binary_data_size")
    if size is None:
        if "data" not in item:
            raise refuse(f"{where}.data: missing")
        return tensor.name, _from_json(item["data"], tensor.dtype, shape, where), 0
    if "data" in item:
        raise refuse(f"{where}: has both data and binary_data_size")
    if type(size) is not int or not 0 <= size <= len(tail):
        raise refuse(
            f"{where}.parameters.binary_data_size: {str(size)[:20]} is not within "
            f"the {len(tail)} bytes that follow"
        )
    array = _from_bytes(tail[:size], tensor.dtype, shape, where)
    if tensor.meaning is not None and not np.isfinite(array).all():
        raise refuse(f"{where}: holds NaN or infinity, which no {tensor.meaning.kind} has")
    return tensor.name, array, size


def _shape(shape: Any, tensor: Tensor, where: str) -> tuple[int, ...]:
    """Check a shape against the model's."""
    declared = tensor.shape
    if type(shape) is list and len(shape) == len(declared):
        for given, own in zip(shape, declared, strict=True):
            if type(given) is not int or given < 1 or own not in (-1, given):
                break
        else:
            if shape[0] > MAX_ROWS:
                raise refuse(f"{where}.shape: more than {MAX_ROWS} rows")
            return tuple(shape)
    raise refuse(f"{where}.shape: {str(shape)[:60]} is not {list(declared)} (-1: 1 or more)")


def _from_json(data: Any, dtype: str, shape: tuple[int, ...], where: str) -> NDArray[Any]:
    """Make an array of flat or nested lists; text, null and numbers out of range are refused."""
    if type(data) is not list:
        raise refuse(f"{where}.data: must be a list")
    if dtype == "string":
        return _strings(data, shape, where)
    try:
        array = np.array(data)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise refuse(f"{where}.data: is ragged or nested too deep") from None
    kind = array.dtype.kind
    wanted = np.dtype(dtype)
    allowed = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}[wanted.kind]
    if kind not in allowed:
        raise refuse(f"{where}.data: must be all {DATATYPES[dtype]}")
    if array.size != math.prod(shape) or (array.ndim > 1 and array.shape != shape):
        raise refuse(f"{where}.data: has shape {list(array.shape)}, not {list(shape)}")
    if wanted.kind == "f":
        cast = _floats(array, wanted)
        if cast is None:
            raise refuse(f"{where}.data: a number is out of the range of {DATATYPES[dtype]}")
    else:
        cast = array.astype(wanted, copy=False)
        if not np.array_equal(cast, array):
            raise refuse(f"{where}.data: a number is out of the range of {DATATYPES[dtype]}")
    return cast.reshape(shape)


def _floats(array: NDArray[Any], wanted: np.dtype[Any]) -> NDArray[Any] | None:
    """Cast to a type of floats, None when a number does not fit; JSON has no NaN."""
    if array.dtype.kind == "f" and array.dtype != wanted:
        most = _MOST[wanted.itemsize]
        if array.max() > most or array.min() < -most:
            return None
    return array.astype(wanted, copy=False)


def _strings(data: list[Any], shape: tuple[int, ...], where: str) -> NDArray[Any]:
    flat: list[Any] = data
    while flat and all(type(item) is list for item in flat):
        flat = [item for row in flat for item in row]
    if not all(type(item) is str for item in flat):
        raise refuse(f"{where}.data: must be all text")
    if len(flat) != math.prod(shape):
        raise refuse(f"{where}.data: has {len(flat)} texts, not {math.prod(shape)}")
    return np.array(flat, dtype=object).reshape(shape)


def _from_bytes(data: memoryview, dtype: str, shape: tuple[int, ...], where: str) -> NDArray[Any]:
    """View little-endian bytes as an array."""
    count = math.prod(shape)
    if dtype == "string":
        return _byte_strings(bytes(data), count, where).reshape(shape)
    kind = _LITTLE[dtype]
    if len(data) != count * kind.itemsize:
        raise refuse(
            f"{where}: {len(data)} bytes of data, {list(shape)} of {DATATYPES[dtype]} "
            f"are {count * kind.itemsize}"
        )
    array: NDArray[Any] = np.frombuffer(data, kind).reshape(shape)
    if not array.flags.aligned:
        array = array.copy()
    return array


def _byte_strings(data: bytes, count: int, where: str) -> NDArray[Any]:
    """Read texts, each behind its length in four little-endian bytes."""
    found: list[str] = []
    at = 0
    while at < len(data) and len(found) < count:
        size = int.from_bytes(data[at : at + 4], "little")
        text = data[at + 4 : at + 4 + size]
        if len(data) - at < 4 or len(text) != size:
            break
        try:
            found.append(text.decode())
        except UnicodeDecodeError:
            raise refuse(f"{where}: a text is not UTF-8") from None
        at += 4 + size
    if len(found) != count or at != len(data):
        raise refuse(f"{where}: the bytes are not {count} texts with their lengths")
    return np.array(found, dtype=object)


def _outputs(request: dict[str, Any], known: Sequence[str]) -> tuple[Wanted, ...]:
    """Read which outputs are wanted, and how."""
    default = _flag(_parameters(request, "the request"), "binary_data_output", "parameters")
    asked = request.get("outputs")
    if asked is None:
        return tuple(Wanted(name, default) for name in known)
    if type(asked) is not list:
        raise refuse("outputs: must be a list")
    found = []
    for index, item in enumerate(asked):
        where = f"outputs[{index}]"
        _known(item, _OUTPUT_FIELDS, where)
        name = item.get("name")
        if type(name) is not str or name not in known:
            raise refuse(f"{where}.name: no output {str(name)[:50]!r}; known: {', '.join(known)}")
        parameters = _parameters(item, where)
        binary = default
        if "binary_data" in parameters:
            binary = _flag(parameters, "binary_data", f"{where}.parameters")
        classes = parameters.get("classification", 0)
        if type(classes) is not int or classes < 0:
            raise refuse(f"{where}.parameters.classification: must be a whole number")
        found.append(Wanted(name, binary, classes))
    return tuple(found) or tuple(Wanted(name, default) for name in known)


def _flag(parameters: dict[str, Any], name: str, where: str) -> bool:
    found = parameters.get(name, False)
    if type(found) is not bool:
        raise refuse(f"{where}.{name}: must be true or false")
    return found


def classify(array: NDArray[Any], count: int, classes: Sequence[str]) -> NDArray[Any]:
    """Turn scores into the `count` highest of each row as "score:index:label" texts."""
    if array.dtype.kind not in "fiu" or array.ndim < 1:
        raise refuse("parameters.classification: this output has no scores")
    table = array.reshape(len(array), -1)
    best = np.argsort(-table, axis=1, kind="stable")[:, :count]
    named = len(classes) == table.shape[1]
    texts = [
        [f"{table[row, i]:f}:{i}" + (f":{classes[i]}" if named else "") for i in order]
        for row, order in enumerate(best)
    ]
    return np.array(texts, dtype=object).reshape(len(table), -1)


def encode(
    head: dict[str, Any],
    wanted: Sequence[Wanted],
    arrays: Mapping[str, NDArray[Any]],
    classes: Sequence[str],
) -> tuple[bytes, int | None]:
    """Write a reply.

    Args:
        head: Everything but the outputs.
        wanted: Outputs, in the order to give them.
        arrays: All outputs of the model by name.
        classes: Labels of the scores.

    Returns:
        The body, and the bytes of its JSON when binary data follow.
    """
    outputs = []
    tail: list[bytes] = []
    for want in wanted:
        array = arrays[want.name]
        if want.classes:
            array = classify(array, want.classes, classes)
        dtype = _BY_CHAR.get(array.dtype.char, "string")
        item: dict[str, Any] = {
            "name": want.name,
            "datatype": DATATYPES[dtype],
            "shape": array.shape,
        }
        if want.binary:
            data = _to_bytes(array, dtype)
            item["parameters"] = {"binary_data_size": len(data)}
            tail.append(data)
        elif dtype == "string":
            item["data"] = array.ravel().tolist()
        else:
            item["data"] = np.ascontiguousarray(array).ravel()
        outputs.append(item)
    head["outputs"] = outputs
    text = orjson.dumps(head, option=_JSON_OPTIONS)
    if not tail:
        return text, None
    return b"".join((text, *tail)), len(text)


def _to_bytes(array: NDArray[Any], dtype: str) -> bytes:
    if dtype != "string":
        return np.ascontiguousarray(array, dtype=_LITTLE[dtype]).tobytes()
    texts = [str(text).encode() for text in array.ravel().tolist()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
