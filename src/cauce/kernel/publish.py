"""Numbered versions: the next number, the aliases, one commit, retried when another was first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cauce.errors import Conflict, NotFound
from cauce.kernel.entities import Commit, Digest, Move, Ref, Version

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_TRIES = 20


def numbers(ws: "Workspace", kind: str, name: str, prefix: str = "") -> dict[int, Digest]:
    """Read the numbered refs of a name: number -> version."""
    found: dict[int, Digest] = {}
    after: tuple[str, str, str] | None = None
    while page := ws.catalog.refs(kind, name, after=after, limit=500):
        for ref in page:
            digits = ref.tag.removeprefix(prefix)
            if ref.tag.startswith(prefix) and digits.isascii() and digits.isdigit():
                found[int(digits)] = ref.target
        after = (page[-1].kind, page[-1].name, page[-1].tag)
    return found


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

    Raises:
        Conflict: Others took the number in each of twenty tries.
    """
    for attempt in range(_TRIES):
        known = numbers(ws, version.kind, version.name, prefix)
        number = next((n for n, target in known.items() if target == version.id), None)
        fresh = number is None
        if number is None:
            number = max(known, default=0) + 1
        tag = f"{prefix}{number}"
        moves = [
            Move(kind=version.kind, name=version.name, tag=tag, target=version.id, expect=None)
        ]
        if not fresh:
            moves = []
        for alias in aliases:
            try:
                at = ws.catalog.ref(version.kind, version.name, alias).target
            except NotFound:
                at = None
            if at != version.id:
                moves.append(
                    Move(
                        kind=version.kind,
                        name=version.name,
                        tag=alias,
                        target=version.id,
                        expect=at,
                    )
                )
        try:
            ws.catalog.commit(
                replace(
                    commit,
                    versions=(*commit.versions, version),
                    moves=(*commit.moves, *moves),
                    agent=commit.agent or ws.agent,
                )
            )
        except Conflict:
            if attempt == _TRIES - 1:
                raise
            continue
        return ws.catalog.ref(version.kind, version.name, tag)
    raise AssertionError("unreachable")
