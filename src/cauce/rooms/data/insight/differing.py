"""What differs between two lists of files: for DVC's readers, and for people."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from cauce.kernel.entities import Digest, Entry, Manifest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import versions
from cauce.rooms.data.entities import DatasetVersion
from cauce.rooms.data.insight import labels as labelling
from cauce.rooms.data.insight.entities import (
    Changed,
    DatasetDiff,
    DiffCounts,
    Modified,
    OldNew,
    Relabelled,
    Renamed,
    SliceCount,
)
from cauce.rooms.data.insight.labels import Labels, Place

_NONE = Place()
_SIZES = ((1 << 10, "< 1 KiB"), (1 << 15, "1 to 32 KiB"), (1 << 20, "32 KiB to 1 MiB"))
_LARGE = "> 1 MiB"


class Side(Struct, frozen=True):
    """One of the two lists that are compared.

    Attributes:
        tree: Its files.
        labels: What is known of each.
        version: The numbered version, None where it is none.
        place: Path in the project that the files lie below; a file by itself lies there.
    """

    tree: Manifest
    labels: Labels
    version: DatasetVersion | None = None
    place: str = ""

    @property
    def alone(self) -> bool:
        """Tell whether it is one file by itself and no folder."""
        return not self.tree.labels.get(versions.DVC, ".dir").endswith(".dir")

    def path(self, file: str) -> str:
        """Give a file's path in the project, as DVC writes it."""
        if not self.place:
            return file
        return self.place if self.alone else f"{self.place}/{file}"


def diff(ws: Workspace, old: str, new: str, *, labels: str, limit: int) -> DatasetDiff:
    """See `data.diff`."""
    return compare(side(ws, old, labels), side(ws, new, labels), limit=limit)


def side(ws: Workspace, spec: str, labels: str = labelling.FOLDERS) -> Side:
    """Read a version as one side of a comparison."""
    version = versions.find(ws, spec)
    tree = ws.manifest(version.id)
    found = labelling.of(ws, tree, labels)
    return Side(tree, found, version, tree.labels.get(versions.PATH, version.name))


def compare(old: Side, new: Side, *, limit: int = 0) -> DatasetDiff:
    """Compare two lists of files by path and digest; no file is read.

    Args:
        old: Before.
        new: After.
        limit: Rows that each list may hold; 0: all.
    """
    had = {entry.path: entry for entry in old.tree.entries}
    has = {entry.path: entry for entry in new.tree.entries}
    moved = renames(labelling.digests(had.values()), labelling.digests(has.values()))
    away, here = {it.old for it in moved}, {it.new for it in moved}
    added = [path for path in has if path not in had and path not in here]
    deleted = [path for path in had if path not in has and path not in away]
    changed = [path for path in has if path in had and had[path].digest != has[path].digest]
    kept = [path for path in has if path in had and had[path].digest == has[path].digest]
    both = [(path, path) for path in kept] + [(it.old, it.new) for it in moved]
    other = relabelled(old, new, both)
    pairs = [(_place(old, a), _place(new, b)) for a, b in both]
    cut = limit if limit > 0 else None
    return DatasetDiff(
        added=[_changed(new, has[path]) for path in added[:cut]],
        deleted=[_changed(old, had[path]) for path in deleted[:cut]],
        modified=[
            *_folder(old, new, changed=bool(added or deleted or changed or moved)),
            *(_modified(old, new, had[path], has[path]) for path in changed[:cut]),
        ],
        renamed=[_renamed(old, new, it, has[it.new]) for it in moved[:cut]],
        relabelled=[_relabelled(old, new, pair, has[pair[1]]) for pair in other[:cut]],
        counts=DiffCounts(
            added=len(added),
            deleted=len(deleted),
            modified=len(changed),
            renamed=len(moved),
            unchanged=len(kept),
            relabelled=len(other),
            labelled=sum(not a.label and bool(b.label) for a, b in pairs),
            resplit=sum(a.split != b.split for a, b in pairs),
        ),
        old=old.version,
        new=new.version,
        size_old=sum(entry.size for entry in old.tree.entries),
        size_new=sum(entry.size for entry in new.tree.entries),
        balance_old=labelling.balance(old.labels.places.values()),
        balance_new=labelling.balance(new.labels.places.values()),
        slices=slices(old, new),
        labels=new.labels.source,
        limit=max(0, limit),
    )


def renames(had: Mapping[str, Digest], has: Mapping[str, Digest]) -> list[OldNew]:
    """Pair paths that went with paths that came, by their bytes; in order of the old path."""
    came: dict[Digest, list[str]] = {}
    for path in sorted(has.keys() - had.keys(), reverse=True):
        came.setdefault(has[path], []).append(path)
    return [
        OldNew(old=path, new=came[had[path]].pop())
        for path in sorted(had.keys() - has.keys())
        if came.get(had[path])
    ]


def relabelled(old: Side, new: Side, both: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Choose the items that have another class than before; both must be known."""
    found = []
    for before, after in both:
        had, has = _place(old, before).label, _place(new, after).label
        if had and has and had != has:
            found.append((before, after))
    return found


def slices(old: Side, new: Side) -> list[SliceCount]:
    """Count both sides' files by type, by size, and by each column of the table of labels."""
    found: list[SliceCount] = []
    tables = [_sliced(side) for side in (old, new)]
    for by in dict.fromkeys([*tables[0], *tables[1]]):
        first, second = (table.get(by, Counter()) for table in tables)
        order = [name for _, name in _SIZES] + [_LARGE] if by == "size" else None
        names = order or sorted(first.keys() | second.keys())
        found += [
            SliceCount(by=by, slice=name, old=first[name], new=second[name])
            for name in names
            if first[name] or second[name]
        ]
    return found


def _sliced(one: Side) -> dict[str, Counter[str]]:
    found = {
        "type": Counter(suffix(entry.path) for entry in one.tree.entries),
        "size": Counter(size_bucket(entry.size) for entry in one.tree.entries),
    }
    for name, values in one.labels.columns.items():
        found[name] = Counter(values.values())
    return found


def suffix(path: str) -> str:
    """Give what a file's name ends in, `.png`, in small letters; `none` without."""
    stem, dot, end = path.rpartition("/")[2].rpartition(".")
    return f".{end.lower()}" if dot and stem and len(end) < 12 else "none"


def size_bucket(size: int) -> str:
    """Give the bucket that a file's bytes fall in."""
    return next((name for limit, name in _SIZES if size < limit), _LARGE)


def _place(one: Side, path: str) -> Place:
    return one.labels.places.get(path, _NONE)


def _changed(one: Side, entry: Entry) -> Changed:
    place = _place(one, entry.path)
    return Changed(
        path=one.path(entry.path),
        file=entry.path,
        digest=entry.digest,
        size=entry.size,
        split=place.split,
        label=place.label,
    )


def _modified(old: Side, new: Side, had: Entry, has: Entry) -> Modified:
    place = _place(new, has.path)
    return Modified(
        path=old.path(had.path),
        file=has.path,
        digest=has.digest,
        size=has.size,
        old_digest=had.digest,
        old_size=had.size,
        split=place.split,
        label=place.label,
    )


def _folder(old: Side, new: Side, *, changed: bool) -> Sequence[Modified]:
    """Name the folder itself, as DVC does, where both sides have it."""
    if not changed or not old.place or old.place != new.place or old.alone or new.alone:
        return ()
    return (
        Modified(
            path=f"{old.place}/",
            digest=Digest(new.tree.labels.get(versions.DVC, "")),
            old_digest=Digest(old.tree.labels.get(versions.DVC, "")),
        ),
    )


def _renamed(old: Side, new: Side, moved: OldNew, has: Entry) -> Renamed:
    place = _place(new, moved.new)
    return Renamed(
        path=OldNew(old=old.path(moved.old), new=new.path(moved.new)),
        old=moved.old,
        new=moved.new,
        digest=has.digest,
        size=has.size,
        split=place.split,
        label=place.label,
    )


def _relabelled(old: Side, new: Side, pair: tuple[str, str], has: Entry) -> Relabelled:
    return Relabelled(
        path=new.path(has.path),
        file=has.path,
        digest=has.digest,
        size=has.size,
        split=_place(new, pair[1]).split,
        old=_place(old, pair[0]).label,
        new=_place(new, pair[1]).label,
    )
