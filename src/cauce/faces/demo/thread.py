"""One thread through a lineage graph: from its start back to who gave the labels."""

from collections import deque
from collections.abc import Iterator

from cauce.kernel.entities import Graph, Node

ENDS = ("labelling", "add")
"""Kinds of runs where a thread may end, best first."""


def thread(graph: Graph) -> list[Node]:
    """Find the shortest way from the start up to a labelling run, else to where data was added."""
    nodes = {node.id: node for node in graph.nodes}
    above: dict[str, list[str]] = {id: [] for id in nodes}
    for edge in graph.edges:
        if edge.direction == "used":
            above[edge.run].append(edge.version)
        else:
            above[edge.version].append(edge.run)
    came: dict[str, str] = {graph.start: ""}
    waiting = deque([graph.start])
    while waiting:
        for id in above[(here := waiting.popleft())]:
            if id not in came:
                came[id] = here
                waiting.append(id)
    for kind in ENDS:
        for id in came:
            if nodes[id].kind == kind:
                return [nodes[step] for step in _back(came, id)]
    return [nodes[graph.start]]


def _back(came: dict[str, str], id: str) -> list[str]:
    way = [id]
    while came[way[-1]]:
        way.append(came[way[-1]])
    return way[::-1]


def lines(way: list[Node]) -> Iterator[str]:
    """Write a thread, one step a line."""
    for number, node in enumerate(way):
        name = node.name
        if node.type == "version":
            name = next((ref for ref in node.refs if ref[-1].isdigit()), "") or node.name
        agent = f"  by {node.agent}" if node.agent else ""
        yield f"{'<- ' if number else '   '}{node.kind:<12} {name}{agent}"
