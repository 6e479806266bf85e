"""How calls travel: arguments, results and errors as bytes, the same on both ends.

JSON is for everybody; MessagePack is what our own client speaks, because JSON has no NaN and no
infinity (they become null there). Decoding is strict: unknown fields, wrong types, numbers beyond
64 bits and NUL characters are refused with the path of the field.
"""

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import PurePath
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from cauce import errors
from cauce.errors import CauceError, Invalid

JSON = "application/json"
PACKED = "application/msgpack"

PAGE = 10_000
"""Most rows that one call may ask for."""

_BOUNDS = {"limit": Meta(ge=1, le=PAGE)}
_INT64 = 1 << 63
_SUSPECT = re.compile(rb"\\u0000|[0-9]{19}")
_PATH = re.compile(r" - at `(.*)`\Z")


class Malformed(Invalid):
    """A body that does not fit its description.

    Attributes:
        path: Where, `$.limit`.
    """

    def __init__(self, message: str, *, path: str = "$", status: int = 422, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.status = status


@cache
def arguments(function: Callable[..., Any], name: str) -> type[Struct]:
    """Derive the struct of a function's parameters after its first, which is no part of a call.

    Args:
        function: An operation's function, or a method of a protocol.
        name: `group.verb`, for the struct's own name.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for item in list(inspect.signature(function).parameters.values())[1:]:
        tp = hints[item.name]
        if item.name in _BOUNDS and tp is int:
            tp = Annotated[int, _BOUNDS[item.name]]
        if item.default is inspect.Parameter.empty:
            fields.append((item.name, tp))
        elif isinstance(item.default, list | dict | set):
            factory = msgspec.field(default_factory=item.default.copy)
            fields.append((item.name, tp, factory))
        else:
            fields.append((item.name, tp, item.default))
    return msgspec.defstruct(
        "".join(word.capitalize() for word in re.split(r"[._]", name)) + "Arguments",
        fields,
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
    )


@cache
def result_type(function: Callable[..., Any]) -> Any:
    """Give the resolved return type of a function."""
    return typing.get_type_hints(function, include_extras=True)["return"]


def named(struct: Struct) -> dict[str, Any]:
    """Give the arguments in a struct by name, for the call."""
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def decode(body: bytes, tp: Any, *, packed: bool = False) -> Any:
    """Read bytes that came from outside as a value of a type.

    Raises:
        Malformed: They are not JSON (or MessagePack), or do not fit the type.
    """
    try:
        value = (msgspec.msgpack if packed else msgspec.json).decode(body, type=tp)
    except msgspec.ValidationError as error:
        text = str(error)
        match = _PATH.search(text)
        path = match[1] if match else "$"
        raise Malformed(f"{path}: {_PATH.sub('', text)}", path=path) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"the body is not {'MessagePack' if packed else 'JSON'}: {error}",
                        status=400) from error  # fmt: skip
    except RecursionError as error:
        raise Malformed("the body is nested too deeply", status=400) from error
    if packed or _SUSPECT.search(body):
        _examine(value, "$")
    return value


def encode(value: Any, *, packed: bool = False) -> bytes:
    """Write a value: in JSON NaN and infinities become null."""
    if packed:
        return msgspec.msgpack.encode(value, enc_hook=_plain)
    return msgspec.json.encode(value, enc_hook=_plain)


def pretty(value: Any) -> bytes:
    """Write a value as indented JSON."""
    return msgspec.json.format(encode(value), indent=2)


def error_body(error: CauceError, request: str = "") -> dict[str, Any]:
    """Describe an error the way the server answers it."""
    kind = next(cls for cls in type(error).__mro__ if cls.__module__ == errors.__name__)
    body = {"type": kind.__name__, "message": error.message, "hint": error.hint}
    if isinstance(error, Malformed):
        body["path"] = error.path
    if request:
        body["request"] = request
    return {"error": body}


def error_from(body: bytes, status: int, where: str) -> CauceError:
    """Read a server's answer back into the error that it raised."""
    try:
        found = msgspec.json.decode(body, type=dict[str, dict[str, str]])["error"]
        kind = getattr(errors, found["type"], CauceError)
        if isinstance(kind, type) and issubclass(kind, CauceError):
            return kind(found["message"], hint=found.get("hint", ""))
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError):
        pass
    kinds = (errors.Invalid, errors.NotFound, errors.Conflict, errors.Denied, errors.Unavailable)
    fits = next((one for one in kinds if one.status == status), errors.Unavailable)
    return fits(f"{where} answered with status {status}", hint="is this the address of a Cauce?")


def _plain(value: Any) -> Any:
    """Write what msgspec does not know."""
    if isinstance(value, PurePath):
        return value.as_posix()
    raise NotImplementedError(f"cannot write a {type(value).__name__}")


def _examine(value: Any, path: str) -> None:
    """Refuse numbers and texts that no back end can keep."""
    if isinstance(value, str):
        if "\0" in value:
            raise Malformed(f"{path}: a NUL character is not allowed in a text", path=path)
    elif isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise Malformed(f"{path}: {value} is beyond 64 bits", path=path)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            _examine(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _examine(key, f"{path}[...]")
            _examine(item, f"{path}[...]")
    elif isinstance(value, list | tuple | set | frozenset):
        for number, item in enumerate(value):
            _examine(item, f"{path}[{number}]")
