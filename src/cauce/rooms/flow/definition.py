"""Flows as people write them, in `[flow.NAME]` tables of cauce.toml, and as we read them."""

import difflib
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cauce.errors import CauceError, Invalid, NotFound
from cauce.kernel import operation
from cauce.rooms.flow.entities import Flow, Trigger

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

EVENTS = (
    "ref.moved",
    "version.added",
    "run.started",
    "run.ended",
    "job.queued",
    "job.ended",
)
"""Events that every catalogue writes; rooms note kinds of their own beside them."""

_KEYS = ("on", "steps", "cooldown", "limit", "own")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
_MOST = 1000


def flows(ws: "Workspace") -> dict[str, Flow]:
    """Read all flows of a project, by name.

    Raises:
        Invalid: A table is not a flow; the message says which one and what is wrong.
    """
    return {name: _flow(name, body) for name, body in ws.settings.free.get("flow", {}).items()}


def flow(ws: "Workspace", name: str) -> Flow:
    """Read one flow; raises `NotFound` with the names that exist."""
    known = flows(ws)
    if name not in known:
        raise NotFound(
            f"no flow {name!r} in cauce.toml",
            hint=f"known: {', '.join(known)}" if known else "add a table [flow.NAME] to it",
        )
    return known[name]


def command(step: str) -> list[str]:
    """Split a step into the arguments of the `cauce` command."""
    return shlex.split(step)


def _flow(name: str, body: Any) -> Flow:
    where = f"flow.{name}"
    if not _NAME.match(name):
        raise Invalid(
            f"{name[:80]!r} cannot be a flow's name",
            hint="use up to 64 letters, digits, dots, dashes and underscores",
        )
    if not isinstance(body, Mapping):
        raise Invalid(f"{where} must be a table", hint=f"write [flow.{name}] on its own line")
    for key in body:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(_KEYS)}"
            raise Invalid(f"{where} has no key {key!r}", hint=hint)
    steps = _texts(where, "steps", body.get("steps", ()))
    if not steps:
        raise Invalid(f"{where} has no steps", hint='steps = ["track run -- python train.py"]')
    for number, step in enumerate(steps, start=1):
        _check_step(f"{where}, step {number}", step)
    return Flow(
        name=name,
        on=tuple(_trigger(where, text) for text in _texts(where, "on", body.get("on", ()))),
        steps=steps,
        cooldown=_seconds(where, "cooldown", body),
        limit=_seconds(where, "limit", body),
        own=_flag(where, "own", body),
    )


def _texts(where: str, key: str, value: Any) -> tuple[str, ...]:
    """Take one text or a list of them."""
    values = [value] if isinstance(value, str) else value
    if (
        not isinstance(values, list | tuple)
        or len(values) > _MOST
        or not all(isinstance(item, str) and item.strip() for item in values)
    ):
        raise Invalid(f"{where}: {key} must be a list of texts", hint=f'{key} = ["…", "…"]')
    return tuple(values)


def _seconds(where: str, key: str, body: Mapping[str, Any]) -> float:
    value = body.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise Invalid(f"{where}: {key} must be a number of seconds, 0 or more, not {value!r}")
    return float(value)


def _flag(where: str, key: str, body: Mapping[str, Any]) -> bool:
    value = body.get(key, False)
    if not isinstance(value, bool):
        raise Invalid(f"{where}: {key} must be true or false, not {value!r}")
    return value


def _trigger(where: str, text: str) -> Trigger:
    kind, *rest = text.split()
    if not rest:
        raise Invalid(
            f"{where}: on = {text!r} names no subject",
            hint="write kind and subject: ref.moved dataset/digits@main; * stands for anything",
        )
    near = difflib.get_close_matches(kind, EVENTS, n=1, cutoff=0.8)
    if kind not in EVENTS and (near or "." not in kind):
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(EVENTS)}"
        raise Invalid(f"{where}: there is no event {kind!r}", hint=hint)
    subject, *words = rest
    if "/" not in subject and not set(subject) & set("*?["):
        raise Invalid(
            f"{where}: {subject!r} is no subject of an event",
            hint="write dataset/digits@main for a ref, drift/prod for a run",
        )
    return Trigger(kind=kind, subject=subject, words=tuple(words))


def _check_step(where: str, step: str) -> None:
    """Raise `Invalid` unless a step names an operation; its arguments are the command's matter."""
    try:
        parts = command(step)
    except ValueError as error:
        raise Invalid(f"{where}: {step!r} cannot be split: {error}") from error
    if not parts or "\0" in step:
        raise Invalid(f"{where} is empty")
    if parts[0] == "cauce":
        raise Invalid(
            f"{where}: every step is a command of cauce", hint=f"leave it out: {step[6:]!r}"
        )
    if len(parts) < 2 or parts[1].startswith("-"):
        raise Invalid(
            f"{where}: {step!r} is not a group and a verb",
            hint="write a step as after `cauce`: models register latest --name digits",
        )
    try:
        operation.find(f"{parts[0]}.{parts[1].replace('-', '_')}")
    except CauceError as error:
        raise Invalid(f"{where}: {error.message}", hint=error.hint) from error
