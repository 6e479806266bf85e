"""Files of a version as rows that a model takes, and what a classifier says of them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from msgspec import Struct

from cauce.errors import Invalid
from cauce.kernel import model, plugins, progress
from cauce.kernel.entities import Digest
from cauce.kernel.model import Session, Signature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cauce.kernel.workspace import Workspace

BATCH = 256
_THREADS = 8


class File(Protocol):
    """What is decoded: a manifest's entry, or anything else with a path and a digest."""

    @property
    def path(self) -> str:
        """Where it lies in its version."""
        ...

    @property
    def digest(self) -> Digest:
        """Name of its bytes."""
        ...


class Answers(Struct, frozen=True):
    """What a classifier says of rows, in their order.

    Attributes:
        labels: As text.
        confidence: Highest probability, 1.0 where the model gives none.
    """

    labels: list[str]
    confidence: list[float]


def batches(
    ws: "Workspace", files: Sequence[File], signature: Signature
) -> "Iterator[NDArray[np.float32]]":
    """Read and decode files as the signature says, `BATCH` at a time, threads reading ahead.

    Raises:
        Invalid: A file is not what the signature says; its path is named.
    """
    declared = model.meaning(signature)
    decode = plugins.load("formats", "image").decode

    def one(file: File) -> "NDArray[np.float32]":
        try:
            decoded: NDArray[np.float32] = decode(ws.objects.get(file.digest), declared)
        except Invalid as error:
            raise Invalid(f"{file.path}: {error.message}", hint=error.hint) from error
        return decoded

    with ThreadPoolExecutor(_THREADS) as pool:
        for at in range(0, len(files), BATCH):
            chunk = files[at : at + BATCH]
            yield np.stack(list(pool.map(one, chunk)))
            progress.report("images", at + len(chunk), len(files))


def answer(session: Session, signature: Signature, batch: "NDArray[Any]") -> Answers:
    """Ask a classifier for the label and confidence of each row.

    Raises:
        Invalid: It is no classifier.
    """
    first = signature.inputs[0]
    feed = {first.name: batch.reshape((len(batch), *first.shape[1:]))}
    outputs = dict(zip(session.outputs, session.run(feed), strict=True))
    labels = model.labels(signature, outputs)
    if labels is None:
        raise Invalid("the model gives no label", hint="only classifiers are judged so far")
    probabilities = outputs.get("probabilities")
    confidence = [1.0] * len(labels)
    if probabilities is not None:
        confidence = [float(value) for value in probabilities.max(axis=1)]
    return Answers(labels, confidence)
