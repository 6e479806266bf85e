"""From a version to files of the work tree, without losing what is in no version."""

import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import digest, objects, progress
from cauce.kernel.entities import Digest, Manifest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import adding, dvc, modes, placing, statcache, status, versions, worktree
from cauce.rooms.data.entities import CheckoutReport, OutCheckout
from cauce.rooms.data.statcache import FINE, Rows, Stamp
from cauce.rooms.data.worktree import Found

_SAMPLE, _REPORT = 20, 500
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
        labels: Exec bits and empty folders of the version, where the catalogue has one.
        sum: What the `.dvc` file names.
        missing: Files that cannot be restored and were left out, as was allowed.
    """

    path: str
    isexec: bool
    algorithm: str
    write: dict[str, str]
    remove: list[str]
    keep: list[str]
    unchanged: int
    found: Found
    labels: Mapping[str, str]
    sum: str = ""
    missing: tuple[str, ...] = ()
    tree: Manifest | None = None
    version: str = ""


class Wish(Struct, frozen=True):
    """How a checkout goes about it; see `data.checkout`."""

    force: bool = False
    relink: bool = False
    allow_missing: bool = False


def checkout(
    ws: Workspace,
    paths: Sequence[Path],
    version: str | None,
    force: bool,
    *,
    relink: bool = False,
    allow_missing: bool = False,
) -> CheckoutReport:
    """See `data.checkout`."""
    wish = Wish(force, relink, allow_missing)
    plans: list[_Plan] = []
    absent: list[OutCheckout] = []
    if version is None:
        chosen = [out for _, out in status.select(ws, paths)]
        labels = status.labels(ws, chosen)
        for out in chosen:
            if not out.cache or not (out.md5 or out.files):  # nothing is known to restore
                continue
            try:
                files = status.wanted(ws, out)
            except NotFound:
                if not allow_missing:
                    raise
                absent.append(OutCheckout(path=out.path, version="", missing=1))
                continue
            plans.append(_plan(ws, out, files, labels.get(out.md5, {}), wish))
    else:
        plans.append(_plan_version(ws, paths, version, wish))
    if allow_missing:
        plans = [_without(ws, plan) for plan in plans]
    sources = _require_objects(ws, plans)
    with dvc.load().locked(ws.folder):
        return CheckoutReport(outs=[*(_apply(ws, plan, sources) for plan in plans), *absent])


def _without(ws: Workspace, plan: _Plan) -> _Plan:
    """Leave out what cannot be restored."""
    names = {rel: Digest(f"{plan.algorithm}:{md5}") for rel, md5 in plan.write.items()}
    there = ws.objects.has(set(names.values()))
    gone = [rel for rel, name in names.items() if name not in there]
    write = {rel: md5 for rel, md5 in plan.write.items() if names[rel] in there}
    return replace(plan, write=write, missing=tuple(sorted(gone)))


def _plan_version(ws: Workspace, paths: Sequence[Path], spec: str, wish: Wish) -> _Plan:
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
    plan = _plan(ws, adding.output(tree), files, tree.labels, wish)
    name = spec.partition("@")[0]
    number = versions.number_of(ws, name, found.id)
    return replace(plan, tree=tree, version=f"{name}@{number}" if number else spec)


def _plan(
    ws: Workspace, out: dvc.Output, wanted: dict[str, str], labels: Mapping[str, str], wish: Wish
) -> _Plan:
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
    if lost and not wish.force:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise Conflict(
            f"{worktree.shown(path, lost[0])}{more} would be replaced, and no version has it",
            hint=_ADVICE,
        )
    keep = set() if wish.force else unsaved - write.keys()
    return _Plan(
        path=path,
        isexec=out.isexec,
        algorithm=out.algorithm,
        labels=labels,
        sum=out.md5,
        write=wanted if wish.relink else write,
        remove=sorted((extra | found.problems.keys()) - keep - write.keys()),
        keep=sorted(keep),
        unchanged=0 if wish.relink else len(wanted) - len(write),
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


def _require_objects(ws: Workspace, plans: Sequence[_Plan]) -> dict[Digest, str]:
    """Find the files of the objects that are needed, while nothing has been touched.

    Raises:
        NotFound: One is missing.
        Damaged: One is not what its name says.
    """
    needed = {Digest(f"{plan.algorithm}:{md5}") for plan in plans for md5 in plan.write.values()}
    files = objects.files(ws.objects, "md5")
    sources = files.whole(needed) if files is not None else {}
    missing = needed - (sources.keys() if files is not None else ws.objects.has(needed))
    if not missing:
        return sources
    rels = [
        worktree.join(plan.path, rel)
        for plan in plans
        for rel, md5 in plan.write.items()
        if f"{plan.algorithm}:{md5}" in missing
    ]
    raise NotFound(
        f"{len(missing)} of {len(needed)} objects are not in the store, first that of {min(rels)}",
        hint="bring them with `cauce data pull`; nothing was changed",
    )


def _apply(ws: Workspace, plan: _Plan, sources: Mapping[Digest, str]) -> OutCheckout:
    """Carry out a plan: what is in the way goes, files come, the rest goes."""
    root = ws.folder
    way = _in_the_way(plan.write, set(plan.remove))
    _remove(root, plan, sorted(way))
    _write_all(ws, plan, sources)
    _remove(root, plan, [rel for rel in plan.remove if rel not in way])
    place = root / plan.path
    if plan.tree is not None:
        if plan.tree.labels[versions.DVC].endswith(".dir"):
            place.mkdir(parents=True, exist_ok=True)
            versions.put_dir(ws, versions.sums(plan.tree, plan.version))
        adding.write_files(ws, plan.tree)
    if plan.isexec and place.is_file() and not placing.linked(place.lstat()):
        place.chmod(place.stat().st_mode | stat.S_IXUSR)
    return OutCheckout(
        path=plan.path,
        version=plan.version,
        written=len(plan.write),
        removed=len(plan.remove),
        unchanged=plan.unchanged,
        kept=tuple(worktree.shown(plan.path, rel) for rel in plan.keep[:_SAMPLE]),
        missing=len(plan.missing),
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


def _write_all(ws: Workspace, plan: _Plan, sources: Mapping[Digest, str]) -> None:
    """Put files in their places, each written beside and renamed, or linked."""
    marked = plan.labels.get(modes.EXECUTABLE, "")
    own = set(marked.split("\n")) if marked else set()
    before = plan.found.files if plan.write and plan.found.folders else {}
    stamps: dict[str, Stamp] = {}
    with placing.scratch(ws.folder) as scratch:
        placer = placing.Placer(ws, scratch, sources, placing.kinds(ws.folder))
        for done, (rel, md5) in enumerate(plan.write.items(), start=1):
            place = f"{ws.folder}/{worktree.join(plan.path, rel)}"
            if not placer.fresh(place):
                _require_untouched(ws.folder, plan, rel)
            alone = rel in own or marked == modes.ALL or plan.isexec
            placer.put(Digest(f"{plan.algorithm}:{md5}"), place, free=rel not in before, own=alone)
            stamps[rel] = Stamp.of(os.stat(place))  # noqa: PTH116 - once a file, twice as fast
            if done % _REPORT == 0 or done == len(plan.write):
                progress.report(f"restoring {plan.path}", done, len(plan.write))
    if plan.sum.endswith(".dir"):
        modes.restore(ws.folder / plan.path, plan.labels, plan.write)
    _remember(ws, plan, stamps)


def _remember(ws: Workspace, plan: _Plan, stamps: dict[str, Stamp]) -> None:
    """Spare the next command reading what was just verified and written."""
    if not stamps or plan.algorithm != "md5":
        return
    now = time.time_ns()
    for rel, stamp in stamps.items():
        place = f"{ws.folder}/{worktree.join(plan.path, rel)}"
        if stamp.written + FINE >= now:
            # Dated back beyond a tick: whoever writes to the file later gives it another time.
            os.utime(place, ns=(now - FINE, now - FINE))
            stamps[rel] = Stamp.of(os.stat(place))  # noqa: PTH116
    gone = {*plan.remove, *stamps}
    folders: dict[str, dict[str, tuple[Stamp, str]]] = {}
    for rel, stamp, md5 in statcache.paths(plan.found.folders):
        if rel not in gone and md5:
            folder, _, name = rel.rpartition("/")
            folders.setdefault(folder, {})[name] = (stamp, md5)
    for rel, stamp in stamps.items():
        folder, _, name = rel.rpartition("/")
        folders.setdefault(folder, {})[name] = (stamp, plan.write[rel])
    table = plan.found.table
    table.tree, table.shape = "", b""
    if not plan.keep and not plan.missing:
        files = objects.files(ws.objects, "md5")
        table.tree = plan.sum
        table.shape = files.shape("md5") if files is not None and not plan.unchanged else b""
    table.save({folder: Rows.of(rows) for folder, rows in folders.items()})
