"""Rows of a data set version: images of one split, decoded as the model's signature says."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from cauce.errors import NotFound
from cauce.kernel import decoding
from cauce.kernel.entities import Digest, Manifest
from cauce.kernel.model import Signature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cauce.kernel.workspace import Workspace


class Labelled(Struct, frozen=True):
    """One image of a split: `split/label/…`."""

    path: str
    digest: Digest
    label: str


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


def table(ws: "Workspace", rows: Sequence[Labelled], signature: Signature) -> "NDArray[np.float32]":
    """Read and decode rows into one array."""
    return np.concatenate(list(decoding.batches(ws, rows, signature)))
