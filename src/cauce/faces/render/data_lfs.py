"""What terminals print for data's part `lfs`."""

from collections.abc import Iterator

from cauce.faces.render import renders
from cauce.faces.render.cells import columns, when
from cauce.faces.text import scalar
from cauce.rooms.data.lfs.entities import Lock, LockPage


@renders("data.locks")
def locks(page: LockPage) -> Iterator[str]:
    """One lock a line."""
    if not page.locks:
        yield "nothing is locked"
        return
    body = [(scalar(it.path), it.owner, when(it.locked_at), it.ref, it.id) for it in page.locks]
    yield from columns(("path", "by", "since", "branch", "id"), body)
    if page.next:
        yield f"more: --after {page.next}"


@renders("data.lock")
def lock(made: Lock) -> Iterator[str]:
    """Who has it."""
    yield f"{scalar(made.path)} is locked by {made.owner} ({made.id})"


@renders("data.unlock")
def unlock(gone: Lock) -> Iterator[str]:
    """What is free now."""
    yield f"{scalar(gone.path)} is free"
