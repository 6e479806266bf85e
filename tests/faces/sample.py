"""Operations with every kind of parameter, for tests of the faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NewType

from cauce import errors
from cauce.kernel import progress
from cauce.kernel.entities import Entity, Point, Scalar
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace

Name = NewType("Name", str)


class Echo(Entity, frozen=True):
    """What was given."""

    given: dict[str, Any]


@operation("sample.echo", examples=("sample echo a --count 3",))
def echo(
    ws: Workspace,
    first: Name,
    second: int = 7,
    *,
    count: int | None = None,
    ratio: float = 0.5,
    dry_run: bool = False,
    keep: bool = True,
    mode: Literal["up", "down"] = "up",
    names: list[str] = [],  # noqa: B006
    sizes: tuple[int, ...] = (),
    params: dict[str, Scalar] | None = None,
    points: list[Point] = [],  # noqa: B006
    limit: int = 100,
) -> Echo:
    """Give back what was given, 100% of it.

    Args:
        first: A name.
        second: A number.
        count: How many.
        ratio: A share.
        dry_run: Whether to change nothing.
        keep: Whether to keep it.
        mode: Which way.
        names: Several names.
        sizes: Several sizes.
        params: Values by name.
        points: Points.
        limit: Most rows.

    Returns:
        What was given.

    Raises:
        NotFound: Never.
    """
    given = {name: value for name, value in locals().items() if name != "ws"}
    return Echo(given=given)


@operation("sample.touch", role="writer", local=True)
def touch(ws: Workspace, command: tuple[str, ...], *, folder: Path = Path()) -> list[str]:
    """Give the words of a command.

    Args:
        command: Words.
        folder: A folder.
    """
    return [str(folder), *command]


@operation("sample.fail", role="writer")
def fail(ws: Workspace, kind: str, *, text: str = "it broke") -> None:
    """Raise an error of a class.

    Args:
        kind: Name of the class.
        text: What it says.
    """
    found = getattr(errors, kind, None) or {"KeyError": KeyError, "Stop": KeyboardInterrupt}[kind]
    if issubclass(found, errors.CauceError):
        raise found(text, hint="try again")
    raise found(text)


@operation("sample.numbers")
def numbers(ws: Workspace) -> list[float]:
    """Give numbers that JSON has no word for."""
    return [1.5, float("nan"), float("inf")]


@operation("sample.who")
def who(ws: Workspace) -> str:
    """Name who acts."""
    return ws.agent


@operation("sample.slow")
def slow(ws: Workspace) -> int:
    """Report progress."""
    return sum(progress.track(range(10), "adding", 10))


@operation("sample.remove", role="admin")
def remove(ws: Workspace, *, name: str) -> str:
    """Do what only an admin may.

    Args:
        name: Anything.
    """
    return name
