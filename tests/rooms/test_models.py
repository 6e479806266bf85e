import json

import msgspec
import numpy as np
import pytest
from tests.rooms import trained

from cauce.adapters.runtimes import onnxruntime as runtime
from cauce.errors import (
    Conflict,
    Damaged,
    Denied,
    GateFailed,
    Invalid,
    NotFound,
    Unsupported,
)
from cauce.kernel import runs
from cauce.kernel.entities import Commit, Edge, Entry, Manifest, Run, Version
from cauce.kernel.workspace import Workspace
from cauce.rooms.models import operations as models
from cauce.rooms.models import registry


@pytest.fixture
def data(ws: Workspace) -> Version:
    return trained.dataset(ws, train=100)


def damage(ws: Workspace, digest: str) -> None:
    path = ws.objects.path(digest)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def test_an_export_repeats_the_native_model_and_says_by_how_much(ws, data):
    run = trained.run(ws, data, trained.mlp())
    export = models.export(ws, run.id)
    assert export.parity.passed
    assert export.parity.rows == 64
    assert export.parity.labels == 1.0
    assert 0 < export.parity.recorded < 1e-5
    assert {"scikit-learn", "onnxruntime"} <= set(export.parity.versions)


def test_the_registered_file_alone_gives_the_native_outputs(ws, data, tmp_path):
    run = trained.run(ws, data, trained.mlp())
    models.register(ws, run.id, name="digits")
    pulled = models.pull(ws, "digits@1", tmp_path / "out")
    assert "model.onnx" in pulled.files
    session = runtime.load((tmp_path / "out" / "model.onnx").read_bytes())
    _, _, table, _ = trained.rows()
    label, probabilities = session.run({"input": table})
    assert label.tolist() == trained.mlp().predict(table).tolist()
    np.testing.assert_allclose(probabilities, trained.mlp().predict_proba(table), atol=1e-5)


def test_lineage_goes_from_a_model_to_the_data_it_was_trained_on(ws, data):
    run = trained.run(ws, data, trained.mlp())
    version = models.register(ws, run.id, name="digits")
    graph = ws.catalog.lineage(version.id)
    assert {run.id, data.id} <= {node.id for node in graph.nodes}
    kinds = [node.kind for node in sorted(graph.nodes, key=lambda node: -node.depth)]
    assert kinds == [
        "model", "register", "export", "export", "artifact", "train", "dataset", "add",
    ]  # fmt: skip


def test_registering_a_run_again_gives_the_version_it_has(ws, data):
    run = trained.run(ws, data, trained.mlp())
    first = models.register(ws, run.id, name="digits")
    assert models.register(ws, "latest", name="digits") == first
    assert [item.number for item in models.versions(ws, "digits")] == [1]


def test_versions_are_numbered_and_latest_follows(ws, data):
    for seed in (0, 1):
        models.register(ws, trained.run(ws, data, trained.mlp(seed=seed)).id, name="digits")
    [summary] = models.ls(ws)
    assert (summary.versions, summary.latest.number, summary.champion) == (2, 2, None)
    assert summary.latest.aliases == ("latest",)


@pytest.mark.parametrize(
    "changed",
    [
        {"samples/outputs/probabilities.npy": np.full((64, 10), 0.1)},
        {"samples/outputs/label.npy": np.full(64, "7")},
        {"samples/outputs/probabilities.npy": np.full((64, 10), np.nan)},
        {"samples/outputs/probabilities.npy": np.zeros((64, 3))},
    ],
    ids=["numbers", "labels", "nan", "shape"],
)
def test_a_model_that_does_not_repeat_what_was_recorded_is_not_registered(ws, data, changed):
    files = {path: trained.npy(array) for path, array in changed.items()}
    run = trained.run(ws, data, trained.mlp(), change=files)
    assert not models.export(ws, run.id).parity.passed
    with pytest.raises(GateFailed, match="does not repeat"):
        models.register(ws, run.id, name="digits")
    assert models.ls(ws) == []
    assert {done.outcome for done in ws.catalog.runs("export")} == {"failed"}


def test_a_native_model_with_foreign_types_is_refused_by_name(ws, data):
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    evil = skops.io.dumps(FunctionTransformer(func=json.loads))
    run = trained.run(ws, data, trained.mlp(), change={"native/model.skops": evil})
    with pytest.raises(Denied, match=r"json\.decoder|loads"):
        models.export(ws, run.id)


def test_a_pickle_in_place_of_the_native_model_is_not_opened(ws, data, tmp_path):
    trap = tmp_path / "opened"
    pickle = f"cos\nsystem\n(S'touch {trap}'\ntR.".encode()
    run = trained.run(ws, data, trained.mlp(), change={"native/model.skops": pickle})
    with pytest.raises(Damaged, match="not a skops file"):
        models.export(ws, run.id)
    assert not trap.exists()


def test_samples_that_are_pickled_arrays_are_not_opened(ws, data):
    import io

    out = io.BytesIO()
    np.save(out, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    run = trained.run(ws, data, trained.mlp(), change={"samples/inputs.npy": out.getvalue()})
    with pytest.raises(Damaged, match="without objects"):
        models.export(ws, run.id)


def test_a_run_of_another_kind_has_no_model_to_export(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    others = [run for run in ws.catalog.runs() if run.kind != "train"]
    assert {"add", "export", "register"} <= {run.kind for run in others}
    for run in others:
        with pytest.raises(NotFound, match="logged no model"):
            models.register(ws, run.id, name="other")


def log_file(ws, run, called):
    """Log a file for a run as `run.log_artifact(path, name=called)` does."""
    (digest,) = ws.objects.put([b"weights"])
    tree = Manifest(kind="artifact", entries=(Entry(path="weights.h5", digest=digest, size=7),))
    version = ws.put_manifest(tree, f"{run.name}-{called}")
    edge = Edge(run=run.id, direction="generated", version=version.id, role=called)
    ws.catalog.commit(Commit(versions=(version,), edges=(edge,)))


def test_a_file_that_is_called_model_is_no_model(ws):
    run = Run(id=runs.new_id(), kind="train", name="files-only", started=1.0)
    ws.catalog.commit(runs.done(ws, run))
    log_file(ws, run, "model")
    for verb in (models.export, lambda ws, id: models.register(ws, id, name="digits")):
        with pytest.raises(NotFound, match="files-only logged no model") as caught:
            verb(ws, run.id)
        assert "log_model" in caught.value.hint


def test_a_file_that_is_called_model_hides_none(ws, data):
    run = trained.run(ws, data, trained.linear())
    log_file(ws, run, "model")
    assert models.export(ws, run.id).parity.passed


def test_a_run_without_a_model_is_named(ws, data):
    with pytest.raises(NotFound, match="no training run"):
        models.export(ws, "latest")


@pytest.mark.parametrize("name", ["a/b", "", "../x", "a@b", "-x", "x" * 101])
def test_a_name_that_fits_no_path_is_refused(ws, data, name):
    run = trained.run(ws, data, trained.mlp())
    with pytest.raises(Invalid, match="cannot name a model"):
        models.register(ws, run.id, name=name)


def test_an_evaluation_counts_what_the_native_model_gets_right(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    found = models.evaluate(ws, "digits", data="digits")
    _, _, table, truths = trained.rows()
    right = trained.mlp().predict(table) == np.array(truths)
    assert (found.n, found.correct) == (trained.TEST, int(right.sum()))
    assert found.low < found.accuracy < found.high
    assert sum(map(sum, found.confusion)) == found.n
    assert [row[index] for index, row in enumerate(found.confusion)] == [
        score.correct for score in found.classes
    ]


def test_an_equal_evaluation_is_not_run_twice(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    first = models.evaluate(ws, "digits@1", data="digits@v1")
    assert models.evaluate(ws, "digits@latest", data="digits@main") == first
    assert len(ws.catalog.runs("evaluation")) == 1
    other = models.evaluate(ws, "digits@1", data="digits@v1", split="train")
    assert other.run != first.run


def test_a_split_that_is_not_there_is_named_with_those_that_are(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    with pytest.raises(NotFound) as caught:
        models.evaluate(ws, "digits", data="digits", split="validation")
    assert "test, train" in caught.value.hint


def test_a_damaged_image_stops_an_evaluation(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    entry = next(item for item in ws.manifest(data.id).entries if item.path.startswith("test/"))
    damage(ws, entry.digest)
    with pytest.raises(Damaged):
        models.evaluate(ws, "digits", data="digits")
    assert ws.catalog.runs("evaluation") == []


def test_a_variant_is_smaller_and_measured_beside_its_base(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    variant = models.optimise(ws, "digits@1", data="digits")
    assert variant.chosen.size < variant.base.size * 0.6
    assert [item.recipe for item in variant.tried] == ["float32", "dynamic", "static"]
    assert all(item.p50 > 0 and item.p95 >= item.p50 for item in variant.tried)
    assert variant.base.accuracy - variant.chosen.accuracy <= 0.02
    assert models.show(ws, "digits@1").variants == (variant,)
    assert registry.label(registry.find(ws, "digits@1-int8")) == "digits@1-int8"
    graph = ws.catalog.lineage(variant.id)
    assert registry.find(ws, "digits@1").id in {node.id for node in graph.nodes}


def test_calibration_never_sees_a_row_that_judges(ws, data):
    from cauce.rooms.models import rows

    tree = ws.manifest(data.id)
    judging = frozenset(row.digest for row in rows.of_split(tree, "test"))
    mixed = [*rows.of_split(tree, "train"), *rows.of_split(tree, "test")]
    taken = rows.spread(mixed, 90, exclude=judging)
    assert len(taken) == 90
    assert not judging & {row.digest for row in taken}


def test_a_model_without_layers_is_not_quantised_but_told_so(ws, data):
    models.register(ws, trained.run(ws, data, trained.linear()).id, name="lines")
    with pytest.raises(Unsupported, match="LinearClassifier") as caught:
        models.optimise(ws, "lines@1", data="digits")
    assert "MatMul" in caught.value.hint
    assert ws.catalog.runs("optimise") == []


def test_a_better_model_is_called_better_and_passes_the_gate(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp(8, 3, count=60)).id, name="digits")
    models.promote(ws, "digits@1", message="the first")
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    found = models.compare(ws, "digits@2", "digits@champion", data="digits", gate=True)
    assert found.verdict == "better"
    assert found.low > 0
    assert found.p_value < 0.01
    assert found.gained - found.lost == round(found.difference * found.n)
    assert ws.catalog.run(found.run).outcome == "better"


def test_a_worse_model_fails_the_gate_and_the_report_is_kept(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    models.register(ws, trained.run(ws, data, trained.mlp(8, 3, count=60)).id, name="digits")
    models.promote(ws, "digits@1")
    with pytest.raises(GateFailed, match="worse"):
        models.compare(ws, "digits@latest", "digits@champion", data="digits", gate=True)
    [kept] = models.show(ws, "digits@2").comparisons
    assert (kept.verdict, kept.passed) == ("worse", False)


def test_a_model_beside_itself_is_the_same(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    found = models.compare(ws, "digits@1", "digits@latest", data="digits")
    assert found.gained == found.lost == 0
    assert found.verdict in {"same", "cheaper"}
    assert found.candidate.size == found.champion.size


def test_the_first_candidate_passes_because_there_is_no_champion(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    found = models.compare(ws, "digits@1", "digits@champion", data="digits", gate=True)
    assert (found.verdict, found.champion) == ("first", None)


@pytest.mark.parametrize("champion", ["digits@champoin", "digits@2", "digts@champion@x"])
def test_a_mistyped_champion_is_not_taken_for_a_missing_one(ws, data, champion):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    with pytest.raises((NotFound, Invalid)):
        models.compare(ws, "digits@1", champion, data="digits", gate=True)


def test_promotion_moves_the_alias_and_is_in_the_log(ws, data):
    for seed in (0, 1):
        models.register(ws, trained.run(ws, data, trained.mlp(seed=seed)).id, name="digits")
    models.promote(ws, "digits@1")
    promoted = models.promote(ws, "digits@2", message="more even")
    assert promoted.aliases == ("champion", "latest")
    newest = ws.catalog.history("model", "digits", "champion")[0]
    assert newest.message == "more even"
    assert newest.old == registry.find(ws, "digits@1").id


@pytest.mark.parametrize("alias", ["latest", "3", "1-int8", "a b", ""])
def test_an_alias_that_would_hide_a_number_is_refused(ws, data, alias):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    with pytest.raises(Invalid, match="alias"):
        models.promote(ws, "digits@1", alias=alias)


def test_a_folder_with_files_is_not_pulled_over(ws, data, tmp_path):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(Conflict, match="not empty"):
        models.pull(ws, "digits@1", tmp_path)
    assert (tmp_path / "mine").read_text() == "keep"


def test_the_card_names_the_data_the_run_and_the_proof(ws, data):
    run = trained.run(ws, data, trained.mlp())
    models.register(ws, run.id, name="digits")
    card = models.show(ws, "digits@1").card
    assert run.id in card
    assert "digits@v1" in card
    assert "64 real samples" in card


def test_every_answer_can_be_written_as_json_and_read_back(ws, data):
    models.register(ws, trained.run(ws, data, trained.mlp()).id, name="digits")
    models.evaluate(ws, "digits", data="digits")
    models.compare(ws, "digits", "digits@champion", data="digits")
    detail = models.show(ws, "digits")
    assert msgspec.json.decode(msgspec.json.encode(detail), type=type(detail)) == detail
