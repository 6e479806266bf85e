"""The profile of a version: what is in it, in figures; computed once, from new files only."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
from msgspec import Struct
from msgspec.structs import replace

from cauce.errors import Damaged, Invalid
from cauce.kernel import plugins, runs
from cauce.kernel.entities import Entry, Manifest, Run
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import versions
from cauce.rooms.data.entities import DatasetVersion
from cauce.rooms.data.insight import features, labels, reports, statistics
from cauce.rooms.data.insight.entities import Bar, Fault, Group, Statistic, VersionProfile

FILE = "profile.json"

PICTURES = {
    "width": "pixels",
    "height": "pixels",
    "aspect": "width over height",
    "brightness": "mean of the grey pixels, 0 black to 1 white",
    "contrast": "standard deviation of the grey pixels",
    "sharpness": "mean difference of a pixel from its neighbours",
    "entropy": "variety of grey levels, bits; noise raises it",
    "saturation": "strength of colour, 0 grey to 1",
    "warmth": "red less blue, -1 to 1",
}
TEXTS = {
    "characters": "code points a text",
    "words": "words a text",
    "lines": "lines a text",
    "variety": "different words over words",
}
_MOST_FAULTS, _MOST_WORDS = 50, 50
_INTEGRAL = {"width", "height", "characters", "words", "lines"}


class Measured(Struct, frozen=True):
    """A version's files, measured.

    Attributes:
        tables: Kind -> one row a different digest, faults included.
        fresh: Rows that were computed now.
    """

    version: DatasetVersion
    tree: Manifest
    tables: dict[str, Any]
    fresh: int = 0


def profile(ws: Workspace, spec: str) -> VersionProfile:
    """See `data.profile`."""
    version = versions.find(ws, spec)
    done = reports.kept(ws, "profile", version, FILE, VersionProfile)
    return _make(ws, version)[0] if done is None else done


def measured(ws: Workspace, spec: str) -> Measured:
    """Give the features of a version, profiling it first when that was not done."""
    version = versions.find(ws, spec)
    done = reports.made(ws, "profile", version)
    if done is not None:
        tables = _stored(ws, done)
        if tables is not None:
            return Measured(version, ws.manifest(version.id), tables)
    return _make(ws, version)[1]


def _make(ws: Workspace, version: DatasetVersion) -> tuple[VersionProfile, Measured]:
    started = ws.now()
    tree = ws.manifest(version.id)
    known = _earlier(ws, version)
    tables, fresh = {}, 0
    for kind in features.KINDS:
        tables[kind], count = features.of(ws, tree.entries, kind, known.get(kind))
        fresh += count
    found = Measured(version, tree, tables, fresh)
    run = Run(
        id=runs.new_id(),
        kind="data-profile",
        name=version.name,
        started=started,
        params={"data": version.id, "version": version.number},
    )
    said = _describe(ws, found, run)
    files = {FILE: reports.encode(said)}
    files |= {
        f"{kind}.parquet": features.dump(table) for kind, table in tables.items() if len(table)
    }
    run = replace(run, metrics={"files": float(said.files), "faults": float(said.faults)})
    report = reports.keep(ws, run, files, used=((version.id, "data"),))
    return replace(said, report=report.id), found


def _earlier(ws: Workspace, version: DatasetVersion) -> dict[str, Any]:
    """Read the features of the newest profile of the data set; none when they cannot be read."""
    for run in ws.catalog.runs("data-profile", name=version.name, status="finished", limit=1):
        return _stored(ws, run) or {}
    return {}


def _stored(ws: Workspace, run: Run) -> dict[str, Any] | None:
    """Read the features that a profile kept; None when any is lost or of another form."""
    try:
        tree = ws.manifest(reports.version_of(ws, run).id)
        found = {}
        for kind, (schema, _) in features.KINDS.items():
            entry = next((it for it in tree.entries if it.path == f"{kind}.parquet"), None)
            table = (
                schema.empty_table()
                if entry is None
                else features.load(ws.objects.get(entry.digest), kind)
            )
            if table is None:
                return None
            found[kind] = table
    except (Damaged, LookupError):
        return None
    return found


def _describe(ws: Workspace, found: Measured, run: Run) -> VersionProfile:
    entries = found.tree.entries
    groups, faults, words = [], [], Counter[str]()
    pictures, texts = found.tables["pictures"], found.tables["texts"]
    for kind, table in found.tables.items():
        faults += _faults(features.files(entries, kind), table)
        values = columns(entries, table, kind)
        if values:
            whats = PICTURES if kind == "pictures" else TEXTS
            made = [statistics.numeric(name, whats[name], it) for name, it in values.items()]
            if kind == "pictures":
                made += _modes(entries, table)
            groups.append(
                Group(name=kind, files=len(next(iter(values.values()))), columns=tuple(made))
            )
    here, rows = features.by_file(entries, features.sound(texts), "texts")
    for counts in rows["counts"].to_pylist() if here else ():
        words.update(dict(counts))
    for entry in entries:
        if is_table(entry):
            group, problems = _table(ws, entry)
            faults += problems
            groups += [group] if group is not None else []
    places = labels.folders([entry.path for entry in entries])
    top = sorted(words.items(), key=lambda it: (-it[1], it[0]))[:_MOST_WORDS]
    return VersionProfile(
        name=found.version.name,
        number=found.version.number,
        data=found.version.id,
        run=run.id,
        at=run.started,
        files=len(entries),
        size=found.version.size,
        balance=tuple(labels.balance(places.values())),
        groups=tuple(groups),
        words=tuple(Bar(label=word, count=count) for word, count in top),
        vocabulary=len(words),
        faults=len(faults),
        faulty=tuple(faults[:_MOST_FAULTS]),
        computed=found.fresh,
        reused=len(pictures) + len(texts) - found.fresh,
    )


def columns(entries: Sequence[Entry], table: Any, kind: str) -> dict[str, Any]:
    """Give the numbers of the measured files, one a file; empty when none could be measured."""
    here, rows = features.by_file(entries, features.sound(table), kind)
    if not here:
        return {}

    def floats(name: str) -> Any:
        return np.asarray(rows[name].to_numpy(), np.float64)

    if kind == "texts":
        words = floats("words")
        return {
            "characters": floats("characters"),
            "words": words,
            "lines": floats("lines"),
            "variety": floats("distinct") / np.maximum(words, 1),
        }
    found = {name: floats(name) for name in PICTURES if name != "aspect"}
    found["aspect"] = found["width"] / np.maximum(found["height"], 1)
    return {name: found[name] for name in PICTURES}


def _modes(entries: Sequence[Entry], table: Any) -> Iterator[Statistic]:
    _, rows = features.by_file(entries, features.sound(table), "pictures")
    for name, what in (("mode", "how pixels are stored"), ("format", "what kind of file it is")):
        yield statistics.categorical(name, what, rows[name].to_pylist())


def _faults(entries: Sequence[Entry], table: Any) -> list[Fault]:
    bad = table.filter(pc.not_equal(table["fault"], ""))
    why = dict(zip(bad["digest"].to_pylist(), bad["fault"].to_pylist(), strict=True))
    return [Fault(path=it.path, why=why[it.digest]) for it in entries if it.digest in why]


def is_table(entry: Entry) -> bool:
    """Tell whether a file is a table by its name."""
    suffixes: tuple[str, ...] = plugins.load("formats", "tables").SUFFIXES
    return entry.path.lower().endswith(suffixes)


def open_table(ws: Workspace, entry: Entry) -> tuple[Any, int]:
    """Read a table, and how many of its rows were left out; raises `Invalid`."""
    found: tuple[Any, int] = plugins.load("formats", "tables").read(
        ws.objects.get(entry.digest), entry.path.lower()
    )
    return found


def _table(ws: Workspace, entry: Entry) -> tuple[Group | None, list[Fault]]:
    """Describe a table; one that cannot be read, and rows of it that cannot, are faults."""
    try:
        table, skipped = open_table(ws, entry)
    except (Invalid, Damaged) as error:
        return None, [Fault(path=entry.path, why=error.message)]
    faults = []
    if skipped:
        faults.append(Fault(path=entry.path, why=f"{skipped:,} rows have another number of cells"))
    found = []
    for column in plugins.load("formats", "tables").columns(table):
        if column.type == "categorical":
            made = statistics.categorical(column.name, "", column.values, missing=column.missing)
        else:
            what = {"text": "characters", "time": "seconds since 1970"}.get(column.type, "")
            made = statistics.numeric(
                column.name, what, column.values, missing=column.missing, type=column.type
            )
        found.append(made)
    return Group(name=entry.path, files=1, columns=tuple(found)), faults
