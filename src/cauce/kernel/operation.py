"""An operation: one plain typed function from which every face is derived.

The function takes the workspace first, returns a domain type and raises our errors. Its first
parameter is not part of the interface; parameters with a default should be keyword-only.
"""

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from cauce.errors import NotFound

Role = Literal["reader", "writer", "admin"]
F = TypeVar("F", bound=Callable[..., Any])

ROOMS = ("data", "label", "track", "models", "serve", "watch", "flow", "ship")
"""Rooms in the order of the course."""

MODULES = {
    **{room: f"cauce.rooms.{room}.operations" for room in ROOMS},
    "lineage": "cauce.kernel.operations",
    "events": "cauce.kernel.operations",
    "jobs": "cauce.kernel.operations",
    "refs": "cauce.kernel.operations",
    "admin": "cauce.kernel.operations",
}
"""Group of operations -> module whose import registers them."""

PARTS = {
    "data": tuple(
        f"cauce.rooms.data.{part}.operations"
        for part in ("browsing", "insight", "lfs", "repository", "revisions", "transfer")
    ),
}
"""Group -> modules of further operations, which a verb of the first module need not wait for."""

_REGISTRY: dict[str, "Operation"] = {}
_SECTION = re.compile(r"^(Args|Returns|Raises|Notes|Examples?):\s*$")


class Parameter:
    """One parameter of an operation.

    Attributes:
        name: Name in Python and HTTP; the command line writes `_` as `-`, and leaves it out at the
            end, where it keeps a name apart from a word of Python.
        type: Resolved annotation.
        default: `inspect.Parameter.empty` when it must be given.
        positional: Whether the command line takes it without a name.
        help: Its line in the docstring.
    """

    def __init__(self, name: str, type: Any, default: Any, positional: bool, help: str) -> None:
        self.name, self.type, self.default = name, type, default
        self.positional, self.help = positional, help

    @property
    def required(self) -> bool:
        """Tell whether it has no default."""
        return self.default is inspect.Parameter.empty


class Operation:
    """A registered verb and what its faces need to know.

    Attributes:
        name: `group.verb`.
        function: The plain function.
        role: Least role that may call it over HTTP.
        local: It needs files of the caller's machine: it has no endpoint; a client runs it at
            home, against the remote catalogue and objects.
        at_home: Tells whether a call with certain arguments is as if `local`: `data.diff` compares
            versions anywhere, but revisions of git only where the repository is.
        examples: Command lines for the help, without `$`.
        short: Parameter -> the letter that the command line takes too.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        role: Role,
        local: bool,
        at_home: Callable[[Mapping[str, Any]], bool],
        examples: tuple[str, ...],
        short: Mapping[str, str],
    ) -> None:
        self.name, self.function, self.role = name, function, role
        self.local, self.at_home = local, at_home
        self.examples, self.short = examples, short

    @property
    def group(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]

    @property
    def verb(self) -> str:
        """The part of the name after the dot."""
        return self.name.partition(".")[2]

    @cached_property
    def doc(self) -> dict[str, str]:
        """Docstring by section: `summary`, `body`, `Args`, `Returns`, `Raises`, `Notes`."""
        lines = inspect.cleandoc(self.function.__doc__ or "").splitlines()
        parts: dict[str, list[str]] = {"summary": lines[:1], "body": []}
        current = "body"
        for line in lines[1:]:
            match = _SECTION.match(line)
            if match:
                current = match[1]
                parts[current] = []
            else:
                parts[current].append(line)
        return {name: inspect.cleandoc("\n".join(text)).strip() for name, text in parts.items()}

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Parameters after the workspace, in order."""
        hints = typing.get_type_hints(self.function)
        helps = argument_lines(self.doc.get("Args", ""))
        found = list(inspect.signature(self.function).parameters.values())[1:]
        return tuple(
            Parameter(
                item.name,
                hints[item.name],
                item.default,
                item.kind is not inspect.Parameter.KEYWORD_ONLY,
                helps.get(item.name, ""),
            )
            for item in found
        )

    @cached_property
    def returns(self) -> Any:
        """Resolved return type."""
        return typing.get_type_hints(self.function)["return"]


def argument_lines(text: str) -> dict[str, str]:
    """Parse a docstring's Args section into name -> description."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        match = re.match(r"(\w+): (.*)", line)
        if match and not line.startswith(" "):
            name = match[1]
            found[name] = match[2]
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def _nowhere(arguments: Mapping[str, Any]) -> bool:  # noqa: ARG001 - its form
    """Tell that a call may run on the server."""
    return False


def operation(
    name: str,
    *,
    role: Role = "reader",
    local: bool = False,
    at_home: Callable[[Mapping[str, Any]], bool] = _nowhere,
    examples: tuple[str, ...] = (),
    short: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[F], F]:
    """Register a function as an operation.

    Args:
        name: `group.verb`; the group must be in `MODULES`.
        role: `reader` looks, `writer` changes, `admin` may also remove.
        local: See `Operation.local`.
        at_home: See `Operation.at_home`; it is given the arguments by name, those left out missing.
        examples: See `Operation.examples`.
        short: See `Operation.short`; only where users of another tool know the letters.
    """

    def register(function: F) -> F:
        group = name.partition(".")[0]
        assert group in MODULES, f"{name}: unknown group"
        known = _REGISTRY.get(name)
        assert known is None or known.function.__module__ == function.__module__, name
        _REGISTRY[name] = Operation(
            name,
            function,
            role=role,
            local=local,
            at_home=at_home,
            examples=examples,
            short=short,
        )
        return function

    return register


def find(name: str) -> Operation:
    """Find an operation by `group.verb`, importing its module when needed."""
    group = name.partition(".")[0]
    if group not in MODULES:
        raise NotFound(f"no group of operations {group!r}", hint=f"known: {', '.join(MODULES)}")
    importlib.import_module(MODULES[group])
    if name not in _REGISTRY:
        of(group)
    if name not in _REGISTRY:
        verbs = sorted(other for other in _REGISTRY if other.startswith(f"{group}."))
        raise NotFound(f"no operation {name!r}", hint=f"known: {', '.join(verbs)}")
    return _REGISTRY[name]


def every() -> list[Operation]:
    """Import all modules and list every operation, in the order of the course."""
    for group in MODULES:
        of(group)
    order = list(MODULES)
    return sorted(_REGISTRY.values(), key=lambda op: (order.index(op.group), op.name))


def of(group: str) -> list[Operation]:
    """Import the modules of a group and list its operations."""
    for module in (MODULES[group], *PARTS.get(group, ())):
        importlib.import_module(module)
    return registered(group)


def registered(group: str) -> list[Operation]:
    """List the operations of a group whose module has been imported."""
    return [op for op in _REGISTRY.values() if op.group == group]
