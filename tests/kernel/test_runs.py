"""Runs: found by what people call them, and written down when they are done."""

import pytest

from cauce.errors import NotFound
from cauce.kernel import ids, runs
from cauce.kernel.entities import Commit, Manifest, Run, RunId


def put(ws, name, *, kind="train", status="finished", started=1.0):
    run = Run(id=RunId(ids.new_id()), kind=kind, name=name, status=status, started=started)
    ws.catalog.commit(Commit(runs=(run,)))
    return run.id


def test_a_name_means_a_training_run_first(ws):
    trained = put(ws, "digits", started=1)
    put(ws, "digits", kind="merge", started=2)
    assert runs.find(ws, "digits").id == trained


def test_other_kinds_are_found_by_name_and_id_too(ws):
    merged = put(ws, "digits", kind="merge")
    assert runs.find(ws, "digits").id == merged
    assert runs.find(ws, merged[:20]).id == merged


def test_latest_is_the_newest_training_run(ws):
    done = put(ws, "one", started=1)
    going = put(ws, "two", status="running", started=2)
    put(ws, "three", kind="add", started=3)
    assert runs.find(ws, "latest").id == going
    assert runs.find(ws, "latest", finished=True).id == done


@pytest.mark.parametrize("spec", ["latest", "nobody", "", "01m8"])
def test_what_is_not_there_is_not_found(ws, spec):
    with pytest.raises(NotFound):
        runs.find(ws, spec)


def test_the_hint_names_the_newest_runs(ws):
    put(ws, "known")
    with pytest.raises(NotFound) as caught:
        runs.find(ws, "unknown")
    assert "known" in caught.value.hint


def test_what_is_done_comes_with_what_it_used_and_generated(ws):
    used = ws.put_manifest(Manifest(kind="dataset", entries=()), "digits")
    made = ws.put_manifest(Manifest(kind="report", entries=()), "digits")
    ws.catalog.commit(Commit(versions=(used,)))
    run = Run(id=runs.new_id(), kind="evaluation", name="digits", started=1.0)
    commit = runs.done(ws, run, used=[(used.id, "data")], generated=[(made, "report")])
    ws.catalog.commit(commit)
    found = ws.catalog.run(run.id)
    assert (found.status, found.agent, found.started) == ("finished", "user:test", 1.0)
    assert abs(found.ended - ws.now()) < 60
    edges = [(edge.direction, edge.version, edge.role) for edge in ws.catalog.edges(run=run.id)]
    assert edges == [("used", used.id, "data"), ("generated", made.id, "report")]


def test_a_run_that_others_did_keeps_their_names(ws):
    run = Run(id=runs.new_id(), kind="labelling", agent="ana, ben", started=1.0)
    commit = runs.done(ws, run)
    assert (commit.runs[0].agent, commit.agent) == ("ana, ben", "user:test")
