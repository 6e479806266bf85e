"""What differs between two revisions, as `dvc diff` counts it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cauce.errors import NotFound
from cauce.kernel import git
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import worktree
from cauce.rooms.data.entities import DatasetVersion
from cauce.rooms.data.revisions import snapshots
from cauce.rooms.data.revisions.history import WORK_TREE, History
from cauce.rooms.data.revisions.snapshots import Item, Snapshot

Row = tuple[str, Item]


class Difference(NamedTuple):
    """Paths that differ, each list in order.

    Attributes:
        added: Paths that came.
        deleted: Paths that went.
        modified: Path, what it was, what it is.
        renamed: Path before, path after, what it is.
        missing: Paths of the old side whose objects are not in the store.
    """

    old: Snapshot
    new: Snapshot
    added: list[Row]
    deleted: list[Row]
    modified: list[tuple[str, Item, Item]]
    renamed: list[tuple[str, str, Item]]
    missing: list[Row]


def compare(
    ws: Workspace,
    old: str,
    new: str | None,
    *,
    targets: Sequence[str] = (),
    hide_missing: bool = False,
) -> Difference:
    """Compare two revisions of git, or one and the work tree.

    Args:
        ws: Workspace of the project.
        old: Revision before.
        new: Revision after; None: the work tree.
        targets: Only what is at or below these paths.
        hide_missing: Do not look for objects that the store lacks.

    Raises:
        NotFound: A revision does not exist, or a target is in neither.
    """
    git.prefix(ws.folder)
    listings = snapshots.Listings(ws)
    with History(ws.folder) as history:
        if new is None and not git.head(ws.folder):
            empty = Snapshot(old, WORK_TREE, {}, frozenset())
            return between(empty, empty)
        commit = git.resolve(ws.folder, old)
        later = WORK_TREE if new is None else git.resolve(ws.folder, new)
        before = snapshots.take(ws, history, listings, old, commit)
        if later == commit:
            return between(before, before)
        after = snapshots.take(ws, history, listings, new or "", later)
    look = new is None and not hide_missing
    return _chosen(ws, before, after, targets, look=look)


def from_version(
    ws: Workspace,
    version: DatasetVersion,
    name: str,
    *,
    targets: Sequence[str],
    hide_missing: bool,
) -> Difference:
    """Compare a version of the catalogue with what lies in the work tree at its place."""
    before = snapshots.of_version(ws, version, name)
    with History(ws.folder) as history:
        after = snapshots.take(ws, history, snapshots.Listings(ws), "", WORK_TREE)
    bases = {item.base for item in before.items.values()}
    after = snapshots.narrow(after, sorted(bases))
    return _chosen(ws, before, after, targets, look=not hide_missing)


def _chosen(
    ws: Workspace, before: Snapshot, after: Snapshot, targets: Sequence[str], *, look: bool
) -> Difference:
    """Compare what is at or below some paths, and look for missing objects when asked to."""
    places = [worktree.locate(ws, Path(path)) for path in targets]
    if places:
        before, after = snapshots.narrow(before, places), snapshots.narrow(after, places)
        _require(places, before, after)
    return between(before, after, _missing(ws, before) if look else [])


def between(old: Snapshot, new: Snapshot, missing: list[Row] | None = None) -> Difference:
    """Compare two snapshots; bytes that went in one place and came in another were renamed."""
    had, has = old.items, new.items
    unknown = old.unknown | new.unknown
    added: list[Row] = []
    deleted: list[Row] = []
    modified: list[tuple[str, Item, Item]] = []
    for path in had.keys() | has.keys():
        before, after = had.get(path), has.get(path)
        other = _as_other_kind(path, had, has)
        if before == after or _is_unknown(path, unknown):
            continue
        if before is not None and after is not None:
            if before.digest != after.digest:
                modified.append((path, before, after))
        elif other is not None:
            if before is not None:  # a file became a folder or the other way round
                modified.append((path, before, other))
        elif after is not None:
            added.append((path, after))
        elif before is not None:
            deleted.append((path, before))
    renamed = _renames(deleted, added)
    gone, came = {old for old, _, _ in renamed}, {new for _, new, _ in renamed}
    return Difference(
        old=old,
        new=new,
        added=sorted(row for row in added if row[0] not in came),
        deleted=sorted(row for row in deleted if row[0] not in gone),
        modified=sorted(modified),
        renamed=sorted(renamed),
        missing=sorted(missing or ()),
    )


def _as_other_kind(path: str, had: dict[str, Item], has: dict[str, Item]) -> Item | None:
    """Find what is at the same place as a folder where this is a file, or as a file."""
    other = path[:-1] if path.endswith("/") else f"{path}/"
    if (path in had) == (path in has):
        return None
    return has.get(other) if path in had else had.get(other)


def _is_unknown(path: str, unknown: frozenset[str]) -> bool:
    """Tell whether a path is in a folder of which nobody knows what it holds."""
    if not unknown:
        return False
    folder = path.rstrip("/").rpartition("/")[0]
    while folder:
        if folder in unknown:
            return True
        folder = folder.rpartition("/")[0]
    return False


def _renames(deleted: Sequence[Row], added: Sequence[Row]) -> list[tuple[str, str, Item]]:
    """Pair what went with what came by their bytes, the first path with the first."""
    went: dict[str, list[str]] = {}
    for path, item in sorted(deleted, key=_parts, reverse=True):
        went.setdefault(item.digest, []).append(path)
    return [
        (went[item.digest].pop(), path, item)
        for path, item in sorted(added, key=_parts)
        if went.get(item.digest)
    ]


def _parts(row: Row) -> list[str]:
    """Order paths part by part, as DVC does."""
    return row[0].rstrip("/").split("/")


def _missing(ws: Workspace, snapshot: Snapshot) -> list[Row]:
    """Find what the store lacks."""
    there = ws.objects.has({item.digest for item in snapshot.items.values()})
    return [row for row in snapshot.items.items() if row[1].digest not in there]


def _require(places: Sequence[str], *sides: Snapshot) -> None:
    for place in places:
        known = any(
            path.rstrip("/") == place or path.startswith(f"{place}/")
            for side in sides
            for path in side.items
        )
        if not known:
            raise NotFound(
                f"{place} is versioned in neither revision",
                hint="give data, a file inside it, or a folder above it",
            )
