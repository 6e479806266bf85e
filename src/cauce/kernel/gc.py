"""What the project still reaches in its object store, and removal of the rest.

Marking errs on the side of keeping: every digest that is written anywhere in the catalogue's
tables (the rooms' too), in a manifest, in a stream, or in a file of DVC in the work tree or in any
commit that git still has, keeps its object.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cauce.errors import CauceError, Damaged
from cauce.kernel import git, plugins, twins
from cauce.kernel.entities import Digest, Entity
from cauce.kernel.sql import tables

if TYPE_CHECKING:
    from cauce.kernel.objects import ObjectInfo
    from cauce.kernel.workspace import Workspace

_NAMED = re.compile(r"(?:md5:[0-9a-f]{32}(?:\.dir)?|sha256:[0-9a-f]{64})(?![0-9a-f])")
_DVC = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")

_VERSIONS_ONLY = {"edges", "refs", "ref_log", "cursors", "tokens", "migrations"}
"""Tables that name nothing but versions, which are roots anyway."""

_BATCH = 1000


class GcReport(Entity, frozen=True):
    """What collection removed, or would remove.

    Attributes:
        applied: Whether objects were removed; False after a dry run.
        count: Objects removed, or that would be.
        bytes: Their bytes; those of an object with two names once.
        kept: Objects that stay: reached, too young, or not ours to remove.
        young: Of these, unreachable ones younger than the grace period.
    """

    applied: bool
    count: int
    bytes: int
    kept: int
    young: int


def collect(ws: "Workspace", *, apply: bool, grace_hours: float) -> GcReport:
    """Find objects that nothing reaches, and remove them when asked to.

    Writers may go on meanwhile: what is put, or put again, counts as young. Candidates are listed
    before marking, so an object that a commit made reachable in between stays; the store looks at
    their dates when it removes them, so one that was put again meanwhile stays too.

    Raises:
        Damaged: A manifest cannot be read, so nobody can tell what it reaches.
    """
    limit = ws.now() - grace_hours * 3600
    shared = shares_dvc_cache(ws)
    listed = list(ws.objects.list())
    reached = reachable(ws)
    loose = [
        info
        for info in listed
        if info.digest not in reached and not (shared and info.digest.startswith("md5:"))
    ]
    old = [info for info in loose if info.modified <= limit]
    sizes = twins.sizes(ws, old)
    if apply:
        old = list(_remove(ws, old, limit))
    return GcReport(
        applied=apply,
        count=len(old),
        bytes=sum(sizes[info.digest] for info in old),
        kept=len(listed) - len(old),
        young=len(loose) - len(old),
    )


def _remove(ws: "Workspace", old: "list[ObjectInfo]", limit: float) -> "Iterator[ObjectInfo]":
    """Remove objects, and give those that went."""
    for start in range(0, len(old), _BATCH):
        part = old[start : start + _BATCH]
        digests = [info.digest for info in part]
        spared: set[Digest] = set()
        if ws.objects.delete(digests, before=limit) < len(part):
            spared = ws.objects.has(digests)
        yield from (info for info in part if info.digest not in spared)


def reachable(ws: "Workspace") -> set[Digest]:
    """Mark every object that the project still names.

    Raises:
        Damaged: A manifest of a known version cannot be read.
    """
    reached = named_in_versions(ws)
    reached |= named_in_tables(ws)
    reached |= named_in_streams(ws)
    reached |= named_by_dvc(ws)
    reached |= twins.also(ws, reached)
    return reached


def named_in_versions(ws: "Workspace") -> set[Digest]:
    """Find every version and what its manifest names; raises `Damaged`."""
    return named_in_catalog(ws) | named_by_dvc(ws)


def named_in_catalog(ws: "Workspace") -> set[Digest]:
    """Mark what versions, tables and streams name; see `reachable`."""
    reached: set[Digest] = set()
    for version in ws.catalog.all_versions():
        reached.add(version)
        try:
            tree = ws.manifest(version)
        except CauceError as error:
            raise Damaged(
                f"the manifest of version {version} cannot be read: {error}",
                hint="`cauce admin check` lists what is wrong; nothing was removed",
            ) from error
        reached.update(entry.digest for entry in tree.entries)
    return reached


def named_in_tables(ws: "Workspace") -> set[Digest]:
    """Find digests in any column of the catalogue's tables, the rooms' own included."""
    catalog = tables(ws)
    found: set[Digest] = set()
    for table in catalog.tables():
        if table in _VERSIONS_ONLY:
            continue
        for row in catalog.query(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from the schema
            for cell in row:
                if isinstance(cell, str):
                    found.update(map(Digest, _NAMED.findall(cell)))
    return found


def named_in_streams(ws: "Workspace") -> set[Digest]:
    """Find digests in the records of all streams but those of metrics, which hold numbers."""
    found: set[Digest] = set()
    for name in ws.streams.names():
        if name.startswith("metrics/"):
            continue
        for _, record in ws.streams.read(name):
            text = msgspec.msgpack.encode(record).decode("latin-1")  # records may hold raw bytes
            found.update(map(Digest, _NAMED.findall(text)))
    return found


def shares_dvc_cache(ws: "Workspace") -> bool:
    """Tell whether DVC's cache lies outside the project: other projects may use it."""
    if ws.root is None or not (ws.root / ".dvc").is_dir():
        return False
    cache: Path = plugins.load("formats", "dvc").cache_dir(ws.root)
    return not cache.resolve().is_relative_to(ws.root)


def named_by_dvc(ws: "Workspace") -> set[Digest]:
    """Find digests in DVC's files: work tree, index, and every commit that git still has."""
    if ws.root is None or not (ws.root / ".dvc").is_dir():
        return set()
    names: set[str] = set()
    for text in (*_work_tree(ws.root), *_history(ws.root)):
        names.update(name.decode() for name in _DVC.findall(text))
    found = {Digest(f"md5:{name}{suffix}") for name in names for suffix in ("", ".dir")}
    folders = ws.objects.has(name for name in found if name.endswith(".dir"))
    for folder in folders:
        try:
            listing = ws.objects.get(folder)
        except CauceError:
            continue  # admin check reports it; its files may be named elsewhere
        found.update(Digest(f"md5:{name.decode()}") for name in _DVC.findall(listing))
    return found


def staged(ws: "Workspace") -> set[Digest]:
    """Find digests in DVC's files as git's index has them."""
    if ws.root is None or not _in_repository(ws.root):
        return set()
    listed = _git(ws.root, "ls-files", "--stage", "--", "*.dvc", "*dvc.lock")
    ids = {line.split(b" ")[1] for line in listed.splitlines()}
    if not ids:
        return set()
    given = b"\n".join(sorted(ids)) + b"\n"
    names = _DVC.findall(_git(ws.root, "cat-file", "--batch", "--buffer", given=given))
    return {Digest(f"md5:{name.decode()}{end}") for name in names for end in ("", ".dir")}


def _work_tree(root: Path) -> Iterator[bytes]:
    for folder, inner, files in os.walk(root):
        inner[:] = [name for name in inner if not name.startswith(".") and name != "node_modules"]
        for name in files:
            if name.endswith(".dvc") or name == "dvc.lock":
                path = Path(folder, name)
                if path.is_file():
                    yield path.read_bytes()


def _history(root: Path) -> Iterator[bytes]:
    """Give every version of DVC's files that a branch, tag, stash, reflog or the index has."""
    if not _in_repository(root):
        return
    every = ("rev-list", "--objects", "--full-history", "--all", "--reflog")
    listed = (line.partition(b" ") for line in _git(root, *every).splitlines())
    ids = {id for id, _, path in listed if path.endswith((b".dvc", b"dvc.lock"))}
    staged = _git(root, "ls-files", "--stage", "--", "*.dvc", "*dvc.lock")
    ids |= {line.split(b" ")[1] for line in staged.splitlines()}
    if ids:
        yield _git(root, "cat-file", "--batch", "--buffer", given=b"\n".join(sorted(ids)) + b"\n")


def _in_repository(root: Path) -> bool:
    """Tell whether git can be asked; raises `Unavailable` where it should answer but does not."""
    if not git.within(root):
        return False
    _git(root, "rev-parse", "--git-dir")
    return True


def _git(root: Path, *words: str, given: bytes = b"") -> bytes:
    """Run git; raises `Unavailable`, because without its answer nothing may be removed."""
    why = "nothing was removed, git cannot say which data its commits name"
    return git.run(root, *words, given=given, why=why)
