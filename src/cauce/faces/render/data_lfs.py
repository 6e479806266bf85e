"""What terminals print for data's part `lfs`."""

from collections.abc import Iterator

from cauce.faces.render import renders
from cauce.faces.render.cells import columns, short, size, when
from cauce.faces.text import scalar
from cauce.rooms.data.lfs.entities import Forgotten, Lock, LockPage, Snapshot


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


@renders("data.snapshot")
def snapshot(made: Snapshot) -> Iterator[str]:
    """The version, what it is made of, what was left out."""
    it = made.version
    amount = f"{it.count:,} files, {size(it.size)}"
    yield f"{it.name}@{it.number}  {amount}  {short(it.id)}"
    yield f"{made.lfs:,} of Git LFS, {made.git:,} of git, at commit {made.commit[:12]}"
    if made.left_out:
        yield f"left out, links and submodules: {made.left_out:,}"
    for path in made.sample:
        yield f"  {scalar(path)}"


@renders("data.lfs_forget")
def lfs_forget(made: Forgotten) -> Iterator[str]:
    """How much it is, and what becomes of it."""
    verb = "forgotten" if made.applied else "would be forgotten"
    yield f"{verb}: {made.objects:,} objects, {size(made.bytes)}"
    yield f"named by nothing else: {made.free:,} objects, {size(made.free_bytes)}"
    for name in made.sample:
        yield f"  {short(name)}"
    yield "`cauce admin gc --apply` removes them" if made.applied else "--apply does it"
