"""Slices of a version: files that have a property in common."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from cauce.rooms.data.insight import differing, features, profiling
from cauce.rooms.data.insight.labels import Labels

Table = dict[str, dict[str, str]]
"""Property -> path -> slice."""

_WAITING = frozenset({"unlabelled", "unlabeled"})
_RESOLUTIONS = ((64, "below 64 pixels"), (256, "64 to 255"), (1024, "256 to 1023"))
_LIGHTS = ((0.25, "dark"), (0.6, "medium"))
_LENGTHS = ((20, "below 20 words"), (100, "20 to 99"), (500, "100 to 499"))


def of(one: profiling.Measured, known: Labels) -> Table:
    """Sort the files of a version into slices, property by property."""
    places = known.places
    labelled = {path: it for path, it in places.items() if it.label and it.split not in _WAITING}
    found: Table = {
        "class": {path: it.label for path, it in labelled.items()},
        "split": {path: it.split for path, it in places.items() if it.split},
        "split and class": {
            path: f"{it.split}/{it.label}" for path, it in labelled.items() if it.split
        },
        "type": {entry.path: differing.suffix(entry.path) for entry in one.tree.entries},
        "size": {entry.path: differing.size_bucket(entry.size) for entry in one.tree.entries},
        **_measured(one),
        **{name: dict(values) for name, values in known.columns.items()},
    }
    return {by: rows for by, rows in found.items() if rows}


def empty(table: Table) -> list[tuple[str, str]]:
    """List the classes that some split with classes does not have at all."""
    pairs = {tuple(it.split("/", 1)) for it in table.get("split and class", {}).values()}
    splits, classes = {it[0] for it in pairs}, {it[1] for it in pairs}
    return [
        ("split and class", f"{split}/{name}")
        for split in sorted(splits)
        for name in sorted(classes)
        if (split, name) not in pairs
    ]


def _measured(one: profiling.Measured) -> Table:
    """Sort pictures by size and light, texts by length."""
    found: Table = {"resolution": {}, "light": {}, "length": {}}
    here, rows = features.by_file(
        one.tree.entries, features.sound(one.tables["pictures"]), "pictures"
    )
    if here:
        numbers = {name: rows[name].to_pylist() for name in ("width", "height", "brightness")}
        for place, entry in enumerate(here):
            longer = max(numbers["width"][place], numbers["height"][place])
            found["resolution"][entry.path] = _bucket(longer, _RESOLUTIONS, "1024 and more")
            found["light"][entry.path] = _bucket(numbers["brightness"][place], _LIGHTS, "bright")
    here, rows = features.by_file(one.tree.entries, features.sound(one.tables["texts"]), "texts")
    if here:
        for entry, words in zip(here, rows["words"].to_pylist(), strict=True):
            found["length"][entry.path] = _bucket(words, _LENGTHS, "500 words and more")
    return found


def _bucket(value: Any, limits: tuple[tuple[float, str], ...], last: str) -> str:
    return next((name for limit, name in limits if value < limit), last)


def counts(table: Table, keep: Callable[[str], bool] = bool) -> dict[tuple[str, str], int]:
    """Count the files of each slice, those that are kept."""
    found: dict[tuple[str, str], int] = {}
    for by, rows in table.items():
        for path, name in rows.items():
            if keep(path):
                found[by, name] = found.get((by, name), 0) + 1
    return found


def classes(known: Labels) -> Counter[str]:
    """Count the classes of what is labelled; what waits for a label is left out."""
    return Counter(
        place.label
        for place in known.places.values()
        if place.label and place.split not in _WAITING
    )
