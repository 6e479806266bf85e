"""Searches of a version for what it holds twice, and for what its splits have in common."""

from collections import Counter, defaultdict
from itertools import permutations

from msgspec.structs import replace

from cauce.kernel import runs
from cauce.kernel.entities import Run
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.insight import labels as labelling
from cauce.rooms.data.insight import profiling, reports, twins
from cauce.rooms.data.insight.entities import Fault
from cauce.rooms.data.insight.findings import Duplicates, Leak, Leakage, Twins

_KEPT = 10_000
"""Pairs that a report holds at most."""

_WAITING = frozenset({"unlabelled", "unlabeled"})
"""Splits that nothing is trained on or tested with."""


def duplicates(ws: Workspace, spec: str, source: str, limit: int) -> Duplicates:
    """See `data.duplicates`."""
    one = profiling.measured(ws, spec)
    asked = {"labels": source}
    done = reports.kept(ws, "duplicates", one.version, "duplicates.json", Duplicates, asked)
    if done is not None:
        return replace(done, pairs=_cut(done.pairs, limit))
    run = _run(ws, "duplicates", one, asked)
    known = labelling.of(ws, one.tree, source)
    found = twins.find(one, known)
    faults: list[Fault] = []
    tables = twins.tables(ws, one.tree.entries, known, faults)
    rows = sum(table.counts.total() - len(table.counts) for table in tables)
    against = sum(map(twins.contradicts, found.pairs))
    outcome = "contradictory" if against else "repeated" if found.pairs or rows else "unique"
    order = sorted(
        found.pairs, key=lambda it: (not twins.contradicts(it), -it.alike, it.first, it.second)
    )
    said = Duplicates(
        name=one.version.name,
        number=one.version.number,
        data=one.version.id,
        outcome=outcome,
        files=len(one.tree.entries),
        exact=found.exact,
        near=found.near,
        rows=rows,
        contradictory=against,
        groups=twins.groups(found.pairs),
        pairs=tuple(order[:_KEPT]),
        truncated=found.truncated or len(order) > _KEPT,
        faults=tuple(faults),
        run=run.id,
        at=run.started,
    )
    metrics = {"exact": found.exact, "near": found.near, "contradictory": against, "rows": rows}
    run = replace(run, outcome=outcome, metrics={key: float(it) for key, it in metrics.items()})
    files = {"duplicates.json": reports.encode(said)}
    report = reports.keep(ws, run, files, used=((one.version.id, "data"),))
    return replace(said, report=report.id, pairs=_cut(said.pairs, limit))


def leakage(ws: Workspace, spec: str, source: str, limit: int) -> Leakage:
    """See `data.leakage`."""
    one = profiling.measured(ws, spec)
    asked = {"labels": source}
    done = reports.kept(ws, "leakage", one.version, "leakage.json", Leakage, asked)
    if done is not None:
        return replace(done, pairs=_cut(done.pairs, limit))
    run = _run(ws, "leakage", one, asked)
    known = labelling.of(ws, one.tree, source)
    found = twins.find(one, known, crossing=True)
    pairs = [it for it in found.pairs if all(it.splits) and not _WAITING & set(it.splits)]
    faults: list[Fault] = []
    tables = twins.tables(ws, one.tree.entries, known, faults)
    sizes = Counter(place.split for place in known.places.values())
    leaks = [*_leaks(pairs, sizes), *_between(tables)]
    splits = {split for split in sizes if split} | {table.split for table in tables if table.split}
    outcome = "leaking" if leaks else "clean" if len(splits - _WAITING) > 1 else "one-split"
    order = sorted(pairs, key=lambda it: (it.splits, -it.alike, it.first, it.second))
    said = Leakage(
        name=one.version.name,
        number=one.version.number,
        data=one.version.id,
        outcome=outcome,
        leaks=tuple(leaks),
        pairs=tuple(order[:_KEPT]),
        found=len(order),
        truncated=found.truncated or len(order) > _KEPT,
        run=run.id,
        at=run.started,
    )
    run = replace(run, outcome=outcome, metrics={"pairs": float(len(order))})
    files = {"leakage.json": reports.encode(said)}
    report = reports.keep(ws, run, files, used=((one.version.id, "data"),))
    return replace(said, report=report.id, pairs=_cut(said.pairs, limit))


def _leaks(pairs: list[Twins], sizes: Counter[str]) -> list[Leak]:
    """Count the files of each split that another split knows, exact ones first."""
    known: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for pair in pairs:
        kind = "exact" if pair.kind == "exact" else "near"
        known[pair.splits][kind].add(pair.second)
        known[pair.splits[::-1]][kind].add(pair.first)
    found = []
    for (first, second), kinds in sorted(known.items()):
        exact, near = kinds["exact"], kinds["near"] - kinds["exact"]
        found.append(
            Leak(
                first=first,
                second=second,
                exact=len(exact),
                near=len(near),
                rows=0,
                files=sizes[second],
                share=(len(exact) + len(near)) / max(1, sizes[second]),
            )
        )
    return found


def _between(tables: list[twins.Rows]) -> list[Leak]:
    """Count the rows that tables of different splits have in common; columns must be the same."""
    found = []
    for first, second in permutations(tables, 2):
        if first.columns != second.columns or not first.split or not second.split:
            continue
        if first.split == second.split or _WAITING & {first.split, second.split}:
            continue
        rows, total = twins.common(first, second), second.counts.total()
        if rows:
            found.append(
                Leak(
                    first=first.entry.path,
                    second=second.entry.path,
                    exact=0,
                    near=0,
                    rows=rows,
                    files=total,
                    share=rows / total,
                )
            )
    return found


def _run(ws: Workspace, kind: str, one: profiling.Measured, asked: dict[str, str]) -> Run:
    return Run(
        id=runs.new_id(),
        kind=f"data-{kind}",
        name=one.version.name,
        started=ws.now(),
        params={"data": one.version.id, "version": one.version.number, **asked},
    )


def _cut(pairs: tuple[Twins, ...], limit: int) -> tuple[Twins, ...]:
    return pairs[:limit] if limit > 0 else pairs
