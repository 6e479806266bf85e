"""YAML as nodes that know their line and column; values by YAML 1.2's rules."""

import re
from collections.abc import Iterator
from typing import Any

from cauce.errors import Invalid

Node = Any
"""A node of PyYAML; its typed stubs lack `id`, which tells scalars, lists and mappings apart."""

_DEEP = 100
"""Levels of nesting at most: beyond, somebody wants to exhaust the stack."""

_WHOLE = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NAMED = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


def compose(text: str, place: str) -> Node:
    """Parse YAML into nodes: no type is guessed, so `path: yes` stays what it is.

    Args:
        text: One document, or nothing.
        place: What to name in errors.

    Raises:
        Invalid: It is not YAML; the error names line and column.
    """
    import yaml  # late: only for projects that have data

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)(text)
    try:
        node = loader.get_single_node()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Invalid(
            f"{place}{_marked(error)} is not valid YAML: {' '.join(_problem(error).split())}",
            hint="mend the file, or take it from git again",
        ) from error
    finally:
        loader.dispose()
    return node


def _marked(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""


def _problem(error: Exception) -> str:
    """Take the sentence of a YAML error without its excerpt."""
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    return ", ".join(part for part in parts if part) or str(error)


def at(node: Node, place: str) -> str:
    """Name the place of a node: file, line and column."""
    return f"{place}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def empty(node: Node) -> bool:
    """Tell whether there is nothing, or a null."""
    return node is None or (node.id == "scalar" and value(node) is None)


def mapping(node: Node, place: str, known: frozenset[str] | None = None) -> dict[str, Node]:
    """Give a mapping's values by key; repeated keys are errors, and others than the known ones."""
    if empty(node):
        return {}
    if node.id != "mapping":
        raise Invalid(f"{at(node, place)}: a mapping must be here, not a {node.id}")
    found: dict[str, Node] = {}
    for key, item in node.value:
        name = str(key.value) if key.id == "scalar" else ""
        if known is not None and name not in known:
            raise Invalid(
                f"{at(key, place)}: unknown key {name[:50]!r}",
                hint=f"known here: {', '.join(sorted(known))}",
            )
        if name in found:
            raise Invalid(f"{at(key, place)}: {name[:50]!r} occurs twice")
        found[name] = item
    return found


def items(node: Node, place: str) -> Iterator[Node]:
    """Give the items of a list."""
    if empty(node):
        return
    if node.id != "sequence":
        raise Invalid(f"{at(node, place)}: a list must be here")
    yield from node.value


def text(node: Node, place: str) -> str:
    """Give a scalar as it is written, empty where there is none."""
    if node is None:
        return ""
    if node.id != "scalar":
        raise Invalid(f"{at(node, place)}: a text must be here")
    return str(node.value)


def number(node: Node, place: str) -> int | None:
    """Give a whole number of 0 or more, None where there is none."""
    found = text(node, place)
    if not found:
        return None
    if not (found.isascii() and found.isdigit() and len(found) < 20):
        raise Invalid(f"{at(node, place)}: {found[:50]!r} is not a whole number")
    return int(found)


def flag(node: Node, place: str, *, default: bool) -> bool:
    """Give true or false."""
    found = text(node, place)
    if found.lower() not in {"", "true", "false"}:
        raise Invalid(f"{at(node, place)}: {found[:50]!r} is not true or false")
    return default if not found else found.lower() == "true"


def value(node: Node, depth: int = 0) -> Any:
    """Give a node as Python has it: mappings, lists, texts, numbers, truth, None."""
    if node is None:
        return None
    if depth > _DEEP:
        raise Invalid(f"line {node.start_mark.line + 1} is nested deeper than {_DEEP} levels")
    if node.id == "mapping":
        return {str(key.value): value(item, depth + 1) for key, item in node.value}
    if node.id == "sequence":
        return [value(item, depth + 1) for item in node.value]
    return scalar(node.value) if node.style in {None, ""} else str(node.value)


def scalar(word: str) -> Any:
    """Give what a plain scalar means in YAML 1.2: `yes` and `on` are texts."""
    if word in _NAMED:
        return _NAMED[word]
    if _WHOLE.match(word) and len(word) < 4000:
        return int(word)
    return float(word) if _FLOAT.match(word) else word
