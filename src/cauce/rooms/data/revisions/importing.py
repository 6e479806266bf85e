"""Data from elsewhere: got once, or imported with a `.dvc` file that remembers the source."""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cauce.errors import Conflict, Invalid, NotFound, Unsupported
from cauce.kernel import ids, runs
from cauce.kernel.entities import Run
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import adding, dvc, status, versions, worktree
from cauce.rooms.data.revisions import repositories
from cauce.rooms.data.revisions.entities import Gotten


class _Wanted(NamedTuple):
    """What an import is to become.

    Attributes:
        place: Path of the data in the project.
        url: Where it comes from, for the run.
        name: Name of the data set.
        force: Replace what lies there, saved or not.
    """

    place: str
    url: str
    name: str
    force: bool


def get(url: str, path: str, out: Path | None, rev: str | None, *, force: bool) -> Gotten:
    """See `data.get`."""
    target = _target(path, out)
    if target.name.endswith(".dvc"):
        raise Invalid(f"{path} is a file of DVC", hint="give the data that it names")
    with repositories.opened(url, rev) as source, _Free(target, force=force) as free:
        files = repositories.download(source, path, free.new)
        free.done()
        return Gotten(path=str(target), files=files, url=url, rev_lock=source.commit)


def from_repository(
    ws: Workspace, url: str, path: str, out: Path | None, rev: str | None, *, force: bool
) -> Gotten:
    """See `data.import`."""
    place = worktree.locate(ws, _target(path, out))
    wanted = _Wanted(place, url, versions.name_for(place), force)
    _require_free(ws, wanted)
    format = dvc.load()
    with repositories.opened(url, rev) as source:
        repo = format.Repository(url=url, rev=rev or "", rev_lock=source.commit)
        dep = format.Dependency(path=repositories.clean(path) or ".", repo=repo)
        return _import(
            ws,
            wanted,
            lambda new: repositories.download(source, path, new),
            lambda _: dep,
            commit=source.commit,
        )


def from_url(ws: Workspace, url: str, out: Path | None, *, force: bool) -> Gotten:
    """See `data.import-url`."""
    source = _local(url)
    place = worktree.locate(ws, _target(str(source), out))
    wanted = _Wanted(place, url, versions.name_for(place), force)
    _require_free(ws, wanted)
    folder = (ws.folder / place).parent
    kept = str(source) if Path(url).is_absolute() else os.path.relpath(source, folder)
    return _import(ws, wanted, lambda new: _copy(source, new), _seen(kept))


def update(ws: Workspace, paths: Sequence[Path], rev: str | None, *, force: bool) -> list[Gotten]:
    """See `data.update`."""
    format = dvc.load()
    found = []
    for file in dict.fromkeys(file for file, _ in status.select(ws, paths)):
        if not file.endswith(".dvc"):
            continue
        read = format.read(ws.folder, ws.folder / file)
        if not read.imported:
            if paths:
                raise Invalid(f"{file} is no import", hint="`cauce data add` takes its changes in")
            continue
        found.append(_update(ws, read, rev, force=force))
    return found


def _update(ws: Workspace, read: dvc.DvcFile, rev: str | None, *, force: bool) -> Gotten:
    """Bring one import to what its source is now."""
    format = dvc.load()
    ((out,), dep) = read.outs, read.deps[0]
    wanted = _Wanted(out.path, dep.path, versions.name_for(out.path), force)
    if dep.repo is None:
        source = (ws.folder / read.path).parent / read.wdir / _plain(dep.path)
        return _replaced(ws, wanted, lambda new: _copy(source, new), _seen(dep.path), out)
    repo, asked = dep.repo, rev or dep.repo.rev
    with repositories.opened(repo.url, asked or None) as opened:
        if opened.commit == repo.rev_lock and asked == repo.rev:
            return Gotten(
                path=out.path,
                files=0,
                url=repo.url,
                rev_lock=opened.commit,
                file=read.path,
                changed=False,
            )
        now = format.Repository(
            url=repo.url,
            rev=asked,
            rev_lock=opened.commit,
            config=repo.config,
            remote=repo.remote,
        )
        dep = format.Dependency(path=dep.path, repo=now)
        return _replaced(
            ws,
            wanted._replace(url=repo.url),
            lambda new: repositories.download(opened, dep.path, new),
            lambda _: dep,
            out,
            commit=opened.commit,
        )


def _replaced(
    ws: Workspace,
    wanted: _Wanted,
    bring: Callable[[Path], int],
    describe: Callable[[dvc.Output], dvc.Dependency],
    out: dvc.Output,
    commit: str = "",
) -> Gotten:
    """Import again over what lies there, which must be saved."""
    (state,) = status.status(ws, [ws.folder / out.path])
    lost = state.state not in {"unchanged", "deleted"}
    if lost and not wanted.force:
        raise Conflict(
            f"{out.path} was changed here, and the update would replace it",
            hint="copy what you changed elsewhere, or --force throws it away",
        )
    return _import(ws, wanted._replace(force=True), bring, describe, commit=commit)


def _import(
    ws: Workspace,
    wanted: _Wanted,
    bring: Callable[[Path], int],
    describe: Callable[[dvc.Output], dvc.Dependency],
    commit: str = "",
) -> Gotten:
    """Bring data, store them, and write the `.dvc` file that remembers their source."""
    started = ws.now()
    place = ws.folder / wanted.place
    with _Free(place, force=wanted.force) as free:
        files = bring(free.new)
        free.done()
    found = worktree.scan(ws.folder, wanted.place)
    worktree.require_storable(wanted.place, found)
    tree = adding.take(ws, wanted.place, found)
    out = adding.output(tree)
    format = dvc.load()
    file = place.with_name(f"{place.name}.dvc")
    rel = file.relative_to(ws.folder).as_posix()
    run = Run(
        id=runs.new_id(),
        kind="import",
        name=wanted.name,
        started=started,
        params={"path": wanted.place, "url": repositories.remotes_shown(wanted.url)},
    )
    with format.locked(ws.folder):
        versions.record(ws, tree, wanted.name, run, message=f"imported at {commit[:10]}")
        said = format.DvcFile(path=rel, outs=(out,), deps=(describe(out),), frozen=True)
        format.write_import(ws.folder, file, said)
        format.hide(ws.folder, place)
        format.stage(ws.folder, [file, place])
    return Gotten(path=wanted.place, files=files, url=wanted.url, rev_lock=commit, file=rel)


def _require_free(ws: Workspace, wanted: _Wanted) -> None:
    """Raise `Conflict` when git, another output or another data set has the place or the name."""
    if not (ws.folder / ".dvc").is_dir():
        adding.initialise(ws)
    ids.check_name("data set", wanted.name)
    adding.require_free(ws, wanted.place, wanted.name)
    file = ws.folder / f"{wanted.place}.dvc"
    if file.exists() and not wanted.force:
        raise Conflict(
            f"{wanted.place} is versioned already", hint="cauce data update, or give --out"
        )


def _seen(path: str) -> Callable[[dvc.Output], dvc.Dependency]:
    """Say of a source on this machine what was seen there: what was stored."""
    return lambda out: dvc.load().Dependency(
        path=path, md5=out.md5, size=out.size, nfiles=out.nfiles, hash="md5"
    )


def _plain(path: str) -> str:
    if "://" in path and not path.startswith("file://"):
        raise Unsupported(
            f"{path} is updated by `dvc update`", hint="sources on this machine are spoken here"
        )
    return path.removeprefix("file://")


def _local(url: str) -> Path:
    """Find a source on this machine."""
    source = Path.cwd() / Path(_plain(url)).expanduser()
    if not source.exists():
        raise NotFound(f"there is nothing at {url}", hint="check the path")
    if source.is_symlink() or not (source.is_file() or source.is_dir()):
        raise Invalid(f"{url} is a link or no regular file", hint="give what it points to")
    return Path(os.path.normpath(source))


def _copy(source: Path, target: Path) -> int:
    """Copy a file or folder; links in it are refused, because what they mean stays behind."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return 1
    files = 0
    for folder, inner, names in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(parents=True, exist_ok=True)
        for name in (*inner, *names):
            if Path(folder, name).is_symlink():
                raise Conflict(f"{Path(folder, name)} is a link", hint="put a copy in its place")
        for name in names:
            shutil.copyfile(Path(folder, name), here / name)
            files += 1
    return files


def _target(path: str, out: Path | None) -> Path:
    """Choose where something goes: as asked, or under its own name here."""
    name = path.rstrip("/").rpartition("/")[2]
    if out is None and name in {"", ".", ".."}:
        raise Invalid(f"{path!r} has no name of its own", hint="give --out")
    target = Path.cwd() / (out or name)
    return target / name if out is not None and target.is_dir() else target


class _Free:
    """A place for new data, made beside the target and moved there when they are complete.

    Attributes:
        new: Where to write.
    """

    def __init__(self, target: Path, *, force: bool) -> None:
        if os.path.lexists(target) and not force:
            raise Conflict(f"{target} is there already", hint="give another --out, or --force")
        self._target = target
        self._scratch: Path | None = None
        self.new = target

    def __enter__(self) -> "_Free":
        parent = self._target.parent
        parent.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix=".cauce-new-", dir=parent))
        self.new = self._scratch / "new"
        return self

    def done(self) -> None:
        """Put the new data in their place."""
        assert self._scratch is not None
        if os.path.lexists(self._target):
            self._target.rename(self._scratch / "old")
        self.new.rename(self._target)

    def __exit__(self, *_: object) -> None:
        if self._scratch is not None:
            old = self._scratch / "old"
            if os.path.lexists(old) and not os.path.lexists(self._target):
                old.rename(self._target)
            shutil.rmtree(self._scratch, ignore_errors=True)
