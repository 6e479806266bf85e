"""`${…}` in `dvc.yaml`: enough to know which paths a stage makes."""

import itertools
import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cauce.adapters.formats.dvc import nodes
from cauce.errors import Invalid

Context = Mapping[str, Any]
Reader = Callable[[str], str | None]

PARAMS = "params.yaml"
_HOLE = re.compile(r"(?<!\\)\$\{\s*([^{}]*?)\s*\}")
_KEY = re.compile(r"[^.\[\]]+|\[[^\[\]]*\]")


def templated(value: Any) -> bool:
    """Tell whether `${` occurs in a value."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, Mapping):
        return any(templated(key) or templated(item) for key, item in value.items())
    return isinstance(value, list) and any(templated(item) for item in value)


def context(folder: str, sources: Any, reader: Reader, place: str) -> dict[str, Any]:
    """Gather what templates may name: `params.yaml`, then `vars` in order.

    Args:
        folder: Folder that files are relative to.
        sources: The value of `vars`: names of files (`file:key,key`) and mappings.
        reader: Gives the text of a file, None where there is none.
        place: What to name in errors.
    """
    found: dict[str, Any] = {}
    if reader(posixpath.join(folder, PARAMS)) is not None:
        found |= _file(folder, PARAMS, reader, place)
    for source in sources or []:
        if isinstance(source, Mapping):
            found |= source
            continue
        name, _, keys = str(source).partition(":")
        values = _file(folder, name, reader, place)
        wanted = [key.strip() for key in keys.split(",") if key.strip()]
        found |= {key: lookup(key, values, place) for key in wanted} if wanted else values
    return found


def _file(folder: str, name: str, reader: Reader, place: str) -> dict[str, Any]:
    """Read a file of parameters."""
    path = posixpath.normpath(posixpath.join(folder, name))
    written = reader(path)
    if written is None:
        raise Invalid(f"{place}: there is no {path}", hint="`vars` names files beside dvc.yaml")
    try:
        if name.endswith(".json"):
            body = json.loads(written)
        elif name.endswith(".toml"):
            body = tomllib.loads(written)
        elif name.endswith(".py"):
            raise Invalid(f"{place}: parameters in {path} are not read", hint="use YAML or TOML")
        else:
            body = nodes.value(nodes.compose(written, path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, Invalid):
            raise
        raise Invalid(f"{path} cannot be read: {error}") from error
    return body if isinstance(body, dict) else {}


def lookup(key: str, values: Context, place: str) -> Any:
    """Find `a.b[0]` in nested values.

    Raises:
        Invalid: There is nothing of that name.
    """
    found: Any = values
    for part in _KEY.findall(key):
        name = part[1:-1] if part.startswith("[") else part
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            raise Invalid(
                f"{place}: ${{{key[:100]}}} has no value",
                hint=f"set it in {PARAMS} or in `vars` of dvc.yaml",
            )
    return found


def fill(text: str, values: Context, place: str) -> Any:
    """Put values into a text; a text that is one `${…}` keeps the type of its value."""
    whole = _HOLE.fullmatch(text)
    if whole:
        return lookup(whole[1], values, place)
    filled = _HOLE.sub(lambda hole: shown(lookup(hole[1], values, place)), text)
    return filled.replace("\\${", "${")


def shown(value: Any) -> str:
    """Write a value inside a text, as DVC does."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def resolved(value: Any, values: Context, place: str) -> Any:
    """Put values into all texts of a value."""
    if isinstance(value, str):
        return fill(value, values, place)
    if isinstance(value, Mapping):
        return {key: resolved(item, values, place) for key, item in value.items()}
    return [resolved(item, values, place) for item in value] if isinstance(value, list) else value


def members(stage: Mapping[str, Any], values: Context, place: str) -> Iterator[tuple[str, Context]]:
    """List the members of a group of stages: the end of the name, and what its templates may name.

    A stage that is no group has the one member "".
    """
    if "foreach" in stage:
        data = resolved(stage["foreach"], values, place)
        if isinstance(data, Mapping):
            for key, item in data.items():
                yield f"@{key}", {**values, "key": key, "item": item}
            return
        for index, item in enumerate(data if isinstance(data, list) else []):
            plain = not isinstance(item, Mapping | list)
            yield f"@{shown(item) if plain else index}", {**values, "item": item}
    elif "matrix" in stage:
        axes = resolved(stage["matrix"], values, place)
        if not isinstance(axes, Mapping) or not all(isinstance(it, list) for it in axes.values()):
            raise Invalid(f"{place}: a matrix must be a mapping of lists")
        rows = [[(axis, *pair) for pair in enumerate(axes[axis])] for axis in axes]
        for row in itertools.product(*rows):
            names = [
                f"{axis}{index}" if isinstance(item, Mapping | list) else shown(item)
                for axis, index, item in row
            ]
            key = "-".join(names)
            item = {axis: value for axis, _, value in row}
            yield f"@{key}", {**values, "item": item, "key": key}
    else:
        yield "", values
