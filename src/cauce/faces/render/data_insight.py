"""What terminals print for data's part `insight`: counts first, then bars, then names."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import bar, columns, short, size, spark
from cauce.faces.text import scalar
from cauce.rooms.data.entities import DatasetVersion, Share
from cauce.rooms.data.insight.entities import DatasetDiff, Group, Shift, SliceCount, VersionProfile
from cauce.rooms.data.insight.findings import Bias, Duplicates, Leakage, Slice, Twins

_SHOWN = 10
"""Paths of each kind that a terminal shows; JSON has them all."""


def one(version: DatasetVersion) -> str:
    """Write a version in a line."""
    amount = f"{version.count:,} files, {size(version.size)}"
    return f"{version.name}@{version.number}  {amount}  {short(version.id)}"


@renders("data.diff")
def diff(found: DatasetDiff) -> Iterator[str]:
    """Both versions, how much differs, which paths, then balance and slices side by side."""
    yield f"- {scalar(found.before) if found.old is None else one(found.old)}"
    yield f"+ {scalar(found.after) if found.new is None else one(found.new)}"
    counts = found.counts
    kinds = ("added", "deleted", "modified", "renamed", "relabelled", "labelled", "resplit")
    words = [f"{getattr(counts, kind):,} {kind}" for kind in kinds if getattr(counts, kind)]
    yield ", ".join(words) if words else "no difference"
    if found.size_old != found.size_new:
        yield f"size {size(found.size_old)} -> {size(found.size_new)}"
    for sign, names, count in (
        ("+", [it.path for it in found.added], counts.added),
        ("-", [it.path for it in found.deleted], counts.deleted),
        ("~", [it.path for it in found.modified if it.file], counts.modified),
        (">", [f"{it.path.old} -> {it.path.new}" for it in found.renamed], counts.renamed),
        (
            "#",
            [f"{it.path}: {it.old} -> {it.new}" for it in found.relabelled],
            counts.relabelled,
        ),
    ):
        for name in names[:_SHOWN]:
            yield f"  {sign} {scalar(name)}"
        if count > min(len(names), _SHOWN):
            yield f"  {sign} … {count - min(len(names), _SHOWN):,} more"
    if found.not_in_cache:
        yield f"{len(found.not_in_cache):,} are not in the store; `cauce data fetch` brings them"
        for it in found.not_in_cache[:_SHOWN]:
            yield f"  ! {scalar(it.path)}"
    yield from balances(found.balance_old, found.balance_new)
    yield from _slices(found.slices)


def balances(old: Sequence[Share], new: Sequence[Share]) -> Iterator[str]:
    """Both balances as bars, a row a class of a split; nothing when neither has a class."""
    had = {(it.split, it.label): it.count for it in old}
    has = {(it.split, it.label): it.count for it in new}
    keys = sorted(had.keys() | has.keys())
    if not any(label for _, label in keys):
        return
    most = max(1, *had.values(), *has.values())
    body = []
    for key in keys:
        before, now = had.get(key, 0), has.get(key, 0)
        change = f"{now - before:+,}" if now != before else "="
        body.append((key[0] or "-", key[1] or "-", f"{before:,}", f"{now:,}", change,
                     bar(now / most)))  # fmt: skip
    yield ""
    yield from columns(("split", "class", "old", "new", "change", ""), body, right="old new change")


def _slices(found: Sequence[SliceCount]) -> Iterator[str]:
    """The slices that changed."""
    body = [
        (it.by, it.slice or "-", f"{it.old:,}", f"{it.new:,}", f"{it.new - it.old:+,}")
        for it in found
        if it.old != it.new
    ]
    if body:
        yield ""
        yield from columns(("by", "slice", "old", "new", "change"), body, right="old new change")


@renders("data.profile")
def profile(found: VersionProfile) -> Iterator[str]:
    """What is in it: balance, then a table a kind of file, then what could not be read."""
    yield f"{found.name}@{found.number}  {found.files:,} files, {size(found.size)}"
    yield f"{found.computed:,} measured now, {found.reused:,} known from earlier versions"
    if any(it.label for it in found.balance):
        most = max(it.count for it in found.balance if it.label)
        body = [
            (it.split or "-", it.label or "-", f"{it.count:,}", bar(it.count / most))
            for it in found.balance
        ]
        yield ""
        yield from columns(("split", "class", "files", ""), body, right="files")
    for group in found.groups:
        yield ""
        yield from _group(group)
    if found.words:
        yield ""
        words = ", ".join(scalar(it.label) for it in found.words[:15])
        yield f"{found.vocabulary:,} different words: {words} …"
    if found.faults:
        yield ""
        yield f"{found.faults:,} could not be read:"
        for fault in found.faulty[:_SHOWN]:
            yield f"  ! {scalar(fault.path)}: {scalar(fault.why)}"


def _group(group: Group) -> Iterator[str]:
    body = []
    for it in group.columns:
        if it.quantiles:
            low, middle, high = (f"{it.quantiles[i]:.4g}" for i in (1, 3, 5))
        else:
            low, high = "", f"{it.distinct:,} values"
            middle = scalar(it.bars[0].label) if it.bars else ""
        missing = f"{it.missing:,}" if it.missing else ""
        shape = spark([one.count for one in it.bars])
        body.append((it.name, low, middle, high, missing, shape, it.what))
    name = group.name if group.files == 1 else f"{group.name} ({group.files:,})"
    yield from columns(
        (name, "5 %", "middle", "95 %", "missing", "shape", ""), body, right="5 % missing"
    )


@renders("data.shift")
def shift(found: Shift) -> Iterator[str]:
    """The verdict, what moved in words, then a line a column."""
    moved = [it for it in found.columns if it.difference.verdict == "drifted"]
    where = f" in {found.split}" if found.split else ""
    yield (
        f"{found.old} -> {found.new}{where}: {found.outcome}, "
        f"{len(moved)} of {len(found.columns)} columns moved"
    )
    for it in moved[:_SHOWN]:
        yield f"  {scalar(it.words)}"
    body = [
        (
            f"{it.group} {it.name}",
            it.difference.verdict,
            bar(it.difference.distance, width=10),
            f"{it.difference.distance:.3f}",
            f"{it.difference.psi:.3f}",
            f"{it.difference.p:.2g}",
        )
        for it in found.columns
    ]
    yield ""
    yield from columns(
        ("column", "verdict", "", "distance", "PSI", "p"), body, right="distance PSI"
    )
    for sign, names in (("-", found.only_old), ("+", found.only_new)):
        yield from (f"  {sign} {scalar(name)}" for name in names)
    yield from (f"  ! {scalar(it.path)}: {scalar(it.why)}" for it in found.faults)


@renders("data.duplicates")
def duplicates(found: Duplicates) -> Iterator[str]:
    """The verdict and the counts, then the pairs."""
    yield f"{found.name}@{found.number} {found.outcome}: {found.files:,} files"
    yield (
        f"{found.exact:,} more of the same bytes, {found.near:,} pairs alike, "
        f"{found.rows:,} repeated rows, in {found.groups:,} groups"
    )
    if found.contradictory:
        yield f"{found.contradictory:,} pairs are alike and have different classes"
    yield from _pairs(found.pairs, found.exact + found.near)
    yield from (f"  ! {scalar(it.path)}: {scalar(it.why)}" for it in found.faults)


@renders("data.leakage")
def leakage(found: Leakage) -> Iterator[str]:
    """The verdict, a line a pair of splits, then the pairs."""
    yield f"{found.name}@{found.number} {found.outcome}"
    if found.leaks:
        body = [
            (it.first, it.second, f"{it.exact:,}", f"{it.near:,}", f"{it.rows:,}",
             f"{it.share:.1%}", bar(it.share))
            for it in found.leaks
        ]  # fmt: skip
        head = ("known in", "of", "exact", "near", "rows", "share", "")
        yield from columns(head, body, right="exact near rows share")
    yield from _pairs(found.pairs, found.found)


def _pairs(pairs: Sequence[Twins], count: int) -> Iterator[str]:
    for it in pairs[:_SHOWN]:
        other = f"  ({it.classes[0]} or {it.classes[1]}?)" if it.classes[0] != it.classes[1] else ""
        how = "same" if it.kind == "exact" else f"{it.alike:.3f}"
        yield f"  {how:>5}  {scalar(it.first)}  {scalar(it.second)}{scalar(other)}"
    if count > _SHOWN:
        yield f"  … {count - min(_SHOWN, len(pairs)):,} more"


@renders("data.bias")
def bias(found: Bias) -> Iterator[str]:
    """The verdict, what was found in words, then the slices to mind."""
    against = f" against {found.against}" if found.against else ""
    yield f"{found.name}@{found.number}{against}: {found.outcome}"
    yield from (f"  {scalar(fact)}" for fact in found.facts)
    mind = [it for it in found.slices if it.thin or it.worse or it.better or it.changed]
    shown = (mind or [it for it in found.slices if it.by == "class"])[: 2 * _SHOWN]
    if not shown:
        return
    asked, held = any(it.judged for it in shown), bool(found.against)
    head = ["by", "slice", "files", "share", ""]
    head += ["before"] if held else []
    head += ["error", "95 % interval"] if asked else []
    yield ""
    yield from columns(
        [*head, "verdict"],
        [_slice(it, asked=asked, held=held) for it in shown],
        right="files share before error",
    )
    if len(mind) > len(shown):
        yield f"  … {len(mind) - len(shown):,} more"


def _slice(it: Slice, *, asked: bool, held: bool) -> list[str]:
    cells = [it.by, it.slice or "-", f"{it.count:,}", f"{it.share:.1%}", bar(it.share, width=10)]
    if held:
        cells.append(f"{it.old_share:.1%}")
    if asked and it.judged:
        cells += [f"{it.error:.1%}", f"{it.error_low:.1%} to {it.error_high:.1%}"]
    elif asked:
        cells += ["", ""]
    words = [word for word in ("thin", "changed", "worse", "better") if getattr(it, word)]
    return [*cells, ", ".join(words)]
