"""A lineage graph as a tree of lines, each node once."""

from collections import defaultdict
from collections.abc import Iterator

from cauce.faces.render import renders
from cauce.faces.render.cells import short, when
from cauce.faces.text import scalar
from cauce.kernel.entities import Edge, Graph, Node

_SIGNS = {-1: "stands on", 1: "led to"}


@renders("lineage.show")
def show(graph: Graph) -> Iterator[str]:
    """The start, then what it stands on, then what stands on it, indented by steps."""
    nodes = {node.id: node for node in graph.nodes}
    yield _label(nodes[graph.start])
    for sign, words in _SIGNS.items():
        tree = list(_tree(graph, nodes, sign))
        if tree:
            yield words
        yield from tree
    if graph.truncated:
        yield f"… more than {len(graph.nodes)} nodes; --limit shows more"


def _tree(graph: Graph, nodes: dict[str, Node], sign: int) -> Iterator[str]:
    """Walk one way from the start, depth first; a node that was shown is not shown again."""
    following: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for edge in graph.edges:
        source, target = _ends(edge, sign)
        following[source].append((target, edge.role))
    shown = {graph.start}
    waiting = [(target, role, 1) for target, role in reversed(following[graph.start])]
    while waiting:
        id, role, depth = waiting.pop()
        if id in shown:
            continue
        shown.add(id)
        named = f"{scalar(role)}: " if role else ""
        yield f"{'   ' * (depth - 1)}└─ {named}{_label(nodes[id])}"
        waiting += [(target, role, depth + 1) for target, role in reversed(following[id])]


def _ends(edge: Edge, sign: int) -> tuple[str, str]:
    """Give where an edge comes from and leads to on the way up (-1) or down (1)."""
    up = (edge.run, edge.version) if edge.direction == "used" else (edge.version, edge.run)
    return up if sign < 0 else (up[1], up[0])


def _label(node: Node) -> str:
    """Say what a node is in one line."""
    words = [node.kind]
    if node.type == "version":
        words.append(" ".join(node.refs) or f"{node.name} {short(node.id)}")
    else:
        words.append(f"{node.name} {node.id}".strip())
    if node.agent:
        words.append(f"by {node.agent}")
    if node.outcome:
        words.append(f"({node.outcome})")
    words.append(when(node.at))
    return "  ".join(scalar(word) for word in words)
