"""What terminals print for data's part `revisions`."""

from collections.abc import Iterator

from cauce.faces.render import renders
from cauce.faces.render.cells import size
from cauce.faces.text import scalar
from cauce.rooms.data.revisions.entities import Collection, Restored


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
