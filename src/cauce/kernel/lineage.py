"""Lineage: one recursive query up, one down.

An edge is stored as `later` stands on `earlier`, whichever of the two is the run; so both ways are
one indexed join, and the query needs no knowledge of what a node is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from cauce.errors import Invalid, NotFound
from cauce.kernel import rows
from cauce.kernel.entities import Digest, Edge, Graph, Node, RunId

if TYPE_CHECKING:
    from cauce.kernel.sql import Session

Way = Literal["up", "down", "both"]
"""What a thing stands on, what stands on it, or the two."""

# `UNION` without a depth visits each node once, so cycles and diamonds cost nothing; both databases
# walk the queue first in, first out, and stop as soon as the limit is met. Depths follow from the
# edges afterwards.
_UP = """
WITH RECURSIVE walk(id) AS (
    SELECT id FROM (
        SELECT id FROM versions WHERE id = ? UNION ALL SELECT id FROM runs WHERE id = ?
    ) AS start
    UNION
    SELECT edges.earlier FROM walk JOIN edges ON edges.later = walk.id
)
SELECT id FROM walk LIMIT ?
"""
_DOWN = """
WITH RECURSIVE walk(id) AS (
    SELECT id FROM (
        SELECT id FROM versions WHERE id = ? UNION ALL SELECT id FROM runs WHERE id = ?
    ) AS start
    UNION
    SELECT edges.later FROM walk JOIN edges ON edges.earlier = walk.id
)
SELECT id FROM walk LIMIT ?
"""
_CHUNK = 400


def graph(session: "Session", start: str, *, direction: str, limit: int) -> Graph:
    """Build the graph around a run or version; see `Catalog.lineage`."""
    if direction not in {"up", "down", "both"}:
        raise Invalid(f"no direction {direction!r}", hint="known: up, down, both")
    if limit < 1:
        raise Invalid(f"a limit of {limit} nodes", hint="at least 1")
    depths: dict[str, int] = {start: 0}
    edges: dict[Edge, None] = {}
    truncated = False
    for sign, query in ((-1, _UP), (1, _DOWN)):
        if direction == ("down" if sign < 0 else "up"):
            continue
        found = [str(row[0]) for row in session.query(query, (start, start, limit + 1))]
        truncated = truncated or len(found) > limit
        between = _between(session, found)
        for id, depth in _depths(start, between, sign).items():
            if id not in depths or depth < abs(depths[id]):
                depths[id] = sign * depth
        edges.update(dict.fromkeys(between))
    kept = sorted(depths, key=lambda id: abs(depths[id]))
    truncated = truncated or len(kept) > limit
    nodes = _nodes(session, kept[:limit], depths)
    if start not in {node.id for node in nodes}:
        raise NotFound(
            f"no run or version {start[:100]}", hint="give a run's id or a version's digest"
        )
    known = {node.id for node in nodes}
    joined = tuple(edge for edge in edges if edge.run in known and edge.version in known)
    return Graph(start=start, nodes=nodes, edges=joined, truncated=truncated)


def prediction(id: str, deployment: str, at: float) -> Node:
    """Make the node of a prediction, which is no row of the catalogue."""
    return Node(id=id, type="prediction", kind="prediction", name=deployment, at=at)


def before(node: Node, graph: Graph) -> Graph:
    """Put a prediction before the upward graph of the deployment that made it."""
    edge = Edge(run=RunId(node.id), direction="used", version=Digest(graph.start))
    return Graph(
        start=node.id,
        nodes=(node, *(replace(other, depth=other.depth - 1) for other in graph.nodes)),
        edges=(edge, *graph.edges),
        truncated=graph.truncated,
    )


def _between(session: "Session", ids: Sequence[str]) -> list[Edge]:
    """List the edges that join two of these nodes, in the order they were written."""
    known = set(ids)
    found = []
    for part in _parts(ids):
        sql = f"SELECT seq, {rows.EDGE} FROM edges WHERE later IN ({_marks(part)})"  # noqa: S608
        found += [row for row in session.query(sql, part) if row[2] in known]
    return [rows.edge(row[1:]) for row in sorted(found)]


def _depths(start: str, edges: Iterable[Edge], sign: int) -> dict[str, int]:
    """Count steps from the start, going only up (-1) or only down (1)."""
    following: defaultdict[str, list[str]] = defaultdict(list)
    for edge in edges:
        later, earlier = rows.of_edge(edge)[:2]
        source, target = (later, earlier) if sign < 0 else (earlier, later)
        following[source].append(target)
    depths = {start: 0}
    level = [start]
    while level:
        reached = []
        for source in level:
            for target in following[source]:
                if target not in depths:
                    depths[target] = depths[source] + 1
                    reached.append(target)
        level = reached
    return depths


def _nodes(session: "Session", ids: Sequence[str], depths: dict[str, int]) -> tuple[Node, ...]:
    """Read what the nodes are, in the order given."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    nodes: dict[str, Node] = {}
    for part in _parts(ids):
        marks = _marks(part)
        refs = f"SELECT target, name, tag FROM refs WHERE target IN ({marks})"  # noqa: S608
        for target, name, tag in sorted(session.query(refs, part)):
            names[target].append(f"{name}@{tag}")
        versions = f"SELECT id, kind, name, created FROM versions WHERE id IN ({marks})"  # noqa: S608
        for id, kind, name, at in session.query(versions, part):
            nodes[id] = Node(
                id=id,
                type="version",
                kind=kind,
                name=name,
                at=at,
                refs=tuple(names[id]),
                depth=depths[id],
            )
        runs = f"SELECT id, kind, name, started, agent, outcome FROM runs WHERE id IN ({marks})"  # noqa: S608
        for id, kind, name, at, agent, outcome in session.query(runs, part):
            nodes[id] = Node(
                id=id,
                type="run",
                kind=kind,
                name=name,
                at=at,
                agent=agent,
                outcome=outcome,
                depth=depths[id],
            )
    return tuple(nodes[id] for id in ids if id in nodes)


def _parts(ids: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for index in range(0, len(ids), _CHUNK):
        yield tuple(ids[index : index + _CHUNK])


def _marks(part: Sequence[str]) -> str:
    return ", ".join("?" * len(part))
