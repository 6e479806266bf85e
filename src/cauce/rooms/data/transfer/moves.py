"""Push and fetch: what one store lacks, out of the other, files before the list of them."""

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit, urlunsplit

from cauce.errors import CauceError, Damaged, NotFound
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
    store = remotes.open_store(ws, remote)
    count = _Count(f"pushing to {remote.name}")
    lost: list[str] = []
    try:
        whole = [target for target in found if target.out.folder and not target.below]
        known = store.has({target.name for target in whole})
        present = len(known)
        open_folders: dict[Digest, set[Digest]] = {}
        files: dict[Digest, None] = {}
        for target in found:
            if target in whole and target.name in known:
                continue
            try:
                rows = wanted.listing(ws.objects, target)
            except NotFound:
                lost.append(target.out.path)
                continue
            needed = [Digest(f"md5:{md5}") for _, md5 in target.files(rows)]
            files.update(dict.fromkeys(needed))
            if target in whole:
                open_folders[target.name] = set(needed)
        there = store.has(files)
        present += len(there)
        missing = [name for name in files if name not in there]
        here = ws.objects.has(missing)
        gone = {name for name in missing if name not in here}
        lists = [name for name, needed in open_folders.items() if not needed & gone]
        count.total = len(here) + len(lists)
        for part in ([name for name in missing if name in here], lists):
            _move(ws, remote, found, ws.objects, store, part, jobs, count, trust=True)
    finally:
        store.close()
    lost += sorted(wanted.where(ws, found, name) for name in gone)
    if lost:
        raise NotFound(
            f"{len(lost)} objects are neither here nor in {remote.name}, first that of {lost[0]}",
            hint="push from the machine that added them; everything else is there now",
        )
    return _report(remote, found, count, present)


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
    try:
        for stage in (_lists, _files):
            names = stage(ws, found, lost)
            here = ws.objects.has(names)
            present += len(here)
            missing = [name for name in names if name not in here]
            if not missing:
                continue
            store = store or remotes.open_store(ws, remote)
            count.total += len(missing)
            lost += _bring(ws, remote, found, store, missing, jobs, count)
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


def _lists(ws: Workspace, found: Sequence[Target], lost: list[Digest]) -> dict[Digest, None]:  # noqa: ARG001
    return dict.fromkeys(target.name for target in found if target.out.folder)


def _files(ws: Workspace, found: Sequence[Target], lost: list[Digest]) -> dict[Digest, None]:
    """List the files of all targets whose list came."""
    names: dict[Digest, None] = {}
    for target in found:
        if target.name not in lost:
            rows = target.files(wanted.listing(ws.objects, target))
            names.update({Digest(f"md5:{md5}"): None for _, md5 in rows})
    return names


def _bring(
    ws: Workspace,
    remote: Remote,
    found: Sequence[Target],
    store: ObjectStore,
    names: Sequence[Digest],
    jobs: int | None,
    count: _Count,
) -> list[Digest]:
    """Fetch objects; gives those that the remote lacks."""
    try:
        _move(ws, remote, found, store, ws.objects, names, jobs, count, trust=False)
    except NotFound:
        left = set(names) - ws.objects.has(names)
        there = store.has(left)
        again = [name for name in names if name in there]
        _move(ws, remote, found, store, ws.objects, again, jobs, count, trust=False)
        return [name for name in names if name in left and name not in there]
    return []


def _move(
    ws: Workspace,
    remote: Remote,
    found: Sequence[Target],
    source: ObjectStore,
    target: ObjectStore,
    names: Iterable[Digest],
    jobs: int | None,
    count: _Count,
    *,
    trust: bool,
) -> None:
    """Move objects; a failure names the path that needs the object it was at."""
    jobs = jobs or remote.jobs
    try:
        moving.move(source, target, names, trust=trust, jobs=jobs, moved=count)
    except (Damaged, ConnectionError) as error:
        if not isinstance(error, CauceError):
            raise
        for word in error.message.split():
            if word.startswith("md5:"):
                name = Digest(word.rstrip(":,"))
                path = wanted.where(ws, found, name)
                kind = type(error)
                raise kind(f"{path}: {error.message}", hint=error.hint) from error
        raise


def _report(remote: Remote, found: Sequence[Target], count: _Count, present: int) -> Transfer:
    return Transfer(
        remote=remote.name,
        url=shown(remote.url),
        objects=count.objects,
        bytes=count.bytes,
        present=present,
        outs=len({target.out.path for target in found}),
    )
