"""What the operations of this part return."""

from cauce.kernel.entities import Digest, Entity
from cauce.rooms.data.entities import DatasetVersion


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


class Snapshot(Entity, frozen=True):
    """A version made of a commit.

    Attributes:
        version: The version; `main` points at it.
        commit: The commit, in hex.
        lfs: Files that Git LFS tracks.
        git: Files that git holds itself.
        left_out: Links and submodules, which have no bytes of their own.
        sample: The first of them.
    """

    version: DatasetVersion
    commit: str
    lfs: int
    git: int
    left_out: int = 0
    sample: tuple[str, ...] = ()


class Forgotten(Entity, frozen=True):
    """What was, or would be, forgotten of what Git LFS pushed.

    Attributes:
        applied: Whether it was; False after a look.
        objects: Objects that the refs held.
        bytes: Their bytes.
        free: Of these, objects that no other ref and no version names: `admin gc` removes them.
        free_bytes: Their bytes.
        sample: The first of the latter.
    """

    applied: bool
    objects: int
    bytes: int
    free: int
    free_bytes: int
    sample: tuple[Digest, ...] = ()
