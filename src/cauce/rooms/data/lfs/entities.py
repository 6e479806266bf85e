"""What the operations of this part return."""

from cauce.kernel.entities import Entity


class Lock(Entity, frozen=True):
    """A path that one person works on alone.

    Attributes:
        id: What `unlock` names it by; sortable by time.
        path: Relative to the repository.
        owner: Who holds it, `user:name`.
        locked_at: When it was taken.
        repository: Repository of the path; empty: that of the address `/lfs`.
        ref: Branch that the holder was on, as git-lfs said; may be empty.
    """

    id: str
    path: str
    owner: str
    locked_at: float
    repository: str = ""
    ref: str = ""


class LockPage(Entity, frozen=True):
    """Locks in the order in which they were taken.

    Attributes:
        next: What to pass as `after` for the next page; empty on the last.
    """

    locks: list[Lock]
    next: str = ""
