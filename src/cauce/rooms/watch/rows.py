"""Rows of a data set version, and what a model says of rows."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cauce.errors import Invalid, NotFound
from cauce.kernel import plugins, progress
from cauce.kernel.entities import Entry, Manifest
from cauce.kernel.model import Session, Signature, meaning

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_BATCH = 512
_THREADS = 4


def of_split(tree: Manifest, split: str) -> list[Entry]:
    """List the files of a split; raises `NotFound` with the splits that exist."""
    found = [entry for entry in tree.entries if entry.path.startswith(f"{split}/")]
    if not found:
        known = sorted({e.path.split("/")[0] for e in tree.entries if "/" in e.path})
        raise NotFound(
            f"the data has no files in {split}/", hint=f"known: {', '.join(known) or 'none'}"
        )
    return found


def batches(
    ws: "Workspace", entries: Sequence[Entry], signature: Signature
) -> Iterator[NDArray[np.float32]]:
    """Read and decode files as `(n, width)` arrays, a few threads reading ahead.

    Raises:
        Invalid: A file is not what the signature says; its path is named.
    """
    declared = meaning(signature)
    decode = plugins.load("formats", "image").decode

    def one(entry: Entry) -> NDArray[np.float32]:
        try:
            row: NDArray[np.float32] = decode(ws.objects.get(entry.digest), declared)
        except Invalid as error:
            raise Invalid(f"{entry.path}: {error.message}", hint=error.hint) from error
        return row

    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(entries), _BATCH):
            chunk = entries[start : start + _BATCH]
            yield np.stack(list(pool.map(one, chunk)))
            progress.report("reading the reference", start + len(chunk), len(entries))


def answers(
    session: Session, signature: Signature, rows: NDArray[np.float32]
) -> tuple[list[str], NDArray[np.float64]]:
    """Ask a classifier for the label and confidence of each row.

    Raises:
        Invalid: It is no classifier.
    """
    first = signature.inputs[0]
    feed = {first.name: rows.reshape((len(rows), *first.shape[1:]))}
    outputs: dict[str, Any] = dict(zip(session.outputs, session.run(feed), strict=True))
    if "label" not in outputs:
        raise Invalid("the model gives no label", hint="only classifiers are watched so far")
    labels = [str(label) for label in outputs["label"].tolist()]
    chances = outputs.get("probabilities")
    if chances is None:
        return labels, np.ones(len(labels))
    return labels, chances.max(axis=1).astype(np.float64)
