"""A difference between revisions in the form that versions' differences have."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from cauce.kernel.workspace import Workspace
from cauce.rooms.data import versions
from cauce.rooms.data.insight import labels as labelling
from cauce.rooms.data.insight.entities import (
    Changed,
    DatasetDiff,
    DiffCounts,
    Modified,
    OldNew,
    Relabelled,
    Renamed,
)
from cauce.rooms.data.insight.labels import Place
from cauce.rooms.data.revisions import differing
from cauce.rooms.data.revisions.differing import Difference
from cauce.rooms.data.revisions.snapshots import Item, Snapshot

_VERSION = re.compile(r"sha256:|[A-Za-z0-9][A-Za-z0-9._-]*@(?!\{)")


def is_version(text: str) -> bool:
    """Tell whether words name a version of the catalogue, and no revision of git."""
    return _VERSION.match(text) is not None


def needs_files(arguments: Mapping[str, Any]) -> bool:
    """Tell whether `data.diff` compares something that only the caller's machine has."""
    old, new = arguments.get("old") or "HEAD", arguments.get("new")
    return new is None or not (is_version(old) or is_version(new))


def diff(
    ws: Workspace,
    old: str,
    new: str | None,
    *,
    targets: Sequence[str],
    hide_missing: bool,
    limit: int,
) -> DatasetDiff:
    """Compare revisions of git, or one of them or a version with the work tree."""
    if not is_version(old):
        found = differing.compare(ws, old, new, targets=targets, hide_missing=hide_missing)
        return report(found, limit)
    version = versions.find(ws, old)
    found = differing.from_version(ws, version, old, targets=targets, hide_missing=hide_missing)
    return replace(report(found, limit), old=version)


class _Side:
    """Split and class of each path of a snapshot, by its folders."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.items = snapshot.items
        inside: dict[str, list[str]] = {}
        for path, item in snapshot.items.items():
            if not path.endswith("/"):
                inside.setdefault(item.base, []).append(rel(path, item))
        self._places = {base: labelling.folders(rels) for base, rels in inside.items()}

    def place(self, path: str, item: Item) -> Place:
        """Give the split and class of a path."""
        return self._places.get(item.base, {}).get(rel(path, item), Place())

    def files(self) -> Iterable[tuple[str, Item]]:
        """Give what is no folder."""
        return ((path, item) for path, item in self.items.items() if not path.endswith("/"))

    def places(self) -> Iterable[Place]:
        """Give the split and class of every file."""
        return (self.place(path, item) for path, item in self.files())

    def size(self) -> int:
        """Give the bytes of everything that is tracked."""
        whole = (path for path, item in self.items.items() if path.rstrip("/") == item.base)
        return sum(self.items[path].size for path in whole)


def rel(path: str, item: Item) -> str:
    """Give a file's path inside its output; of a file by itself its name."""
    return path[len(item.base) + 1 :] or ("" if path.endswith("/") else path.rpartition("/")[2])


def report(found: Difference, limit: int) -> DatasetDiff:
    """Put a difference into the common form.

    Args:
        found: The difference.
        limit: Rows that each list may hold; 0: all.
    """
    old, new = _Side(found.old), _Side(found.new)
    cut = limit if limit > 0 else None
    whole = not (found.old.unknown or found.new.unknown)
    moved = [
        (old.place(before, old.items[before]), new.place(after, item), before, after, item)
        for before, after, item in found.renamed
    ]
    other = [row for row in moved if row[0].label and row[1].label and row[0].label != row[1].label]
    return DatasetDiff(
        added=[_changed(new, *row) for row in found.added[:cut]],
        deleted=[_changed(old, *row) for row in found.deleted[:cut]],
        modified=[_modified(new, *row) for row in found.modified[:cut]],
        renamed=[_renamed(new, found.old, *row) for row in found.renamed[:cut]],
        relabelled=[
            Relabelled(
                path=after,
                file=rel(after, item),
                digest=item.digest,
                size=item.size,
                split=now.split,
                old=was.label,
                new=now.label,
            )
            for was, now, _, after, item in other[:cut]
        ],
        counts=_counts(
            found, moved_labels=[(was, now) for was, now, *_ in moved], other=len(other)
        ),
        old=None,
        new=None,
        before=_named(found.old),
        after=_named(found.new),
        size_old=old.size(),
        size_new=new.size(),
        balance_old=labelling.balance(old.places()) if whole else [],
        balance_new=labelling.balance(new.places()) if whole else [],
        slices=[],
        not_in_cache=tuple(_changed(old, *row) for row in found.missing[:cut]),
        limit=max(0, limit),
    )


def _named(snapshot: Snapshot) -> str:
    """Name a side for people: as it was asked for, and its commit."""
    name, commit = snapshot.name, snapshot.commit
    return name if not commit or commit.startswith(name) else f"{name} ({commit[:10]})"


def _counts(
    found: Difference, *, moved_labels: Sequence[tuple[Place, Place]], other: int
) -> DiffCounts:
    """Count files; folders are no files."""
    changed = sum(not path.endswith("/") for path, _, _ in found.modified)
    old, new = found.old.items, found.new.items
    same = sum(
        not path.endswith("/") and path in old and old[path].digest == item.digest
        for path, item in new.items()
    )
    return DiffCounts(
        added=sum(not path.endswith("/") for path, _ in found.added),
        deleted=sum(not path.endswith("/") for path, _ in found.deleted),
        modified=changed,
        renamed=sum(not path.endswith("/") for path, _, _ in found.renamed),
        unchanged=same,
        relabelled=other,
        labelled=sum(not was.label and bool(now.label) for was, now in moved_labels),
        resplit=sum(was.split != now.split for was, now in moved_labels),
    )


def _changed(side: _Side, path: str, item: Item) -> Changed:
    place = side.place(path, item)
    return Changed(
        path=path,
        file=rel(path, item),
        digest=item.digest,
        size=item.size,
        split=place.split,
        label=place.label,
    )


def _modified(side: _Side, path: str, was: Item, now: Item) -> Modified:
    place = side.place(path, now)
    return Modified(
        path=path,
        file=rel(path, now),
        digest=now.digest,
        size=now.size,
        old_digest=was.digest,
        old_size=was.size,
        split=place.split,
        label=place.label,
    )


def _renamed(side: _Side, old: Snapshot, before: str, after: str, item: Item) -> Renamed:
    place = side.place(after, item)
    return Renamed(
        path=OldNew(old=before, new=after),
        old=rel(before, old.items[before]),
        new=rel(after, item),
        digest=item.digest,
        size=item.size,
        split=place.split,
        label=place.label,
    )
