"""Whether a project is whole: its catalogue, and every object that its versions name."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cauce.errors import CauceError
from cauce.kernel import gc, progress
from cauce.kernel.entities import Digest, Entity, Manifest

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_PAGE = 1000
_MOST = 200


class CheckReport(Entity, frozen=True):
    """What a check found.

    Attributes:
        ok: Whether nothing is wrong; unreachable objects are not wrong.
        problems: One sentence a fault, 200 at most.
        objects: Objects in the store.
        versions: Versions in the catalogue.
        refs: Refs in the catalogue.
        unreachable: Objects that nothing names; `admin gc` removes the old ones.
    """

    ok: bool
    problems: list[str]
    objects: int
    versions: int
    refs: int
    unreachable: int


def run(ws: "Workspace", *, fast: bool) -> CheckReport:
    """Check a project; with `fast`, neither files of versions nor streams are looked at."""
    problems = list(ws.catalog.check())
    if not fast:
        problems += ws.streams.check()
    versions = 0
    for version, tree in _manifests(ws, problems):
        versions += 1
        if tree is not None and not fast:
            problems += _missing(ws, version, tree)
    try:
        reached = gc.reachable(ws) if not problems else set()
    except CauceError as error:
        problems.append(error.message)
        reached = set()
    objects = unreachable = 0
    for info in ws.objects.list():
        objects += 1
        unreachable += info.digest not in reached
    more = len(problems) - _MOST
    shown = [*problems[:_MOST], f"… and {more} more"] if more > 0 else problems
    return CheckReport(
        ok=not problems,
        problems=shown,
        objects=objects,
        versions=versions,
        refs=_count_refs(ws),
        # With faults nobody can tell what is reachable, and gc removes nothing.
        unreachable=0 if problems else unreachable,
    )


def _manifests(ws: "Workspace", problems: list[str]) -> Iterator[tuple[Digest, Manifest | None]]:
    """Read every version's manifest; None, with a problem, where that fails."""
    for done, version in enumerate(ws.catalog.all_versions(), start=1):
        progress.report("checking versions", done)
        try:
            yield version, ws.manifest(version)
        except CauceError as error:
            problems.append(f"version {version}: its manifest cannot be read: {error.message}")
            yield version, None


def _missing(ws: "Workspace", version: Digest, tree: Manifest) -> Iterable[str]:
    """Name the files of a version whose objects are not in the store."""
    for start in range(0, len(tree.entries), _PAGE):
        part = tree.entries[start : start + _PAGE]
        there = ws.objects.has({entry.digest for entry in part})
        for entry in part:
            if entry.digest not in there:
                yield f"version {version}: {entry.path} ({entry.digest}) is not in the store"


def _count_refs(ws: "Workspace") -> int:
    count = 0
    after: tuple[str, str, str] | None = None
    while page := ws.catalog.refs(after=after, limit=_PAGE):
        count += len(page)
        after = (page[-1].kind, page[-1].name, page[-1].tag)
    return count
