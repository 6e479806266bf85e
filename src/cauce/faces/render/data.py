"""Versions of data as text."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import columns, short, size, when
from cauce.faces.text import scalar
from cauce.rooms.data.entities import (
    CheckoutReport,
    DatasetPage,
    DatasetSummary,
    DatasetVersion,
    Initialised,
    OutStatus,
    Share,
)

_CLOUD = 20
_SIGNS = {"added": "+", "modified": "~", "deleted": "-", "unreadable": "!"}


def _one(version: DatasetVersion) -> str:
    amount = f"{version.count:,} files, {size(version.size)}"
    return f"{version.name}@{version.number}  {amount}  {short(version.id)}"


@renders("data.init")
def init(made: Initialised) -> Iterator[str]:
    """What was made."""
    if not made.made:
        yield f"{scalar(made.root)} is ready for data already"
        return
    yield f"ready for data: {scalar(made.root)}{'' if made.git else ' (no git repository)'}"
    for file in made.made:
        yield f"  {scalar(file)}"


@renders("data.add")
def add(version: DatasetVersion) -> Iterator[str]:
    """The version."""
    yield _one(version)


@renders("data.merge")
def merge(version: DatasetVersion) -> Iterator[str]:
    """The version, and how to get it."""
    yield _one(version)
    yield f"`cauce data checkout --version {version.name}@{version.number}` brings it here"


@renders("data.status")
def status(outs: Sequence[OutStatus]) -> Iterator[str]:
    """One path a line, its changes below it."""
    if not outs:
        yield "nothing is versioned; `cauce data add FOLDER` does it"
    for out in outs:
        name = f" ({out.version})" if out.version else ""
        yield f"{scalar(out.path)}{name}: {out.state}{_counts(out)}"
        for change in out.sample:
            yield f"  {_SIGNS[change.change]} {scalar(change.path)}"
        left = out.added + out.modified + out.deleted - len(out.sample)
        if left > 0:
            yield f"  … {left:,} more"
        if out.modes:
            yield f"  {out.modes:,} exec bits or empty folders are not as in the version"
        if out.missing:
            yield f"  {out.missing:,} objects are not in the store; try `cauce data pull`"
        for row in out.cloud[:_CLOUD]:
            yield f"  {row.state:8} {scalar(row.path)}"
        if len(out.cloud) > _CLOUD:
            yield f"  … {len(out.cloud) - _CLOUD:,} more objects, `cauce data remote status`"


def _counts(out: OutStatus) -> str:
    words = [f"{out.unchanged:,} unchanged"] if out.unchanged else []
    for kind in ("added", "modified", "deleted"):
        count = getattr(out, kind)
        if count:
            words.append(f"{count:,} {kind}")
    return f", {', '.join(words)}" if words else ""


@renders("data.checkout")
def checkout(report: CheckoutReport) -> Iterator[str]:
    """One path a line."""
    if not report.outs:
        yield "nothing is versioned"
    for out in report.outs:
        name = f" is now {out.version}" if out.version else ""
        yield (
            f"{scalar(out.path)}{name}: {out.written:,} written, {out.removed:,} removed, "
            f"{out.unchanged:,} as they were"
        )
        for path in out.kept:
            yield f"  kept, in no version: {scalar(path)}"
        if out.missing:
            yield f"  {out.missing:,} could not be restored: they are not in the store"


@renders("data.ls")
def ls(sets: Sequence[DatasetSummary]) -> Iterator[str]:
    """One data set a line."""
    if not sets:
        yield "no data sets; `cauce data add FOLDER` makes one"
        return
    body = [
        (it.name, it.number, f"{it.files:,}", size(it.size), it.versions, when(it.created))
        for it in sets
    ]
    head = ("data set", "main", "files", "size", "versions", "created")
    yield from columns(head, body, right="files size versions")


@renders("data.versions")
def versions(found: Sequence[DatasetVersion]) -> Iterator[str]:
    """One version a line, newest first."""
    body = [
        (
            f"{it.name}@{it.number}",
            f"{it.count:,}",
            size(it.size),
            when(it.created),
            it.agent,
            ", ".join(it.facts),
            it.message,
        )
        for it in found
    ]
    head = ("version", "files", "size", "created", "by", "found", "")
    yield from columns(head, body, right="files size")


@renders("data.show")
def show(page: DatasetPage) -> Iterator[str]:
    """The version, its balance, then folders and files."""
    yield _one(page.version)
    if page.version.facts:
        yield ", ".join(page.version.facts)
    if page.balance:
        yield ""
        yield from columns(("split", "class", "files"), _shares(page.balance), right="files")
    yield ""
    for folder in page.folders:
        yield f"{size(folder.size):>10}  {scalar(folder.path)}/  ({folder.files:,} files)"
    for entry in page.entries:
        yield f"{size(entry.size):>10}  {scalar(entry.path)}"
    if page.next:
        yield f"more: --after {scalar(page.next)}"


def _shares(balance: Sequence[Share]) -> list[tuple[str, str, str]]:
    return [(it.split or "-", it.label or "-", f"{it.count:,}") for it in balance]
