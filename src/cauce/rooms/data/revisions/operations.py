"""Operations of this part of `data`."""

from pathlib import Path

from cauce.errors import Invalid
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.revisions import collecting, importing, repositories
from cauce.rooms.data.revisions.entities import Collection, Gotten, RepositoryEntry, Restored
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


@operation(
    "data.ls_repo",
    local=True,
    examples=("cauce data ls-repo ../photos", "cauce data ls-repo ../photos scans --rev v1"),
)
def ls_repo(
    ws: Workspace,  # noqa: ARG001 - every operation has one
    url: str,
    path: str = "",
    *,
    rev: str | None = None,
    recursive: bool = False,
    dvc_only: bool = False,
) -> list[RepositoryEntry]:
    """List what a repository holds, its data that DVC's files name among it.

    Args:
        url: Folder of a repository, or an address that git clones.
        path: Folder or file inside it.
        rev: Branch, tag or commit; default: HEAD, or the default branch of what is cloned.
        recursive: List all files below, not folders.
        dvc_only: Only data that DVC's files name.

    Returns:
        Rows with the keys of `dvc ls --json`.

    Raises:
        NotFound: There is no such repository, revision or path.
        Unavailable: Git cannot reach it.
    """
    return repositories.ls(url, path, rev, recursive=recursive, dvc_only=dvc_only)


@operation(
    "data.get",
    local=True,
    examples=("cauce data get ../photos scans", "cauce data get ../photos scans --rev v1"),
)
def get(
    ws: Workspace,  # noqa: ARG001 - every operation has one
    url: str,
    path: str,
    *,
    out: Path | None = None,
    rev: str | None = None,
    force: bool = False,
) -> Gotten:
    """Get a file or folder out of a repository, without a link to where it came from.

    Args:
        url: Folder of a repository, or an address that git clones.
        path: Data or any file inside it.
        out: Where to put it; default: its name, here.
        rev: Branch, tag or commit; default: HEAD, or the default branch of what is cloned.
        force: Replace what lies there.

    Raises:
        NotFound: There is no such repository, revision or path, or its data were not pushed.
        Conflict: Something lies there already.
    """
    return importing.get(url, path, out, rev, force=force)


@operation(
    "data.import",
    role="writer",
    local=True,
    examples=("cauce data import ../photos scans", "cauce data import ../photos scans --rev v1"),
)
def import_data(
    ws: Workspace,
    url: str,
    path: str,
    *,
    out: Path | None = None,
    rev: str | None = None,
    force: bool = False,
) -> Gotten:
    """Take data in from a repository, with a `.dvc` file that remembers where they came from.

    Args:
        url: Folder of a repository, or an address that git clones.
        path: Data or any file inside it.
        out: Where to put it in the project; default: its name, here.
        rev: Branch, tag or commit that `data update` follows; default: the default branch.
        force: Replace what lies there.

    Raises:
        NotFound: There is no such repository, revision or path, or its data were not pushed.
        Conflict: Something lies there already.
    """
    return importing.from_repository(ws, url, path, out, rev, force=force)


@operation(
    "data.import_url",
    role="writer",
    local=True,
    examples=("cauce data import-url /mnt/scans", "cauce data import-url ../scans --out raw"),
)
def import_url(ws: Workspace, url: str, *, out: Path | None = None, force: bool = False) -> Gotten:
    """Take data in from a folder or file of this machine; its `.dvc` file remembers the source.

    Args:
        url: The folder or file, outside or inside the project.
        out: Where to put it in the project; default: its name, here.
        force: Replace what lies there.

    Raises:
        NotFound: There is nothing.
        Conflict: Something lies there already, or a link is in it.
        Unsupported: The source is on another machine.
    """
    return importing.from_url(ws, url, out, force=force)


@operation(
    "data.update",
    role="writer",
    local=True,
    examples=("cauce data update scans", "cauce data update scans --rev v2"),
)
def update(
    ws: Workspace, paths: tuple[Path, ...] = (), *, rev: str | None = None, force: bool = False
) -> list[Gotten]:
    """Bring imports to what their sources are now.

    Args:
        paths: Data, `.dvc` files, or folders above them; all imports when none is given.
        rev: Branch, tag or commit to follow from now on, of imports from repositories.
        force: Throw away what was changed here.

    Raises:
        Conflict: The data were changed here.
    """
    return importing.update(ws, paths, rev, force=force)
