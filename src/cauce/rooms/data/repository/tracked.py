"""Tracked paths as such: another place, no place, another content."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import runs
from cauce.kernel.entities import Run
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import adding, dvc, status, versions, worktree
from cauce.rooms.data.repository.entities import Committed, Moved, Removed


def move(ws: Workspace, source: Path, target: Path) -> Moved:
    """See `data.move`."""
    root = ws.folder
    format = dvc.load()
    old = worktree.locate(ws, source)
    whole = (Path.cwd() / target).resolve() == root.resolve()
    new = worktree.locate(ws, target / source.name if whole else target)
    if (root / new).is_dir() and not (root / f"{new}.dvc").is_file():
        new = f"{new}/{source.name}"
    pairs = [pair for pair in status.select(ws, [source]) if pair[1].path == old]
    if not pairs:
        raise NotFound(f"{old} is not tracked by itself", hint="move what its .dvc file names")
    file, out = pairs[0]
    if out.stage:
        raise Conflict(f"{old} is made by stage {out.stage}", hint="change its path in dvc.yaml")
    if not _began(ws, out, new):
        _require_free(ws, old, new)
    with format.locked(root):
        # Git looks away first: a move that is killed lets nobody commit the data.
        format.hide(root, root / new)
        format.relocate(root, root / file, root / f"{new}.dvc", out, new)
        if (root / old).exists():
            (root / old).rename(root / new)
        (root / file).unlink()
        format.unhide(root, root / old)
        format.stage(root, [root / file, root / f"{new}.dvc", root / new])
        version = _record_move(ws, out, new)
    return Moved(old=old, new=new, file=f"{new}.dvc", version=version)


def _began(ws: Workspace, out: dvc.Output, new: str) -> bool:
    """Tell whether a move to there was killed: both files agree, the data are in one place."""
    root = ws.folder
    fresh = root / f"{new}.dvc"
    if not fresh.is_file() or ((root / out.path).exists() and (root / new).exists()):
        return False
    return any((it.path, it.md5) == (new, out.md5) for it in dvc.load().read(root, fresh).outs)


def _record_move(ws: Workspace, out: dvc.Output, new: str) -> str:
    """Make the next version of a data set that says its new place; empty when there is none."""
    ref = versions.at_path(ws, out.path)
    if ref is None:
        return ""
    tree = ws.manifest(ref.target)
    if tree.labels.get(versions.DVC) != out.digest:
        return ""
    entries = tree.entries
    if not out.folder:
        entries = (replace(entries[0], path=new.rpartition("/")[2]),)
    moved = replace(tree, entries=entries, labels={**tree.labels, versions.PATH: new})
    run = Run(
        id=runs.new_id(),
        kind="move",
        name=ref.name,
        started=ws.now(),
        params={"path": new, "from": out.path},
    )
    found = versions.record(
        ws, moved, ref.name, run, used=((ref.target, "data"),), message=f"moved from {out.path}"
    )
    return f"{found.name}@{found.number}"


def _require_free(ws: Workspace, old: str, new: str) -> None:
    """Raise where data cannot move to."""
    root = ws.folder
    if (root / new).exists() or (root / f"{new}.dvc").exists():
        raise Conflict(f"{new} exists", hint="give a place where nothing lies")
    if not (root / new).parent.is_dir():
        raise NotFound(f"there is no folder {Path(new).parent.as_posix()}", hint="make it first")
    if new.startswith(f"{old}/"):
        raise Invalid(f"{new} lies inside {old}", hint="give a place outside")
    if dvc.load().Ignore(root).above(new):
        raise Conflict(f"{new} is ignored by .dvcignore", hint="change .dvcignore, or the path")
    folder = new.rpartition("/")[0]
    while folder:
        if (root / f"{folder}.dvc").is_file():
            raise Conflict(f"{new} would be part of {folder}", hint="give a place outside")
        folder = folder.rpartition("/")[0]


def remove(ws: Workspace, targets: Sequence[Path], *, outs: bool, force: bool) -> list[Removed]:
    """See `data.remove`."""
    if not targets:
        raise Invalid("nothing was named", hint="name data or their .dvc files")
    pairs = status.select(ws, targets)
    for file, out in pairs:
        if out.stage:
            raise Conflict(f"{out.path} is made by stage {out.stage}", hint=f"edit {file}")
        if outs and not force:
            _require_saved(ws, file, out)
    root = ws.folder
    format = dvc.load()
    done = []
    with format.locked(root):
        for file, out in pairs:
            place = root / out.path
            if outs:
                _delete(place)
            (root / file).unlink(missing_ok=True)
            format.unhide(root, place)
            format.stage(root, [root / file, place])
            done.append(Removed(path=out.path, file=file, kept=place.exists()))
    return done


def _require_saved(ws: Workspace, file: str, out: dvc.Output) -> None:
    """Raise `Conflict` where files would be lost that are in no version."""
    (found,) = status.status(ws, [ws.folder / file])[:1] or (None,)
    if found is not None and (found.modified or found.added):
        raise Conflict(
            f"{out.path} has {found.modified + found.added} files that are in no version",
            hint="`cauce data add` keeps them; --force throws them away",
        )


def _delete(place: Path) -> None:
    """Remove data from the work tree; a link itself, not what it points to."""
    import shutil  # late: few commands delete

    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)


def commit(ws: Workspace, targets: Sequence[Path], message: str) -> list[Committed]:
    """See `data.commit`."""
    chosen = status.select(ws, targets)
    return [_commit(ws, file, out, message) for file, out in chosen if out.cache or targets]


def _commit(ws: Workspace, file: str, out: dvc.Output, message: str) -> Committed:
    """Store what is in the work tree and let DVC's files say so."""
    started = ws.now()
    root = ws.folder
    format = dvc.load()
    found = worktree.scan(root, out.path)
    worktree.require_storable(out.path, found)
    if not out.cache:
        raise Conflict(f"{out.path} is not cached: `cache: false`", hint=f"see {file}")
    tree = adding.take(ws, out.path, found)
    wanted = adding.output(tree)
    changed = (wanted.md5, wanted.isexec) != (out.md5, out.isexec)
    named = ""
    with format.locked(root):
        if out.stage:
            staged = format.Output(
                path=out.path,
                md5=wanted.md5,
                size=wanted.size,
                nfiles=wanted.nfiles,
                isexec=wanted.isexec,
                stage=out.stage,
            )
            format.accept_stages(root, file, [staged])
        else:
            name = _name(ws, out.path)
            run = Run(
                id=runs.new_id(),
                kind="commit",
                name=name,
                started=started,
                params={"path": out.path},
                metrics={"files": float(len(tree.entries))},
            )
            version = versions.record(ws, tree, name, run, message=message)
            named = f"{version.name}@{version.number}"
            format.accept(root, root / file, wanted)
            format.hide(root, root / out.path)
        format.stage(root, [root / file, root / out.path])
    return Committed(path=out.path, file=file, md5=wanted.md5, changed=changed, version=named)


def _name(ws: Workspace, path: str) -> str:
    """Give the data set that lies at a path, or a name for a new one."""
    ref = versions.at_path(ws, path)
    return ref.name if ref is not None else versions.name_for(path)
