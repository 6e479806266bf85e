"""Rows of a data set version: images of one split, decoded as the model's signature says."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from cauce.errors import Invalid, NotFound
from cauce.kernel import model, plugins, progress
from cauce.kernel.entities import Digest, Manifest
from cauce.kernel.model import Session, Signature, meaning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cauce.kernel.workspace import Workspace

BATCH = 256
_THREADS = 8


class Labelled(Struct, frozen=True):
    """One image of a split: `split/label/…`."""

    path: str
    digest: Digest
    label: str


class Answers(Struct, frozen=True):
    """What a model says of rows, in their order.

    Attributes:
        labels: As text.
        confidence: Highest probability, 1.0 where the model gives none.
    """

    labels: list[str]
    confidence: list[float]


def of_split(tree: Manifest, split: str) -> list[Labelled]:
    """List the labelled images of a split, in the order of their paths.

    Raises:
        NotFound: The version has no such split with class folders.
    """
    found = []
    for entry in tree.entries:
        parts = entry.path.split("/")
        if len(parts) > 2 and parts[0] == split:
            found.append(Labelled(entry.path, entry.digest, parts[1]))
    if not found:
        splits = sorted({e.path.split("/")[0] for e in tree.entries if e.path.count("/") > 1})
        raise NotFound(
            f"the data has no labelled images in {split}/CLASS/",
            hint=f"known: {', '.join(splits) or 'none'}",
        )
    return found


def spread(rows: Sequence[Labelled], count: int, *, exclude: frozenset[Digest]) -> list[Labelled]:
    """Take up to `count` rows evenly over the whole list, none whose bytes are excluded."""
    free = [row for row in rows if row.digest not in exclude]
    if len(free) <= count:
        return free
    return [free[index * len(free) // count] for index in range(count)]


def batches(
    ws: "Workspace", rows: Sequence[Labelled], signature: Signature
) -> "Iterator[NDArray[np.float32]]":
    """Read and decode rows, `BATCH` at a time, several threads reading ahead.

    Raises:
        Invalid: An image is not what the signature says; its path is named.
    """
    declared = meaning(signature)
    decode = plugins.load("formats", "image").decode

    def one(row: Labelled) -> "NDArray[np.float32]":
        try:
            decoded: NDArray[np.float32] = decode(ws.objects.get(row.digest), declared)
        except Invalid as error:
            raise Invalid(f"{row.path}: {error.message}", hint=error.hint) from error
        return decoded

    with ThreadPoolExecutor(_THREADS) as pool:
        for at in range(0, len(rows), BATCH):
            chunk = rows[at : at + BATCH]
            yield np.stack(list(pool.map(one, chunk)))
            progress.report("images", at + len(chunk), len(rows))


def table(ws: "Workspace", rows: Sequence[Labelled], signature: Signature) -> "NDArray[np.float32]":
    """Read and decode rows into one array."""
    return np.concatenate(list(batches(ws, rows, signature)))


def answer(session: Session, signature: Signature, batch: "NDArray[Any]") -> Answers:
    """Ask a classifier for the label and confidence of each row.

    Raises:
        Invalid: It is no classifier.
    """
    outputs = dict(
        zip(session.outputs, session.run({signature.inputs[0].name: batch}), strict=True)
    )
    labels = model.labels(signature, outputs)
    if labels is None:
        raise Invalid("the model gives no label", hint="only classifiers are evaluated")
    probabilities = outputs.get("probabilities")
    confidence = [1.0] * len(labels)
    if probabilities is not None:
        confidence = [float(value) for value in probabilities.max(axis=1)]
    return Answers(labels, confidence)
