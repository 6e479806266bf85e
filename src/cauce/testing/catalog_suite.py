"""What every catalogue must do; run it on yours by giving one fixture.

class TestMine(CatalogSuite):
    @pytest.fixture
    def open_catalog(self): ...     # a function: each call opens the same empty catalogue again
"""

import hashlib
import math
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from cauce.errors import CauceError, Conflict, Invalid, NotFound
from cauce.kernel.catalog import Catalog
from cauce.kernel.entities import (
    Advance,
    Code,
    Commit,
    Digest,
    Edge,
    Event,
    Job,
    Move,
    Note,
    Ref,
    Run,
    RunId,
    Version,
)
from cauce.kernel.ids import new_id

Open = Callable[[], Catalog]

AWKWARD = 'it\'s 100% "so"; ?, $1 :x \\ {} \n\t 水 é \U0001f600 -- /* */'
"""Text that a careless back end would take for something else."""


def version(seed: object, **fields: Any) -> Version:
    """Make a version whose id follows from a seed."""
    id = Digest(f"sha256:{hashlib.sha256(str(seed).encode()).hexdigest()}")
    return Version(**{"id": id, "kind": "dataset", "name": "digits", **fields})


def run(**fields: Any) -> Run:
    """Make a finished run."""
    return Run(**{"id": RunId(new_id()), "kind": "train", "status": "finished", **fields})


def move(target: Version | None, tag: str = "main", **fields: Any) -> Move:
    """Ask for `dataset/digits@TAG` to point at a version."""
    given = {"kind": "dataset", "name": "digits", "tag": tag, **fields}
    return Move(target=None if target is None else target.id, **given)


def used(user: Run, item: Version, role: str = "") -> Edge:
    """Make an edge from a run to what it used."""
    return Edge(run=user.id, direction="used", version=item.id, role=role)


def generated(maker: Run, item: Version, role: str = "") -> Edge:
    """Make an edge from a run to what it made."""
    return Edge(run=maker.id, direction="generated", version=item.id, role=role)


def job(**fields: Any) -> Job:
    """Make a job that is due."""
    return Job(**{"id": new_id(), "kind": "flow", **fields})


def kinds(events: list[Event]) -> list[str]:
    """Give the kinds of events."""
    return [event.kind for event in events]


class CatalogBase:
    """The fixture that the parts of the suite share."""

    @pytest.fixture
    def catalog(self, open_catalog: Open) -> Iterator[Catalog]:
        opened = open_catalog()
        yield opened
        opened.close()


class CommitSuite(CatalogBase):
    """Commits are whole, and events follow from them."""

    def test_a_commit_is_read_back_in_all_its_parts(self, catalog: Catalog) -> None:
        data = version("a", created=12.5, size=1 << 40, count=3, labels={AWKWARD: AWKWARD})
        made = run(
            name=AWKWARD,
            agent="user:one",
            started=10.0,
            ended=11.25,
            group="g",
            parent=RunId("p"),
            outcome="better",
            params={"lr": 0.1, "layers": 3, "on": True, "none": None, "text": AWKWARD},
            metrics={"loss": 0.25},
            tags={"note": AWKWARD},
            code=Code(commit="abc", dirty=True, diff=data.id, command=("python", "train.py")),
            error=AWKWARD,
        )
        edge = generated(made, data, AWKWARD)
        waiting = job(name="n", payload={"a": [1, {"b": None}]}, created=9.0, run_after=4e9)
        receipt = catalog.commit(
            Commit(
                versions=(data,),
                runs=(made,),
                edges=(edge,),
                moves=(move(data, expect=None),),
                jobs=(waiting,),
                notes=(Note(kind="label.submitted", subject=AWKWARD, data={"x": AWKWARD}),),
                agent="user:two",
                message=AWKWARD,
            )
        )
        ref = catalog.ref("dataset", "digits", "main")
        assert ref == Ref(
            kind="dataset", name="digits", tag="main", target=data.id, moved=receipt.at
        )
        assert catalog.version(data.id) == data
        assert catalog.run(made.id) == made
        assert catalog.edges(run=made.id) == [edge]
        assert catalog.job(waiting.id) == waiting
        (moved,) = catalog.history("dataset", "digits")
        assert (moved.old, moved.new, moved.agent, moved.message) == (
            None,
            data.id,
            "user:two",
            AWKWARD,
        )
        events = catalog.events()
        assert events[-1].data == {"x": AWKWARD}
        assert events[-1].subject == AWKWARD
        assert receipt.seq == catalog.last_event() == len(events)

    def test_empty_fields_are_filled_from_the_commit(self, catalog: Catalog) -> None:
        data, made = version("a"), run()
        at = catalog.commit(Commit(versions=(data,), runs=(made,), agent="service:x")).at
        stored = catalog.run(made.id)
        assert (stored.agent, stored.started, stored.ended) == ("service:x", at, at)
        assert catalog.version(data.id).created == at

    def test_numbers_that_json_lacks_are_kept(self, catalog: Catalog) -> None:
        numbers = {"nan": math.nan, "up": math.inf, "down": -math.inf, "tiny": 5e-324}
        made = run(metrics=numbers)
        catalog.commit(Commit(runs=(made,)))
        read = catalog.run(made.id).metrics
        assert math.isnan(read.pop("nan"))
        assert read == {"up": math.inf, "down": -math.inf, "tiny": 5e-324}

    def test_an_empty_commit_changes_nothing(self, catalog: Catalog) -> None:
        first = catalog.commit(Commit(versions=(version("a"),)))
        again = catalog.commit(Commit(agent="user:x", message="nothing"))
        assert again.seq == first.seq == catalog.last_event() == 1

    @pytest.mark.parametrize("broken", range(5))
    def test_a_commit_that_fails_leaves_no_trace(self, catalog: Catalog, broken: int) -> None:
        known, fresh, other = version("known"), version("fresh"), run()
        catalog.commit(Commit(versions=(known,), moves=(move(known),)))
        faults: tuple[dict[str, Any], ...] = (
            {"moves": (move(fresh, "v1"), move(fresh, expect=None))},
            {"moves": (move(fresh, "v1"), move(version("unknown"), "v2"))},
            {"edges": (used(other, fresh), used(other, version("unknown")))},
            {"edges": (used(other, fresh), used(run(), fresh))},
            {"advances": (Advance(name="c", seq=1, expect=0), Advance(name="d", seq=1, expect=7))},
        )
        whole: dict[str, Any] = {
            "versions": (fresh,),
            "runs": (other,),
            "jobs": (job(),),
            "notes": (Note(kind="n", subject="s"),),
        }
        before = _everything(catalog)
        with pytest.raises((Conflict, NotFound)):
            catalog.commit(Commit(**{**whole, **faults[broken]}))
        assert _everything(catalog) == before

    def test_events_are_derived_from_every_part(self, catalog: Catalog) -> None:
        data, going = version("a"), run(status="running", name="r")
        catalog.commit(
            Commit(
                versions=(data,),
                runs=(going,),
                edges=(used(going, data),),
                moves=(move(data),),
                jobs=(job(name="j"),),
                notes=(Note(kind="my.note", subject="me"),),
                message="why",
                agent="user:x",
            )
        )
        catalog.commit(Commit(runs=(replace(going, status="failed", outcome="worse"),)))
        events = catalog.events()
        assert [(event.seq, event.kind, event.subject) for event in events] == [
            (1, "version.added", "dataset/digits"),
            (2, "run.started", "train/r"),
            (3, "ref.moved", "dataset/digits@main"),
            (4, "job.queued", "flow/j"),
            (5, "my.note", "me"),
            (6, "run.ended", "train/r"),
        ]
        assert events[0].data == {"version": data.id}
        assert events[1].data == {"run": going.id, "status": "running", "outcome": ""}
        assert events[2].data == {"old": None, "new": data.id, "message": "why"}
        assert events[5].data == {"run": going.id, "status": "failed", "outcome": "worse"}
        assert {event.agent for event in events} == {"user:x"}

    def test_a_run_that_comes_ended_starts_and_ends(self, catalog: Catalog) -> None:
        catalog.commit(Commit(runs=(run(),)))
        assert kinds(catalog.events()) == ["run.started", "run.ended"]

    def test_a_known_version_is_left_alone(self, catalog: Catalog) -> None:
        first = version("a", created=1.0)
        catalog.commit(Commit(versions=(first, replace(first, name="other"))))
        catalog.commit(Commit(versions=(replace(first, name="third", created=2.0),)))
        assert catalog.version(first.id) == first
        assert kinds(catalog.events()) == ["version.added"]

    @pytest.mark.parametrize(
        "commit",
        [
            Commit(versions=(version("a", id=Digest("sha256:short")),)),
            Commit(versions=(version("a", kind="a/b"),)),
            Commit(versions=(version("a", kind=""),)),
            Commit(moves=(move(None, tag="a@b"),)),
            Commit(moves=(move(None, tag=""),)),
            Commit(moves=(move(None, name="a@b"),)),
            Commit(moves=(move(None, kind="a/b"),)),
            Commit(moves=(move(None, name="new\nline"),)),
            Commit(moves=(move(None, name="x" * 501),)),
            Commit(runs=(run(kind=""),)),
            Commit(runs=(run(status="running", ended=1.0),)),
            Commit(runs=(run(name="nul\0"),)),
            Commit(jobs=(job(state="done"),)),
            Commit(jobs=(job(max_attempts=0),)),
            Commit(notes=(Note(kind="", subject="x"),)),
        ],
    )
    def test_values_that_cannot_be_are_refused(self, catalog: Catalog, commit: Commit) -> None:
        with pytest.raises(Invalid):
            catalog.commit(commit)
        assert catalog.last_event() == 0

    def test_a_whole_catalogue_has_no_faults(self, catalog: Catalog) -> None:
        data, made = version("a"), run()
        catalog.commit(
            Commit(
                versions=(data,),
                runs=(made, run(status="running")),
                edges=(used(made, data),),
                moves=(move(data), move(data, "v1")),
                jobs=(job(), job()),
            )
        )
        catalog.commit(Commit(moves=(move(None),), advances=(Advance(name="c", seq=3, expect=0),)))
        assert catalog.lease("flow", worker="w") is not None
        assert catalog.check() == []


class RefSuite(CatalogBase):
    """Refs move by compare-and-set, and their log tells."""

    def test_a_move_is_checked_against_what_it_expects(self, catalog: Catalog) -> None:
        one, two = version(1), version(2)
        catalog.commit(Commit(versions=(one, two), moves=(move(one, expect=None),)))
        for expect in (None, two.id):
            with pytest.raises(Conflict, match="dataset/digits@main"):
                catalog.commit(Commit(moves=(move(two, expect=expect),)))
        catalog.commit(Commit(moves=(move(two, expect=one.id),)))
        assert catalog.ref("dataset", "digits", "main").target == two.id
        with pytest.raises(Conflict):
            catalog.commit(Commit(moves=(move(one, "other", expect=two.id),)))

    def test_a_move_to_the_same_version_is_no_event(self, catalog: Catalog) -> None:
        one = version(1)
        catalog.commit(Commit(versions=(one,), moves=(move(one),)))
        catalog.commit(Commit(moves=(move(one), move(one, expect=one.id), move(None, "gone"))))
        assert kinds(catalog.events()) == ["version.added", "ref.moved"]
        assert len(catalog.history("dataset", "digits")) == 1

    def test_moves_of_one_commit_see_each_other(self, catalog: Catalog) -> None:
        one, two = version(1), version(2)
        moves = (move(one, expect=None), move(two, expect=one.id), move(None, expect=two.id))
        catalog.commit(Commit(versions=(one, two), moves=(*moves, move(one, expect=None))))
        assert catalog.ref("dataset", "digits", "main").target == one.id
        assert [row.new for row in catalog.history("dataset", "digits")] == [
            one.id,
            None,
            two.id,
            one.id,
        ]

    def test_a_removed_ref_is_gone_and_its_log_stays(self, catalog: Catalog) -> None:
        one = version(1)
        catalog.commit(Commit(versions=(one,), moves=(move(one),)))
        catalog.commit(Commit(moves=(move(None, expect=one.id),), message="old"))
        with pytest.raises(NotFound):
            catalog.ref("dataset", "digits", "main")
        newest, oldest = catalog.history("dataset", "digits", "main")
        assert (newest.old, newest.new, newest.message) == (one.id, None, "old")
        assert newest.seq > oldest.seq
        assert catalog.check() == []

    def test_a_missing_ref_names_those_that_exist(self, catalog: Catalog) -> None:
        with pytest.raises(NotFound) as nothing:
            catalog.ref("dataset", "digits", "main")
        assert "no dataset" in nothing.value.hint
        one = version(1)
        catalog.commit(Commit(versions=(one,), moves=(move(one), move(one, "v1"))))
        with pytest.raises(NotFound) as tag:
            catalog.ref("dataset", "digits", "v2")
        assert tag.value.hint == "known: digits@main, digits@v1"
        with pytest.raises(NotFound) as name:
            catalog.ref("dataset", "letters", "main")
        assert "digits@main" in name.value.hint

    def test_refs_are_listed_in_order_of_code_points(self, catalog: Catalog) -> None:
        one = version(1)
        names = ["b", "a", "B", "é", "z", "_", "a b", "Ä", "10", "9", "水", "\U0001f600", "｡"]
        moves = tuple(move(one, name=name) for name in names)
        catalog.commit(Commit(versions=(one,), moves=moves))
        assert [ref.name for ref in catalog.refs()] == sorted(names)

    def test_refs_are_filtered_and_paged(self, catalog: Catalog) -> None:
        one = version(1)
        moves = [
            move(one, kind=kind, name=name, tag=tag)
            for kind in ("dataset", "model")
            for name in ("a", "b")
            for tag in ("1", "2", "3")
        ]
        catalog.commit(Commit(versions=(one,), moves=tuple(moves)))
        keys = [(ref.kind, ref.name, ref.tag) for ref in catalog.refs()]
        assert keys == sorted((item.kind, item.name, item.tag) for item in moves)
        paged: list[tuple[str, str, str]] = []
        while page := catalog.refs(after=paged[-1] if paged else None, limit=5):
            paged += [(ref.kind, ref.name, ref.tag) for ref in page]
        assert paged == keys
        assert len(catalog.refs("model")) == 6
        assert len(catalog.refs("model", "a")) == 3
        assert len(catalog.refs(name="b", tag="3")) == 2
        assert len(catalog.refs("model", "a", after=("model", "a", "1"))) == 2
        assert catalog.refs("none") == []

    def test_refs_are_found_by_their_target(self, catalog: Catalog) -> None:
        one, two, three = version(1), version(2), version(3)
        moves = (move(one), move(one, "v1"), move(two, "v2"), move(three, "v3"))
        catalog.commit(Commit(versions=(one, two, three), moves=moves))
        found = catalog.refs_to([one.id, two.id, version("unknown").id])
        assert [ref.tag for ref in found] == ["main", "v1", "v2"]
        assert catalog.refs_to([]) == []

    def test_history_is_filtered_and_limited(self, catalog: Catalog) -> None:
        versions = tuple(version(number) for number in range(5))
        catalog.commit(Commit(versions=versions))
        for number, item in enumerate(versions, start=1):
            catalog.commit(Commit(moves=(move(item), move(item, f"v{number}"))))
        assert len(catalog.history("dataset", "digits")) == 10
        mains = catalog.history("dataset", "digits", "main", limit=2)
        assert [row.new for row in mains] == [versions[4].id, versions[3].id]
        assert [row.old for row in mains] == [versions[3].id, versions[2].id]
        assert catalog.history("dataset", "other") == []


class RunSuite(CatalogBase):
    """Versions and runs: lists, changes, ends."""

    def test_versions_are_listed_newest_first_and_paged(self, catalog: Catalog) -> None:
        versions = [version(number, created=float(number // 3 + 1)) for number in range(10)]
        catalog.commit(Commit(versions=tuple(versions)))
        expected = sorted(versions, key=lambda item: (item.created, item.id), reverse=True)
        assert catalog.versions() == expected
        paged: list[Version] = []
        while page := catalog.versions(
            before=(paged[-1].created, paged[-1].id) if paged else None, limit=4
        ):
            paged += page
        assert paged == expected
        assert sorted(catalog.all_versions()) == sorted(item.id for item in versions)

    def test_versions_are_filtered(self, catalog: Catalog) -> None:
        items = (version(1), version(2, name="other"), version(3, kind="model"))
        catalog.commit(Commit(versions=items))
        assert {item.id for item in catalog.versions("dataset")} == {items[0].id, items[1].id}
        assert [item.id for item in catalog.versions("dataset", "other")] == [items[1].id]
        with pytest.raises(NotFound):
            catalog.version(version("unknown").id)

    def test_a_run_is_found_by_a_prefix_that_is_unique(self, catalog: Catalog) -> None:
        one, two = run(id=RunId("abcdefgh1")), run(id=RunId("abcdefgh2"))
        catalog.commit(Commit(runs=(one, two)))
        assert catalog.run(RunId("abcdefgh1")).id == one.id
        with pytest.raises(CauceError, match="several"):
            catalog.run(RunId("abcdefgh"))
        catalog.commit(Commit(runs=(run(id=RunId("zzzzzzz9")),)))
        assert catalog.run(RunId("zzzzzz")).id == "zzzzzzz9"
        for text in ("zzzzz", "zzzzzz%", "zzzzz_", "", AWKWARD):
            with pytest.raises(NotFound):
                catalog.run(RunId(text))

    def test_a_running_run_changes_until_it_ends(self, catalog: Catalog) -> None:
        going = run(status="running", started=5.0, agent="user:x")
        catalog.commit(Commit(runs=(going,)))
        changed = replace(going, params={"a": 1}, metrics={"loss": 0.5}, name="n")
        catalog.commit(Commit(runs=(changed,)))
        assert catalog.run(going.id) == changed
        done = replace(changed, status="finished", ended=9.0, outcome="better")
        catalog.commit(Commit(runs=(done,)))
        assert catalog.run(going.id) == done
        assert kinds(catalog.events()) == ["run.started", "run.ended"]

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "running", "ended": None},
            {"status": "failed"},
            {"params": {"lr": 2}},
            {"outcome": "better"},
            {"kind": "other"},
            {"ended": 99.0},
            {"error": "no"},
        ],
    )
    def test_a_run_that_ended_stays_as_it_is(
        self, catalog: Catalog, change: dict[str, Any]
    ) -> None:
        done = run(started=1.0, ended=2.0, agent="user:x", params={"lr": 1})
        catalog.commit(Commit(runs=(done,)))
        with pytest.raises(Conflict):
            catalog.commit(Commit(runs=(replace(done, **change),)))
        assert catalog.run(done.id) == done

    def test_tags_of_a_run_that_ended_may_change(self, catalog: Catalog) -> None:
        done = run(started=1.0, ended=2.0, agent="user:x", metrics={"loss": math.nan})
        catalog.commit(Commit(runs=(done,)))
        catalog.commit(Commit(runs=(replace(done, tags={"note": "good"}),), agent="user:y"))
        stored = catalog.run(done.id)
        assert (stored.tags, stored.agent, stored.ended) == ({"note": "good"}, "user:x", 2.0)
        assert kinds(catalog.events()) == ["run.started", "run.ended"]

    def test_runs_are_filtered_counted_and_paged(self, catalog: Catalog) -> None:
        runs = [
            run(
                kind="train" if number % 2 else "drift",
                name=f"n{number % 3}",
                status="failed" if number % 5 == 0 else "finished",
                group="g" if number < 6 else "",
                parent=RunId("p") if number == 7 else None,
                outcome="drifted" if number % 4 == 0 else "",
                started=float(number // 2 + 1),
            )
            for number in range(12)
        ]
        catalog.commit(Commit(runs=tuple(runs)))
        expected = sorted(runs, key=lambda item: (item.started, item.id), reverse=True)
        paged: list[Run] = []
        while page := catalog.runs(
            before=(paged[-1].started, paged[-1].id) if paged else None, limit=5
        ):
            paged += page
        assert [item.id for item in paged] == [item.id for item in expected]
        filters: list[dict[str, Any]] = [
            {"kind": "train"},
            {"name": "n1"},
            {"status": "failed"},
            {"group": "g"},
            {"group": ""},
            {"parent": RunId("p")},
            {"outcome": "drifted"},
            {"kind": "drift", "status": "finished", "outcome": "drifted"},
        ]
        for wanted in filters:
            ids = [
                item.id
                for item in expected
                if all(getattr(item, name) == value for name, value in wanted.items())
            ]
            assert [item.id for item in catalog.runs(**wanted)] == ids
        assert catalog.count_runs() == 12
        assert catalog.count_runs("train") == 6
        assert catalog.count_runs("drift", status="failed") == 2

    def test_edges_keep_their_order_and_come_once(self, catalog: Catalog) -> None:
        made, items = run(), tuple(version(number) for number in range(4))
        edges = [used(made, items[number], "r") for number in (2, 0, 3)]
        catalog.commit(Commit(versions=items, runs=(made,), edges=tuple(edges)))
        last = [generated(made, items[1]), used(made, items[2], "other role")]
        catalog.commit(Commit(edges=(*last, *edges)))
        assert catalog.edges(run=made.id) == [*edges, *last]
        assert catalog.edges(run=made.id, limit=2) == edges[:2]
        assert catalog.edges(version=items[2].id) == [edges[0], last[1]]
        assert catalog.edges(run=made.id, version=items[1].id) == [last[0]]
        assert catalog.edges(run=RunId("unknown")) == []
        with pytest.raises(Invalid):
            catalog.edges()


class LineageSuite(CatalogBase):
    """Lineage up and down."""

    def test_a_chain_is_followed_both_ways(self, catalog: Catalog) -> None:
        data, model = version("d"), version("m", kind="model")
        add, train = run(kind="add", agent="user:a"), run(outcome="better")
        catalog.commit(
            Commit(
                versions=(data, model),
                runs=(add, train),
                edges=(generated(add, data), used(train, data, "train"), generated(train, model)),
                moves=(move(data), move(data, "v1"), move(model, "1", kind="model")),
            )
        )
        up = catalog.lineage(model.id)
        assert [(node.id, node.depth) for node in up.nodes] == [
            (model.id, 0),
            (train.id, -1),
            (data.id, -2),
            (add.id, -3),
        ]
        assert up.nodes[2].refs == ("digits@main", "digits@v1")
        assert (up.nodes[1].type, up.nodes[1].outcome) == ("run", "better")
        assert up.nodes[3].agent == "user:a"
        assert set(up.edges) == {
            generated(add, data),
            used(train, data, "train"),
            generated(train, model),
        }
        assert (up.start, up.truncated) == (model.id, False)
        down = catalog.lineage(add.id, direction="down")
        assert [node.depth for node in down.nodes] == [0, 1, 2, 3]
        both = catalog.lineage(data.id, direction="both")
        assert [(node.id, node.depth) for node in both.nodes] == [
            (data.id, 0),
            (add.id, -1),
            (train.id, 1),
            (model.id, 2),
        ]
        assert len(both.edges) == 3

    def test_diamonds_and_cycles_are_walked_once(self, catalog: Catalog) -> None:
        items = tuple(version(number) for number in range(40))
        runs = tuple(run() for _ in items)
        edges = []
        for index, step in enumerate(runs):
            edges.append(generated(step, items[index]))
            edges += [used(step, items[(index - back) % 40]) for back in (0, 1, 2)]
        catalog.commit(Commit(versions=items, runs=runs, edges=tuple(edges)))
        for direction in ("up", "down", "both"):
            graph = catalog.lineage(items[0].id, direction=direction)
            assert len({node.id for node in graph.nodes}) == len(graph.nodes) == 80
            assert set(graph.edges) == set(edges)
            assert not graph.truncated

    def test_a_limit_keeps_the_nearest(self, catalog: Catalog) -> None:
        root, step = version("root"), run()
        fans = tuple(run() for _ in range(30))
        far = tuple(version(number) for number in range(30))
        edges = [generated(step, root)]
        edges += [used(fan, root) for fan in fans]
        edges += [generated(fan, item) for fan, item in zip(fans, far, strict=True)]
        catalog.commit(Commit(versions=(root, *far), runs=(step, *fans), edges=tuple(edges)))
        graph = catalog.lineage(root.id, direction="down", limit=31)
        assert graph.truncated
        assert [node.depth for node in graph.nodes] == [0, *([1] * 30)]
        ids = {node.id for node in graph.nodes}
        assert all(edge.run in ids and edge.version in ids for edge in graph.edges)
        assert len(graph.edges) == 30
        whole = catalog.lineage(root.id, direction="down", limit=61)
        assert (len(whole.nodes), whole.truncated) == (61, False)
        around = catalog.lineage(root.id, direction="both", limit=10)
        assert len(around.nodes) == 10
        assert max(abs(node.depth) for node in around.nodes) == 1
        assert catalog.lineage(root.id, limit=1).nodes[0].id == root.id

    def test_a_long_chain_is_followed_to_its_end(self, catalog: Catalog) -> None:
        items = tuple(version(number) for number in range(150))
        runs = tuple(run() for _ in items)
        edges: list[Edge] = []
        for index, step in enumerate(runs):
            edges.append(generated(step, items[index]))
            if index:
                edges.append(used(step, items[index - 1]))
        catalog.commit(Commit(versions=items, runs=runs, edges=tuple(edges)))
        graph = catalog.lineage(items[-1].id)
        assert [node.depth for node in graph.nodes] == [-depth for depth in range(300)]

    def test_a_start_that_is_not_known_is_an_error(self, catalog: Catalog) -> None:
        for start in (version("unknown").id, "nothing", ""):
            with pytest.raises(NotFound):
                catalog.lineage(start)
        made = run()
        catalog.commit(Commit(runs=(made,)))
        assert [node.id for node in catalog.lineage(made.id, direction="both").nodes] == [made.id]
        with pytest.raises(Invalid):
            catalog.lineage(made.id, direction="sideways")
        with pytest.raises(Invalid):
            catalog.lineage(made.id, limit=0)


class EventSuite(CatalogBase):
    """Events are read by number, and cursors go forward."""

    def test_events_are_filtered_and_paged(self, catalog: Catalog) -> None:
        for number in range(6):
            notes = (
                Note(kind="a", subject="x", data={"n": number}),
                Note(kind="b", subject="y" if number % 2 else "x"),
            )
            catalog.commit(Commit(notes=notes))
        assert [event.seq for event in catalog.events()] == list(range(1, 13))
        assert [event.seq for event in catalog.events(3, limit=4)] == [4, 5, 6, 7]
        assert [event.seq for event in catalog.events(newest=True, limit=3)] == [12, 11, 10]
        assert [event.data["n"] for event in catalog.events(kinds=["a"])] == list(range(6))
        assert len(catalog.events(kinds=["a", "b", "c"])) == 12
        assert len(catalog.events(subject="y")) == 3
        assert [event.seq for event in catalog.events(8, kinds=["b"], subject="x")] == [10]
        assert catalog.events(12) == []
        assert catalog.events(10**15) == []

    def test_a_cursor_goes_forward_from_where_it_stands(self, catalog: Catalog) -> None:
        assert catalog.cursor("c") == 0
        catalog.commit(Commit(notes=tuple(Note(kind="n", subject="s") for _ in range(5))))
        catalog.commit(Commit(advances=(Advance(name="c", seq=3, expect=0),)))
        assert catalog.cursor("c") == 3
        with pytest.raises(Conflict):
            catalog.commit(Commit(advances=(Advance(name="c", seq=4, expect=0),)))
        for seq in (2, 6):
            with pytest.raises(Invalid):
                catalog.commit(Commit(advances=(Advance(name="c", seq=seq, expect=3),)))
        catalog.commit(Commit(advances=(Advance(name="c", seq=5, expect=3),)))
        assert (catalog.cursor("c"), catalog.cursor("d")) == (5, 0)


class JobSuite(CatalogBase):
    """Jobs are queued once, leased by one, settled once."""

    def test_a_key_has_one_unsettled_job(self, catalog: Catalog) -> None:
        first = job(key="k")
        catalog.commit(Commit(jobs=(first, job(key="k"))))
        catalog.commit(Commit(jobs=(job(key="k"), job(key="other"), job(), job())))
        assert len(catalog.jobs()) == 4
        assert kinds(catalog.events()) == ["job.queued"] * 4
        leased = catalog.lease("flow", worker="w")
        assert leased is not None
        assert leased.id == first.id
        catalog.commit(Commit(jobs=(job(key="k"),)))
        assert len(catalog.jobs()) == 4
        catalog.settle(first.id, worker="w", state="done")
        catalog.commit(Commit(jobs=(job(key="k"),)))
        assert len(catalog.jobs()) == 5

    def test_an_id_is_queued_once(self, catalog: Catalog) -> None:
        item = job()
        catalog.commit(Commit(jobs=(item,)))
        catalog.commit(Commit(jobs=(item,)))
        assert len(catalog.jobs()) == 1
        assert kinds(catalog.events()) == ["job.queued"]

    def test_the_oldest_due_job_is_leased(self, catalog: Catalog) -> None:
        later, early = job(created=20.0), job(created=10.0)
        future = job(created=1.0, run_after=4e9)
        catalog.commit(Commit(jobs=(later, future, early, job(kind="other", created=0.5))))
        taken = [catalog.lease("flow", worker=f"w{number}") for number in range(3)]
        assert [item.id if item else None for item in taken] == [early.id, later.id, None]
        assert taken[0] is not None
        assert (taken[0].state, taken[0].attempts, taken[0].worker) == ("running", 1, "w0")
        assert taken[0].lease_until is not None
        assert catalog.job(early.id) == taken[0]

    def test_a_lease_that_ran_out_is_taken_by_another(self, catalog: Catalog) -> None:
        item = job(max_attempts=2)
        catalog.commit(Commit(jobs=(item,)))
        assert catalog.lease("flow", worker="one", seconds=-1.0) is not None
        again = catalog.lease("flow", worker="two", seconds=-1.0)
        assert again is not None
        assert (again.id, again.attempts, again.worker) == (item.id, 2, "two")
        with pytest.raises(Conflict):
            catalog.extend(item.id, worker="one")
        with pytest.raises(Conflict):
            catalog.settle(item.id, worker="one", state="done")
        assert catalog.lease("flow", worker="three") is None
        failed = catalog.job(item.id)
        assert (failed.state, failed.attempts, failed.lease_until) == ("failed", 2, None)
        assert "two" in failed.error
        assert kinds(catalog.events()) == ["job.queued", "job.ended"]

    def test_a_lease_that_is_kept_alive_is_not_taken(self, catalog: Catalog) -> None:
        item = job()
        catalog.commit(Commit(jobs=(item,)))
        catalog.lease("flow", worker="one", seconds=-1.0)
        catalog.extend(item.id, worker="one", seconds=60.0)
        assert catalog.lease("flow", worker="two") is None
        catalog.settle(item.id, worker="one", state="done", result={"x": [1]})
        done = catalog.job(item.id)
        assert (done.state, done.result, done.lease_until) == ("done", {"x": [1]}, None)
        assert catalog.events()[-1].data == {"job": item.id, "state": "done"}
        for call in (catalog.extend, _finish(catalog)):
            with pytest.raises(Conflict):
                call(item.id, worker="one")

    def test_a_failure_waits_twice_as_long_each_time(self, catalog: Catalog) -> None:
        item = job(max_attempts=3)
        catalog.commit(Commit(jobs=(item,)))
        at = catalog.commit(Commit()).at
        catalog.lease("flow", worker="w")
        catalog.settle(item.id, worker="w", state="failed", error="no luck")
        waiting = catalog.job(item.id)
        assert (waiting.state, waiting.error, waiting.attempts) == ("queued", "no luck", 1)
        assert at + 2 <= waiting.run_after <= at + 60
        assert catalog.lease("flow", worker="w") is None

    def test_the_last_failure_ends_a_job(self, catalog: Catalog) -> None:
        item = job(max_attempts=1)
        catalog.commit(Commit(jobs=(item,)))
        catalog.lease("flow", worker="w")
        catalog.settle(item.id, worker="w", state="failed", error="no luck", result={"code": 6})
        failed = catalog.job(item.id)
        assert (failed.state, failed.error, failed.result) == ("failed", "no luck", {"code": 6})
        assert catalog.events()[-1].data["state"] == "failed"

    def test_a_job_given_back_is_due_again(self, catalog: Catalog) -> None:
        item = job(max_attempts=1)
        catalog.commit(Commit(jobs=(item,)))
        for _ in range(3):
            assert catalog.lease("flow", worker="w") is not None
            catalog.settle(item.id, worker="w", state="queued")
        assert (catalog.job(item.id).state, catalog.job(item.id).attempts) == ("queued", 0)

    def test_a_job_is_cancelled_by_anybody(self, catalog: Catalog) -> None:
        waiting, running = job(created=2.0), job(created=1.0)
        catalog.commit(Commit(jobs=(waiting, running)))
        catalog.lease("flow", worker="w")
        for item in (waiting, running):
            catalog.settle(item.id, worker="person", state="cancelled", error="why")
            assert catalog.job(item.id).state == "cancelled"
            with pytest.raises(Conflict):
                catalog.settle(item.id, worker="person", state="cancelled")
        with pytest.raises(Conflict):
            catalog.extend(running.id, worker="w")
        assert catalog.lease("flow", worker="w") is None
        assert catalog.check() == []

    def test_jobs_are_filtered_and_paged(self, catalog: Catalog) -> None:
        jobs = [job(name=f"n{number % 2}", created=float(number + 1)) for number in range(5)]
        catalog.commit(Commit(jobs=(*jobs, job(kind="other", created=99.0))))
        ids = [item.id for item in reversed(jobs)]
        assert [item.id for item in catalog.jobs("flow")] == ids
        assert [item.id for item in catalog.jobs("flow", limit=2)] == ids[:2]
        before = (jobs[3].created, jobs[3].id)
        assert [item.id for item in catalog.jobs("flow", before=before)] == ids[2:]
        assert len(catalog.jobs(name="n0")) == 3
        catalog.lease("flow", worker="w")
        assert [item.id for item in catalog.jobs(state="running")] == [jobs[0].id]

    def test_a_job_that_is_not_known_or_not_settled_is_an_error(self, catalog: Catalog) -> None:
        item = job()
        catalog.commit(Commit(jobs=(item,)))
        for call in (catalog.extend, _finish(catalog)):
            with pytest.raises(NotFound):
                call("unknown", worker="w")
            with pytest.raises(Conflict):
                call(item.id, worker="w")
        with pytest.raises(NotFound):
            catalog.job("unknown")
        with pytest.raises(Invalid):
            catalog.settle(item.id, worker="w", state="running")


class RaceSuite(CatalogBase):
    """Many writers at once, each with a catalogue of its own."""

    def test_one_of_many_moves_from_the_same_version_wins(
        self, catalog: Catalog, open_catalog: Open
    ) -> None:
        items = [version(number) for number in range(8)]
        catalog.commit(Commit(versions=tuple(items)))

        def attempt(own: Catalog, number: int) -> str:
            try:
                own.commit(Commit(moves=(move(items[number], expect=None),)))
            except Conflict:
                return "lost"
            return "won"

        assert sorted(_race(open_catalog, 8, attempt)) == ["lost"] * 7 + ["won"]
        assert len(catalog.history("dataset", "digits")) == 1

    def test_retried_moves_are_all_made_and_events_have_no_gaps(
        self, catalog: Catalog, open_catalog: Open
    ) -> None:
        items = [version(number) for number in range(24)]
        catalog.commit(Commit(versions=tuple(items), moves=(move(items[0]),)))

        def climb(own: Catalog, number: int) -> int:
            tries = 0
            for item in items[1 + number * 5 : 6 + number * 5]:
                while True:
                    tries += 1
                    old = own.ref("dataset", "digits", "main").target
                    try:
                        own.commit(Commit(moves=(move(item, expect=old),)))
                    except Conflict:
                        continue
                    break
            return tries

        _race(open_catalog, 4, climb)
        log = catalog.history("dataset", "digits", "main")
        assert len(log) == 21
        assert all(newer.old == older.new for newer, older in pairwise(log))
        numbers = [event.seq for event in catalog.events(limit=1000)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert catalog.check() == []

    def test_each_job_goes_to_one_worker(self, catalog: Catalog, open_catalog: Open) -> None:
        jobs = tuple(job() for _ in range(20))
        catalog.commit(Commit(jobs=jobs))

        def work(own: Catalog, number: int) -> list[str]:
            taken = []
            while found := own.lease("flow", worker=f"w{number}"):
                taken.append(found.id)
                own.settle(found.id, worker=f"w{number}", state="done")
            return taken

        taken = [id for part in _race(open_catalog, 4, work) for id in part]
        assert sorted(taken) == sorted(item.id for item in jobs)

    def test_a_catalogue_is_shared_by_threads(self, catalog: Catalog) -> None:
        def write(own: Catalog, number: int) -> int:
            for step in range(10):
                own.commit(Commit(notes=(Note(kind="n", subject=f"{number}/{step}"),)))
            return len(own.events(limit=1000))

        seen = _race(lambda: catalog, 6, write, close=False)
        assert all(count >= 10 for count in seen)
        assert len({event.subject for event in catalog.events(limit=1000)}) == 60


class CatalogSuite(CommitSuite, RefSuite, RunSuite, LineageSuite, EventSuite, JobSuite, RaceSuite):
    """Tests that a catalogue passes, whatever it is made of."""


def _everything(catalog: Catalog) -> list[Any]:
    return [
        catalog.refs(),
        catalog.versions(),
        catalog.runs(),
        catalog.jobs(),
        catalog.events(),
        catalog.history("dataset", "digits"),
        catalog.cursor("c"),
        [catalog.edges(version=item.id) for item in catalog.versions()],
    ]


def _finish(catalog: Catalog) -> Callable[..., None]:
    def finish(id: str, *, worker: str) -> None:
        catalog.settle(id, worker=worker, state="done")

    return finish


def _race(
    open_catalog: Open, count: int, task: Callable[[Catalog, int], Any], *, close: bool = True
) -> list[Any]:
    """Run a task in many threads that start together; give the results, raise the first error."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count
    errors: list[BaseException] = []

    def body(number: int) -> None:
        own = open_catalog()
        try:
            barrier.wait(timeout=30)
            results[number] = task(own, number)
        except BaseException as error:
            errors.append(error)
            barrier.abort()
        finally:
            if close:
                own.close()

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
