"""Random commits against a catalogue in plain dictionaries."""

import random
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import UNSET
from msgspec.structs import replace

from cauce.adapters.catalogs.sqlite import open_catalog
from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel.entities import Advance, Commit, Edge, Job, Move, Note, Run, RunId, Version
from cauce.kernel.ids import new_id
from cauce.testing.catalog_suite import version

IDS = [version(number).id for number in range(4)]
RUNS = ["run-a", "run-b", "run-c"]
TAGS = ["main", "v1"]
QUICK = "/dev/shm" if Path("/dev/shm").is_dir() else None
JOBS = ["job-1", "job-2", "job-3"]

versions = st.builds(
    lambda n, name: version(n, name=name), st.integers(0, 3), st.sampled_from("xy")
)
runs = st.builds(
    lambda id, status, params, tags: Run(
        id=RunId(id),
        kind="train",
        status=status,
        started=1.0,
        ended=None if status == "running" else 2.0,
        agent="a",
        params=params,
        tags=tags,
    ),
    st.sampled_from(RUNS),
    st.sampled_from(["running", "running", "finished", "failed"]),
    st.dictionaries(st.sampled_from("pq"), st.integers(0, 1), max_size=1),
    st.dictionaries(st.sampled_from("tu"), st.just("x"), max_size=1),
)
edges = st.builds(
    lambda run, direction, id: Edge(run=RunId(run), direction=direction, version=id),
    st.sampled_from(RUNS),
    st.sampled_from(["used", "generated"]),
    st.sampled_from(IDS),
)
moves = st.builds(
    lambda tag, target, expect: Move(
        kind="dataset", name="d", tag=tag, target=target, expect=expect
    ),
    st.sampled_from(TAGS),
    st.sampled_from([*IDS, None]),
    st.one_of(st.just(UNSET), st.just(UNSET), st.none(), st.sampled_from(IDS)),
)
jobs = st.builds(
    lambda id, key: Job(id=id, kind="k", key=key, created=1.0),
    st.sampled_from(JOBS),
    st.sampled_from(["", "one"]),
)
advances = st.builds(
    lambda seq, expect: Advance(name="c", seq=seq, expect=expect),
    st.integers(0, 8),
    st.integers(0, 4),
)
notes = st.builds(Note, kind=st.just("n"), subject=st.sampled_from("st"))


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


class Model:
    """The catalogue's rules, without a database."""

    def __init__(self) -> None:
        self.versions: dict[str, Version] = {}
        self.runs: dict[str, Run] = {}
        self.edges: dict[Edge, None] = {}
        self.refs: dict[str, str] = {}
        self.jobs: dict[str, Job] = {}
        self.cursor = 0
        self.events: list[tuple[str, str]] = []

    def apply(self, commit: Commit) -> type[Exception] | None:
        """Apply a commit, or give the error that it must raise and change nothing."""
        kept = {name: value.copy() for name, value in vars(self).items() if name != "cursor"}
        cursor = self.cursor
        try:
            self._apply(commit)
        except (Conflict, NotFound, Invalid) as error:
            vars(self).update(kept)
            self.cursor = cursor
            return type(error)
        return None

    def _apply(self, commit: Commit) -> None:
        for item in commit.versions:
            if item.id not in self.versions:
                self.versions[item.id] = item
                self.events.append(("version.added", f"dataset/{item.name}"))
        for run in commit.runs:
            self._put(run)
        for edge in commit.edges:
            if edge.version not in self.versions or edge.run not in self.runs:
                raise NotFound("")
            self.edges.setdefault(edge)
        for move in commit.moves:
            self._move(move)
        for job in commit.jobs:
            taken = any(job.key and other.key == job.key for other in self.jobs.values())
            if job.id not in self.jobs and not taken:
                self.jobs[job.id] = job
                self.events.append(("job.queued", "k/"))
        for advance in commit.advances:
            if advance.expect != self.cursor:
                raise Conflict("")
            if not self.cursor <= advance.seq <= len(self.events):
                raise Invalid("")
            self.cursor = advance.seq
        self.events += [(note.kind, note.subject) for note in commit.notes]

    def _put(self, run: Run) -> None:
        old = self.runs.get(run.id)
        if old is not None and old.status != "running" and replace(run, tags=old.tags) != old:
            raise Conflict("")
        if old is None:
            self.events.append(("run.started", "train/"))
        if run.status != "running" and (old is None or old.status == "running"):
            self.events.append(("run.ended", "train/"))
        self.runs[run.id] = run

    def _move(self, move: Move) -> None:
        old = self.refs.get(move.tag)
        if move.expect is not UNSET and move.expect != old:
            raise Conflict("")
        if move.target == old:
            return
        if move.target is None:
            del self.refs[move.tag]
        elif move.target not in self.versions:
            raise NotFound("")
        else:
            self.refs[move.tag] = move.target
        self.events.append(("ref.moved", f"dataset/d@{move.tag}"))


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=QUICK)  # no power fails here
        self.catalog = open_catalog("sqlite:///catalog.db", Path(self.folder.name))
        self.model = Model()

    def teardown(self) -> None:
        self.catalog.close()
        self.folder.cleanup()

    @rule(
        commit=st.builds(
            Commit,
            versions=some(versions),
            runs=some(runs),
            edges=some(edges),
            moves=some(moves),
            jobs=some(jobs),
            advances=st.one_of(st.just(()), st.just(()), some(advances)),
            notes=some(notes),
        )
    )
    def commit(self, commit: Commit) -> None:
        expected = self.model.apply(commit)
        raised = None
        try:
            self.catalog.commit(commit)
        except (Conflict, NotFound, Invalid) as error:
            raised = type(error)
        assert raised is expected

    @rule()
    def reopen(self) -> None:
        self.catalog.close()
        self.catalog = open_catalog("sqlite:///catalog.db", Path(self.folder.name))

    @invariant()
    def the_catalogue_is_as_the_model_says(self) -> None:
        catalog, model = self.catalog, self.model
        assert {ref.tag: ref.target for ref in catalog.refs()} == model.refs
        assert {item.id: item.name for item in catalog.versions()} == {
            id: item.name for id, item in model.versions.items()
        }
        assert {run.id: run for run in catalog.runs()} == model.runs
        assert {job.id for job in catalog.jobs()} == set(model.jobs)
        assert catalog.cursor("c") == model.cursor
        events = catalog.events(limit=1000)
        assert [(event.kind, event.subject) for event in events] == model.events
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        for id in model.versions:
            expected = [edge for edge in model.edges if edge.version == id]
            assert catalog.edges(version=id) == expected
        assert catalog.check() == []


TestCatalogAgainstModel = Machine.TestCase
TestCatalogAgainstModel.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lineage")
    with closing(open_catalog("sqlite:///catalog.db", folder)) as opened:
        yield opened


@given(
    pairs=st.lists(st.tuples(st.integers(0, 11), st.booleans(), st.integers(0, 11)), max_size=60),
    direction=st.sampled_from(["up", "down"]),
    limit=st.sampled_from([1, 3, 7, 100]),
)
@settings(max_examples=60, deadline=None)
def test_lineage_is_the_nearest_part_of_the_graph(shared, pairs, direction, limit):
    example = new_id()  # one catalogue for all examples; each has nodes of its own
    makers = [
        Run(id=RunId(f"{example}-{number}"), kind="train", status="finished")
        for number in range(12)
    ]
    items = [version((example, number)) for number in range(12)]
    written = {
        Edge(
            run=makers[a].id, direction="used" if forward else "generated", version=items[b].id
        ): None
        for a, forward, b in pairs
    }
    shared.commit(Commit(versions=tuple(items), runs=tuple(makers), edges=tuple(written)))
    graph = shared.lineage(items[0].id, direction=direction, limit=limit)
    steps = nearest(items[0].id, written, direction)
    sign = -1 if direction == "up" else 1
    found = {node.id: node.depth * sign for node in graph.nodes}
    assert graph.truncated == (len(steps) > limit)
    assert len(found) == min(limit, len(steps))
    assert sorted(found.values()) == sorted(steps.values())[:limit]
    assert found.items() <= steps.items()
    assert set(graph.edges) <= set(written)
    assert all(edge.run in found and edge.version in found for edge in graph.edges)
    if not graph.truncated:
        inner = {edge for edge in written if edge.run in steps and edge.version in steps}
        assert set(graph.edges) == inner


@pytest.mark.parametrize("seed", range(4))
def test_lineage_of_a_wide_graph_is_numbered_by_the_shortest_path(shared, seed):
    rng = random.Random(seed)
    makers = [Run(id=RunId(new_id()), kind="train", status="finished") for _ in range(300)]
    items = [version((new_id(), number)) for number in range(300)]
    written = {}
    for number, maker in enumerate(makers):
        written[Edge(run=maker.id, direction="generated", version=items[number].id)] = None
        # Most use an early version, so levels are wide; some the one before, so paths are long.
        for other in {rng.randrange(number // 20 + 1), max(0, number - rng.randint(1, 4))}:
            written[Edge(run=maker.id, direction="used", version=items[other].id)] = None
    shared.commit(Commit(versions=tuple(items), runs=tuple(makers), edges=tuple(written)))
    for direction, start in (("down", items[0].id), ("up", items[-1].id)):
        graph = shared.lineage(start, direction=direction, limit=1000)
        sign = -1 if direction == "up" else 1
        found = {node.id: node.depth * sign for node in graph.nodes}
        assert found == nearest(start, written, direction)


def nearest(start: str, edges: Iterable[Edge], direction: str) -> dict[str, int]:
    """Count the steps to every node, one plain level after the other."""
    steps = {start: 0}
    level = [start]
    while level:
        reached = []
        for edge in edges:
            up = (edge.run, edge.version) if edge.direction == "used" else (edge.version, edge.run)
            source, target = up if direction == "up" else up[::-1]
            if source in level and target not in steps:
                steps[target] = steps[source] + 1
                reached.append(target)
        level = reached
    return steps
