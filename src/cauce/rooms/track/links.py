"""The versions around a run."""

from typing import TYPE_CHECKING

from cauce.kernel.entities import Direction, RunId
from cauce.rooms.track.entities import Linked

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace


def linked(ws: "Workspace", run: RunId, direction: Direction) -> tuple[Linked, ...]:
    """List what a run used or generated, in the order it did."""
    edges = [edge for edge in ws.catalog.edges(run=run) if edge.direction == direction]
    refs: dict[str, list[str]] = {}
    for ref in ws.catalog.refs_to([edge.version for edge in edges]) if edges else ():
        refs.setdefault(ref.target, []).append(f"{ref.name}@{ref.tag}")
    found = []
    for edge in edges:
        version = ws.catalog.version(edge.version)
        found.append(
            Linked(
                version=version.id,
                role=edge.role,
                kind=version.kind,
                name=version.name,
                created=version.created,
                size=version.size,
                count=version.count,
                refs=tuple(sorted(refs.get(version.id, ()))),
            )
        )
    return tuple(found)
