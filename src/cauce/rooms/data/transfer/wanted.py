"""Which objects tracked paths need, grouped by the remote they belong to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from cauce.errors import NotFound
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectStore
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc, status, worktree


class Target(Struct, frozen=True, kw_only=True):
    """One tracked path, or what was asked for below it.

    Attributes:
        out: The output.
        below: Path inside a folder that was asked for, empty for all of it.
        file: The file that names it.
    """

    out: dvc.Output
    below: str = ""
    file: str = ""

    @property
    def listed(self) -> bool:
        """Tell whether its files are listed in an object."""
        return self.out.md5.endswith(".dir")

    @property
    def name(self) -> Digest:
        """The output's own object."""
        return self.out.digest

    def files(self, listing: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Give path and md5 of the files that were asked for, out of those of the folder."""
        for path, md5 in listing.items():
            if not self.below or path == self.below or path.startswith(f"{self.below}/"):
                yield path, md5


class Scope(NamedTuple):
    """Which revisions count beside the work tree, named as DVC's options are."""

    branches: bool = False
    tags: bool = False
    commits: bool = False


def targets(ws: Workspace, paths: Sequence[Path], scope: Scope = Scope()) -> list[Target]:  # noqa: B008 - frozen
    """Find what paths mean: data, `.dvc` files, folders above them, or files in tracked folders."""
    found: dict[tuple[str, str, str], Target] = {}
    for path in paths:
        try:
            chosen = [Target(out=out, file=file) for file, out in status.select(ws, [path])]
        except NotFound:
            if any(scope):
                continue  # another revision may have it
            chosen = [_inside(ws, path)]
        found.update({_key(target): target for target in chosen})
    if not paths:
        found = {_key(target): target for target in _all(status.select(ws, ()))}
    if any(scope):
        wanted = [worktree.locate(ws, path).removesuffix(".dvc") for path in paths]
        for target in _all(_history(ws, scope)):
            if not paths or any(f"{target.out.path}/".startswith(f"{path}/") for path in wanted):
                found.setdefault(_key(target), target)
    return list(_usable(found.values()))


def _all(pairs: Iterable[tuple[str, dvc.Output]]) -> Iterator[Target]:
    return (Target(out=out, file=file) for file, out in pairs)


def _key(target: Target) -> tuple[str, str, str]:
    return target.out.path, target.out.md5, target.below


def _history(ws: Workspace, scope: Scope) -> list[tuple[str, dvc.Output]]:
    from cauce.rooms.data.revisions import history  # late: git is asked only when revisions are

    return history.every(
        ws,
        history.Scope(
            workspace=False, branches=scope.branches, tags=scope.tags, commits=scope.commits
        ),
    )


def _usable(found: Iterable[Target]) -> Iterator[Target]:
    """Leave out what has no object."""
    for target in found:
        if (target.out.md5 or target.out.files) and target.out.cache:
            yield target


def _inside(ws: Workspace, path: Path) -> Target:
    """Find the tracked folder that a path lies in."""
    place = worktree.locate(ws, path)
    for file, out in status.select(ws, ()):
        if out.folder and place.startswith(f"{out.path}/"):
            return Target(out=out, file=file, below=place.removeprefix(f"{out.path}/"))
    raise NotFound(
        f"{place} is not versioned", hint="`cauce data status` lists what is, add it first"
    )


def sendable(ws: Workspace, found: Sequence[Target]) -> list[Target]:
    """Leave out what is not to be pushed: `push: false`, and imports that are not here.

    An import that was never downloaded has a source of its own; it is nothing that was lost.
    """
    here = ws.objects.has(target.name for target in found if target.out.md5)
    return [
        target
        for target in found
        if target.out.push and (target.name in here or not _imported(ws, target))
    ]


def _imported(ws: Workspace, target: Target) -> bool:
    file = ws.folder / target.file
    if not target.file.endswith(".dvc") or not file.is_file():
        return False
    return dvc.load().read(ws.folder, file).imported


def by_remote(found: Sequence[Target], name: str | None) -> dict[str | None, list[Target]]:
    """Group by remote: the one that was asked for, the output's own, the default (None)."""
    groups: dict[str | None, list[Target]] = {}
    for target in found:
        groups.setdefault(name or target.out.remote or None, []).append(target)
    return groups


def listing(store: ObjectStore, target: Target) -> dict[str, str]:
    """Read the list of a folder's files; an output that is one file has the path "".

    Raises:
        NotFound: The list is not in the store.
        Damaged: It is not what its name says.
    """
    if target.out.files:  # a bucket that keeps versions has no list
        return {file.path: file.md5 for file in target.out.files}
    if not target.out.folder:
        return {"": target.out.md5}
    return dvc.load().parse(store.get(target.name))


def where(ws: Workspace, found: Sequence[Target], name: Digest) -> str:
    """Tell, for an error, which path needs an object."""
    md5 = name.partition(":")[2]
    for target in found:
        if target.out.md5 == md5:
            return target.out.path
        try:
            rows = listing(ws.objects, target)
        except NotFound:
            continue
        for path, other in rows.items():
            if other == md5:
                return worktree.join(target.out.path, path)
    return md5
