"""Files that are the same or alike: found once for duplicates and for leakage."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from cauce.errors import Damaged, Invalid
from cauce.kernel import plugins
from cauce.kernel.entities import Digest, Entry
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.insight import features, labels, lookalikes, profiling
from cauce.rooms.data.insight.entities import Fault
from cauce.rooms.data.insight.findings import Twins
from cauce.rooms.data.insight.labels import Labels

_PARTNERS = 20
"""Files of each bytes that are paired with those of the bytes that are like them."""


class Found(Struct, frozen=True):
    """What is the same or alike in a version.

    Attributes:
        pairs: Exact ones (each file with the first of the same bytes), then near ones.
        exact: Files whose bytes another file before them has.
        near: Pairs of different bytes.
        truncated: Whether there are more than were looked for.
    """

    pairs: list[Twins]
    exact: int
    near: int
    truncated: bool


def find(one: profiling.Measured, known: Labels, *, crossing: bool = False) -> Found:
    """Find the pairs of a version.

    Args:
        one: The version, measured.
        known: Split and class of each file.
        crossing: Only pairs of different splits.
    """
    files: dict[Digest, list[Entry]] = {}
    for entry in one.tree.entries:
        if entry.size:
            files.setdefault(entry.digest, []).append(entry)
    pairs, exact = [], 0
    for same in files.values():
        exact += len(same) - 1
        pairs += list(_same(same, known, crossing=crossing))
    near, truncated = 0, False
    for kind, (digests, found) in _alike(one).items():
        truncated = truncated or found.truncated
        near += len(found.first)
        for a, b, alike in zip(found.first, found.second, found.alike, strict=True):
            pairs += list(
                _cross(files, digests[a], digests[b], kind, float(alike), known, crossing)
            )
    return Found(pairs, exact, near, truncated)


def _same(same: Sequence[Entry], known: Labels, *, crossing: bool) -> Iterator[Twins]:
    """Pair files of the same bytes: with the first of all, or with the first of another split."""
    if not crossing:
        for other in same[1:]:
            yield _twins("exact", same[0], other, 1.0, known)
        return
    firsts: dict[str, Entry] = {}
    for entry in same:
        firsts.setdefault(known.places[entry.path].split, entry)
    for entry in same:
        own = known.places[entry.path].split
        for split, first in firsts.items():
            if split < own:
                yield _twins("exact", first, entry, 1.0, known)


def _cross(
    files: dict[Digest, list[Entry]],
    first: Digest,
    second: Digest,
    kind: str,
    alike: float,
    known: Labels,
    crossing: bool,
) -> Iterator[Twins]:
    """Pair the files of two bytes that are alike; without `crossing` the first of each."""
    ours, theirs = files.get(first, []), files.get(second, [])
    if not crossing:
        ours, theirs = ours[:1], theirs[:1]
    for a in ours[:_PARTNERS]:
        for b in theirs[:_PARTNERS]:
            if not crossing or known.places[a.path].split != known.places[b.path].split:
                yield _twins(kind, a, b, alike, known)


def _twins(kind: str, first: Entry, second: Entry, alike: float, known: Labels) -> Twins:
    a, b = sorted((first, second), key=lambda entry: entry.path)
    places = (known.places[a.path], known.places[b.path])
    return Twins(
        kind=kind,
        first=a.path,
        second=b.path,
        alike=alike,
        splits=(places[0].split, places[1].split),
        classes=(places[0].label, places[1].label),
        digests=(a.digest, b.digest),
    )


def _alike(one: profiling.Measured) -> dict[str, tuple[list[Digest], lookalikes.Pairs]]:
    """Compare the looks of pictures and the sketches of texts, each bytes once."""
    found = {}
    pictures = features.sound(one.tables["pictures"])
    if len(pictures):
        thumbs = np.frombuffer(b"".join(pictures["thumb"].to_pylist()), np.uint8)
        looks = np.asarray(pictures["look"].to_numpy(), np.uint64)
        pairs = lookalikes.pictures(looks, thumbs.reshape(-1, 64))
        found["picture"] = (pictures["digest"].to_pylist(), pairs)
    texts = features.sound(one.tables["texts"])
    if len(texts):
        sketches = np.frombuffer(b"".join(texts["sketch"].to_pylist()), "<u4")
        pairs = lookalikes.texts(sketches.reshape(len(texts), -1))
        found["text"] = (texts["digest"].to_pylist(), pairs)
    return found


def contradicts(pair: Twins) -> bool:
    """Tell whether the two have classes that differ."""
    return bool(pair.classes[0] and pair.classes[1] and pair.classes[0] != pair.classes[1])


def groups(pairs: Sequence[Twins]) -> int:
    """Count the groups that hang together."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := parent.setdefault(name, name)) != name:
            parent[name] = parent[above]
            name = above
        return name

    for pair in pairs:
        parent[root(pair.first)] = root(pair.second)
    return len({root(name) for name in list(parent)})


class Rows(Struct, frozen=True):
    """The rows of a table, as one text each with how often it occurs."""

    entry: Entry
    split: str
    columns: tuple[str, ...]
    counts: Counter[str]


def tables(
    ws: Workspace, entries: Sequence[Entry], known: Labels, faults: list[Fault]
) -> list[Rows]:
    """Read the rows of a version's tables; those that cannot be read become faults."""
    found = []
    for entry in entries:
        if not profiling.is_table(entry):
            continue
        try:
            table, _ = profiling.open_table(ws, entry)
            names, counts = plugins.load("formats", "tables").rows(table)
        except (Invalid, Damaged) as error:
            faults.append(Fault(path=entry.path, why=error.message))
            continue
        found.append(Rows(entry, _split(entry.path, known), tuple(names), counts))
    return found


def _split(path: str, known: Labels) -> str:
    """Give the split of a table: its folder's, or its own name where that is one."""
    stem = path.rpartition("/")[2].partition(".")[0].lower()
    return known.places[path].split or (stem if stem in labels.SPLITS else "")


def common(first: Any, second: Any) -> int:
    """Count the rows of the second table that the first has too."""
    return sum(count for row, count in second.counts.items() if row in first.counts)
