"""What moved between two versions: every measured column against what it was before."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from cauce.errors import Damaged, Invalid
from cauce.kernel import plugins, runs
from cauce.kernel.detector import Detector, Difference, Rule, Verdict
from cauce.kernel.entities import Entry, Run
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.insight import differing, labels, profiling, reports
from cauce.rooms.data.insight.entities import Fault, Moved, Shift

FILE = "shift.json"
_DETECTOR = "histogram"
_UP, _DOWN = "rose", "fell"


class Column(Struct, frozen=True):
    """A column of one version: numbers, or texts for categories."""

    group: str
    name: str
    values: Any


class Columns(Struct, frozen=True):
    """All columns of one version by (group, name), and what could not be read."""

    found: dict[tuple[str, str], Any]
    faults: tuple[Fault, ...]


def shift(ws: Workspace, old: str, new: str, split: str) -> Shift:
    """See `data.shift`."""
    before, after = profiling.measured(ws, old), profiling.measured(ws, new)
    asked = {"reference": before.version.id, "split": split}
    done = reports.kept(ws, "shift", after.version, FILE, Shift, asked)
    if done is not None:
        return done
    started = ws.now()
    sides = [_columns(ws, one, split) for one in (before, after)]
    moved = compare(sides[0].found, sides[1].found, rule(ws))
    verdicts = {it.difference.verdict for it in moved}
    outcome: Verdict = (
        "drifted" if "drifted" in verdicts else "steady" if "steady" in verdicts else "too-few"
    )
    run = Run(
        id=runs.new_id(),
        kind="data-shift",
        name=after.version.name,
        started=started,
        outcome=outcome,
        params={"data": after.version.id, "version": after.version.number, **asked},
        metrics={f"{it.group}.{it.name}.distance": it.difference.distance for it in moved[:100]},
    )
    names = [{f"{group}:{name}" for group, name in side.found} for side in sides]
    said = Shift(
        old=f"{before.version.name}@{before.version.number}",
        new=f"{after.version.name}@{after.version.number}",
        data=after.version.id,
        reference=before.version.id,
        split=split,
        outcome=outcome,
        run=run.id,
        at=started,
        columns=tuple(moved),
        only_old=tuple(sorted(names[0] - names[1])),
        only_new=tuple(sorted(names[1] - names[0])),
        faults=(*sides[0].faults, *sides[1].faults),
    )
    used = ((after.version.id, "data"), (before.version.id, "reference"))
    report = reports.keep(ws, run, {FILE: reports.encode(said)}, used=used)
    return replace(said, report=report.id)


def rule(ws: Workspace) -> Rule:
    """Give the rule of the settings, which watching uses too."""
    return Rule(
        alpha=ws.settings["watch.alpha"],
        distance=ws.settings["watch.distance"],
        min_rows=ws.settings["watch.min_rows"],
    )


def compare(
    old: dict[tuple[str, str], Any], new: dict[tuple[str, str], Any], limits: Rule
) -> list[Moved]:
    """Compare the columns that both have; those that moved come first, furthest first."""
    detector: Detector = plugins.load("detectors", _DETECTOR)
    both = [key for key in old if key in new and _alike(old[key], new[key])]
    found = []
    for key in both:
        reference = detector.profile(old[key])
        current = detector.profile(new[key], like=reference)
        said = detector.compare(reference, current, limits, columns=len(both))
        found.append(Moved(group=key[0], name=key[1], words=words(key[1], said), difference=said))
    order: dict[Verdict, int] = {"drifted": 0, "steady": 1, "too-few": 2}
    return sorted(
        found, key=lambda it: (order[it.difference.verdict], -it.difference.distance, it.name)
    )


def words(name: str, found: Difference) -> str:
    """Say what happened to a column as a person would."""
    if found.verdict == "too-few":
        return f"{name}: {found.reference_rows:,} and {found.rows:,} rows are too few to tell"
    if found.verdict == "steady":
        return f"{name} is as it was"
    if found.type == "categorical":
        far = max(found.bins, key=lambda it: abs(it.current - it.reference))
        way = _UP if far.current > far.reference else _DOWN
        return f"{name}: {far.label or 'none'} {way} from {far.reference:.1%} to {far.current:.1%}"
    old, new = found.reference_median, found.median
    if old is None or new is None or f"{old:.3g}" == f"{new:.3g}":
        return f"{name} is spread otherwise around the same middle"
    return f"{name} {_UP if new > old else _DOWN}: middle {old:.3g}, now {new:.3g}"


def _alike(first: Any, second: Any) -> bool:
    return isinstance(first, np.ndarray) == isinstance(second, np.ndarray)


def _columns(ws: Workspace, one: profiling.Measured, split: str) -> Columns:
    """Give the columns of a version, of one split where one is asked for."""
    places = labels.folders([entry.path for entry in one.tree.entries])
    entries = tuple(
        entry for entry in one.tree.entries if not split or places[entry.path].split == split
    )
    if not entries:
        known = sorted({place.split for place in places.values() if place.split})
        raise Invalid(
            f"{one.version.name}@{one.version.number} has no split {split!r}",
            hint=f"known: {', '.join(known) or 'none'}",
        )
    found: dict[tuple[str, str], Any] = {}
    for kind, table in one.tables.items():
        for name, values in profiling.columns(entries, table, kind).items():
            found[kind, name] = values
    found |= _of_files(entries, places)
    faults: list[Fault] = []
    for entry in entries:
        if profiling.is_table(entry):
            found |= {(it.group, it.name): it.values for it in _of_table(ws, entry, faults)}
    return Columns(found, tuple(faults))


def _of_files(
    entries: Sequence[Entry], places: dict[str, labels.Place]
) -> dict[tuple[str, str], Any]:
    """Give class, type and size of each file."""
    classes = [places[entry.path].label for entry in entries if places[entry.path].label]
    found: dict[tuple[str, str], Any] = {
        ("files", "type"): [differing.suffix(entry.path) for entry in entries],
        ("files", "size"): np.array([entry.size for entry in entries], np.float64),
    }
    if classes:
        found["files", "class"] = classes
    return found


def _of_table(ws: Workspace, entry: Entry, faults: list[Fault]) -> Iterator[Column]:
    try:
        table, _ = profiling.open_table(ws, entry)
    except (Invalid, Damaged) as error:
        faults.append(Fault(path=entry.path, why=error.message))
        return
    for column in plugins.load("formats", "tables").columns(table):
        if column.type == "empty":
            continue
        values = column.values
        if isinstance(values, np.ndarray):
            values = np.concatenate([values, np.full(column.missing, np.nan)])
        else:
            values = [*values, *["(missing)"] * column.missing]
        yield Column(entry.path, column.name, values)
