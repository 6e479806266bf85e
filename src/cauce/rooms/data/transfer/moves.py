"""Push and fetch: what one store lacks, out of the other, files before the list of them."""

import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit, urlunsplit

from cauce.errors import Damaged, NotFound, Unavailable, Unsupported
from cauce.kernel import moving, progress
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectStore
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.transfer import remotes, wanted
from cauce.rooms.data.transfer.entities import Transfer
from cauce.rooms.data.transfer.remotes import Remote
from cauce.rooms.data.transfer.wanted import Target


class _Count:
    """Counts what has arrived, and says how far it is.

    Attributes:
        objects: Objects that came.
        bytes: Their bytes.
        total: Objects that are expected, as far as is known.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self.objects = self.bytes = self.total = 0

    def __call__(self, name: Digest, size: int) -> None:  # noqa: ARG002 - the form of `Moved`
        self.objects += 1
        self.bytes += size
        if not self.objects % 64 or self.objects == self.total:
            progress.report(self._what, self.objects, self.total)


def shown(url: str) -> str:
    """Give an address without what is secret in it."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def each(
    ws: Workspace,
    found: Sequence[Target],
    name: str | None,
    work: Callable[[Remote, Sequence[Target]], Transfer],
) -> list[Transfer]:
    """Do work for each remote that the targets belong to."""
    groups = wanted.by_remote(found, name) or {name: []}
    return [work(remotes.find(ws, own), group) for own, group in groups.items()]


def push(
    ws: Workspace, remote: Remote, found: Sequence[Target], *, jobs: int | None = None
) -> Transfer:
    """Send what the remote lacks: files first, the list of a folder when all of them are there.

    Raises:
        NotFound: Objects are in neither store; everything else was sent.
    """
    if remote.versioned:
        raise Unsupported(
            f"remote {remote.name} keeps versions of files under their own names: only read here",
            hint="push with `dvc push`, or to a remote without version_aware and worktree",
        )
    store = remotes.open_store(ws, remote)
    count = _Count(f"pushing to {remote.name}")
    lost: list[str] = []
    try:
        whole = {target.name for target in found if target.listed and not target.below}
        known = store.has(whole)
        folders: dict[Digest, set[Digest]] = {}
        files: dict[Digest, None] = {}
        for target in found:
            if target.name in known and not target.below:
                continue  # a list that is there means that its files are
            try:
                rows = wanted.listing(ws.objects, target)
            except NotFound:
                lost.append(target.out.path)
                continue
            needed = [Digest(f"{target.out.algorithm}:{md5}") for _, md5 in target.files(rows)]
            files.update(dict.fromkeys(needed))
            if target.listed and not target.below:
                folders[target.name] = set(needed)
        there = store.has(files)
        missing = [name for name in files if name not in there]
        count.total = len(missing) + len(folders)
        move = _Mover(ws, remote, found, jobs, count)
        gone = set(move(ws.objects, store, missing, trust=True))
        lost += sorted(wanted.where(ws, found, name) for name in gone)
        move(ws.objects, store, [name for name in folders if not folders[name] & gone], trust=True)
    finally:
        store.close()
    if lost:
        raise NotFound(
            f"{len(lost)} objects are neither here nor in {remote.name}, first that of {lost[0]}",
            hint="push from the machine that added them; everything else is there now",
        )
    return _report(remote, found, count, len(known) + len(there))


def fetch(
    ws: Workspace, remote: Remote, found: Sequence[Target], *, jobs: int | None = None
) -> Transfer:
    """Bring what the store at hand lacks: the lists of folders first, then all files.

    Raises:
        NotFound: The remote lacks objects; everything else was brought.
        Damaged: An object is not what its name says.
    """
    store: ObjectStore | None = None
    count = _Count(f"fetching from {remote.name}")
    lost: list[Digest] = []
    present = 0
    move = _Mover(ws, remote, found, jobs, count)
    try:
        for stage in (_lists, _files):
            names = stage(ws, found, lost)
            here = ws.objects.has(names)
            present += len(here)
            missing = [name for name in names if name not in here]
            if not missing:
                continue
            store = store or _source(ws, remote, found)
            count.total += len(missing)
            lost += move(store, ws.objects, missing, trust=False)
    finally:
        if store is not None:
            store.close()
    if lost:
        raise NotFound(
            f"{len(lost)} objects are not in {remote.name}, first that of "
            f"{wanted.where(ws, found, lost[0])}",
            hint="push them from where they are, or give another --remote; the rest was fetched",
        )
    return _report(remote, found, count, present)


def _source(ws: Workspace, remote: Remote, found: Sequence[Target]) -> ObjectStore:
    """Open what is fetched from; in a bucket that keeps versions each object has its own place."""
    if not remote.versioned:
        return remotes.open_store(ws, remote)
    places: dict[Digest, tuple[str, str]] = {}
    for target in found:
        out = target.out
        for file in out.files:
            key, known = f"{out.path}/{file.path}", file.cloud
            places[Digest(f"md5:{file.md5}")] = (
                key,
                known.get(remote.name, {}).get("version_id", ""),
            )
        if out.md5 and out.cloud:
            places[target.name] = out.path, out.cloud.get(remote.name, {}).get("version_id", "")
    return remotes.open_versioned(ws, remote, places)


def _lists(ws: Workspace, found: Sequence[Target], lost: list[Digest]) -> dict[Digest, None]:  # noqa: ARG001
    return dict.fromkeys(target.name for target in found if target.listed)


def _files(ws: Workspace, found: Sequence[Target], lost: list[Digest]) -> dict[Digest, None]:
    """List the files of all targets whose list came."""
    names: dict[Digest, None] = {}
    for target in found:
        if target.name not in lost:
            rows = target.files(wanted.listing(ws.objects, target))
            names.update({Digest(f"{target.out.algorithm}:{md5}"): None for _, md5 in rows})
    return names


class _Mover:
    """Moves objects; a failure names the path that needs the object it was at."""

    def __init__(
        self,
        ws: Workspace,
        remote: Remote,
        found: Sequence[Target],
        jobs: int | None,
        count: _Count,
    ) -> None:
        self._ws, self._found, self._count = ws, found, count
        self._jobs = jobs or remote.jobs

    def __call__(
        self, source: ObjectStore, target: ObjectStore, names: Sequence[Digest], *, trust: bool
    ) -> list[Digest]:
        """Move objects, and give those that the source lacks."""
        try:
            self._move(source, target, names, trust)
        except NotFound:
            left = set(names) - target.has(names)
            there = source.has(left)
            self._move(source, target, [name for name in names if name in there], trust)
            return [name for name in names if name in left and name not in there]
        return []

    def _move(
        self, source: ObjectStore, target: ObjectStore, names: Sequence[Digest], trust: bool
    ) -> None:
        try:
            moving.move(source, target, names, trust=trust, jobs=self._jobs, moved=self._count)
        except (Damaged, Unavailable) as error:
            named = re.search(r"md5(-dos2unix)?:[0-9a-f]{32}(\.dir)?", error.message)
            if named is None:
                raise
            path = wanted.where(self._ws, self._found, Digest(named[0]))
            raise type(error)(f"{path}: {error.message}", hint=error.hint) from error


def _report(remote: Remote, found: Sequence[Target], count: _Count, present: int) -> Transfer:
    return Transfer(
        remote=remote.name,
        url=shown(remote.url),
        objects=count.objects,
        bytes=count.bytes,
        present=present,
        outs=len({target.out.path for target in found}),
    )
