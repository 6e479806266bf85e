import contextlib
import io
import json
import struct
import warnings
import zlib

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from tests.rooms import trained

from cauce.adapters.formats import image
from cauce.adapters.frameworks import sklearn as framework
from cauce.adapters.runtimes import onnxruntime as runtime
from cauce.errors import Damaged, Denied, Invalid, Unsupported
from cauce.kernel import model

GREY = {"kind": "image", "height": 5, "width": 7, "mode": "L", "scale": [0, 255]}


def fitted(estimator, truths=None):
    table, names, _, _ = trained.rows()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(table, names if truths is None else truths)


MODELS = {
    "mlp": lambda: make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=20)),
    "sgd": lambda: MLPClassifier((8,), solver="sgd", max_iter=5),
    "linear": lambda: LogisticRegression(max_iter=50),
    "no probabilities": lambda: LinearSVC(max_iter=50),
    "kernel": lambda: SVC(gamma=1e-5),
}


@pytest.mark.filterwarnings("ignore:Attribute `prob[AB]_` was deprecated:FutureWarning")
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("numbers", [False, True], ids=["text", "numbers"])
def test_each_classifier_comes_back_and_becomes_onnx_with_the_same_answers(kind, numbers, tmp_path):
    _, names, table, _ = trained.rows()
    truths = [int(name) for name in names] if numbers else None
    first = fitted(MODELS[kind](), truths)
    framework.save(first, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.skops"]
    again = framework.load(tmp_path)
    described = framework.signature(again, table, trained.MEANING)
    signature = model.parse(json.dumps(described).encode())
    data = framework.to_onnx(again, described)
    session = runtime.load(data)
    assert session.inputs == {"input": ("float32", (-1, 64))}
    assert session.outputs == tuple(item.name for item in signature.outputs)
    given = dict(zip(session.outputs, session.run({"input": table}), strict=True))
    expected = framework.predict(first, table)
    assert given["label"].astype(str).tolist() == expected["label"].astype(str).tolist()
    if "probabilities" in expected:
        np.testing.assert_allclose(given["probabilities"], expected["probabilities"], atol=1e-5)
    assert model.labels(signature, given) == expected["label"].astype(str).tolist()


def test_a_regressor_gives_a_value():
    table, truth = load_diabetes(return_X_y=True)
    fitted_model = Ridge().fit(table, truth)
    described = framework.signature(fitted_model, table)
    session = runtime.load(framework.to_onnx(fitted_model, described))
    [value] = session.run({"input": table.astype(np.float32)})
    assert session.outputs == ("value",)
    np.testing.assert_allclose(value[:, 0], fitted_model.predict(table), rtol=1e-4)


def test_onnx_files_are_ones_that_older_runtimes_load():
    described = framework.signature(trained.mlp(), trained.rows()[0])
    graph = onnx.load_from_string(framework.to_onnx(trained.mlp(), described))
    assert graph.ir_version <= 10
    assert {item.domain: item.version for item in graph.opset_import}[""] <= 18
    assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "rows"


def test_only_fitted_estimators_are_detected():
    assert framework.detects(trained.mlp())
    assert not framework.detects(StandardScaler())
    assert not framework.detects(object())
    assert not framework.detects(MLPClassifier)


def test_an_own_function_in_a_pipeline_is_not_saved(tmp_path):
    own = make_pipeline(FunctionTransformer(func=json.dumps), LogisticRegression())
    with pytest.raises(Denied, match="not trusted"):
        framework.save(own, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_forest_is_refused_by_name_because_a_forged_tree_reads_foreign_memory(tmp_path):
    with pytest.raises(Denied, match=r"sklearn\.tree\._tree\.Tree") as caught:
        framework.save(fitted(RandomForestClassifier(3, random_state=0)), tmp_path)
    assert "no trees" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x04K\x01.", None])
def test_what_is_no_skops_file_is_called_damaged(tmp_path, data):
    if data is not None:
        (tmp_path / "model.skops").write_bytes(data)
    with pytest.raises(Damaged):
        framework.load(tmp_path)


def test_an_archive_with_another_schema_is_called_damaged(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
        archive.writestr("schema.json", '{"__loader__": "ObjectNode"}')
    with pytest.raises(Damaged):
        framework.load(tmp_path)


@pytest.mark.parametrize(
    "inputs", [np.zeros((0, 3)), np.zeros(3), np.array([["a", "b"]]), np.zeros((1, 2, 3))]
)
def test_samples_that_are_no_table_are_refused(inputs):
    with pytest.raises(Invalid, match="sample inputs"):
        framework.signature(trained.mlp(), inputs)


@pytest.mark.parametrize(
    "meaning",
    [{"kind": "sound"}, {"kind": "image"}, {**trained.MEANING, "width": 9}, {"height": "x"}],
)
def test_a_meaning_that_does_not_fit_the_row_is_refused(meaning):
    with pytest.raises(Invalid):
        framework.signature(trained.mlp(), trained.rows()[0], meaning)


@pytest.mark.parametrize(
    "change",
    [{"inputs": []}, {"outputs": []}, {"clases": []}, {"inputs": [{"name": "x"}]}, {"classes": 1}],
)
def test_a_signature_of_another_form_is_called_damaged(change):
    described = framework.signature(trained.mlp(), trained.rows()[0]) | change
    with pytest.raises(Damaged, match=r"signature\.json"):
        model.parse(json.dumps(described).encode())


def test_numbers_of_classes_get_the_names_that_the_run_gave():
    signature = model.Signature(
        inputs=(model.Tensor(name="input", dtype="float32", shape=(-1, 2)),),
        outputs=(model.Tensor(name="label", dtype="int64", shape=(-1,)),),
        classes=("cat", "dog"),
    )
    outputs = {"label": np.array([1, 0]), "probabilities": np.array([[0.1, 0.9], [0.8, 0.2]])}
    assert model.labels(signature, outputs) == ["dog", "cat"]
    assert model.labels(signature, {"value": np.zeros(2)}) is None


@given(hnp.arrays(np.uint8, (5, 7)))
def test_grey_pixels_survive_a_png(pixels):
    row = image.decode(image.encode(pixels.astype(np.float32).ravel(), GREY), GREY)
    assert row.dtype == np.float32
    assert row.tolist() == pixels.ravel().tolist()


@given(hnp.arrays(np.uint8, (5, 7, 3)), st.sampled_from([[0, 1], [-1, 1], [0, 16], [0, 255]]))
def test_coloured_pixels_survive_on_any_scale(pixels, scale):
    meaning = {**GREY, "mode": "RGB", "scale": scale}
    row = (pixels.astype(np.float64) / 255 * (scale[1] - scale[0]) + scale[0]).ravel()
    again = image.decode(image.encode(row, meaning), meaning)
    np.testing.assert_allclose(again, row, atol=1e-5)


def saved(picture, form="PNG", **options):
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def bomb(width, height):
    """A PNG whose header promises more pixels than fit anywhere."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0" * 1000))
        + chunk(b"IEND", b"")
    )  # fmt: skip


REFUSED = {
    "empty": b"",
    "text": b"not an image",
    "another size": saved(Image.new("L", (6, 5))),
    "turned": saved(Image.new("L", (5, 7))),
    "transparent": saved(Image.new("RGBA", (7, 5))),
    "16 bits": saved(Image.new("I;16", (7, 5))),
    "another format": saved(Image.new("L", (7, 5)), "GIF"),
    "cut off": saved(Image.effect_noise((7, 5), 90))[:-30],
    "bomb": bomb(100_000, 100_000),
    "worse bomb": bomb(1 << 30, 1 << 30),
    "lies about its rows": bomb(7, 5)[:-40],
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_is_no_image_of_that_size_is_refused(data):
    with pytest.raises(Invalid):
        image.decode(data, GREY)


@given(st.binary(max_size=40), st.integers(0, 60))
def test_no_damage_to_an_image_is_more_than_refused(data, at):
    whole = saved(Image.new("L", (7, 5), 100))
    with contextlib.suppress(Invalid):
        assert image.decode(whole[:at] + data + whole[at + len(data) :], GREY).shape == (35,)


@pytest.mark.parametrize(
    "change",
    [{"height": 0}, {"width": 1 << 20, "height": 1 << 20}, {"mode": "CMYK"}, {"scale": [1, 1]},
     {"scale": 5}, {"height": "x"}],
)  # fmt: skip
def test_a_meaning_that_cannot_be_is_refused(change):
    with pytest.raises(Invalid):
        image.decode(saved(Image.new("L", (7, 5))), GREY | change)


def test_numbers_beyond_the_scale_are_clipped_when_drawn():
    row = np.array([-5, 300, np.nan, np.inf, -np.inf] * 7, np.float32)
    drawn = image.decode(image.encode(row, GREY), GREY)
    assert drawn[:5].tolist() == [0, 255, 0, 255, 0]
    with pytest.raises(Invalid, match="has 3 values"):
        image.encode(row[:3], GREY)


@pytest.mark.parametrize("data", [b"", b"onnx", b"\x08\x0a"])
def test_bytes_that_are_no_model_are_called_damaged(data):
    with pytest.raises(Damaged):
        runtime.load(data)


def test_inputs_that_do_not_fit_are_refused_by_the_session():
    described = framework.signature(trained.mlp(), trained.rows()[0])
    session = runtime.load(framework.to_onnx(trained.mlp(), described))
    with pytest.raises(Invalid, match="refuses"):
        session.run({"input": np.zeros((1, 3), np.float32)})
    with pytest.raises(Invalid, match="refuses"):
        session.run({"other": np.zeros((1, 64), np.float32)})


def test_an_unknown_recipe_is_named():
    described = framework.signature(trained.mlp(), trained.rows()[0])
    data = framework.to_onnx(trained.mlp(), described)
    with pytest.raises(Invalid, match="recipe"):
        runtime.quantise(data, "int2", trained.rows()[0])


def test_a_forest_has_nothing_to_quantise():
    forest = fitted(RandomForestClassifier(3, random_state=0))
    data = framework.to_onnx(forest, framework.signature(forest, trained.rows()[0]))
    with pytest.raises(Unsupported, match="TreeEnsemble"):
        runtime.quantise(data, "dynamic", trained.rows()[0])
