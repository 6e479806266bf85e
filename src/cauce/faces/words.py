"""Words of the command line as values of a parameter's type, and back."""

import argparse
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

import msgspec

from cauce.errors import Invalid

Reader = Callable[[str], Any]

_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def plain(tp: Any) -> Any:
    """Take `| None`, `Annotated` and `NewType` off a type."""
    while True:
        if isinstance(tp, NewType):
            tp = tp.__supertype__
        elif get_origin(tp) is Annotated:
            tp = get_args(tp)[0]
        elif get_origin(tp) in (Union, types.UnionType):
            rest = [item for item in get_args(tp) if item is not types.NoneType]
            if len(rest) != 1:
                return tp
            tp = rest[0]
        else:
            return tp


def item_of(tp: Any) -> Any:
    """Give the type of the items of a list, tuple or sequence; None for other types."""
    if get_origin(tp) in (list, tuple, Sequence, set, frozenset):
        return get_args(tp)[0] if get_args(tp) else str
    return str if tp in (list, tuple) else None


def value_of(tp: Any) -> Any:
    """Give the type of the values of a dict; None for other types."""
    if get_origin(tp) in (dict, Mapping):
        return get_args(tp)[1] if get_args(tp) else str
    return None


def is_struct(tp: Any) -> bool:
    """Tell whether values of a type are written as JSON."""
    return isinstance(tp, type) and issubclass(tp, msgspec.Struct)


def reader(tp: Any) -> Reader:
    """Give the function that reads one word as a value of a type."""
    tp = plain(tp)
    if get_origin(tp) is Literal:
        return _one_of(get_args(tp))
    if get_origin(tp) in (Union, types.UnionType):
        return _first_of([reader(item) for item in _careful(get_args(tp))])
    if is_struct(tp):
        return lambda word: read_json(word, tp)
    return _READERS.get(tp, str)


def read_json(word: str, tp: Any) -> Any:
    """Read a value as JSON; `@FILE` reads it from a file."""
    try:
        text = Path(word[1:]).read_bytes() if word.startswith("@") else word.encode()
        return msgspec.json.decode(text, type=tp)
    except (msgspec.DecodeError, msgspec.ValidationError, OSError, UnicodeError) as error:
        raise argparse.ArgumentTypeError(f"not the right JSON: {error}") from error


def pairs(words: Sequence[str], tp: Any, option: str) -> dict[str, Any]:
    """Read words `key=value` as a dict whose values have a type."""
    read = reader(tp)
    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise Invalid(f"{option}: {word!r} is not KEY=VALUE")
        try:
            found[key] = read(value)
        except argparse.ArgumentTypeError as error:
            raise Invalid(f"{option}: {key}: {error}") from error
    return found


def shown(value: Any) -> str:
    """Write a default for the help."""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _careful(options: Sequence[Any]) -> list[Any]:
    """Order the members of a union so that the narrowest is tried first."""
    order = [types.NoneType, bool, int, float]
    return sorted(options, key=lambda tp: order.index(tp) if tp in order else len(order))


def _one_of(choices: Sequence[Any]) -> Reader:
    known = {str(choice): choice for choice in choices}

    def read(word: str) -> Any:
        if word not in known:
            raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(known)}")
        return known[word]

    return read


def _first_of(readers: Sequence[Reader]) -> Reader:
    def read(word: str) -> Any:
        for one in readers[:-1]:
            try:
                return one(word)
            except argparse.ArgumentTypeError:
                continue
        return readers[-1](word)

    return read


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number") from None


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number") from None


def _truth(word: str) -> bool:
    if word.lower() not in _WORDS:
        raise argparse.ArgumentTypeError(f"{word!r} is neither true nor false")
    return _WORDS[word.lower()]


def _nothing(word: str) -> None:
    if word.lower() not in ("null", "none"):
        raise argparse.ArgumentTypeError(f"{word!r} is not null")


def type_name(tp: Any) -> str:
    """Write a type for people: `text`, `whole number`, `up | down`, `list of text`."""
    tp = plain(tp)
    if get_origin(tp) is Literal:
        return " | ".join(map(str, get_args(tp)))
    if (item := item_of(tp)) is not None:
        return f"list of {type_name(item)}"
    if (value := value_of(tp)) is not None:
        return f"map of text to {type_name(value)}"
    if get_origin(tp) in (Union, types.UnionType):
        return " or ".join(type_name(item) for item in get_args(tp))
    names: dict[Any, str] = {
        str: "text", int: "whole number", float: "number", bool: "true or false",
        Path: "path", types.NoneType: "nothing", typing.Any: "anything",
    }  # fmt: skip
    return names.get(tp, getattr(tp, "__name__", str(tp)))


_READERS: dict[Any, Reader] = {
    int: _whole,
    float: _number,
    bool: _truth,
    Path: Path,
    types.NoneType: _nothing,
}
