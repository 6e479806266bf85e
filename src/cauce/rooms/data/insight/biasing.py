"""The bias report: whom a version leaves out, what changed in that, and where a model fails."""

from collections.abc import Sequence
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from cauce.errors import Invalid
from cauce.kernel import runs, shares
from cauce.kernel.entities import Digest, Run
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.insight import (
    judged,
    labels,
    profiling,
    reports,
    slices,
    statistics,
)
from cauce.rooms.data.insight.findings import Bias, Slice

FILE = "bias.json"
_ALPHA, _MOVED = 0.05, 0.02
_FAIR = 5
"""A slice with less than a fifth of the files of the middle one beside it is thin."""

_FEW, _NAMED = 0.01, 5
Key = tuple[str, str]


class Side(Struct, frozen=True):
    """A version, sliced.

    Attributes:
        counts: Files of each slice.
        totals: Files that have each property.
        evenness: How even its classes are.
    """

    one: profiling.Measured
    table: slices.Table
    counts: dict[Key, int]
    totals: dict[str, int]
    evenness: float

    @property
    def spec(self) -> str:
        """Give the name of the version."""
        return f"{self.one.version.name}@{self.one.version.number}"


def bias(ws: Workspace, spec: str, *, against: str, model: str, source: str, least: int) -> Bias:
    """See `data.bias`."""
    if least < 1:
        raise Invalid(f"least {least} is no number of files", hint="give 1 or more, e.g. 30")
    new = _side(ws, spec, source)
    old = _side(ws, against, source) if against else None
    said = judged.by(ws, new.one.tree, model, new.spec) if model else None
    asked = {
        "against": old.one.version.id if old else "",
        "model": said.model.id if said else "",
        "evaluations": " ".join(said.reports) if said else "",
        "labels": source,
        "least": least,
    }
    done = reports.kept(ws, "bias", new.one.version, FILE, Bias, asked)
    if done is not None:
        return done
    run = Run(
        id=runs.new_id(),
        kind="data-bias",
        name=new.one.version.name,
        started=ws.now(),
        params={"data": new.one.version.id, "version": new.one.version.number, **asked},
    )
    found = judge(new, old, said.wrong if said else {}, least)
    old_thin = thin(old, least) if old else set()
    made = Bias(
        name=new.one.version.name,
        number=new.one.version.number,
        data=new.one.version.id,
        against=old.spec if old else "",
        model=model,
        outcome=outcome(new, old, found, old_thin),
        facts=tuple(facts(new, old, found, old_thin)),
        evenness=new.evenness,
        evenness_old=old.evenness if old else None,
        accuracy=1 - sum(said.wrong.values()) / len(said.wrong) if said else None,
        slices=tuple(found),
        least=least,
        run=run.id,
        at=run.started,
    )
    return _keep(ws, run, made, old, said)


def _side(ws: Workspace, spec: str, source: str) -> Side:
    one = profiling.measured(ws, spec)
    known = labels.of(ws, one.tree, source)
    table = slices.of(one, known)
    return Side(
        one,
        table,
        {**dict.fromkeys(slices.empty(table), 0), **slices.counts(table)},
        {by: len(rows) for by, rows in table.items()},
        statistics.evenness(list(slices.classes(known).values())),
    )


def thin(side: Side, least: int) -> set[Key]:
    """Find the slices that have too few files; splits and types may be small on purpose."""
    beside: dict[str, list[int]] = {}
    for (by, _), count in side.counts.items():
        beside.setdefault(by, []).append(count)
    return {
        (by, name)
        for (by, name), count in side.counts.items()
        if by not in {"split", "type", "size"}
        and (count < least or count * _FAIR < median(beside[by]))
    }


def judge(new: Side, old: Side | None, wrong: dict[str, bool], least: int) -> list[Slice]:
    """Put every slice in figures; the tests are corrected for how many slices there are.

    Args:
        new: The version.
        old: What it is held against.
        wrong: Path -> whether the model was wrong.
        least: Files below which a slice is thin.
    """
    keys = sorted(new.counts.keys() | (old.counts.keys() if old else set()))
    few = thin(new, least)
    asked = slices.counts(new.table, lambda path: path in wrong)
    missed = slices.counts(new.table, lambda path: wrong.get(path, False))
    p_change = statistics.holm([_p_change(new, old, key) for key in keys])
    every, all_wrong = len(wrong), sum(wrong.values())
    p_error = statistics.holm(
        [
            statistics.shares_p(
                missed.get(key, 0), asked.get(key, 0),
                all_wrong - missed.get(key, 0), every - asked.get(key, 0),
            )
            for key in keys
        ]
    )  # fmt: skip
    found = []
    for place, key in enumerate(keys):
        count, total = new.counts.get(key, 0), new.totals.get(key[0], 0)
        low, high = shares.wilson(count, total)
        one = Slice(
            by=key[0],
            slice=key[1],
            count=count,
            share=count / max(1, total),
            low=low,
            high=high,
            thin=key in few or (count == 0 and old is not None and old.counts.get(key, 0) > 0),
        )
        if old is not None:
            one = _changed(one, old, p_change[place])
        if asked.get(key):
            numbers = (asked[key], missed.get(key, 0), all_wrong / max(1, every))
            one = _erred(one, numbers, p_error[place])
        found.append(one)
    return sorted(found, key=_weight)


def _p_change(new: Side, old: Side | None, key: Key) -> float:
    if old is None:
        return 1.0
    return statistics.shares_p(
        new.counts.get(key, 0),
        new.totals.get(key[0], 0),
        old.counts.get(key, 0),
        old.totals.get(key[0], 0),
    )


def _changed(one: Slice, old: Side, p: float) -> Slice:
    count = old.counts.get((one.by, one.slice), 0)
    share = count / max(1, old.totals.get(one.by, 0))
    moved = abs(one.share - share) >= _MOVED and p < _ALPHA
    return replace(one, old=count, old_share=share, p_change=p, changed=moved)


def _erred(one: Slice, numbers: tuple[int, int, float], p: float) -> Slice:
    asked, missed, overall = numbers
    low, high = shares.wilson(missed, asked)
    error = missed / asked
    return replace(
        one,
        judged=asked,
        wrong=missed,
        error=error,
        error_low=low,
        error_high=high,
        p_error=p,
        worse=p < _ALPHA and error > overall,
        better=p < _ALPHA and error < overall,
    )


def _weight(one: Slice) -> tuple[bool, bool, bool, float, str, str]:
    return (not one.worse, not one.thin, not one.changed, one.count, one.by, one.slice)


def outcome(new: Side, old: Side | None, found: Sequence[Slice], old_thin: set[Key]) -> str:
    """Give the verdict in one word."""
    few = {(it.by, it.slice) for it in found if it.thin}
    if old is None:
        return "uneven" if any(it.worse for it in found) else "thin" if few else "even"
    gain = new.evenness - old.evenness
    if len(few) != len(old_thin):
        return "reduced" if len(few) < len(old_thin) else "increased"
    if abs(gain) < _FEW:
        return "unchanged"
    return "reduced" if gain > 0 else "increased"


def facts(new: Side, old: Side | None, found: Sequence[Slice], old_thin: set[Key]) -> list[str]:
    """Say what was found, one sentence each."""
    few = [(it.by, it.slice) for it in found if it.thin]
    lines = [f"{len(few)} slices are thin{_named(few)}" if few else "no slice is thin"]
    worse = [(it.by, it.slice) for it in found if it.worse]
    if any(it.judged for it in found):
        lines.append(
            f"the model errs more on {len(worse)} slices{_named(worse)}"
            if worse
            else "the model errs on no slice more than on the others"
        )
    if old is None:
        return lines
    filled = sorted(old_thin - set(few))
    fresh = sorted(set(few) - old_thin)
    if filled:
        lines.append(f"{len(filled)} are thin no more{_named(filled)}")
    if fresh:
        lines.append(f"{len(fresh)} became thin{_named(fresh)}")
    moved = [(it.by, it.slice) for it in found if it.changed]
    if moved:
        lines.append(f"the share of {len(moved)} slices changed{_named(moved)}")
    way = "more" if new.evenness > old.evenness else "less"
    if abs(new.evenness - old.evenness) >= _FEW:
        lines.append(
            f"the classes are {way} even than before: {old.evenness:.3f}, now {new.evenness:.3f}"
        )
    return lines


def _named(keys: Sequence[Key]) -> str:
    shown = ", ".join(f"{by} {name or 'none'}" for by, name in keys[:_NAMED])
    return f": {shown}{' …' if len(keys) > _NAMED else ''}"


def _keep(
    ws: Workspace, run: Run, made: Bias, old: Side | None, said: judged.Judged | None
) -> Bias:
    used: list[tuple[Digest, str]] = [(made.data, "data")]
    if old is not None:
        used.append((old.one.version.id, "reference"))
    if said is not None:
        used += [(said.model.id, "model"), *((report, "evaluation") for report in said.reports)]
    metrics = {
        "evenness": made.evenness,
        "thin": float(sum(it.thin for it in made.slices)),
        "worse": float(sum(it.worse for it in made.slices)),
    }
    run = replace(run, outcome=made.outcome, metrics=metrics)
    report = reports.keep(ws, run, {FILE: reports.encode(made)}, used=used)
    return replace(made, report=report.id)
