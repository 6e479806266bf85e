"""How the work tree differs from what its `.dvc` files say."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from cauce.errors import Conflict, NotFound
from cauce.kernel import objects
from cauce.kernel.entities import Digest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc, legacy, modes, versions, worktree
from cauce.rooms.data.entities import Change, Kind, OutStatus
from cauce.rooms.data.worktree import Found

_SAMPLE = 20


def select(ws: Workspace, paths: Sequence[Path]) -> list[tuple[str, dvc.Output]]:
    """Find the outputs that paths mean (data, `.dvc` file, or a folder above), all when none.

    Returns:
        `.dvc` file and output, in order of path, each once.
    """
    format = dvc.load()
    root = ws.folder
    every = None
    chosen: dict[str, tuple[str, dvc.Output]] = {}
    for path in paths:
        place = worktree.locate(ws, path)
        named = place.endswith((".dvc", "dvc.yaml"))
        beside = root / (place if named else f"{place}.dvc")
        if beside.is_file():
            read = format.read(root, beside)
            found = [(read.path, out) for out in read.outs]
            if not named:
                found = [pair for pair in found if pair[1].path == place]
        else:
            every = _every(ws) if every is None else every
            found = [pair for pair in every if f"{pair[1].path}/".startswith(f"{place}/")]
        if not found:
            raise NotFound(
                f"{place} is not versioned", hint="`cauce data status` lists what is, add it first"
            )
        chosen |= {out.path: (file, out) for file, out in found}
    if not paths:
        chosen = {out.path: (file, out) for file, out in _every(ws)}
    return [chosen[path] for path in sorted(chosen)]


def _every(ws: Workspace) -> list[tuple[str, dvc.Output]]:
    format = dvc.load()
    read = [format.read(ws.folder, file) for file in format.find(ws.folder)]
    found = [(file.path, out) for file in read for out in file.outs]
    _require_apart(found)
    return found


def _require_apart(found: Sequence[tuple[str, dvc.Output]]) -> None:
    """Raise `Conflict` when two files name one path, or a path and a folder around it."""
    above: tuple[str, str] = ("", "")
    for path, file in sorted((f"{out.path}/", file) for file, out in found):
        if above[0] and path.startswith(above[0]):
            raise Conflict(
                f"{path[:-1]} ({file}) and {above[0][:-1]} ({above[1]}) overlap",
                hint="let one file name it: `cauce data remove` takes the other away",
            )
        above = path, file


def wanted(ws: Workspace, out: dvc.Output) -> dict[str, str]:
    """Give path -> md5 of an output's files; a file by itself has the path "".

    Raises:
        NotFound: Its `.dir` object is not in the store.
    """
    if out.files:  # a bucket that keeps versions has no list
        return {file.path: file.md5 for file in out.files}
    if not out.md5:
        return {}
    if not out.folder:
        return {"": out.md5}
    return dvc.load().parse(ws.objects.get(out.digest))


def sums(ws: Workspace, out: dvc.Output, found: Found) -> dict[str, str]:
    """Give the sum of each file that is there, by the algorithm of the output's own sums."""
    if out.legacy:
        return legacy.sums(ws.folder, out.path, found)
    return worktree.sums(ws.folder, out.path, found)


def named(files: dict[str, str], out: dvc.Output) -> Digest:
    """Name the list of a folder's files, by the algorithm of an output."""
    format = dvc.load()
    name = format.name(format.dump(files))
    return Digest(f"{out.algorithm}:{name.partition(':')[2]}")


def status(ws: Workspace, paths: Sequence[Path], *, granular: bool = False) -> list[OutStatus]:
    """See `data.status`."""
    chosen = select(ws, paths)
    known = _known(ws, [out for _, out in chosen])
    return [_one(ws, file, out, known, granular) for file, out in chosen]


def labels(ws: Workspace, outs: Sequence[dvc.Output]) -> dict[str, Mapping[str, str]]:
    """Find the labels of the versions that sums stand for: md5 -> labels, the newest's."""
    return {md5: found for md5, (_, found) in _known(ws, outs).items()}


def _known(ws: Workspace, outs: Sequence[dvc.Output]) -> dict[str, tuple[str, Mapping[str, str]]]:
    """Find the numbered versions that sums stand for: md5 -> `name@number`, labels."""
    sums = {f"md5:{out.md5}" for out in outs if out.md5}
    if not sums:
        return {}
    rows = {
        version.id: version.labels
        for version in ws.catalog.versions(versions.KIND, limit=1000)
        if version.labels.get(versions.DVC) in sums
    }
    refs = ws.catalog.refs_to(list(rows))
    return {
        rows[ref.target][versions.DVC].partition(":")[2]: (
            f"{ref.name}@{ref.tag}",
            rows[ref.target],
        )
        for ref in sorted(refs, key=lambda ref: ref.moved)
        if ref.kind == versions.KIND and versions.is_number(ref.tag)
    }


def _one(
    ws: Workspace,
    file: str,
    out: dvc.Output,
    known: Mapping[str, tuple[str, Mapping[str, str]]],
    granular: bool,
) -> OutStatus:
    """Compare one output."""
    found = worktree.scan(ws.folder, out.path)
    version, labelled = known.get(out.md5, ("", {}))
    basic = OutStatus(
        path=out.path,
        file=file,
        state="modified",
        version=version,
        modes=modes.differ(labelled, found) if version and found.folder else 0,
    )
    if not out.legacy:
        worktree.hash_fresh(ws.folder, out.path, found)
    table = found.table
    if out.md5 and not out.legacy and table.tree == out.md5 and found.same and not found.problems:
        return replace(
            basic, state="unchanged", unchanged=found.count, missing=_missing(ws, out, found)
        )
    new = sums(ws, out, found)
    try:
        old = wanted(ws, out)
    except NotFound:
        # The list of names is gone, but names and sums give its own name.
        same = bool(new) and named(new, out) == out.digest
        state = "unchanged" if same else "deleted" if found.folder is None else "modified"
        return replace(basic, state=state, unchanged=len(new) if same else 0, missing=1)
    changes: dict[str, Kind] = dict.fromkeys(found.problems, "unreadable")
    changes |= dict.fromkeys(new.keys() - old.keys(), "added")
    changes |= {rel: "modified" for rel in new.keys() & old.keys() if new[rel] != old[rel]}
    changes |= dict.fromkeys(old.keys() - new.keys() - found.problems.keys(), "deleted")
    kinds = Counter(changes.values())
    needed = {Digest(f"{out.algorithm}:{md5}") for md5 in old.values()}
    gone = found.folder is None and not found.problems
    if out.md5 and not out.legacy and not changes and table.tree != out.md5:
        found.keep(out.md5)
    return replace(
        basic,
        state="deleted" if gone else "modified" if changes else "unchanged",
        unchanged=sum(1 for rel, md5 in new.items() if old.get(rel) == md5),
        modified=kinds["modified"] + kinds["unreadable"],
        added=kinds["added"],
        deleted=kinds["deleted"],
        sample=tuple(
            Change(path=worktree.shown(out.path, rel), change=changes[rel])
            for rel in sorted(changes)[: None if granular else _SAMPLE]
        ),
        missing=len(needed) - len(ws.objects.has(needed)) if out.cache else 0,
    )


def _missing(ws: Workspace, out: dvc.Output, found: Found) -> int:
    """Count the objects that an unchanged output needs and the store lacks."""
    files = objects.files(ws.objects, "md5")
    needed = {Digest(f"md5:{out.md5}")}
    if not out.cache:
        return 0
    if files is None:
        return len(needed) - len(ws.objects.has(needed))
    shape = files.shape("md5")
    if found.table.shape == shape:
        return 0
    needed |= {Digest(f"md5:{md5}") for rows in found.folders.values() for md5 in rows.list_sums()}
    missing = files.lacking(needed)
    if not missing:
        found.keep(out.md5, shape)
    return len(missing)
