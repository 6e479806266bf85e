"""What terminals print for data's part `revisions`."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import size
from cauce.faces.text import scalar
from cauce.rooms.data.revisions.entities import (
    Collection,
    Gotten,
    RepositoryEntry,
    Restored,
)


@renders("data.gc")
def collected(found: Collection) -> Iterator[str]:
    """One place a line, then what to do next."""
    word = "moved to the trash" if found.applied else "would go"
    for it in found.places:
        yield (
            f"{scalar(it.place)}: {it.count:,} objects, {size(it.bytes)} {word}; "
            f"{it.kept:,} stay, {it.young:,} of them because they are new"
        )
        if not found.applied:
            for digest in it.sample:
                yield f"  - {digest}"
    if found.id:
        yield f"`cauce data gc-undo {found.id}` brings them back"
    elif not found.applied and any(it.count for it in found.places):
        yield "nothing was changed; --force does it"


@renders("data.gc_undo")
def restored(found: Restored) -> Iterator[str]:
    """How many came back."""
    yield f"{found.count:,} objects are back where they were ({found.id})"


@renders("data.ls_repo")
def listed(rows: Sequence[RepositoryEntry]) -> Iterator[str]:
    """One path a line; data that DVC's files name have a star."""
    for row in rows:
        amount = "" if row.size is None or (row.isdir and not row.isout) else size(row.size)
        yield f"{amount:>10} {'*' if row.isout else ' '} {scalar(row.path)}{'/' * row.isdir}"


@renders("data.get")
@renders("data.import")
@renders("data.import_url")
def gotten(found: Gotten) -> Iterator[str]:
    """Where it lies, and where it came from."""
    at = f" at {found.rev_lock[:10]}" if found.rev_lock else ""
    if not found.changed:
        yield f"{scalar(found.path)} is up to date{at}"
        return
    yield f"{scalar(found.path)}: {found.files:,} files from {scalar(found.url)}{at}"


@renders("data.update")
def updated(found: Sequence[Gotten]) -> Iterator[str]:
    """One import a line."""
    if not found:
        yield "nothing is imported"
    for one in found:
        yield from gotten(one)
