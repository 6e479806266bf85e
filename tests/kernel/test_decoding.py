"""Files of a version as rows, and what a classifier says of them."""

import numpy as np
import pytest
from msgspec.structs import asdict

from cauce.adapters.formats import image
from cauce.errors import Invalid
from cauce.kernel import decoding
from cauce.kernel.entities import Entry
from cauce.kernel.model import Meaning, Signature, Tensor

IMAGE = Meaning(kind="image", height=8, width=8)


def png(grey):
    return image.encode(np.full(64, grey, np.float32), asdict(IMAGE))


BLACK = png(0)


def signature(*, meaning=IMAGE, shape=(-1, 64), classes=("cat", "dog")):
    return Signature(
        inputs=(Tensor(name="input", dtype="float32", shape=shape, meaning=meaning),),
        outputs=(Tensor(name="label", dtype="int64", shape=(-1,)),),
        classes=classes,
    )


def entries(ws, files):
    return [
        Entry(path=f"train/{number}.png", digest=digest, size=len(data))
        for number, (digest, data) in enumerate(zip(ws.objects.put(files), files, strict=True))
    ]


class Classifier:
    """A loaded model that gives what it was made with, and keeps what it was fed."""

    def __init__(self, **outputs):
        self.inputs = {"input": ("float32", (-1, 64))}
        self.outputs = tuple(outputs)
        self._given = list(outputs.values())
        self.fed = {}

    def run(self, feed):
        self.fed = dict(feed)
        return self._given


def test_rows_come_in_the_order_of_the_files_whichever_thread_read_them(ws):
    count = decoding.BATCH + 7
    greys = [number * 7 % 256 for number in range(count)]
    found = list(decoding.batches(ws, entries(ws, [png(grey) for grey in greys]), signature()))
    assert [batch.shape for batch in found] == [(decoding.BATCH, 64), (7, 64)]
    assert np.concatenate(found)[:, 0].tolist() == greys


def test_no_files_give_no_batch(ws):
    assert list(decoding.batches(ws, [], signature())) == []


@pytest.mark.parametrize("data", [b"", b"no image", BLACK[:-30]])
def test_a_file_that_is_no_image_is_named(ws, data):
    files = entries(ws, [BLACK, data])
    with pytest.raises(Invalid, match=r"train/1\.png"):
        list(decoding.batches(ws, files, signature()))


def test_a_signature_that_does_not_say_what_a_row_means_is_refused(ws):
    with pytest.raises(Invalid, match="what a row means"):
        list(decoding.batches(ws, [], signature(meaning=None)))


def test_numbers_are_named_by_the_class_of_the_highest_probability():
    chances = np.array([[0.25, 0.75], [0.5, 0.25]], np.float32)
    model = Classifier(label=np.array([1, 0]), probabilities=chances)
    said = decoding.answer(model, signature(), np.zeros((2, 64), np.float32))
    assert said == decoding.Answers(["dog", "cat"], [0.75, 0.5])


def test_rows_are_fed_in_the_shape_that_the_model_takes():
    model = Classifier(label=np.array(["cat", "dog"], object))
    given = np.arange(128, dtype=np.float32).reshape(2, 64)
    decoding.answer(model, signature(shape=(-1, 1, 8, 8)), given)
    assert model.fed["input"].shape == (2, 1, 8, 8)
    assert (model.fed["input"].reshape(2, 64) == given).all()


def test_a_model_without_probabilities_is_sure():
    model = Classifier(label=np.array(["cat", "dog"], object))
    said = decoding.answer(model, signature(), np.zeros((2, 64), np.float32))
    assert said == decoding.Answers(["cat", "dog"], [1.0, 1.0])


def test_a_model_that_gives_no_label_is_no_classifier():
    with pytest.raises(Invalid, match="no label"):
        decoding.answer(Classifier(value=np.zeros(2)), signature(), np.zeros((2, 64), np.float32))
