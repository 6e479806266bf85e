"""Looking into a version, and at what differs between two."""

from collections import Counter

from cauce.kernel.entities import Digest, Manifest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import versions
from cauce.rooms.data.entities import DatasetDiff, DatasetPage, Folder, Renamed, Share

_SAMPLE = 200


def balance(tree: Manifest) -> list[Share]:
    """Count a version's files by split (first folder) and label (second)."""
    counts: Counter[tuple[str, str]] = Counter()
    for entry in tree.entries:
        parts = entry.path.split("/")
        counts[parts[0] if len(parts) > 1 else "", parts[1] if len(parts) > 2 else ""] += 1
    return [
        Share(split=split, label=label, count=count)
        for (split, label), count in sorted(counts.items())
    ]


def show(ws: Workspace, spec: str, prefix: str, after: str, limit: int) -> DatasetPage:
    """See `data.show`."""
    from cauce.rooms.data.browsing import index  # late: needs numpy

    version = versions.find(ws, spec)
    found = index.of(ws, version.id)
    start = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    here, folders = found.folder(start)
    here = here[here >= found.first(f"{after}\0".encode())] if after else here
    limit = max(0, limit)
    entries = [found.entry(row) for row in here[:limit].tolist()]
    return DatasetPage(
        version=version,
        balance=[
            Share(split=split, label=label, count=count)
            for (split, label), count in sorted(
                zip(found.groups, found.counts().tolist(), strict=True)
            )
        ],
        folders=[Folder(path=path, files=count, size=size) for path, count, size in folders],
        entries=entries,
        next=entries[-1].path if 0 < limit < len(here) else "",
    )


def diff(ws: Workspace, old: str, new: str) -> DatasetDiff:
    """See `data.diff`."""
    before, after = versions.find(ws, old), versions.find(ws, new)
    old_tree, new_tree = ws.manifest(before.id), ws.manifest(after.id)
    had = {entry.path: entry.digest for entry in old_tree.entries}
    has = {entry.path: entry.digest for entry in new_tree.entries}
    renamed = _renames(had, has)
    moved_away, moved_here = {it.old for it in renamed}, {it.new for it in renamed}
    added = [path for path in has if path not in had and path not in moved_here]
    removed = [path for path in had if path not in has and path not in moved_away]
    changed = [path for path in has if path in had and had[path] != has[path]]
    return DatasetDiff(
        old=before,
        new=after,
        added=len(added),
        removed=len(removed),
        changed=len(changed),
        renamed=len(renamed),
        added_paths=added[:_SAMPLE],
        removed_paths=removed[:_SAMPLE],
        changed_paths=changed[:_SAMPLE],
        renamed_paths=renamed[:_SAMPLE],
        balance_old=balance(old_tree),
        balance_new=balance(new_tree),
    )


def _renames(had: dict[str, Digest], has: dict[str, Digest]) -> list[Renamed]:
    """Pair paths that went with paths that came, by their bytes; in order of the old path."""
    came: dict[Digest, list[str]] = {}
    for path in sorted(has.keys() - had.keys(), reverse=True):
        came.setdefault(has[path], []).append(path)
    return [
        Renamed(old=path, new=came[had[path]].pop())
        for path in sorted(had.keys() - has.keys())
        if came.get(had[path])
    ]
