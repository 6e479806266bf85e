"""Operations of this part of `data`."""

from pathlib import Path

from cauce.errors import Invalid
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.revisions import collecting
from cauce.rooms.data.revisions.entities import Collection, Restored
from cauce.rooms.data.revisions.history import Scope


@operation(
    "data.gc",
    role="admin",
    local=True,
    examples=(
        "cauce data gc",
        "cauce data gc --force",
        "cauce data gc --workspace --cloud --remote origin",
    ),
)
def collect(
    ws: Workspace,
    *,
    workspace: bool = False,
    all_branches: bool = False,
    all_tags: bool = False,
    all_commits: bool = False,
    rev: str | None = None,
    num: int | None = None,
    date: str | None = None,
    not_in_remote: bool = False,
    cloud: bool = False,
    remote: str | None = None,
    projects: tuple[Path, ...] = (),
    force: bool = False,
) -> Collection:
    """Show which data nothing needs any more; with --force, move them to the trash.

    Args:
        workspace: Let the data of old commits go. The work tree, the tips of all branches and tags,
            the stash, recent places of HEAD and every numbered version are kept all the same.
        all_branches: As `workspace`; with --num, also that many commits of each branch.
        all_tags: As `workspace`.
        all_commits: Keep what any commit names; so it is when no scope is given.
        rev: As `workspace`, and keep what this revision names.
        num: Keep so many commits of `rev` and of each branch, from their tips back.
        date: As `workspace`, and keep commits of this day (YYYY-MM-DD) and later.
        not_in_remote: Let everything go from the cache that the remote has.
        cloud: Collect in the remote too.
        remote: Which remote; default: the default one.
        projects: Folders of other projects that share the cache; what they need is kept.
        force: Do it. What goes can come back with `cauce data gc-undo` for `gc.trash_days` days.

    Raises:
        Conflict: The cache is shared, and no projects were named.
        Damaged: Something that tells what is needed cannot be read; nothing was removed.
    """
    if remote and not (cloud or not_in_remote):
        raise Invalid("--remote alone does nothing", hint="add --cloud or --not-in-remote")
    if cloud and not_in_remote:
        raise Invalid("--cloud and --not-in-remote exclude each other", hint="give one of them")
    if num is not None and (num < 1 or not (rev or all_branches)):
        raise Invalid(
            f"--num {num} counts commits of --rev or --all-branches", hint="give 1 or more, and one"
        )
    narrowed = workspace or all_branches or all_tags or rev or date
    scope = None
    if narrowed and not all_commits:
        scope = Scope(revs=(rev,) if rev else (), num=num or 1, since=date or "")
    choice = collecting.Choice(scope, cloud, not_in_remote, remote, projects, force)
    return collecting.collect(ws, choice)


@operation("data.gc_undo", role="admin", local=True, examples=("cauce data gc-undo",))
def undo(ws: Workspace, id: str | None = None) -> Restored:
    """Bring back what a collection moved to the trash.

    Args:
        id: The collection; the newest when not given.

    Raises:
        NotFound: There is none, or its time is over.
    """
    return collecting.undo(ws, id)
