"""From a version to files of the work tree, without losing what is in no version."""

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import digest, progress
from cauce.kernel.entities import Digest, Manifest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import adding, dvc, status, versions, worktree
from cauce.rooms.data.entities import CheckoutReport, OutCheckout
from cauce.rooms.data.statcache import FINE, Stamp, StatCache
from cauce.rooms.data.worktree import Found

_CHUNK, _SAMPLE, _STALE = 64, 20, 24 * 3600.0
_ADVICE = "`cauce data add` keeps it as a version; --force throws it away"


class _Plan(Struct, frozen=True, kw_only=True):
    """What has to be done to one output before anything is touched.

    Attributes:
        write: Path relative to the output -> md5.
        remove: Saved files that the version does not have.
        keep: Unsaved ones that are in nobody's way.
        unchanged: Files that are right.
        found: What the plan was made from.
        algorithm: What the sums are made with.
    """

    path: str
    isexec: bool
    algorithm: str
    write: dict[str, str]
    remove: list[str]
    keep: list[str]
    unchanged: int
    found: Found
    tree: Manifest | None = None
    version: str = ""


def checkout(
    ws: Workspace, paths: Sequence[Path], version: str | None, force: bool
) -> CheckoutReport:
    """See `data.checkout`."""
    plans: list[_Plan] = []
    if version is None:
        for _, out in status.select(ws, paths):
            if out.cache and (out.md5 or out.files):  # else nothing is known to restore
                plans.append(_plan(ws, out, status.wanted(ws, out), force))
    else:
        plans.append(_plan_version(ws, paths, version, force))
    _require_objects(ws, plans)
    with dvc.load().locked(ws.folder):
        return CheckoutReport(outs=[_apply(ws, plan) for plan in plans])


def _plan_version(ws: Workspace, paths: Sequence[Path], spec: str, force: bool) -> _Plan:
    """Plan the switch to a version that the catalogue knows."""
    place = worktree.locate(ws, paths[0]) if len(paths) == 1 else None
    if len(paths) > 1:
        raise Invalid("one path at a time can be switched to a version", hint="give one path")
    if "@" not in spec and place is not None:
        ref = versions.at_path(ws, place)
        if ref is None:
            raise NotFound(f"no data set lies at {place}", hint="give name@version")
        spec = f"{ref.name}@{spec}"
    elif "@" not in spec:
        raise Invalid(f"version {spec!r} of which data set?", hint="give a path, or name@version")
    found = ws.find(versions.KIND, spec)
    tree = ws.manifest(found.id)
    text = tree.labels.get(versions.PATH, "")
    path = dvc.load().inside(ws.folder, ".", text, spec)
    if place not in {None, path}:
        raise Invalid(f"{spec} lies at {path}, not at {place}", hint=f"give {path}, or no path")
    files = versions.sums(tree, spec)
    if not tree.labels[versions.DVC].endswith(".dir"):
        files = {"": next(iter(files.values()))}
    plan = _plan(ws, adding.output(tree), files, force)
    name = spec.partition("@")[0]
    number = versions.number_of(ws, name, found.id)
    return replace(plan, tree=tree, version=f"{name}@{number}" if number else spec)


def _plan(ws: Workspace, out: dvc.Output, wanted: dict[str, str], force: bool) -> _Plan:
    """Compare and decide.

    Raises:
        Conflict: A file that is in no version would be replaced, and force was not given.
    """
    path = out.path
    found = worktree.scan(ws.folder, path)
    have = status.sums(ws, out, found)
    write = {rel: md5 for rel, md5 in wanted.items() if have.get(rel) != md5}
    extra = have.keys() - wanted.keys()
    at_stake = extra | (write.keys() & have.keys())
    stored = _stored(ws, {Digest(f"{out.algorithm}:{have[rel]}") for rel in at_stake})
    unsaved = {rel for rel in at_stake if f"{out.algorithm}:{have[rel]}" not in stored}
    unsaved |= found.problems.keys()
    blocking = unsaved & _in_the_way(write, extra | found.problems.keys())
    lost = sorted((unsaved & write.keys()) | blocking)
    if lost and not force:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise Conflict(
            f"{worktree.shown(path, lost[0])}{more} would be replaced, and no version has it",
            hint=_ADVICE,
        )
    keep = set() if force else unsaved - write.keys()
    return _Plan(
        path=path,
        isexec=out.isexec,
        algorithm=out.algorithm,
        write=write,
        remove=sorted((extra | found.problems.keys()) - keep - write.keys()),
        keep=sorted(keep),
        unchanged=len(wanted) - len(write),
        found=found,
    )


def _stored(ws: Workspace, digests: set[Digest]) -> set[Digest]:
    """Tell which objects could be restored: those at hand are read, not believed."""
    found = set()
    for name in ws.objects.has(digests):
        file = ws.objects.path(name)
        if file is None or digest.of_file(file, ("md5",))[0] == name:
            found.add(name)
    return found


def _in_the_way(write: dict[str, str], there: set[str]) -> set[str]:
    """Find files where the version has a folder, and files in folders where it has a file."""
    folders = {parent for rel in write for parent in _parents(rel)}
    return {rel for rel in there if rel in folders or any(up in write for up in _parents(rel))}


def _parents(rel: str) -> Iterator[str]:
    """List the folders above a path relative to an output, the output itself ("") last."""
    while rel:
        rel = rel.rpartition("/")[0]
        yield rel


def _require_objects(ws: Workspace, plans: Sequence[_Plan]) -> None:
    """Raise `NotFound` while nothing has been touched, when an object is missing."""
    needed = {Digest(f"{plan.algorithm}:{md5}") for plan in plans for md5 in plan.write.values()}
    missing = needed - ws.objects.has(needed)
    if not missing:
        return
    rels = [
        worktree.join(plan.path, rel)
        for plan in plans
        for rel, md5 in plan.write.items()
        if f"{plan.algorithm}:{md5}" in missing
    ]
    raise NotFound(
        f"{len(missing)} of {len(needed)} objects are not in the store, first that of {min(rels)}",
        hint="bring them with `dvc pull`, or from the machine that added them; nothing was changed",
    )


def _apply(ws: Workspace, plan: _Plan) -> OutCheckout:
    """Carry out a plan: what is in the way goes, files come, the rest goes."""
    root = ws.folder
    way = _in_the_way(plan.write, set(plan.remove))
    _remove(root, plan, sorted(way))
    _write_all(ws, plan)
    _remove(root, plan, [rel for rel in plan.remove if rel not in way])
    place = root / plan.path
    if plan.tree is not None:
        if plan.tree.labels[versions.DVC].endswith(".dir"):
            place.mkdir(parents=True, exist_ok=True)
            versions.put_dir(ws, versions.sums(plan.tree, plan.version))
        adding.write_files(ws, plan.tree)
    if plan.isexec and place.is_file():
        place.chmod(place.stat().st_mode | stat.S_IXUSR)
    return OutCheckout(
        path=plan.path,
        version=plan.version,
        written=len(plan.write),
        removed=len(plan.remove),
        unchanged=plan.unchanged,
        kept=tuple(worktree.shown(plan.path, rel) for rel in plan.keep[:_SAMPLE]),
    )


def _remove(root: Path, plan: _Plan, rels: Sequence[str]) -> None:
    """Take files away, and the folders that this leaves empty."""
    for rel in rels:
        _require_untouched(root, plan, rel)
        (root / worktree.join(plan.path, rel)).unlink(missing_ok=True)
    for folder in sorted({up for rel in rels for up in _parents(rel) if up}, reverse=True):
        with suppress(OSError):  # not empty
            (root / plan.path / folder).rmdir()


def _require_untouched(root: Path, plan: _Plan, rel: str) -> None:
    """Raise `Conflict` when a file changed after the plan was made."""
    if rel in plan.found.problems:
        return
    stamp = plan.found.files.get(rel)
    place = f"{root}/{worktree.join(plan.path, rel)}"
    try:
        found = os.stat(place)  # noqa: PTH116 - once a file, twice as fast
    except (FileNotFoundError, NotADirectoryError):
        return
    if stamp is None and stat.S_ISDIR(found.st_mode):
        return
    if stamp != Stamp.of(found):
        raise Conflict(f"{place} changed during the checkout", hint="run it again")


def _write_all(ws: Workspace, plan: _Plan) -> None:
    """Fetch files beside the work tree, verified, and move each to its place."""
    if not plan.write:
        return
    beside = ws.folder / ".cauce" / "tmp"
    beside.mkdir(parents=True, exist_ok=True)
    _sweep(beside)
    rows = sorted(plan.write.items())
    parts = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    with tempfile.TemporaryDirectory(prefix="checkout-", dir=beside) as scratch:

        def work(number: int) -> list[tuple[str, Stamp | None]]:
            own = Path(scratch) / str(number)
            made: set[str] = set()
            return [
                (rel, _write(ws, plan, rel, Digest(f"{plan.algorithm}:{md5}"), own, made))
                for rel, md5 in parts[number]
            ]

        stamps: dict[str, Stamp | None] = {}
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1, len(parts))) as pool:
            for part in pool.map(work, range(len(parts))):
                stamps.update(part)
                progress.report(f"restoring {plan.path}", len(stamps), len(rows))
    if plan.algorithm == "md5":
        _remember(ws.folder, plan, stamps)


def _remember(root: Path, plan: _Plan, stamps: Mapping[str, Stamp | None]) -> None:
    """Spare the next command reading what was just verified and written."""
    cache = StatCache.open(root, plan.path)
    for rel, known in plan.found.files.items():
        cache.get(rel, known)
    for rel, stamp in stamps.items():
        if stamp is not None:
            cache.trust(rel, stamp, plan.write[rel])
    cache.save()


def _write(
    ws: Workspace, plan: _Plan, rel: str, name: Digest, beside: Path, made: set[str]
) -> Stamp | None:
    """Put one file in its place.

    Args:
        ws: Workspace.
        plan: What it belongs to.
        rel: Path relative to the output.
        name: Its object.
        beside: Where it is written first.
        made: Folders that are known to be there.

    Returns:
        Its stamp, None where that would not show a change in this very tick of the clock.
    """
    place = f"{ws.folder}/{worktree.join(plan.path, rel)}"
    folder = place.rpartition("/")[0]
    ws.objects.fetch(name, beside)
    # Dated back beyond a tick: whoever writes to the file from now on gives it another time.
    at = time.time_ns() - FINE
    os.utime(beside, ns=(at, at))
    _require_untouched(ws.folder, plan, rel)
    try:
        if folder not in made:
            Path(folder).mkdir(parents=True, exist_ok=True)
            made.add(folder)
        _move(ws, name, beside, Path(place))
    except OSError as error:
        if error.errno not in {errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST}:
            raise
        raise Conflict(
            f"{place} cannot be written: {error.strerror}",
            hint="an ignored file is in its way; move it",
        ) from error
    stamp = Stamp.of(os.stat(place))  # noqa: PTH116 - once a file, twice as fast
    return stamp if stamp.written == at else None


def _move(ws: Workspace, name: Digest, beside: Path, place: Path) -> None:
    """Rename a file to its place; empty folders give way."""
    try:
        beside.replace(place)
    except IsADirectoryError:
        _drop_empty(place)
        beside.replace(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        ws.objects.fetch(name, place)  # another disk is mounted there


def _drop_empty(place: Path) -> None:
    """Remove a folder that holds nothing but empty folders."""
    for folder, _, _ in os.walk(place, topdown=False):
        Path(folder).rmdir()


def _sweep(beside: Path) -> None:
    """Remove what a killed checkout left long ago."""
    for left in beside.glob("checkout-*"):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - _STALE:
                shutil.rmtree(left)
