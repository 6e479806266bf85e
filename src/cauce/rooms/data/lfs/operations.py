"""Operations of this part of `data`."""

from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.lfs import locks as rows
from cauce.rooms.data.lfs.entities import Lock, LockPage


@operation("data.locks", examples=("cauce data locks", "cauce data locks --path art/logo.psd"))
def locks(
    ws: Workspace,
    *,
    path: str = "",
    id: str = "",
    owner: str = "",
    repository: str = "",
    after: str = "",
    limit: int = 100,
) -> LockPage:
    """List which paths are locked, and by whom.

    Args:
        path: Only the lock on this path.
        id: Only the lock with this id.
        owner: Only locks of this person, `user:NAME`.
        repository: Repository as in the address that git-lfs uses, NAME of `/NAME.git/info/lfs`;
            empty for `/lfs`.
        after: Id of the last lock of the page before.
        limit: Locks at most.
    """
    return rows.page(ws, path, id, owner, repository, after, limit)


@operation("data.lock", role="writer", examples=("cauce data lock art/logo.psd",))
def lock(ws: Workspace, path: str, *, repository: str = "", ref: str = "") -> Lock:
    """Lock a path, so that others see that somebody works on it.

    Args:
        path: Path in the repository, with slashes.
        repository: Repository as in the address that git-lfs uses; empty for `/lfs`.
        ref: Branch that the work is done on; said to others, no part of the lock.

    Raises:
        Conflict: Somebody has locked it; the message says who.

    Notes:
        `git lfs push` refuses files that others have locked. Nothing else does.
    """
    return rows.take(ws, path, repository, ref)


@operation(
    "data.unlock",
    role="writer",
    examples=("cauce data unlock art/logo.psd", "cauce data unlock art/logo.psd --force"),
)
def unlock(
    ws: Workspace, path: str = "", *, id: str = "", repository: str = "", force: bool = False
) -> Lock:
    """Give a lock back.

    Args:
        path: Path that is locked.
        id: Id of the lock, instead of the path.
        repository: Repository as in the address that git-lfs uses; empty for `/lfs`.
        force: Take away somebody else's lock too; the log of events says who did.

    Raises:
        Denied: It is somebody else's.
        NotFound: There is no such lock.
    """
    return rows.release(ws, path, id, repository, force=force)
