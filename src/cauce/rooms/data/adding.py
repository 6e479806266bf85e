"""From files of the work tree to a version."""

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from cauce.errors import Conflict
from cauce.kernel import ids, objects, progress, runs
from cauce.kernel.entities import Digest, Entry, Manifest, Run
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc, granular, modes, statcache, status, versions, worktree
from cauce.rooms.data.entities import DatasetVersion, Initialised
from cauce.rooms.data.statcache import Stamp
from cauce.rooms.data.worktree import Found

_BATCH = 4096
"""Files put at once: the store waits for the disk once a batch."""


def initialise(ws: Workspace) -> Initialised:
    """Make `.dvc/` where it is missing; see `data.init`."""
    root = ws.folder
    format = dvc.load()
    new = not (root / ".dvc").is_dir()
    scm = format.versioned(root)
    made = format.create(root, scm=scm)
    (root / ".cauce").mkdir(exist_ok=True)
    hidden = format.hide(root, root / ".cauce")
    made += [hidden] if hidden else []
    if new:
        # A store that was opened before knew of no DVC cache to keep md5 objects in.
        ws.__dict__.pop("objects", None)
    return Initialised(
        root=str(root), git=scm, made=[file.relative_to(root).as_posix() for file in made]
    )


def take(ws: Workspace, path: str, found: Found) -> Manifest:
    """Store the objects of an output and make its manifest."""
    files = objects.files(ws.objects, "md5")
    if files is None:
        _send(ws, path, found)
    else:
        _store(ws, path, found, files)
    base = path.rpartition("/")[2]
    rows = sorted(statcache.paths(found.folders))
    entries = [
        Entry(path=rel or base, digest=Digest(f"md5:{md5}"), size=stamp.size)
        for rel, stamp, md5 in rows
    ]
    if found.folder:
        labels = modes.labels(found)
        tree = versions.folder_tree(ws, path, entries, labels)
    else:
        labels = {versions.DVC: str(entries[0].digest), versions.PATH: path}
        if found.isexec:
            labels[versions.EXEC] = "true"
        tree = Manifest(kind=versions.KIND, entries=tuple(entries), labels=labels)
    md5 = tree.labels[versions.DVC].partition(":")[2]
    found.keep(md5, b"" if files is None else files.shape("md5"))
    return tree


def _send(ws: Workspace, path: str, found: Found) -> None:
    """Hash the files, then put those that a store elsewhere lacks."""
    md5s = worktree.sums(ws.folder, path, found)
    rels = list(md5s)
    for start in range(0, len(rels), _BATCH):
        part = rels[start : start + _BATCH]
        ws.objects.put_files(
            [ws.folder / worktree.join(path, rel) for rel in part],
            digests=[Digest(f"md5:{md5s[rel]}") for rel in part],
        )
        progress.report(f"storing {path}", start + len(part), len(rels))


def _store(ws: Workspace, path: str, found: Found, files: objects.Files) -> None:
    """Store files in a folder of this machine: each is read once, and hashed while it is copied."""
    _require_known(ws, path, found, files)
    total, done = found.unknown, 0
    began = time.time_ns()
    todo = found.fresh()
    while group := list(islice(todo, _BATCH)):
        places = [f"{ws.folder}/{worktree.join(path, it.rel)}" for it in group]
        with worktree.reading(path):
            sizes = [it.stamp.size for it in group]
            taken = files.take(list(zip(places, sizes, strict=True)), "md5")
        for it, place, (name, state) in zip(group, places, taken, strict=True):
            if Stamp.of(state) != it.stamp:
                raise worktree.changed(place)
            found.learn(it, name[4:], began=began)
        done += len(group)
        progress.report(f"storing {path}", done, total)


def _require_known(ws: Workspace, path: str, found: Found, files: objects.Files) -> None:
    """Put files again whose sums are known but whose objects went, or may go.

    What the `.dvc` file names now is collected by nobody; an old object that only an older version
    had is put again, which keeps it until the commit.
    """
    if found.unknown == found.count:
        return
    file = ws.folder / f"{path}.dvc"
    tree = found.table.tree.encode()
    named = bool(tree) and file.is_file() and tree in file.read_bytes()
    if named and found.table.shape == files.shape("md5"):
        return
    md5s = {rel: md5 for rel, _, md5 in statcache.paths(found.folders) if md5}
    names = {Digest(f"md5:{md5}") for md5 in md5s.values()}
    missing = files.lacking(names) if named else names
    rels = [rel for rel, md5 in md5s.items() if f"md5:{md5}" in missing]
    ws.objects.put_files(
        [ws.folder / worktree.join(path, rel) for rel in rels],
        digests=[Digest(f"md5:{md5s[rel]}") for rel in rels],
    )


def output(tree: Manifest) -> dvc.Output:
    """Give what a `.dvc` file says of a version."""
    return _output(tree, sum(entry.size for entry in tree.entries))


def _output(tree: Manifest, size: int | None) -> dvc.Output:
    md5 = tree.labels[versions.DVC].partition(":")[2]
    return dvc.load().Output(
        path=tree.labels[versions.PATH],
        md5=md5,
        size=size,
        nfiles=len(tree.entries) if md5.endswith(".dir") else None,
        isexec=versions.EXEC in tree.labels,
    )


def write_files(ws: Workspace, tree: Manifest) -> None:
    """Let the `.dvc` file say this version, and keep git away from the data.

    The caller holds DVC's lock.
    """
    _write(ws, output(tree))


def _write(ws: Workspace, wanted: dvc.Output) -> None:
    format = dvc.load()
    root = ws.folder
    place = root / wanted.path
    file = place.with_name(f"{place.name}.dvc")
    if not file.exists() or not _says(ws, format.read(root, file).outs, wanted):
        format.write(root, file, wanted)
    format.hide(root, place)
    format.stage(root, [file, place])


def _says(ws: Workspace, outs: Sequence[dvc.Output], wanted: dvc.Output) -> bool:
    """Tell whether a `.dvc` file says so already; what DVC 2 wrote stays while it holds."""
    if wanted in outs:
        return True
    for out in outs:
        if out.legacy and out.path == wanted.path:
            found = worktree.scan(ws.folder, out.path)
            sums = status.sums(ws, out, found)
            same = status.named(sums, out) if out.folder else f"{out.algorithm}:{sums.get('')}"
            return same == out.digest and out.isexec == wanted.isexec
    return False


def add(ws: Workspace, path: Path, name: str | None, message: str) -> DatasetVersion:
    """See `data.add`."""
    started = ws.now()
    place = worktree.locate(ws, path)
    if not (ws.folder / ".dvc").is_dir():
        initialise(ws)
    _require_unmade(ws, place)
    whole = granular.owner(ws, place)
    if whole is not None:
        return _add_part(ws, place, whole, name, message, started)
    called = name or versions.name_for(place)
    ids.check_name("data set", called)
    require_free(ws, place, called)
    found = worktree.scan(ws.folder, place)
    worktree.require_storable(place, found)
    tree = take(ws, place, found)
    return _record(ws, tree, output(tree), called, message, started)


def _add_part(
    ws: Workspace,
    place: str,
    whole: tuple[str, dvc.Output],
    name: str | None,
    message: str,
    started: float,
) -> DatasetVersion:
    """Make the next version of a folder in which one path is as it is now, or gone."""
    file, out = whole
    ref = versions.at_path(ws, out.path)
    called = name or (ref.name if ref is not None else versions.name_for(out.path))
    ids.check_name("data set", called)
    if out.legacy:
        raise Conflict(f"{file} was written by DVC 2", hint=f"cauce data add {out.path}")
    found = worktree.scan(ws.folder, place)
    part = None
    if found.folder is not None or found.problems:
        worktree.require_storable(place, found)
        part = take(ws, place, found)
    before = granular.base(ws, out)
    tree = granular.merged(ws, before, place, part)
    wanted = _output(tree, granular.size(out, before, tree))
    return _record(ws, tree, wanted, called, message, started)


def _record(
    ws: Workspace, tree: Manifest, wanted: dvc.Output, name: str, message: str, started: float
) -> DatasetVersion:
    """Commit a version and let its `.dvc` file follow."""
    run = Run(
        id=runs.new_id(),
        kind="add",
        name=name,
        started=started,
        params={"path": wanted.path},
        metrics={
            "files": float(len(tree.entries)),
            "bytes": float(sum(entry.size for entry in tree.entries)),
        },
    )
    with dvc.load().locked(ws.folder):
        version = versions.record(ws, tree, name, run, message=message)
        _write(ws, wanted)
    return version


def _require_unmade(ws: Workspace, path: str) -> None:
    """Raise `Conflict` when a stage of a `dvc.yaml` beside or above a path makes it."""
    root = ws.folder
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        file = root / folder / "dvc.yaml"
        for out in dvc.load().read(root, file).outs if file.is_file() else ():
            if f"{path}/".startswith(f"{out.path}/") or f"{out.path}/".startswith(f"{path}/"):
                raise Conflict(
                    f"{path} is made by stage {out.stage} of {file.relative_to(root)}",
                    hint=f"cauce data commit {out.path} keeps what it made",
                )


def require_free(ws: Workspace, path: str, name: str) -> None:
    """Raise `Conflict` when git or another data set has the place or the name."""
    root = ws.folder
    format = dvc.load()
    if format.Ignore(root).above(path):
        raise Conflict(f"{path} is ignored by .dvcignore", hint="change .dvcignore, or the path")
    if format.tracked(root / path):
        raise Conflict(
            f"git tracks {path}, or files in it",
            hint=f"take it out of git first: git rm -r --cached {path}",
        )
    known = versions.current(ws, name)
    other = known.labels.get(versions.PATH, path) if known else path
    if other != path and (root / f"{other}.dvc").is_file():
        raise Conflict(f"the data set {name} lies at {other}", hint="give another --name")
