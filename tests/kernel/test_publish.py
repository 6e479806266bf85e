import threading

import pytest

from cauce.errors import Conflict, NotFound
from cauce.kernel import ids, publish
from cauce.kernel.entities import Commit, Edge, Manifest, Move, Run, RunId
from cauce.kernel.workspace import open_local


def row(ws, text, name="cats"):
    return ws.put_manifest(Manifest(kind="dataset", labels={"text": text}), name)


def give(ws, text, **changes):
    options = {"prefix": "v", "aliases": ("main",), **changes}
    return publish.publish(ws, row(ws, text), Commit(), **options)


def test_versions_are_numbered_from_one(ws):
    assert [give(ws, text).tag for text in "abc"] == ["v1", "v2", "v3"]
    assert ws.find("dataset", "cats") == ws.find("dataset", "cats@v3")
    assert list(publish.numbers(ws, "dataset", "cats", "v")) == [1, 2, 3]


def test_the_same_bytes_keep_their_number_and_take_the_alias_back(ws):
    first = give(ws, "a")
    give(ws, "b")
    again = give(ws, "a")
    assert (again.tag, again.target) == ("v1", first.target)
    assert ws.ref("dataset", "cats@main").target == first.target
    assert list(publish.numbers(ws, "dataset", "cats", "v")) == [1, 2]


def test_publishing_what_is_in_place_still_commits_its_run(ws):
    version = give(ws, "a").target
    run = Run(id=RunId(ids.new_id()), kind="add", status="finished", started=1.0, ended=2.0)
    edge = Edge(run=run.id, direction="generated", version=version)
    publish.publish(ws, row(ws, "a"), Commit(runs=(run,), edges=(edge,)), prefix="v")
    assert ws.catalog.run(run.id).agent == "user:test"
    assert len(ws.catalog.edges(version=version)) == 1


def test_numbers_without_a_prefix_do_not_take_other_tags_for_numbers(ws):
    version = row(ws, "x")
    tags = ("1-int8", "007", "0", "champion", "٣", "9" * 30, "")
    moves = [Move(kind="dataset", name="cats", tag=t, target=version.id) for t in tags if t]
    ws.catalog.commit(Commit(versions=(version,), moves=tuple(moves)))
    assert publish.numbers(ws, "dataset", "cats") == {}
    assert give(ws, "a", prefix="", aliases=()).tag == "1"


def test_the_number_of_a_deleted_version_is_not_given_again(ws):
    give(ws, "a")
    give(ws, "b")
    ws.catalog.commit(Commit(moves=(Move(kind="dataset", name="cats", tag="v2", target=None),)))
    assert give(ws, "c").tag == "v3"


def test_a_number_given_by_hand_is_stepped_over(ws):
    for text in "ab":
        give(ws, text)
    other = row(ws, "by hand")
    by_hand = Move(kind="dataset", name="cats", tag="v9", target=other.id)
    ws.catalog.commit(Commit(versions=(other,), moves=(by_hand,)))
    first = ws.ref("dataset", "cats@v1").target
    for n in range(publish._RECENT):
        target = first if n % 2 else other.id
        moved = Move(kind="dataset", name="cats", tag="v2", target=target)
        ws.catalog.commit(Commit(moves=(moved,)))
    assert publish.numbers(ws, "dataset", "cats", "v").keys() == {1, 2, 9}
    tags = [give(ws, f"more {n}").tag for n in range(8)]
    assert tags == [f"v{n}" for n in (3, 4, 5, 6, 7, 8, 10, 11)]


def test_writers_at_once_each_get_a_number_of_their_own(ws, project):
    tags, errors = [], []

    def write(text):
        try:
            with open_local(project, agent="user:test") as own:
                tags.append(give(own, text).tag)
        except Conflict as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(f"{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(tags) == [f"v{n}" for n in range(1, 7)]
    assert publish.numbers(ws, "dataset", "cats", "v").keys() == set(range(1, 7))


def test_a_conflict_that_stays_is_raised_and_leaves_nothing(ws):
    other = row(ws, "other", "dogs")
    wrong = Move(kind="dataset", name="dogs", tag="main", target=other.id, expect=other.id)
    with pytest.raises(Conflict):
        publish.publish(ws, row(ws, "a"), Commit(versions=(other,), moves=(wrong,)), prefix="v")
    with pytest.raises(NotFound):
        ws.ref("dataset", "cats@v1")
