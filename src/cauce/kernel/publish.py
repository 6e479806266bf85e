"""Numbered versions: the next number, the aliases, one commit, retried when another was first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cauce.errors import Conflict, NotFound
from cauce.kernel.entities import Commit, Digest, Move, Ref, Version

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_TRIES = 20

_RECENT = 50
"""Moves of a name that are looked at for its last number."""


def numbers(ws: "Workspace", kind: str, name: str, prefix: str = "") -> dict[int, Digest]:
    """Read the numbered refs of a name: number -> version, in the order of their numbers."""
    found: dict[int, Digest] = {}
    after: tuple[str, str, str] | None = None
    while page := ws.catalog.refs(kind, name, after=after, limit=500):
        for ref in page:
            number = _number(ref.tag, prefix)
            if number is not None:
                found[number] = ref.target
        after = (page[-1].kind, page[-1].name, page[-1].tag)
    return dict(sorted(found.items()))


def publish(
    ws: "Workspace",
    version: Version,
    commit: Commit,
    *,
    prefix: str = "",
    aliases: Sequence[str] = (),
) -> Ref:
    """Give a version its number and move the aliases to it, in one commit.

    Args:
        version: Row of the version; its kind and name are the ref's.
        commit: Run, edges and whatever else belongs to the transaction.
        prefix: Written before the number, `v` for data sets.
        aliases: Tags to move, `main` or `latest`.

    Returns:
        The numbered ref. A version that has a number already keeps it: same bytes, same version.
        The number of a deleted version is not given again.

    Raises:
        Conflict: Others were first in each of twenty tries.
    """
    for attempt in range(_TRIES):
        number = _own(ws, version, prefix)
        moves = [_move(ws, version, alias) for alias in aliases]
        tag = f"{prefix}{number}"
        if number is None:
            tag = f"{prefix}{_last(ws, version, prefix, every=attempt > 0) + 1}"
            moves.append(_to(version, tag, None))
        try:
            ws.catalog.commit(
                replace(
                    commit,
                    versions=(*commit.versions, version),
                    moves=(*commit.moves, *(move for move in moves if move is not None)),
                    agent=commit.agent or ws.agent,
                )
            )
            break
        except Conflict:
            if attempt == _TRIES - 1:
                raise
    return ws.catalog.ref(version.kind, version.name, tag)


def _own(ws: "Workspace", version: Version, prefix: str) -> int | None:
    """Find the number that a version has already, the lowest when it has several."""
    found = [
        number
        for ref in ws.catalog.refs_to([version.id])
        if (ref.kind, ref.name) == (version.kind, version.name)
        and (number := _number(ref.tag, prefix)) is not None
    ]
    return min(found, default=None)


def _last(ws: "Workspace", version: Version, prefix: str, *, every: bool) -> int:
    """Find the highest number that a name ever had, 0 when it has none.

    Numbers only grow, so that the last moves tell it, whether there are ten versions or ten
    thousand; all refs are read when they do not, or when they were wrong.
    """
    moves = ws.catalog.history(version.kind, version.name, limit=_RECENT)
    found = [_number(move.tag, prefix) or 0 for move in moves]
    if every or not any(found):
        found.extend(numbers(ws, version.kind, version.name, prefix))
    return max(found, default=0)


def _move(ws: "Workspace", version: Version, alias: str) -> Move | None:
    """Ask for an alias to point at a version; None when it does."""
    try:
        at = ws.catalog.ref(version.kind, version.name, alias).target
    except NotFound:
        at = None
    return None if at == version.id else _to(version, alias, at)


def _to(version: Version, tag: str, expect: Digest | None) -> Move:
    return Move(kind=version.kind, name=version.name, tag=tag, target=version.id, expect=expect)


def _number(tag: str, prefix: str) -> int | None:
    """Read the number of a tag that is nothing but a prefix and a number as we write it."""
    digits = tag.removeprefix(prefix)
    if not tag.startswith(prefix) or not digits.isascii() or not digits.isdigit():
        return None
    return int(digits) if len(digits) < 19 and not digits.startswith("0") else None
