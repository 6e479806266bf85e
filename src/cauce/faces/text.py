"""Any result as readable text, for operations without a renderer of their own."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec


def lines(value: Any) -> Iterator[str]:
    """Write a result the way YAML would, one fact a line; nothing for None."""
    plain = msgspec.to_builtins(value, enc_hook=str)
    if plain is None:
        return
    yield from _block(plain, "")


def _block(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _table(value, indent)
    elif isinstance(value, list | tuple):
        for item in value:
            inner = list(_block(item, indent + "  "))
            first = inner[0].removeprefix(indent + "  ") if inner else ""
            yield f"{indent}- {first}"
            yield from inner[1:]
    else:
        yield indent + scalar(value)


def _table(value: Mapping[Any, Any], indent: str) -> Iterator[str]:
    if not value:
        yield f"{indent}(nothing)"
    for key, item in value.items():
        if isinstance(item, Mapping | list | tuple) and item:
            yield f"{indent}{key}:"
            yield from _block(item, indent + "  ")
        else:
            text = scalar(item)
            yield f"{indent}{key}: {text}" if text else f"{indent}{key}:"


def scalar(value: Any) -> str:
    """Write one value; text stays on its line, control characters are made visible."""
    if value is None or value in ([], (), {}, ""):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else repr(value)
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in str(value)
    )
