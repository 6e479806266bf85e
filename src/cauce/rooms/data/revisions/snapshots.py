"""Which tracked paths a revision has, and the sum of each: what a comparison looks at."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from cauce.errors import CauceError
from cauce.kernel.entities import Digest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc, versions, worktree
from cauce.rooms.data.entities import DatasetVersion
from cauce.rooms.data.revisions.history import WORK_TREE, History, Pair


class Item(Struct, frozen=True, order=True):
    """One tracked path.

    Attributes:
        digest: Name of its bytes; of a tracked folder: of its `.dir` object.
        size: Bytes, where they are known.
        base: The output that it belongs to.
    """

    digest: Digest
    size: int
    base: str


class Snapshot(Struct, frozen=True):
    """What is tracked in one revision.

    Attributes:
        name: As it was asked for.
        commit: Empty for the work tree.
        items: Path -> what it is; a tracked folder ends in `/` and is there beside its files.
        unknown: Tracked folders whose `.dir` object is not here, so nobody knows what they hold.
    """

    name: str
    commit: str
    items: dict[str, Item]
    unknown: frozenset[str]


class Listings:
    """What folders hold, by the name of their `.dir` object; each is read once."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._known: dict[str, dict[str, str] | None] = {}

    def get(self, digest: Digest) -> dict[str, str] | None:
        """Give path -> md5, None where the object is missing or damaged."""
        if digest not in self._known:
            try:
                self._known[digest] = dvc.load().parse(self._ws.objects.get(digest))
            except CauceError:
                self._known[digest] = None
        return self._known[digest]


def take(ws: Workspace, history: History, listings: Listings, name: str, commit: str) -> Snapshot:
    """Read a revision; of the work tree, files are hashed where that is not known."""
    pairs = history.outputs(commit)
    if commit == WORK_TREE:
        return _of_files(ws, pairs)
    items: dict[str, Item] = {}
    unknown = []
    for _, out in pairs:
        if not out.md5:
            continue
        digest = out.digest
        if not out.folder:
            items[out.path] = Item(digest, out.size or 0, out.path)
            continue
        items[f"{out.path}/"] = Item(digest, out.size or 0, out.path)
        inside = listings.get(digest)
        if inside is None:
            unknown.append(out.path)
            continue
        items |= {
            f"{out.path}/{rel}": Item(Digest(f"{out.algorithm}:{md5}"), 0, out.path)
            for rel, md5 in inside.items()
        }
    return Snapshot(name, commit, items, frozenset(unknown))


def _of_files(ws: Workspace, pairs: Iterable[Pair]) -> Snapshot:
    """Take what lies in the work tree at the places that its `.dvc` files name."""
    format = dvc.load()
    items: dict[str, Item] = {}
    for _, out in pairs:
        found = worktree.scan(ws.folder, out.path)
        md5s = worktree.sums(ws.folder, out.path, found)
        sizes = {rel: stamp.size for rel, stamp in found.files.items()}
        if found.folder:
            name = format.name(format.dump(md5s))
            items[f"{out.path}/"] = Item(name, sum(sizes.values()), out.path)
        items |= {
            worktree.join(out.path, rel): Item(Digest(f"md5:{md5}"), sizes[rel], out.path)
            for rel, md5 in md5s.items()
        }
    return Snapshot("the work tree", WORK_TREE, items, frozenset())


def of_version(ws: Workspace, version: DatasetVersion, name: str) -> Snapshot:
    """Take a version of the catalogue, at the place that it was added from."""
    tree = ws.manifest(version.id)
    base = tree.labels.get(versions.PATH, version.name)
    named = Digest(tree.labels.get(versions.DVC, ""))
    if not named.endswith(".dir"):
        (entry,) = tree.entries
        items = {base: Item(entry.digest, entry.size, base)}
    else:
        items = {f"{base}/": Item(named, sum(entry.size for entry in tree.entries), base)}
        items |= {f"{base}/{it.path}": Item(it.digest, it.size, base) for it in tree.entries}
    return Snapshot(name, WORK_TREE, items, frozenset())


def narrow(snapshot: Snapshot, targets: Sequence[str]) -> Snapshot:
    """Keep what is at or below some paths."""
    kept = {
        path: item
        for path, item in snapshot.items.items()
        if any(path.rstrip("/") == it or path.startswith(f"{it}/") for it in targets)
    }
    return Snapshot(snapshot.name, snapshot.commit, kept, snapshot.unknown)
