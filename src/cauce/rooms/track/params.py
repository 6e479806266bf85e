"""A configuration of any form as parameters: dotted names, plain values."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import msgspec

from cauce.errors import Invalid
from cauce.kernel.entities import Scalar

_DEEPEST = 32
_LONGEST = 2000
_NAMESPACES = {"argparse.Namespace", "types.SimpleNamespace"}


def flatten(config: Any) -> dict[str, Scalar]:
    """Lay a configuration out flat: `{"net": {"width": 3}}` becomes `{"net.width": 3}`.

    Args:
        config: None, or a mapping, dataclass, struct, or object with attributes (a namespace).

    Raises:
        Invalid: It is none of these, or nested too deeply.
    """
    if config is None:
        return {}
    table = _table(config)
    if table is None:
        raise Invalid(
            f"a {type(config).__name__} is not a configuration",
            hint="give a dict, a dataclass or an argparse namespace",
        )
    return dict(_walk(table, "", 0))


def nested(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Lay nested metrics out flat, with `/` between names."""
    for key, value in values.items():
        name = f"{prefix}/{key}"
        if isinstance(value, Mapping):
            yield from nested(name, value)
        else:
            yield name, value


def _walk(table: Mapping[Any, Any], prefix: str, depth: int) -> Iterator[tuple[str, Scalar]]:
    if depth > _DEEPEST:
        raise Invalid(f"the configuration is nested more than {_DEEPEST} deep")
    for key, value in table.items():
        name = f"{prefix}{key}"
        inner = value if isinstance(value, Mapping) else _table(value)
        if inner:
            yield from _walk(inner, f"{name}.", depth + 1)
        else:
            yield name, _scalar(value)


def _table(value: Any) -> Mapping[Any, Any] | None:
    """Give an object's fields by name, None when it is a plain value."""
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if f"{type(value).__module__}.{type(value).__name__}" in _NAMESPACES:
        fields: dict[str, Any] = vars(value)
        return fields
    return None


def _scalar(value: Any) -> Scalar:
    """Make a plain value; what is none becomes text."""
    if value is None or isinstance(value, bool | str):
        return value if not isinstance(value, str) else str(value)[:_LONGEST]
    if isinstance(value, int):
        return int(value) if -(1 << 63) <= value < 1 << 63 else str(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, PurePath):
        return value.as_posix()
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "size", 1) == 1:
        plain = item()
        if isinstance(plain, bool | int | float | str):
            return _scalar(plain)
    if isinstance(value, list | tuple | Mapping):
        try:
            return json.dumps(value, default=str)[:_LONGEST]
        except (TypeError, ValueError):
            return str(value)[:_LONGEST]
    return str(value)[:_LONGEST]
