"""Labelling: who gets which task, what counts as an answer, what is published."""

import json
import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rooms import folders

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import config, digest, workspace
from cauce.kernel.entities import Commit, Entry, Manifest, Move
from cauce.kernel.ids import new_id
from cauce.rooms.label import tasks
from cauce.testing.postgres import PostgresServer, ServerMissingError

ITEMS = {f"unlabelled/{name}.png": name.encode() for name in "abcde"}


@pytest.fixture(scope="module")
def server():
    try:
        found = PostgresServer()
    except ServerMissingError as error:
        pytest.skip(str(error))
    yield found
    found.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ws(request, project):
    """A workspace over each kind of catalogue."""
    found = config.load(project)
    if request.param == "postgres":
        found = found.replace(catalog=request.getfixturevalue("server").schema())
    with workspace.open_local(project, settings=found, agent="user:test") as opened:
        yield opened


@pytest.fixture
def digits(ws):
    """A data set with five items that wait and one that does not."""
    place = folders.write(ws.folder / "digits", {**ITEMS, "train/1/x.png": b"x"})
    return ws.data.add(place)


@pytest.fixture
def project_of(ws, digits):
    """A labelling project over the items that wait."""
    return ws.label.create("unsure", dataset="digits", classes=["1", "2"])


def lapse(ws, task):
    """Let a lease run out, as if ten minutes had gone by."""
    with tasks.tables(ws).transaction() as tx:
        tx.execute("UPDATE label_tasks SET lease_until = ? WHERE id = ?", (tx.at - 1, task.id))


def answer(ws, number, label="1", annotator="ana", seconds=1.5):
    """Take and label so many tasks."""
    done = []
    for _ in range(number):
        task = ws.label.next("unsure", annotator=annotator)
        done.append(ws.label.submit(task.id, label=label, annotator=annotator, seconds=seconds))
    return done


# projects


def test_the_items_below_the_prefix_become_tasks_each_once(ws, digits):
    folders.write(ws.folder / "digits", {"unlabelled/again.png": b"a"})
    ws.data.add(ws.folder / "digits")
    project = ws.label.create("unsure", dataset="digits", classes=["1", "2"])
    found = ws.label.tasks("unsure")
    assert Counter(task.item for task in found) == {
        digest.of(it, "md5"): 1 for it in ITEMS.values()
    }
    assert {task.origin for task in found} == {project.version}
    assert project.dataset == "digits@v2"


def test_a_project_of_a_prefix_without_items_waits_for_samples(ws, digits):
    ws.label.create("field", dataset="digits", classes=["1"], prefix="field/")
    assert ws.label.show("field").counts.waiting == 0
    assert ws.label.next("field") is None


def test_a_second_project_of_one_name_is_a_conflict_and_adds_no_task(ws, project_of):
    with pytest.raises(Conflict, match="there is a labelling project unsure"):
        ws.label.create("unsure", dataset="digits", classes=["3"])
    assert ws.label.show("unsure").classes == ("1", "2")
    assert len(ws.label.tasks("unsure")) == 5


@pytest.mark.parametrize("classes", [[], [""], ["a/b"], ["a", "a"], [".."], ["x\ny"], ["a\\b"]])
def test_classes_that_cannot_name_a_folder_are_refused(ws, digits, classes):
    with pytest.raises(Invalid):
        ws.label.create("unsure", dataset="digits", classes=classes)
    assert ws.label.ls() == []


@pytest.mark.parametrize("name", ["", "a b", "a@b", "../x"])
def test_names_that_no_ref_can_have_are_refused(ws, digits, name):
    with pytest.raises(Invalid):
        ws.label.create(name, dataset="digits", classes=["1"])


def test_an_unknown_project_names_the_known_ones(ws, project_of):
    for call in (ws.label.show, ws.label.next, ws.label.tasks, ws.label.publish):
        with pytest.raises(NotFound) as caught:
            call("sure")
        assert caught.value.hint == "known: unsure"


# leases


def test_nobody_gets_a_task_that_somebody_else_holds(ws, project_of):
    held = [ws.label.next("unsure", annotator=f"a{number}") for number in range(5)]
    assert len({task.id for task in held}) == 5
    assert ws.label.next("unsure", annotator="late") is None
    assert ws.label.show("unsure").counts.leased == 5


def test_who_holds_a_task_gets_it_back(ws, project_of):
    task = ws.label.next("unsure", annotator="ana")
    assert ws.label.next("unsure", annotator="ana").id == task.id
    assert ws.label.next("unsure", annotator="user:ana").id == task.id


def test_a_lease_that_ran_out_waits_again(ws, project_of):
    task = ws.label.next("unsure", annotator="ana")
    lapse(ws, task)
    assert ws.label.show("unsure").counts.waiting == 5
    assert {it.state for it in ws.label.tasks("unsure")} == {"waiting"}
    assert {it.annotator for it in ws.label.tasks("unsure", state="waiting")} == {""}
    assert ws.label.next("unsure", annotator="ben").id == task.id


def test_a_lease_lasts_ten_minutes(ws, project_of):
    before = ws.now()
    task = ws.label.next("unsure")
    assert before + 600 <= task.lease_until <= ws.now() + 600


def test_many_annotators_at_once_never_share_a_task(ws, project_of):
    found = []

    def work(number):
        while task := ws.label.next("unsure", annotator=f"a{number}"):
            found.append(task.id)
            ws.label.submit(task.id, label="1", annotator=f"a{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(task.id for task in ws.label.tasks("unsure"))


# answers


def test_a_label_is_kept_with_who_gave_it_and_how_long_it_took(ws, project_of):
    (task,) = answer(ws, 1, label="2", seconds=2.5)
    assert (task.state, task.label, task.annotator, task.seconds) == ("done", "2", "user:ana", 2.5)
    assert ws.label.show("unsure").labels == {"1": 0, "2": 1}


def test_who_asks_labels_when_no_annotator_is_named(ws, project_of):
    task = ws.label.next("unsure")
    assert ws.label.submit(task.id, label="1").annotator == "user:test"


def test_a_second_label_corrects_the_first_and_both_are_remembered(ws, project_of):
    (task,) = answer(ws, 1, label="1")
    ws.label.submit(task.id, label="2", annotator="ben")
    rows = tasks.tables(ws).query(
        "SELECT label, annotator FROM label_answers WHERE task = ? ORDER BY given, id", (task.id,)
    )
    assert sorted(map(tuple, rows)) == [("1", "user:ana"), ("2", "user:ben")]
    assert ws.label.show("unsure").labels == {"1": 0, "2": 1}


def test_a_label_is_an_event_that_says_what_was_there_before(ws, project_of):
    (task,) = answer(ws, 1, label="1")
    ws.label.submit(task.id, label="2", annotator="ana")
    events = ws.catalog.events(kinds=["label.submitted"])
    assert [(it.data["before"], it.data["label"], it.agent) for it in events] == [
        (None, "1", "user:ana"),
        ("1", "2", "user:ana"),
    ]


def test_a_label_that_is_no_class_is_refused_and_the_lease_stays(ws, project_of):
    task = ws.label.next("unsure", annotator="ana")
    with pytest.raises(Invalid) as caught:
        ws.label.submit(task.id, label="3", annotator="ana")
    assert caught.value.hint == "one of: 1, 2"
    assert ws.label.next("unsure", annotator="ana").id == task.id


def test_a_task_with_somebody_else_cannot_be_labelled(ws, project_of):
    task = ws.label.next("unsure", annotator="ana")
    with pytest.raises(Conflict, match="is with user:ana"):
        ws.label.submit(task.id, label="1", annotator="ben")
    lapse(ws, task)
    assert ws.label.submit(task.id, label="1", annotator="ben").annotator == "user:ben"


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_what_is_no_duration_is_refused(ws, project_of, seconds):
    task = ws.label.next("unsure")
    with pytest.raises(Invalid, match="no duration"):
        ws.label.submit(task.id, label="1", seconds=seconds)


@pytest.mark.parametrize("annotator", ["a,b", "x" * 201, "a\nb"])
def test_names_that_lineage_cannot_tell_apart_are_refused(ws, project_of, annotator):
    with pytest.raises(Invalid, match="cannot be an annotator"):
        ws.label.next("unsure", annotator=annotator)


def test_a_skipped_task_comes_to_nobody_and_is_not_published(ws, project_of):
    task = ws.label.next("unsure", annotator="ana")
    assert ws.label.skip(task.id, reason="too dark").state == "skipped"
    answer(ws, 4)
    assert ws.label.next("unsure", annotator="ana") is None
    assert ws.label.publish("unsure").count == 4


def test_an_unknown_task_is_not_found(ws, project_of):
    for call in (ws.label.skip, lambda id: ws.label.submit(id, label="1")):
        with pytest.raises(NotFound, match="no task"):
            call("01nothing")


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_of_tasks_join_to_the_whole(ws, project_of, limit):
    found, after = [], ""
    while page := ws.label.tasks("unsure", after=after, limit=limit):
        found += page
        after = page[-1].id
    assert found == ws.label.tasks("unsure")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["next", "submit", "skip", "lapse"]),
            st.integers(0, 4),
            st.sampled_from(["ana", "ben"]),
        ),
        max_size=20,
    )
)
def test_any_course_of_work_keeps_every_task_in_exactly_one_state(ws, digits, steps):
    name = f"p{new_id()}"
    ws.label.create(name, dataset="digits", classes=["1"])
    every = ws.label.tasks(name)
    for verb, index, annotator in steps:
        task = every[index]
        try:
            if verb == "next":
                ws.label.next(name, annotator=annotator)
            elif verb == "submit":
                ws.label.submit(task.id, label="1", annotator=annotator)
            elif verb == "skip":
                ws.label.skip(task.id)
            else:
                lapse(ws, task)
        except Conflict:
            pass
        counts = ws.label.show(name).counts
        states = Counter(it.state for it in ws.label.tasks(name))
        assert states == Counter(
            {k: v for k in ("waiting", "leased", "done", "skipped") if (v := getattr(counts, k))}
        )
        assert sum(states.values()) == 5
        for state in states:
            assert len(ws.label.tasks(name, state=state)) == states[state]


# publishing


def labels_of(ws, version):
    tree = ws.manifest(version.id)
    found = next(entry for entry in tree.entries if entry.path == "labels.json")
    return json.loads(ws.objects.get(found.digest))["labels"]


def test_an_annotation_set_holds_the_items_and_what_was_said_of_them(ws, project_of):
    done = answer(ws, 2, label="1") + answer(ws, 1, label="2", annotator="ben")
    version = ws.label.publish("unsure", message="first three")
    assert (version.number, version.count, version.labels) == ("v1", 3, {"1": 2, "2": 1})
    assert version.annotators == ("user:ana", "user:ben")
    rows = {row["item"]: row for row in labels_of(ws, version)}
    assert {it.item: (it.label, it.annotator) for it in done} == {
        item: (row["label"], row["annotator"]) for item, row in rows.items()
    }
    items = [it for it in ws.manifest(version.id).entries if it.path.startswith("items/")]
    assert Counter(it.path.split("/")[1] for it in items) == {"1": 2, "2": 1}
    assert all(ws.objects.has([it.digest]) for it in items)


def test_publishing_without_new_labels_gives_the_same_version_and_no_event(ws, project_of):
    answer(ws, 2)
    first = ws.label.publish("unsure")
    seq = ws.catalog.last_event()
    assert ws.label.publish("unsure") == first
    assert ws.catalog.last_event() == seq
    answer(ws, 1)
    assert ws.label.publish("unsure").number == "v2"


def test_nothing_is_published_before_the_first_label(ws, project_of):
    with pytest.raises(Invalid, match="no label yet"):
        ws.label.publish("unsure")


def test_the_labelling_run_says_who_labelled_and_what_was_used(ws, digits, project_of):
    answer(ws, 2)
    run = ws.catalog.run(ws.label.publish("unsure").run)
    assert (run.kind, run.agent, run.group) == ("labelling", "user:ana", "unsure")
    assert run.metrics == {"labels": 2.0, "seconds": 3.0}
    used = [it for it in ws.catalog.edges(run=run.id) if it.direction == "used"]
    assert [(it.version, it.role) for it in used] == [(digits.id, "items")]
    answer(ws, 1, annotator="ben")
    run = ws.catalog.run(ws.label.publish("unsure").run)
    assert run.agent == "user:ana, user:ben"


def test_lineage_leads_from_merged_data_to_the_annotator(ws, project_of):
    answer(ws, 2)
    labels = ws.label.publish("unsure")
    ws.data.merge("digits", f"unsure@{labels.number}")
    graph = ws.catalog.lineage(ws.ref("dataset", "digits").target)
    nodes = {node.id: node for node in graph.nodes}
    steps = [(nodes[it.run].kind, it.direction, nodes[it.version].kind) for it in graph.edges]
    assert ("merge", "used", "annotations") in steps
    assert ("labelling", "generated", "annotations") in steps
    assert ("labelling", "used", "dataset") in steps
    assert {node.agent for node in graph.nodes if node.kind == "labelling"} == {"user:ana"}


def test_merging_all_labels_empties_the_folder_of_waiting_items(ws, project_of):
    answer(ws, 5)
    ws.label.publish("unsure")
    version = ws.data.merge("digits", "unsure")
    assert version.count == 6
    assert [(it.split, it.label, it.count) for it in ws.data.show("digits").balance] == [
        ("train", "1", 6)
    ]


# samples of predictions

SIGNATURE = {
    "inputs": [
        {
            "name": "X",
            "dtype": "float32",
            "shape": [-1, 4],
            "meaning": {"kind": "image", "height": 2, "width": 2, "mode": "L", "scale": [0, 16]},
        }
    ],
    "outputs": [{"name": "label", "dtype": "string", "shape": [-1]}],
    "classes": ["1", "2"],
}


def deploy(ws, signature=SIGNATURE, tag="live"):
    """Make a deployment whose model takes pictures of two by two."""
    data = json.dumps(signature).encode()
    entry = Entry(path="signature.json", digest=ws.objects.put([data])[0], size=len(data))
    row = ws.put_manifest(Manifest(kind="deployment", entries=(entry,)), "prod")
    move = Move(kind="deployment", name="prod", tag=tag, target=row.id)
    ws.catalog.commit(Commit(versions=(row,), moves=(move,)))
    return row.id


def predict(ws, live, confidences, *, first=0, **changes):
    """Record predictions of different pictures; gives their ids."""
    ids = []
    with ws.streams.writer("predictions/prod") as out:
        for number, confidence in enumerate(confidences, start=first):
            record = {
                "id": new_id(),
                "at": ws.now(),
                "deployment": live,
                "inputs": np.array([number, 1, 2, len(ids)], dtype="<f4").tobytes(),
                "label": "1",
                "confidence": confidence,
                "scores": [confidence, 1 - confidence],
                **changes,
            }
            out.append(record)
            ids.append(record["id"])
    return ids


def test_the_least_sure_predictions_become_tasks_least_sure_first(ws, project_of):
    ids = predict(ws, deploy(ws), [0.9, 0.3, 0.7, 0.4])
    report = ws.label.sample("unsure", deployment="prod", limit=2)
    assert (report.looked, report.made, report.known, report.unusable) == (4, 2, 0, 0)
    task = ws.label.next("unsure", annotator="ana")
    assert (task.origin, task.guess, task.confidence) == (ids[1], "1", 0.3)
    assert ws.label.next("unsure", annotator="ben").origin == ids[3]


def test_a_prediction_becomes_a_task_only_once(ws, project_of):
    predict(ws, deploy(ws), [0.9, 0.3, 0.7])
    assert ws.label.sample("unsure", deployment="prod", limit=2).made == 2
    again = ws.label.sample("unsure", deployment="prod")
    assert (again.made, again.known) == (1, 2)
    last = ws.label.sample("unsure", deployment="prod")
    assert (last.made, last.run) == (0, None)


def test_the_same_picture_predicted_twice_becomes_one_task(ws, project_of):
    deployment = deploy(ws)
    predict(ws, deployment, [0.5])
    predict(ws, deployment, [0.4])
    assert ws.label.sample("unsure", deployment="prod").made == 1


def test_a_sampled_item_is_the_picture_that_the_model_saw(ws, project_of):
    from cauce.adapters.formats import image

    predict(ws, deploy(ws), [0.5])
    ws.label.sample("unsure", deployment="prod")
    task = ws.label.next("unsure")
    meaning = SIGNATURE["inputs"][0]["meaning"]
    row = image.decode(ws.objects.get(task.item), meaning)
    assert np.abs(row - [0, 1, 2, 0]).max() <= 16 / 255


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": b"123"},
        {"inputs": b"\0" * 20},
        {"inputs": "text"},
        {"confidence": None},
        {"confidence": float("nan")},
        {"label": 1},
        {"deployment": "sha256:" + "0" * 64},
        {"deployment": "nonsense"},
    ],
)
def test_a_record_that_is_no_picture_of_the_model_is_counted_and_left(ws, project_of, change):
    deployment = deploy(ws)
    predict(ws, deployment, [0.5], **change)
    predict(ws, deployment, [0.6])
    report = ws.label.sample("unsure", deployment="prod")
    assert (report.looked, report.made, report.unusable) == (2, 1, 1)


def test_a_model_without_a_meaning_gives_no_pictures(ws, project_of):
    bare = json.loads(json.dumps(SIGNATURE))
    bare["inputs"][0]["meaning"] = None
    predict(ws, deploy(ws, bare), [0.5])
    assert ws.label.sample("unsure", deployment="prod").unusable == 1


def test_an_unknown_deployment_is_not_found(ws, project_of):
    with pytest.raises(NotFound, match="no deployment other"):
        ws.label.sample("unsure", deployment="other")


def test_published_samples_lead_back_to_their_deployments_and_merge_as_md5(ws, project_of):
    first, second = deploy(ws, tag="1"), deploy(ws, {**SIGNATURE, "classes": ["1", "2", "3"]})
    predict(ws, first, [0.2])
    predict(ws, second, [0.1, 0.3], first=5)
    report = ws.label.sample("unsure", deployment="prod")
    answer(ws, 3)
    labels = ws.label.publish("unsure")
    used = {
        it.version: it.role for it in ws.catalog.edges(run=labels.run) if it.direction == "used"
    }
    assert used == {first: "predictions", second: "predictions"}
    assert ws.catalog.run(report.run).kind == "sample"
    version = ws.data.merge("digits", "unsure")
    tree = ws.manifest(version.id)
    assert {it.digest.partition(":")[0] for it in tree.entries} == {"md5"}
    assert version.count == 9
