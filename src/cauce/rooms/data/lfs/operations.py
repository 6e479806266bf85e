"""Operations of this part of `data`."""

from pathlib import Path

from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.lfs import locks as rows
from cauce.rooms.data.lfs.entities import Forgotten, Lock, LockPage, Snapshot


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


@operation(
    "data.snapshot",
    role="writer",
    local=True,
    examples=(
        "cauce data snapshot images",
        "cauce data snapshot images --revision v1.2 --name images",
    ),
)
def snapshot(
    ws: Workspace,
    path: Path = Path(),
    *,
    revision: str = "HEAD",
    name: str | None = None,
    message: str = "",
) -> Snapshot:
    """Record what git and Git LFS track at a commit as a version of a data set.

    Args:
        path: Folder or file of a git repository; the whole repository when not given.
        revision: Commit, branch or tag of that repository.
        name: Data set; the name of the folder or file when not given.
        message: Why there is a new version; what was said to the commit when not given.

    Returns:
        The version; `main` points at it now. The same files give the same version.

    Raises:
        NotFound: There is no file, or an object of Git LFS is neither here nor in the store.
        Damaged: An object of Git LFS is not what its name says.

    Notes:
        The work tree is not looked at. Objects that are in the store, because `git lfs push`
        brought them, are not read; those of the repository are linked, not copied, where the
        file system can.
    """
    # Late: only this one needs the format.
    from cauce.rooms.data.lfs import snapshot as taking

    return taking.take(ws, path, revision, name, message)


@operation(
    "data.lfs_forget",
    role="admin",
    local=True,
    examples=(
        "cauce data lfs-forget --keep /srv/git/art.git",
        "cauce data lfs-forget --ref refs/heads/old --apply",
    ),
)
def lfs_forget(
    ws: Workspace,
    *,
    repository: str = "",
    ref: str | None = None,
    keep: Path | None = None,
    apply: bool = False,
) -> Forgotten:
    """Forget what `git lfs push` brought, so that `admin gc` may remove it.

    Args:
        repository: Repository as in the address that git-lfs uses; empty for `/lfs`.
        ref: Forget what was pushed to this ref, such as `refs/heads/old`.
        keep: A clone with all branches and tags (`git clone --mirror`); forget what no commit of
            it names.
        apply: Do it; without it nothing changes.

    Returns:
        What was pushed only there. What other refs or versions name stays in any case, and
        `admin gc` spares what is younger than its grace period.

    Raises:
        Invalid: Neither a ref nor a clone is given, or the clone is shallow.
    """
    # Late: only this one needs the format.
    from cauce.rooms.data.lfs import pushed

    return pushed.forget(ws, repository, ref, keep, apply=apply)
