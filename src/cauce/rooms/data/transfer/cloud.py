"""What the store at hand and a remote hold of tracked data: the two sides of `status --cloud`."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from cauce.errors import NotFound
from cauce.kernel.entities import Digest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import worktree
from cauce.rooms.data.entities import CloudState, CloudStatus, OutStatus
from cauce.rooms.data.transfer import remotes, wanted
from cauce.rooms.data.transfer.wanted import Target


def compare(ws: Workspace, found: Sequence[Target], name: str | None = None) -> list[CloudStatus]:
    """Tell which objects are on one side only, or on none.

    Args:
        ws: Workspace.
        found: Outputs, as `wanted.targets` gives them.
        name: Remote; the outputs' own, or the default one, when None.
    """
    rows: list[CloudStatus] = []
    for own, group in wanted.by_remote(found, name).items():
        store = remotes.open_store(ws, remotes.find(ws, own))
        try:
            needed = dict(_needed(ws, group))
            here, there = ws.objects.has(needed), store.has(needed)
        finally:
            store.close()
        for digest, path in needed.items():
            state = _state(digest in here, digest in there)
            if state is not None:
                rows.append(CloudStatus(path=path, md5=digest.partition(":")[2], state=state))
    return sorted(rows, key=lambda row: row.path)


def beside(ws: Workspace, outs: Sequence[OutStatus], name: str | None) -> list[OutStatus]:
    """Add to how outputs stand what the cache and their remote do not both hold."""
    wanted_paths = {out.path for out in outs}
    found = [target for target in wanted.targets(ws, ()) if target.out.path in wanted_paths]
    rows = compare(ws, found, name)
    return [
        replace(out, cloud=tuple(row for row in rows if f"{row.path}/".startswith(f"{out.path}/")))
        for out in outs
    ]


def _needed(ws: Workspace, group: Sequence[Target]) -> Iterator[tuple[Digest, str]]:
    """Name the objects of outputs, each with a path that needs it."""
    for target in group:
        if target.out.md5:
            yield target.name, target.out.path
        if target.out.folder:
            try:
                rows = wanted.listing(ws.objects, target)
            except NotFound:
                continue  # its own row says that the list is not here
            for rel, md5 in target.files(rows):
                yield Digest(f"{target.out.algorithm}:{md5}"), worktree.join(target.out.path, rel)


def _state(here: bool, there: bool) -> CloudState | None:
    if here and there:
        return None
    return "new" if here else "deleted" if there else "missing"
