"""Objects on their way out: moved aside, brought back when asked, removed when their time is over.

A local store (a cache, a remote in a folder) keeps them in `trash/ID/` in its own folder, so that
taking them out is a rename. A store far away keeps them below the same address, `trash/ID/`.
"""

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cauce.errors import Damaged, NotFound
from cauce.kernel import objects, progress
from cauce.kernel.entities import Digest, Entity
from cauce.kernel.objects import ObjectInfo
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc
from cauce.rooms.data.transfer import remotes

if TYPE_CHECKING:
    from cauce.kernel.objects import ObjectStore

CACHE = "cache"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{6}\Z")
_BATCH = 200


class Record(Entity, frozen=True):
    """What one collection took out.

    Attributes:
        id: Its id.
        at: When.
        until: When it is removed for good, by the next collection after it.
        places: `cache` and names of remotes.
        count: Objects.
        bytes: Their bytes.
    """

    id: str
    at: float
    until: float
    places: tuple[str, ...]
    count: int
    bytes: int


def records(ws: Workspace) -> list[Record]:
    """List what is in the trash, oldest first."""
    found = []
    for file in sorted(_folder(ws).glob("*.json")):
        try:
            found.append(msgspec.json.decode(file.read_bytes(), type=Record))
        except msgspec.MsgspecError as error:
            raise Damaged(f"{file} is no record of a collection: {error}") from error
    return found


def find(ws: Workspace, id: str | None) -> Record:
    """Find a collection by its id, the newest when none is given.

    Raises:
        NotFound: There is none.
    """
    known = records(ws)
    chosen = [one for one in known if id in (None, one.id)]
    if not chosen:
        ids = ", ".join(one.id for one in known)
        raise NotFound(
            f"no collection {id}" if id else "nothing was collected that could come back",
            hint=f"known: {ids}" if ids else "what is past its time is gone for good",
        )
    return chosen[-1]


def record(ws: Workspace, one: Record) -> None:
    """Note a collection, before its first object moves."""
    folder = _folder(ws)
    folder.mkdir(parents=True, exist_ok=True)
    with objects.beside(folder / f"{one.id}.json") as out:
        out.write(msgspec.json.encode(one))
        out.flush()
        os.fsync(out.fileno())


def forget(ws: Workspace, id: str) -> None:
    """Take the note of a collection away, after its last object."""
    (_folder(ws) / f"{id}.json").unlink(missing_ok=True)


def take(ws: Workspace, place: str, id: str, infos: Iterable[ObjectInfo], before: float) -> int:
    """Move objects of a place into its trash; gives how many went.

    Args:
        ws: Workspace.
        place: `cache`, or the name of a remote.
        id: The collection.
        infos: What goes.
        before: Spare what was stored, or put again, after this time.
    """
    found = list(infos)
    root = _local(ws, place)
    if root is not None:
        gone = 0
        for done, info in enumerate(found, start=1):
            gone += _rename(root, root / "trash" / id, info.digest, before)
            progress.report(f"collecting in {place}", done, len(found))
        return gone
    store, aside = _store(ws, place), _store(ws, place, id)
    gone = 0
    for start in range(0, len(found), _BATCH):
        digests = [info.digest for info in found[start : start + _BATCH]]
        _copy(store, aside, digests)
        gone += store.delete(digests, before=before)
        progress.report(f"collecting in {place}", start + len(digests), len(found))
    return gone


def bring_back(ws: Workspace, place: str, id: str) -> int:
    """Move all objects of a collection back to where they were; gives how many."""
    root = _local(ws, place)
    if root is not None:
        aside = root / "trash" / id
        digests = _inside(aside)
        for digest in digests:
            _rename(aside, root, digest, None)
        _clear(aside)
        return len(digests)
    store, trash = _store(ws, place), _store(ws, place, id)
    digests = [info.digest for info in trash.list()]
    for start in range(0, len(digests), _BATCH):
        part = digests[start : start + _BATCH]
        _copy(trash, store, part)
        trash.delete(part)
    return len(digests)


def empty(ws: Workspace, place: str, id: str) -> None:
    """Remove what a collection took out of a place, for good."""
    root = _local(ws, place)
    if root is not None:
        aside = root / "trash" / id
        for digest in _inside(aside):
            (aside / objects.key(digest)).unlink(missing_ok=True)
        _clear(aside)
        return
    trash = _store(ws, place, id)
    trash.delete([info.digest for info in trash.list()])


def _folder(ws: Workspace) -> Path:
    return ws.folder / ".cauce" / "trash"


def _local(ws: Workspace, place: str) -> Path | None:
    """Give the folder of a place that is on this machine."""
    if place == CACHE:
        return dvc.load().cache_dir(ws.folder)
    remote = remotes.find(ws, place)
    return Path(remote.url.removeprefix("file://")) if remote.scheme == "file" else None


def _store(ws: Workspace, place: str, id: str = "") -> "ObjectStore":
    """Open a remote, or the trash of a collection in it."""
    remote = remotes.find(ws, place)
    if id:
        assert _ID.match(id), id
        remote = remotes.Remote(
            name=remote.name, url=f"{remote.url.rstrip('/')}/trash/{id}", options=remote.options
        )
    return remotes.open_store(ws, remote)


def _copy(source: "ObjectStore", target: "ObjectStore", digests: list[Digest]) -> None:
    """Copy objects between stores, verified."""
    with tempfile.TemporaryDirectory(prefix="cauce-trash-") as scratch:
        there = source.has(digests)
        files = {digest: Path(scratch) / str(number) for number, digest in enumerate(sorted(there))}
        for digest, file in files.items():
            source.fetch(digest, file)
        target.put_files(list(files.values()), digests=list(files))


def _rename(source: Path, target: Path, digest: Digest, before: float | None) -> int:
    """Move the file of an object; gives 1 when it went."""
    key = objects.key(digest)
    file, place = source / key, target / key
    try:
        if before is not None and file.stat().st_mtime > before:
            return 0
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
    except FileNotFoundError:  # somebody else was faster
        return 0
    return 1


def _inside(folder: Path) -> list[Digest]:
    """List the objects in the trash of a collection."""
    keys = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(digest for key in keys if (digest := objects.named(key)) is not None)


def _clear(folder: Path) -> None:
    """Remove the folders that are left empty."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
    if folder.is_dir():
        folder.rmdir()
