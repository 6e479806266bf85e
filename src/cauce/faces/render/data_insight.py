"""What terminals print for data's part `insight`: counts first, then bars, then names."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import bar, columns, short, size
from cauce.faces.text import scalar
from cauce.rooms.data.entities import DatasetVersion, Share
from cauce.rooms.data.insight.entities import DatasetDiff, SliceCount

_SHOWN = 10
"""Paths of each kind that a terminal shows; JSON has them all."""


def one(version: DatasetVersion | None) -> str:
    """Write a version in a line."""
    if version is None:
        return "the work tree"
    amount = f"{version.count:,} files, {size(version.size)}"
    return f"{version.name}@{version.number}  {amount}  {short(version.id)}"


@renders("data.diff")
def diff(found: DatasetDiff) -> Iterator[str]:
    """Both versions, how much differs, which paths, then balance and slices side by side."""
    yield f"- {one(found.old)}"
    yield f"+ {one(found.new)}"
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
