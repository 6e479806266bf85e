"""What a terminal prints instead of JSON: one small function an operation, one module a group."""

import importlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

R = TypeVar("R", bound=Callable[[Any], Iterable[str]])

_RENDERERS: dict[str, Callable[[Any], Iterable[str]]] = {}


def renders(name: str) -> Callable[[R], R]:
    """Register the function that turns an operation's result into lines of text."""

    def register(function: R) -> R:
        _RENDERERS[name] = function
        return function

    return register


def renderer(name: str) -> Callable[[Any], Iterable[str]] | None:
    """Find an operation's renderer in `cauce.faces.render.<group>` or `<group>_<part>`, or None."""
    group = name.partition(".")[0]
    module = f"{__name__}.{group}"
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
    if name not in _RENDERERS:
        import pkgutil  # late: only verbs of a part come here

        for item in pkgutil.iter_modules(__path__, f"{__name__}."):
            if item.name.startswith(f"{module}_"):
                importlib.import_module(item.name)
    return _RENDERERS.get(name)
