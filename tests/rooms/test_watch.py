import math
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy import stats
from tests.rooms import traffic, trained

from cauce.errors import Damaged, Invalid, NotFound
from cauce.faces.render import renderer
from cauce.kernel import config, ids, shares, workspace
from cauce.kernel.entities import Commit, Edge, Entry, Manifest, Move, Run
from cauce.kernel.model import Meaning, Signature, Tensor
from cauce.rooms.watch import features
from cauce.rooms.watch import operations as watch
from cauce.rooms.watch.traffic import Count, batches, understand

START = time.time() - 10_000


@pytest.fixture
def ws(project):
    """Objects in memory: these tests are not about disks."""
    settings = config.load(project).replace(objects="memory:")
    with workspace.open_local(project, settings=settings, agent="user:test") as opened:
        yield opened


@pytest.fixture
def live(ws):
    """A deployment of a model of digits, with its reference."""
    trained.dataset(ws)
    watched = traffic.deploy(ws)
    watch.reference(ws, data="digits")
    return watched


def verdicts(report):
    return {item.name: item.verdict for item in report.inputs}


# --- the reference


def test_the_reference_is_a_version_with_its_lineage(ws):
    trained.dataset(ws)
    deployment = traffic.deploy(ws)
    profile = watch.reference(ws, data="digits@main")
    assert ws.catalog.ref("profile", "prod", "reference").target == profile.id
    graph = ws.catalog.lineage(profile.id)
    kinds = {node.kind for node in graph.nodes}
    assert {"profile", "reference", "dataset", "deployment"} <= kinds
    assert profile.deployment == deployment.id


def test_the_outputs_are_counted_on_rows_that_the_model_was_not_trained_on(ws):
    trained.dataset(ws)
    traffic.deploy(ws)
    profile = watch.reference(ws, data="digits")
    rows = {item.name: item.rows for item in profile.columns}
    assert (profile.split, profile.outputs) == ("train", "test")
    assert rows["brightness"] == trained.TRAIN
    assert rows["confidence"] == rows["label"] == trained.TEST


def test_the_same_rows_give_the_same_version(ws, live):
    first = watch.reference(ws, data="digits", split="test")
    again = watch.reference(ws, data="digits", split="test/")
    assert first.id == again.id
    assert first.run != again.run


def test_a_split_that_does_not_exist_is_refused_with_those_that_do(ws):
    trained.dataset(ws)
    traffic.deploy(ws)
    with pytest.raises(NotFound) as caught:
        watch.reference(ws, data="digits", split="trian")
    assert "test, train" in caught.value.hint


def test_an_image_of_another_size_is_named(ws, live):
    [digest] = ws.objects.put([b"no image"])
    tree = Manifest(kind="dataset", entries=(Entry(path="train/1/x.png", digest=digest, size=8),))
    version = ws.put_manifest(tree, "broken")
    move = Move(kind="dataset", name="broken", tag="main", target=version.id)
    ws.catalog.commit(Commit(versions=(version,), moves=(move,)))
    with pytest.raises(Invalid, match=r"train/1/x\.png"):
        watch.reference(ws, data="broken")


# --- a check


def test_traffic_like_the_training_data_is_steady(ws, live):
    traffic.record(ws, traffic.fresh()[:400], live.id, at=START)
    report = watch.check(ws)
    assert report.outcome == "steady"
    assert set(verdicts(report).values()) == {"steady"}
    assert (report.rows, report.malformed, report.foreign) == (400, 0, 0)


def test_a_worse_scanner_is_found_and_explained(ws, live):
    traffic.record(ws, traffic.fresh(worse=True)[:400], live.id, at=START)
    report = watch.check(ws)
    assert report.outcome == "drifted"
    moved = {item.name for item in report.inputs if item.drifted}
    assert {"brightness", "contrast", "ink", "sharpness", "entropy", "slant"} <= moved
    contrast = next(item for item in report.inputs if item.name == "contrast")
    assert contrast.median < contrast.reference_median


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        (lambda image: np.rot90(image, axes=(1, 2)), "slant"),
        (lambda image: 255 * (image / 255) ** 1.8, "ink"),
        (lambda image: image * 0.7, "brightness"),
        (
            lambda image: np.clip(
                image + np.random.default_rng(0).normal(0, 40, image.shape), 0, 255
            ),
            "entropy",
        ),
        (lambda image: (image + np.roll(image, 1, 1) + np.roll(image, 1, 2)) / 3, "sharpness"),
    ],
    ids=["turned", "thinner strokes", "darker", "noisy", "blurred"],
)
def test_each_fault_moves_the_column_that_names_it(ws, live, change, moves):
    images = change(traffic.fresh()[:300].reshape(-1, 8, 8)).reshape(-1, 64)
    traffic.record(ws, images.astype(np.float32), live.id, at=START)
    assert verdicts(watch.check(ws))[moves] == "drifted"


def test_a_check_is_an_event_with_its_outcome_and_its_lineage(ws, live):
    traffic.record(ws, traffic.fresh(worse=True)[:200], live.id, at=START)
    before = ws.catalog.last_event()
    report = watch.check(ws)
    [event] = ws.catalog.events(before, kinds=["run.ended"])
    assert (event.subject, event.data["outcome"]) == ("drift/prod", "drifted")
    edges = {(edge.direction, edge.role): edge.version for edge in ws.catalog.edges(run=report.run)}
    assert edges == {
        ("used", "deployment"): live.id,
        ("used", "reference"): report.profile,
        ("generated", "report"): report.report,
    }
    run = ws.catalog.run(report.run)
    assert run.metrics["contrast.distance"] > 0.5


def test_each_prediction_is_in_one_window(ws, live):
    traffic.record(ws, traffic.fresh()[:200], live.id, at=START)
    first = watch.check(ws)
    traffic.record(ws, traffic.fresh()[200:260], live.id, at=START + 100)
    second, third = watch.check(ws), watch.check(ws)
    assert [first.rows, second.rows, third.rows] == [200, 60, 0]
    assert third.outcome == "too-few"


def test_a_window_too_small_for_a_verdict_is_taken_along(ws, live):
    traffic.record(ws, traffic.fresh()[:30], live.id, at=START)
    assert watch.check(ws).outcome == "too-few"
    traffic.record(ws, traffic.fresh()[30:60], live.id, at=START + 100)
    report = watch.check(ws)
    assert (report.rows, report.outcome) == (60, "steady")


def test_looking_back_moves_nothing(ws, live):
    traffic.record(ws, traffic.fresh()[:200], live.id, at=START)
    assert watch.check(ws, last=80).rows == 80
    assert watch.check(ws).rows == 200
    assert watch.check(ws, last=80).rows == 80
    with pytest.raises(Invalid):
        watch.check(ws, last=-1)


def test_outputs_of_another_deployment_are_left_out(ws, live):
    other = trained.dataset(ws).id
    traffic.record(ws, traffic.fresh()[:100], other, at=START)
    report = watch.check(ws)
    assert (report.rows, report.foreign) == (100, 100)
    found = verdicts(report)
    assert found["label"] == found["confidence"] == "too-few"
    assert found["brightness"] == "steady"


def test_the_settings_move_the_rule(ws, live):
    traffic.record(ws, traffic.fresh(worse=True)[:200], live.id, at=START)
    ws.settings = ws.settings.replace(watch__distance=1.0)
    assert not any(
        item.drifted for item in watch.check(ws, last=200).inputs if item.name != "label"
    )
    ws.settings = ws.settings.replace(watch__min_rows=201)
    assert watch.check(ws, last=200).outcome == "too-few"


def test_without_a_reference_the_hint_is_the_command(ws):
    trained.dataset(ws)
    traffic.deploy(ws)
    with pytest.raises(NotFound) as caught:
        watch.check(ws)
    assert "cauce watch reference prod" in caught.value.hint


def test_reports_are_read_back_as_they_were_made(ws, live):
    traffic.record(ws, traffic.fresh()[:100], live.id, at=START)
    first, second = watch.check(ws), watch.check(ws, last=60)
    assert watch.reports(ws) == [second, first]
    assert watch.reports(ws, limit=1) == [second]
    assert watch.show(ws, first.run) == first
    assert watch.show(ws, first.run[:20]) == first
    assert watch.reports(ws, "other") == []


def test_a_report_that_cannot_be_read_hides_no_other(ws, live):
    traffic.record(ws, traffic.fresh()[:100], live.id, at=START)
    whole, broken = watch.check(ws), watch.check(ws, last=60)
    tree = ws.manifest(broken.report)
    ws.objects.delete([tree.entries[0].digest])
    found, other = watch.reports(ws)
    assert other == whole
    assert found.fault
    known = ("run", "name", "outcome", "deployment", "profile", "rows", "start", "end", "report")
    for name in known:
        assert getattr(found, name) == getattr(broken, name), name
    [line] = [row for row in renderer("watch.reports")([found]) if broken.run in row]
    assert found.fault in line
    with pytest.raises((Damaged, NotFound)):
        watch.show(ws, broken.run)


def test_a_run_that_is_no_check_has_no_report(ws, live):
    [run] = ws.catalog.runs("reference")
    with pytest.raises(NotFound, match="no drift report"):
        watch.show(ws, run.id)


def test_a_report_of_another_kind_of_run_is_no_drift_report(ws, live):
    run = Run(id=ids.new_id(), kind="evaluation", name="digits", status="finished")
    edge = Edge(run=run.id, direction="generated", version=live.id, role="report")
    ws.catalog.commit(Commit(runs=(run,), edges=(edge,)))
    with pytest.raises(NotFound, match="no drift report"):
        watch.show(ws, run.id)


def test_a_reference_with_damaged_counts_is_noticed(ws, live):
    tree = ws.manifest(ws.catalog.ref("profile", "prod", "reference").target)
    [digest] = ws.objects.put([ws.objects.get(tree.entries[0].digest)[:-3]])
    broken = replace(tree, entries=(replace(tree.entries[0], digest=digest), *tree.entries[1:]))
    version = ws.put_manifest(broken, "prod")
    move = Move(kind="profile", name="prod", tag="reference", target=version.id)
    ws.catalog.commit(Commit(versions=(version,), moves=(move,)))
    with pytest.raises(Damaged):
        watch.check(ws)


def test_a_person_reads_the_verdict_first_and_then_what_moved(ws, live):
    records = traffic.record(ws, traffic.fresh(worse=True)[:100], live.id, at=START)
    said = [{"prediction": item["id"], "label": item["label"]} for item in records[:4]]
    traffic.append(ws, "feedback/prod", said)
    traffic.append(ws, "predictions/prod", [{"id": "\x1b[2J"}])
    report = watch.check(ws)
    lines = list(renderer("watch.check")(report))
    moved = sum(item.drifted for item in report.inputs)
    assert lines[0].startswith(f"prod drifted: {moved} of 8 columns moved, 100 predictions")
    assert lines[2].split()[:3] == ["contrast", "drifted", f"{report.inputs[0].distance:.3f}"]
    assert any("accuracy 100.0%" in line and "4 of 100" in line for line in lines)
    assert "1 records could not be read and are left out" in lines
    assert lines == list(renderer("watch.show")(report))
    [_, row] = renderer("watch.reports")([report])
    assert row.endswith(report.run)
    assert "contrast" in row
    profile = watch.reference(ws, data="digits", split="test")
    assert len(list(renderer("watch.reference")(profile))) == 2 + 1 + 8


# --- feedback


def test_accuracy_is_told_with_its_interval_and_coverage(ws, live):
    records = traffic.record(ws, traffic.fresh()[:200], live.id, at=START)
    said = [
        {"prediction": item["id"], "label": item["label"] if number else "wrong"}
        for number, item in enumerate(records[:50])
    ]
    traffic.append(ws, "feedback/prod", said)
    found = watch.check(ws).quality
    assert (found.labelled, found.total, found.correct) == (50, 200, 49)
    assert found.coverage == 0.25
    assert found.low < found.accuracy == 0.98 < found.high


def test_the_last_word_about_a_prediction_counts(ws, live):
    [record] = traffic.record(ws, traffic.fresh()[:1], live.id, at=START)
    said = [{"prediction": record["id"], "label": text} for text in ("wrong", record["label"])]
    traffic.append(ws, "feedback/prod", said)
    assert watch.check(ws).quality.correct == 1


@pytest.mark.parametrize(
    "said",
    [{}, {"prediction": 3, "label": "1"}, {"prediction": "x", "label": None}, {"prediction": "x"}],
)
def test_feedback_that_is_none_is_passed_over(ws, live, said):
    traffic.record(ws, traffic.fresh()[:10], live.id, at=START)
    traffic.append(ws, "feedback/prod", [said])
    assert watch.check(ws).quality is None


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_interval_is_that_of_scipy(correct, wrong):
    n = correct + wrong
    low, high = shares.wilson(correct, n)
    if not n:
        assert (low, high) == (0, 1)
        return
    wanted = stats.binomtest(correct, n).proportion_ci(0.95, "wilson")
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


# --- records that anybody could have written


def good(**changed):
    record = {
        "id": ids.new_id(),
        "at": START,
        "deployment": "sha256:" + "0" * 64,
        "inputs": np.zeros(64, "<f4").tobytes(),
        "shape": [64],
        "label": "3",
        "confidence": 0.5,
    }
    return {key: value for key, value in {**record, **changed}.items() if value is not ...}


WRONG = [
    {"id": ...},
    {"id": 3},
    {"at": ...},
    {"at": "now"},
    {"at": math.nan},
    {"at": math.inf},
    {"at": True},
    {"deployment": None},
    {"inputs": ...},
    {"inputs": "text"},
    {"inputs": b""},
    {"inputs": b"\0" * 255},
    {"inputs": b"\0" * 512},
    {"shape": [8, 9]},
    {"shape": [-8, -8]},
    {"shape": ["64"]},
    {"shape": 64},
    {"shape": [1] * 9},
    {"label": ...},
    {"label": [3]},
    {"label": True},
    {"confidence": ...},
    {"confidence": 1.5},
    {"confidence": -0.1},
    {"confidence": math.nan},
]


@pytest.mark.parametrize("changed", WRONG)
def test_a_record_with_a_wrong_field_is_not_understood(changed):
    assert understand(good(), 64) is not None
    assert understand(good(**changed), 64) is None


def test_records_that_are_not_understood_are_counted_and_left_out(ws, live):
    traffic.append(ws, "predictions/prod", [good(**changed) for changed in WRONG])
    traffic.record(ws, traffic.fresh()[:60], live.id, at=time.time())
    report = watch.check(ws)
    assert (report.rows, report.malformed) == (60, len(WRONG))
    assert report.outcome == "steady"


@pytest.mark.parametrize("shape", [[8, 8], [1, 64], [1, 8, 8, 1], (64,), ...])
def test_a_row_may_come_in_any_shape_that_holds_it(shape):
    assert understand(good(shape=shape), 64) is not None


def test_a_clock_that_is_years_ahead_hides_nothing_that_comes_later(ws, live):
    traffic.append(ws, "predictions/prod", [good(at=time.time() + 1e8)])
    traffic.record(ws, traffic.fresh()[:100], live.id, at=START)
    report = watch.check(ws)
    assert (report.rows, report.malformed) == (100, 1)
    assert report.following < time.time()
    traffic.record(ws, traffic.fresh()[100:200], live.id, at=START + 100)
    assert watch.check(ws).rows == 100


_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
_records = st.dictionaries(
    st.sampled_from(["id", "at", "deployment", "inputs", "shape", "label", "confidence", "x"]),
    _values | st.lists(_values, max_size=3),
)


@given(st.lists(_records, max_size=8), st.integers(1, 3))
def test_any_record_is_understood_or_counted(records, width):
    count = Count()
    rows = sum(len(batch.rows) for batch in batches(records, width, count))
    assert rows == count.rows
    assert count.rows + count.malformed == len(records)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_any_pixels_give_figures_or_missing_ones(data):
    height, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    mode = data.draw(st.sampled_from(["L", "RGB"]))
    size = height * width * (3 if mode == "RGB" else 1)
    pixels = data.draw(st.lists(st.floats(width=32), min_size=size, max_size=size))
    meaning = Meaning(kind="image", height=height, width=width, mode=mode)
    tensor = Tensor(name="x", dtype="float32", shape=(-1, size), meaning=meaning)
    chosen = features.watched(Signature(inputs=(tensor,), outputs=(tensor,)))
    found = features.columns(np.array([pixels], np.float32), chosen)
    assert list(found) == list(features.IMAGE)
    whole = all(map(math.isfinite, pixels))
    for column in found.values():
        assert column.shape == (1,)
        assert np.isnan(column[0]) != whole


def test_known_images_have_known_figures():
    blank, half = np.zeros((4, 4)), np.array([[0, 0, 255, 255]] * 4)
    lean = np.eye(4) * 255
    rows = np.stack([blank, half, lean, lean[::-1]]).reshape(4, 16).astype(np.float32)
    meaning = Meaning(kind="image", height=4, width=4)
    tensor = Tensor(name="x", dtype="float32", shape=(-1, 16), meaning=meaning)
    found = features.columns(rows, features.watched(Signature(inputs=(tensor,), outputs=(tensor,))))
    assert found["brightness"].tolist() == [0, 0.5, 0.25, 0.25]
    assert found["ink"].tolist() == [0, 0.5, 0.25, 0.25]
    assert found["contrast"].tolist() == pytest.approx([0, 0.5, 3**0.5 / 4, 3**0.5 / 4])
    assert found["entropy"].tolist() == pytest.approx([0, 1, 0.811278, 0.811278], abs=1e-6)
    assert found["slant"].tolist() == pytest.approx([0, 0, 1, -1])
    assert found["sharpness"][0] == 0 < found["sharpness"][1]


@pytest.mark.parametrize(("width", "names"), [(3, ["x0", "x1", "x2"]), (33, list(features.ROW))])
def test_rows_that_are_no_images_are_watched_value_by_value_or_summed_up(width, names):
    tensor = Tensor(name="x", dtype="float32", shape=(-1, width))
    chosen = features.watched(Signature(inputs=(tensor,), outputs=(tensor,)))
    rows = np.arange(2 * width, dtype=np.float32).reshape(2, width)
    found = features.columns(rows, chosen)
    assert list(found) == names
    assert all(column.shape == (2,) for column in found.values())
