"""Which objects of data nothing needs, and taking them out so that they can come back."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cauce.errors import CauceError, Conflict, Damaged, Invalid, NotFound, Unsupported
from cauce.kernel import config, gc, git
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectInfo
from cauce.kernel.workspace import Workspace, open_local
from cauce.rooms.data import dvc
from cauce.rooms.data.revisions import trash
from cauce.rooms.data.revisions.entities import Collected, Collection, Restored
from cauce.rooms.data.revisions.history import History, Scope
from cauce.rooms.data.transfer import remotes

if TYPE_CHECKING:
    from cauce.kernel.objects import ObjectStore

_DAY = 24 * 3600.0
_PROVEN = {"file", "s3"}
"""Kinds of remotes that collection and undo were tried on; others are refused until they were."""


class Choice(NamedTuple):
    """What a collection is asked to do.

    Attributes:
        scope: Whose old commits are kept; None: every commit.
        cloud: Collect in the remote too.
        not_in_remote: Keep in the cache only what the remote lacks.
        remote: Which remote; None: the default one.
        projects: Other projects that share the cache.
        force: Do it.
    """

    scope: Scope | None
    cloud: bool
    not_in_remote: bool
    remote: str | None
    projects: Sequence[Path]
    force: bool


def collect(ws: Workspace, choice: Choice) -> Collection:
    """See `data.gc`."""
    if not (ws.folder / ".dvc").is_dir():
        raise NotFound(f"{ws.folder} has no data yet", hint="cauce data init")
    now = ws.now()
    limit = now - float(ws.settings["gc.grace_hours"]) * 3600
    others = _projects(ws, choice.projects)
    wanted = _remote(ws, choice) if choice.cloud or choice.not_in_remote else ""
    with dvc.load().locked(ws.folder):
        places: dict[str, tuple[list[ObjectInfo], int, int]] = {}
        store = remotes.open_remote(ws, wanted) if wanted else None
        here = list(ws.objects.list("md5"))
        there = list(store.list("md5")) if store is not None and choice.cloud else []
        reached = needed(ws, choice.scope, others)
        if store is not None:
            far = {name for name in reached if name.endswith(".dir")}
            reached |= _files(store, far - ws.objects.has(far))
        kept = reached
        if choice.not_in_remote:
            assert store is not None
            kept = reached - store.has(reached)
        places[trash.CACHE] = _split(here, kept, limit)
        if choice.cloud:
            places[wanted] = _split(there, reached, limit)
        id = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"-{os.urandom(3).hex()}"
        going = {place: split[0] for place, split in places.items() if split[0]}
        if choice.force and going:
            _take(ws, id, now, going, limit)
        if choice.force:
            _empty_old(ws, now)
    return Collection(
        applied=choice.force,
        id=id if choice.force and going else "",
        places=[
            Collected(
                place=place,
                count=len(loose),
                bytes=sum(info.size for info in loose),
                kept=stays,
                young=young,
                sample=tuple(info.digest for info in loose[:10]),
            )
            for place, (loose, stays, young) in places.items()
        ],
    )


def undo(ws: Workspace, id: str | None) -> Restored:
    """See `data.gc-undo`."""
    found = trash.find(ws, id)
    with dvc.load().locked(ws.folder):
        count = sum(trash.bring_back(ws, place, found.id) for place in found.places)
        trash.forget(ws, found.id)
    return Restored(id=found.id, count=count)


def needed(ws: Workspace, scope: Scope | None, others: Sequence[Path] = ()) -> set[Digest]:
    """Mark the md5 objects that are to be kept.

    Args:
        ws: Workspace.
        scope: Whose old commits count, beside the tips of all branches and tags, the stash, the
            work tree, and what HEAD was within the grace period; None: every commit that git has.
        others: Other projects that share the cache.

    Raises:
        Damaged: A DVC file of a kept revision, or a manifest, cannot be read.
    """
    by_git = gc.named_by_dvc(ws) if scope is None else _of_history(ws, scope)
    found = gc.named_in_catalog(ws) | by_git
    for root in others:
        with open_local(root) as other:
            found |= gc.named_by_dvc(other)
    return {name for name in found if name.startswith("md5:")}


def _of_history(ws: Workspace, scope: Scope) -> set[Digest]:
    """Mark what the tips and the chosen revisions name."""
    scopes = [Scope()]
    if git.within(ws.folder):
        hours = float(ws.settings["gc.grace_hours"])
        recent = git.visited(ws.folder, ws.now() - hours * 3600)
        revs = (*recent, *git.tips(ws.folder, "refs/remotes"))
        branches = Scope(branches=True, tags=True, stash=True, num=scope.num, since=scope.since)
        chosen = Scope(workspace=False, revs=scope.revs, num=scope.num)
        scopes = [branches, chosen, Scope(workspace=False, revs=revs)]
    found: set[Digest] = set()
    with History(ws.folder) as history:
        for one in scopes:
            found |= {Digest(f"md5:{out.md5}") for _, out in history.every(one) if out.md5}
        if history.problems:
            raise Damaged(
                f"nobody can tell what is needed: {history.problems[0]}",
                hint="without --workspace, --rev, --num and so on every sum in any commit is kept",
            )
    found |= gc.staged(ws)
    return found | _files(ws.objects, found)


def _files(store: "ObjectStore", found: set[Digest]) -> set[Digest]:
    """Mark the files of folders whose lists a store has."""
    inside: set[Digest] = set()
    for folder in store.has(name for name in found if name.endswith(".dir")):
        try:
            listing = dvc.load().parse(store.get(folder))
        except CauceError as error:
            raise Damaged(
                f"the list of files {folder} cannot be read: {error.message}",
                hint="`cauce data fetch` brings it again; nothing was removed",
            ) from error
        inside |= {Digest(f"md5:{md5}") for md5 in listing.values()}
    return inside


def _split(
    infos: Sequence[ObjectInfo], kept: set[Digest], limit: float
) -> tuple[list[ObjectInfo], int, int]:
    """Give what can go, how many stay, and how many of these only because they are young."""
    loose = [info for info in infos if info.digest not in kept]
    old = sorted((it for it in loose if it.modified <= limit), key=lambda it: it.digest)
    return old, len(infos) - len(old), len(loose) - len(old)


def _take(
    ws: Workspace, id: str, now: float, going: dict[str, list[ObjectInfo]], limit: float
) -> None:
    every = [info for infos in going.values() for info in infos]
    trash.record(
        ws,
        trash.Record(
            id=id,
            at=now,
            until=now + float(ws.settings["gc.trash_days"]) * _DAY,
            places=tuple(going),
            count=len(every),
            bytes=sum(info.size for info in every),
        ),
    )
    for place, infos in going.items():
        trash.take(ws, place, id, infos, limit)


def _empty_old(ws: Workspace, now: float) -> None:
    """Remove what has been in the trash for its time."""
    for old in trash.records(ws):
        if old.until <= now:
            for place in old.places:
                try:
                    trash.empty(ws, place, old.id)
                except NotFound:  # the remote is configured no more
                    continue
            trash.forget(ws, old.id)


def _remote(ws: Workspace, choice: Choice) -> str:
    """Name the remote, if it is one whose objects may be taken out from here."""
    found = remotes.find(ws, choice.remote)
    plain = found.layout == "plain" and not found.versioned
    if choice.cloud and not (plain and found.scheme in _PROVEN):
        raise Unsupported(
            f"remote {found.name} is not collected from here",
            hint="folders and s3 in DVC's own layout are; a hub by `cauce admin gc` there",
        )
    return found.name


def _projects(ws: Workspace, paths: Sequence[Path]) -> list[Path]:
    """Find the other projects; a cache outside the project may not be collected without them."""
    if not paths and gc.shares_dvc_cache(ws):
        raise Conflict(
            f"the cache {dvc.load().cache_dir(ws.folder)} lies outside the project",
            hint="others may use it: name the folders of all that do, --projects DIR DIR",
        )
    found = []
    for path in paths:
        root = config.find_root((Path.cwd() / path).resolve())
        if root is None or not (root / ".dvc").is_dir():
            raise Invalid(f"{path} is no project of DVC", hint="give a folder that holds .dvc")
        if root != ws.folder:
            found.append(root)
    return found
