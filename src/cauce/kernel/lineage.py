"""Lineage: everything that a run or version stands on, or that stands on it.

An edge is stored as `later` stands on `earlier`, whichever of the two is the run; so either way is
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
    from cauce.kernel.database import Session

Way = Literal["up", "down", "both"]
"""What a thing stands on, what stands on it, or the two."""

_LEVEL = """
SELECT later, earlier, direction, role FROM edges WHERE {of} IN ({marks}) LIMIT ?
"""
# The same for the nodes' neighbours too, and for theirs, so many levels on. A node that paths of
# several lengths reach comes back as often; the levels are few, and `_Walk` keeps the first.
_ROUND = """
WITH RECURSIVE walk(id, depth) AS (
    SELECT id, 1 FROM (
        SELECT id FROM versions WHERE id IN ({marks})
        UNION ALL
        SELECT id FROM runs WHERE id IN ({marks})
    ) AS start
    UNION
    SELECT edges.{to}, walk.depth + 1 FROM walk JOIN edges ON edges.{of} = walk.id
    WHERE walk.depth < ?
)
SELECT edges.later, edges.earlier, edges.direction, edges.role
FROM walk JOIN edges ON edges.{of} = walk.id LIMIT ?
"""
_MOST_LEVELS = 16
_EDGES_A_NODE = 20
_FIRST, _SOURCES = 8, 32
"""Nodes whose edges one query reads, where nothing is known of their number and at most."""
_CHUNK = 400


class _Walk:
    """A walk from one node in one direction, nearest first.

    One recursive query for everything would do too, but could not stop at a limit without first
    reading the neighbours of every node on the outermost level, which a hub has in thousands. So
    it goes in rounds: one level a round where the graph is wide, up to sixteen where it is narrow,
    which keeps the round trips few in a long chain.

    Attributes:
        depths: Steps from the start of each node found.
        edges: Edges read on the way.
        truncated: Whether the limit of nodes cut it.
    """

    def __init__(self, session: "Session", start: str, of: str, limit: int) -> None:
        self._session, self._of, self._limit = session, of, limit
        self._to = "earlier" if of == "later" else "later"
        self.depths = {start: 0}
        self.edges: dict[rows.Row, None] = {}
        self.truncated = False
        self._run([start])

    def _run(self, level: list[str]) -> None:
        levels = 1  # more than one only where the level is one part
        while level:
            before, reached = len(self.depths), []
            rest, size = level, _FIRST
            while rest:
                part, rest = rest[:size], rest[size:]
                found = self._read(part, levels)
                if found is None:  # wider than it looked
                    found, levels = self._read(part, 1) or [], 1
                reached += self._follow(part, found, levels)
                if self.truncated:
                    return
                # Hubs are read one by one, or a query brings thousands of edges beyond the limit.
                room = self._limit - len(self.depths)
                size = max(1, min(_SOURCES, room * len(part) // (len(found) or 1)))
            narrow = len(reached) <= _FIRST and len(self.depths) - before <= 4 * levels
            levels = min(2 * levels, _MOST_LEVELS) if narrow else 1
            level = reached

    def _read(self, part: Sequence[str], levels: int) -> list[rows.Row] | None:
        """Read the edges of the next levels; None when several levels have too many."""
        most = _EDGES_A_NODE * self._limit
        words = {"marks": _marks(part), "of": self._of, "to": self._to}
        if levels > 1:
            args = (*part, *part, levels, most + 1)
            found = self._session.query(_ROUND.format(**words), args)
            return found if len(found) <= most else None
        found = self._session.query(_LEVEL.format(**words), (*part, most + 1))
        self.truncated = len(found) > most
        return found

    def _follow(self, level: Iterable[str], found: Iterable[rows.Row], levels: int) -> list[str]:
        """Number the nodes that the edges lead to, level by level; give the last level."""
        following: defaultdict[str, list[str]] = defaultdict(list)
        for edge in dict.fromkeys(found):
            self.edges[edge] = None
            source, target = edge[:2] if self._of == "later" else (edge[1], edge[0])
            following[source].append(target)
        for _ in range(levels):
            reached = []
            for source in level:
                for target in following[source]:
                    if target in self.depths:
                        continue
                    if len(self.depths) == self._limit:
                        self.truncated = True
                        return []
                    self.depths[target] = self.depths[source] + 1
                    reached.append(target)
            level = reached
        return list(level)


def graph(session: "Session", start: str, *, direction: str, limit: int) -> Graph:
    """Build the graph around a run or version; see `Catalog.lineage`."""
    if direction not in {"up", "down", "both"}:
        raise Invalid(f"no direction {direction!r}", hint="known: up, down, both")
    if limit < 1:
        raise Invalid(f"a limit of {limit} nodes", hint="at least 1")
    depths: dict[str, int] = {start: 0}
    edges: dict[rows.Row, None] = {}
    truncated = False
    for sign, of in ((-1, "later"), (1, "earlier")):
        if direction == ("down" if sign < 0 else "up"):
            continue
        walk = _Walk(session, start, of, limit)
        truncated = truncated or walk.truncated
        for id, depth in walk.depths.items():
            if id not in depths or depth < abs(depths[id]):
                depths[id] = sign * depth
        edges.update(walk.edges)
    kept = sorted(depths, key=lambda id: abs(depths[id]))
    truncated = truncated or len(kept) > limit
    nodes = _nodes(session, kept[:limit], depths)
    known = {node.id for node in nodes}
    if start not in known:
        raise NotFound(
            f"no run or version {start[:100]}", hint="give a run's id or a version's digest"
        )
    joined = tuple(rows.edge(row) for row in edges if row[0] in known and row[1] in known)
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


def _nodes(session: "Session", ids: Sequence[str], depths: dict[str, int]) -> tuple[Node, ...]:
    """Read what the nodes are, in the order given."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    nodes: dict[str, Node] = {}
    for part in _parts(ids, _CHUNK):
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


def _parts(ids: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    for index in range(0, len(ids), size):
        yield tuple(ids[index : index + size])


def _marks(part: Sequence[str]) -> str:
    return ", ".join("?" * len(part))
