"""Whom a version leaves out, what changed in that, and where a model fails."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.rooms import folders

from cauce.errors import Damaged, Invalid, NotFound
from cauce.kernel import publish, runs, shares
from cauce.kernel.entities import Commit, Edge, Entry, Manifest, Run
from cauce.rooms.data.insight import statistics


def texts(split, label, count, start=0):
    return {
        f"{split}/{label}/{start + n}.txt": f"{split} {label} {start + n}".encode()
        for n in range(count)
    }


@pytest.fixture
def animals(ws):
    files = texts("train", "cat", 100) | texts("train", "dog", 8) | texts("test", "cat", 40)
    place = folders.write(ws.folder / "animals", files)
    ws.data.add(place)
    return place


def evaluate(ws, spec, wrong, *, samples=None):
    """Put an evaluation into the catalogue the way the room models does."""
    data = ws.find("dataset", spec)
    tree = ws.manifest(data.id)
    if samples is None:
        samples = [
            {"path": it.path, "digest": it.digest, "truth": "x", "confidence": 1.0,
             "label": "y" if wrong(it.path) else "x"}
            for it in tree.entries
        ]  # fmt: skip
    model = ws.put_manifest(Manifest(kind="model", labels={"made": "here"}), "net")
    try:
        ws.catalog.ref("model", "net", "1")
    except NotFound:
        publish.publish(ws, model, Commit(), aliases=("champion",))
    body = samples if isinstance(samples, bytes) else json.dumps(samples).encode()
    entry = Entry(path="samples.json", digest=ws.objects.put([body])[0], size=len(body))
    report = ws.put_manifest(Manifest(kind="report", entries=(entry,)), "net-evaluation")
    run = Run(id=runs.new_id(), kind="evaluation", name="net@1", started=ws.now())
    used = ((model.id, "model"), (data.id, "test"))
    ws.catalog.commit(runs.done(ws, run, used=used, generated=((report, "report"),)))
    return report


def named(found, mark):
    return {(it.by, it.slice) for it in found.slices if getattr(it, mark)}


def test_a_class_with_few_files_and_one_that_a_split_lacks_are_thin(ws, animals):
    found = ws.data.bias("animals")
    assert found.outcome == "thin"
    assert {("class", "dog"), ("split and class", "train/dog")} <= named(found, "thin")
    assert ("split and class", "test/dog") in named(found, "thin")
    assert ("class", "cat") not in named(found, "thin")


def test_filling_the_thin_class_reduces_the_bias_and_the_version_shows_it(ws, animals):
    folders.write(animals, texts("train", "dog", 90, 100) | texts("test", "dog", 40))
    ws.data.add(animals)
    found = ws.data.bias("animals@v2", against="animals@v1")
    assert found.outcome == "reduced"
    assert found.evenness > found.evenness_old
    assert any("thin no more" in fact for fact in found.facts)
    assert ("class", "dog") in named(found, "changed")
    assert ws.data.show("animals@v2").version.facts == ("bias reduced",)
    listed = {it.number: it.facts for it in ws.data.versions("animals")}
    assert listed == {"v2": ("bias reduced",), "v1": ()}


def test_taking_files_away_increases_it_and_the_same_files_leave_it(ws, animals):
    folders.write(animals, texts("train", "dog", 90, 100) | texts("test", "dog", 40))
    ws.data.add(animals)
    assert ws.data.bias("animals@v1", against="animals@v2").outcome == "increased"
    assert ws.data.bias("animals@v2", against="animals@v2").outcome == "unchanged"


def test_a_slice_on_which_the_model_errs_more_is_found(ws, animals):
    folders.write(animals, texts("train", "dog", 90, 100) | texts("test", "dog", 40))
    ws.data.add(animals)
    evaluate(ws, "animals", lambda path: "/dog/" in path and int(path.split("/")[2][:-4]) % 2)
    found = ws.data.bias("animals", model="net@champion")
    assert ("class", "dog") in named(found, "worse")
    assert ("class", "cat") in named(found, "better")
    assert found.outcome == "uneven"
    dog = next(it for it in found.slices if (it.by, it.slice) == ("class", "dog"))
    assert dog.error_low < dog.error == dog.wrong / dog.judged < dog.error_high
    assert found.accuracy == pytest.approx(1 - dog.wrong / 278)


def test_errors_that_are_spread_evenly_make_no_slice_worse(ws, animals):
    evaluate(ws, "animals", lambda path: int(path.split("/")[2][:-4]) % 10 == 0)
    assert named(ws.data.bias("animals", model="net@champion"), "worse") == set()


def test_answers_on_an_earlier_version_count_for_files_that_are_the_same(ws, animals):
    evaluate(ws, "animals@v1", lambda path: False)
    folders.write(animals, texts("train", "dog", 90, 100))
    ws.data.add(animals)
    found = ws.data.bias("animals@v2", model="net@champion")
    assert next(it for it in found.slices if it.slice == "train/cat").judged == 100
    assert next(it for it in found.slices if it.slice == "train/dog").judged == 8


def test_a_model_that_was_never_asked_says_how_to_ask(ws, animals):
    evaluate(ws, "animals", lambda path: False, samples=[])
    with pytest.raises(NotFound, match="evaluated on none") as caught:
        ws.data.bias("animals", model="net@champion")
    assert "cauce models evaluate net@champion --data animals@v1" in caught.value.hint


def test_a_damaged_evaluation_is_named(ws, animals):
    evaluate(ws, "animals", lambda path: False, samples=b"{")
    with pytest.raises(Damaged, match=r"samples\.json"):
        ws.data.bias("animals", model="net@champion")


def test_the_report_hangs_on_all_that_it_read_and_is_made_once(ws, animals):
    evaluation = evaluate(ws, "animals", lambda path: False)
    found = ws.data.bias("animals", model="net@champion")
    seq = ws.catalog.last_event()
    assert ws.data.bias("animals", model="net@champion") == found
    assert ws.catalog.last_event() == seq
    edges = ws.catalog.edges(run=found.run)
    assert {(it.direction, it.role) for it in edges} == {
        ("used", "data"), ("used", "model"), ("used", "evaluation"), ("generated", "report"),
    }  # fmt: skip
    assert Edge(run=found.run, direction="used", version=evaluation.id, role="evaluation") in edges


def test_columns_of_the_table_of_labels_are_slices(ws):
    rows = ["path,label,site"]
    rows += [f"{n}.txt,{'a' if n % 2 else 'b'},{'north' if n else 'south'}" for n in range(80)]
    files = {f"{n}.txt": f"text {n}".encode() for n in range(80)}
    files["labels.csv"] = "\n".join(rows).encode()
    ws.data.add(folders.write(ws.folder / "sites", files))
    found = ws.data.bias("sites", labels="labels.csv:label")
    assert ("site", "south") in named(found, "thin")
    assert ("site", "north") not in named(found, "thin")


def test_fewer_than_one_file_is_no_least(ws, animals):
    with pytest.raises(Invalid, match="least 0"):
        ws.data.bias("animals", least=0)


COUNT = st.integers(0, 60)


@given(COUNT, COUNT, COUNT, COUNT)
def test_the_test_of_two_shares_is_fishers(a, b, c, d):
    ours = statistics.shares_p(a, a + b, c, c + d)
    theirs = stats.fisher_exact([[a, b], [c, d]]).pvalue if a + b and c + d else 1.0
    assert ours == pytest.approx(float(theirs), rel=1e-6, abs=1e-12)


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_interval_of_a_share_is_wilsons(hits, n):
    hits = min(hits, n)
    theirs = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert shares.wilson(hits, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_correcting_keeps_the_order_and_makes_no_chance_smaller(chances):
    found = statistics.holm(chances)
    assert all(0 <= p <= q <= 1 for p, q in zip(chances, found, strict=True))
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    assert sorted(found) == [found[i] for i in order]


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=12))
def test_evenness_is_one_for_equal_classes_and_less_for_others(counts):
    found = statistics.evenness(counts)
    assert 0 <= found <= 1 + 1e-12
    assert (found > 1 - 1e-12) == (len(set(counts)) == 1) or max(counts) - min(counts) < 2
    assert statistics.evenness([max(counts)] * len(counts)) == pytest.approx(1)
