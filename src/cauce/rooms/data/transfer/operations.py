"""Operations of data's part `transfer`: push, fetch, pull."""

from pathlib import Path

from cauce.errors import Invalid
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.entities import CloudStatus
from cauce.rooms.data.transfer.entities import PullReport, Transfer

SHORT = {
    "remote": "r",
    "jobs": "j",
    "all_branches": "a",
    "all_tags": "T",
    "all_commits": "A",
    "force": "f",
}


@operation(
    "data.push",
    role="writer",
    local=True,
    short=SHORT,
    examples=("cauce data push", "cauce data push digits --remote backup --jobs 8"),
)
def push(
    ws: Workspace,
    targets: tuple[Path, ...] = (),
    *,
    remote: str | None = None,
    jobs: int | None = None,
    all_branches: bool = False,
    all_tags: bool = False,
    all_commits: bool = False,
) -> list[Transfer]:
    """Send tracked data to a remote; what is there already is not sent again.

    Args:
        targets: Data, `.dvc` files, folders above them, or files in tracked folders; all when none.
        remote: Remote to send to; the output's own, or the default one, when not given.
        jobs: Requests in flight.
        all_branches: Also what the tips of all branches name.
        all_tags: Also what tags name.
        all_commits: Also what any commit names that a branch, a tag or HEAD reaches.

    Returns:
        What was sent, one row a remote.

    Raises:
        NotFound: There is no such remote, or an object is in neither store.
        Unavailable: The remote stopped answering; a second push goes on where this one ended.
    """
    from cauce.rooms.data.transfer import moves, wanted  # late: other verbs start without threads

    scope = wanted.Scope(all_branches, all_tags, all_commits)
    found = wanted.targets(ws, targets, scope)
    found = wanted.sendable(ws, found)
    return moves.each(
        ws, found, remote, lambda to, group: moves.push(ws, to, group, jobs=_jobs(jobs))
    )


@operation(
    "data.fetch",
    role="writer",
    local=True,
    short=SHORT,
    examples=("cauce data fetch", "cauce data fetch digits/train/3 --remote backup"),
)
def fetch(
    ws: Workspace,
    targets: tuple[Path, ...] = (),
    *,
    remote: str | None = None,
    jobs: int | None = None,
    all_branches: bool = False,
    all_tags: bool = False,
    all_commits: bool = False,
) -> list[Transfer]:
    """Bring tracked data from a remote into the cache; the work tree is left alone.

    Args:
        targets: Data, `.dvc` files, folders above them, or files in tracked folders; all when none.
        remote: Remote to ask; the output's own, or the default one, when not given.
        jobs: Requests in flight.
        all_branches: Also what the tips of all branches name.
        all_tags: Also what tags name.
        all_commits: Also what any commit names that a branch, a tag or HEAD reaches.

    Returns:
        What was brought, one row a remote.

    Raises:
        NotFound: There is no such remote, or it lacks an object; the rest was brought.
        Damaged: An object is not what its name says; it was not kept.
        Unavailable: The remote stopped answering; a second fetch goes on where this one ended.
    """
    from cauce.rooms.data.transfer import moves, wanted  # late: other verbs start without threads

    scope = wanted.Scope(all_branches, all_tags, all_commits)
    found = wanted.targets(ws, targets, scope)
    return moves.each(
        ws, found, remote, lambda to, group: moves.fetch(ws, to, group, jobs=_jobs(jobs))
    )


@operation(
    "data.pull",
    role="writer",
    local=True,
    short=SHORT,
    examples=("cauce data pull", "cauce data pull digits --remote backup"),
)
def pull(
    ws: Workspace,
    targets: tuple[Path, ...] = (),
    *,
    remote: str | None = None,
    jobs: int | None = None,
    force: bool = False,
) -> PullReport:
    """Bring tracked data from a remote, and restore it in the work tree.

    Args:
        targets: Data, `.dvc` files, or folders above them; all when none is given.
        remote: Remote to ask; the output's own, or the default one, when not given.
        jobs: Requests in flight.
        force: Throw away files that are in no version.

    Raises:
        NotFound: There is no such remote, or it lacks an object; the work tree is as before.
        Conflict: A file that is in no version would be lost.
        Damaged: An object is not what its name says; it was not kept.
        Unavailable: The remote stopped answering; a second pull goes on where this one ended.
    """
    from cauce.rooms.data import checkout as checking_out  # late: other verbs restore nothing

    fetched = fetch(ws, targets, remote=remote, jobs=jobs)
    return PullReport(
        fetched=fetched, outs=checking_out.checkout(ws, targets, None, force=force).outs
    )


@operation(
    "data.remote_status",
    role="writer",
    local=True,
    short=SHORT,
    examples=("cauce data remote status", "cauce data remote status digits --remote backup"),
)
def remote_status(
    ws: Workspace,
    targets: tuple[Path, ...] = (),
    *,
    remote: str | None = None,
    all_branches: bool = False,
    all_tags: bool = False,
    all_commits: bool = False,
) -> list[CloudStatus]:
    """Compare the cache with a remote, as `dvc status --cloud` does; nothing is moved.

    Args:
        targets: Data, `.dvc` files, folders above them, or files in tracked folders; all when none.
        remote: Remote to ask; the output's own, or the default one, when not given.
        all_branches: Also what the tips of all branches name.
        all_tags: Also what tags name.
        all_commits: Also what any commit names that a branch, a tag or HEAD reaches.

    Returns:
        What is in one of the two, or in neither; empty when both hold everything.
    """
    from cauce.rooms.data.transfer import cloud, wanted  # late: other verbs reach for no remote

    scope = wanted.Scope(all_branches, all_tags, all_commits)
    found = wanted.targets(ws, targets, scope)
    return cloud.compare(ws, found, remote)


def _jobs(jobs: int | None) -> int | None:
    if jobs is not None and jobs < 1:
        raise Invalid(f"--jobs {jobs} is no number of jobs", hint="give 1 or more")
    return jobs
