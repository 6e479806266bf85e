"""Operations of this part of `data`: remotes, config, ignored and tracked paths."""

from pathlib import Path

from cauce.errors import Invalid
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.repository import about, ignoring, settings, tracked
from cauce.rooms.data.repository.entities import (
    About,
    CacheDir,
    Committed,
    Config,
    IgnoreMatch,
    Moved,
    Option,
    RemoteInfo,
    Removed,
)
from cauce.rooms.data.repository.settings import Where


@operation(
    "data.remote_add",
    role="writer",
    local=True,
    examples=(
        "cauce data remote add -d store ../store",
        "cauce data remote add backup s3://bucket/data",
    ),
    short={"default": "d", "force": "f"},
)
def remote_add(
    ws: Workspace,
    name: str,
    url: str,
    *,
    default: bool = False,
    force: bool = False,
    local: bool = False,
    global_: bool = False,
    system: bool = False,
) -> RemoteInfo:
    """Add a remote to `.dvc/config`, where DVC finds it too.

    Args:
        name: Its name; kept in lower case.
        url: Folder relative to here, or address: s3://…, gs://…, azure://…, ssh://…, https://…
        default: Let it be the remote that is meant when none is named.
        force: Give an existing remote this url; its other options go.
        local: Write `.dvc/config.local`, which git does not see.
        global_: Write the config of this person.
        system: Write the config of this machine.

    Raises:
        Conflict: There is a remote of this name.
        NotFound: The project has no `.dvc` folder.
    """
    where = Where(local=local, person=global_, system=system)
    return settings.add_remote(ws, name, url, default=default, force=force, where=where)


@operation(
    "data.remote_modify",
    role="writer",
    local=True,
    examples=(
        "cauce data remote modify backup endpointurl https://minio.example.org",
        "cauce data remote modify --local backup secret_access_key KEY",
        "cauce data remote modify --unset backup jobs",
    ),
    short={"unset": "u"},
)
def remote_modify(
    ws: Workspace,
    name: str,
    setting: tuple[str, ...],
    *,
    unset: bool = False,
    local: bool = False,
    global_: bool = False,
    system: bool = False,
) -> list[Option]:
    """Set an option of a remote, or take one away.

    Args:
        name: Remote.
        setting: Option and its value; the option alone with `unset`.
        unset: Take the option away.
        local: Write `.dvc/config.local`, which git does not see; the place for secrets.
        global_: Write the config of this person.
        system: Write the config of this machine.

    Returns:
        The options of the remote.

    Raises:
        NotFound: There is no such remote.
        Invalid: DVC knows no such option for this kind of remote, or not this value.
    """
    where = Where(local=local, person=global_, system=system)
    return settings.modify_remote(ws, name, setting, drop=unset, where=where)


@operation("data.remote_list", local=True, examples=("cauce data remote list",))
def remote_list(
    ws: Workspace, *, local: bool = False, global_: bool = False, system: bool = False
) -> list[RemoteInfo]:
    """List the remotes.

    Args:
        local: Only those of `.dvc/config.local`.
        global_: Only those of this person.
        system: Only those of this machine.
    """
    settings.require_project(ws)
    return settings.remotes(ws, Where(local=local, person=global_, system=system).level)


@operation(
    "data.remote_default",
    role="writer",
    local=True,
    examples=("cauce data remote default", "cauce data remote default backup"),
    short={"unset": "u"},
)
def remote_default(
    ws: Workspace,
    name: str | None = None,
    *,
    unset: bool = False,
    local: bool = False,
    global_: bool = False,
    system: bool = False,
) -> list[RemoteInfo]:
    """Say or set which remote is meant when none is named.

    Args:
        name: The remote from now on; without it nothing changes.
        unset: Let there be no default.
        local: Write `.dvc/config.local`.
        global_: Write the config of this person.
        system: Write the config of this machine.

    Raises:
        NotFound: There is no such remote, or no default.
    """
    where = Where(local=local, person=global_, system=system)
    return settings.default_remote(ws, name, unset, where)


@operation(
    "data.remote_remove", role="writer", local=True, examples=("cauce data remote remove backup",)
)
def remote_remove(
    ws: Workspace, name: str, *, local: bool = False, global_: bool = False, system: bool = False
) -> list[RemoteInfo]:
    """Take a remote out of the config; what it holds is not touched.

    Args:
        name: Remote.
        local: Out of `.dvc/config.local`.
        global_: Out of the config of this person.
        system: Out of the config of this machine.

    Returns:
        The remotes that are left.

    Raises:
        NotFound: There is no such remote, or it is in another level.
    """
    where = Where(local=local, person=global_, system=system)
    return settings.remove_remote(ws, name, where)


@operation(
    "data.remote_rename",
    role="writer",
    local=True,
    examples=("cauce data remote rename backup archive",),
)
def remote_rename(
    ws: Workspace,
    name: str,
    new: str,
    *,
    local: bool = False,
    global_: bool = False,
    system: bool = False,
) -> RemoteInfo:
    """Give a remote another name; a default that means it follows.

    Args:
        name: Remote.
        new: Its name from now on.
        local: In `.dvc/config.local`.
        global_: In the config of this person.
        system: In the config of this machine.

    Raises:
        NotFound: There is no such remote, or it is in another level.
        Conflict: There is a remote of the new name.
    """
    where = Where(local=local, person=global_, system=system)
    return settings.rename_remote(ws, name, new, where)


@operation(
    "data.config",
    role="writer",
    local=True,
    examples=(
        "cauce data config --list",
        "cauce data config core.autostage true",
        "cauce data config --unset core.autostage",
    ),
    short={"unset": "u", "list_": "l"},
)
def config(
    ws: Workspace,
    name: str | None = None,
    value: str | None = None,
    *,
    unset: bool = False,
    list_: bool = False,
    show_origin: bool = False,
    local: bool = False,
    global_: bool = False,
    system: bool = False,
) -> Config:
    """Read or set an option of DVC's config; comments in the file stay.

    Args:
        name: `section.option` or `remote.NAME.option`.
        value: What it is from now on; without it the value is shown.
        unset: Take the option out.
        list_: List all options; the same as no name.
        show_origin: Show the file that each value comes from.
        local: Only `.dvc/config.local`.
        global_: Only the config of this person.
        system: Only the config of this machine.

    Raises:
        NotFound: The option is not set.
        Invalid: DVC knows no such option, or not this value.
    """
    where = Where(local=local, person=global_, system=system)
    if (list_ or show_origin) and value is not None:
        raise Invalid("a list and a value at once", hint="set first, then list")
    if name is None or list_:
        settings.require_project(ws)
        found = settings.options(ws, where.level)
        return Config(options=found, shown="origin" if show_origin else "list")
    if unset:
        return Config(options=settings.unset(ws, name, where), shown="nothing")
    if value is not None:
        return Config(options=settings.put(ws, name, value, where), shown="nothing")
    found = settings.get(ws, name, where)
    return Config(options=found, shown="origin" if show_origin else "value")


@operation(
    "data.cache_dir",
    role="writer",
    local=True,
    examples=("cauce data cache dir", "cauce data cache dir /mnt/shared/cache"),
    short={"unset": "u"},
)
def cache_dir(
    ws: Workspace,
    value: str | None = None,
    *,
    unset: bool = False,
    local: bool = False,
    global_: bool = False,
    system: bool = False,
) -> CacheDir:
    """Say or set where the cache lies; what is in the one before stays there.

    Args:
        value: Folder from now on, relative to here; without it nothing changes.
        unset: Back to `.dvc/cache`.
        local: Write `.dvc/config.local`.
        global_: Write the config of this person.
        system: Write the config of this machine.
    """
    where = Where(local=local, person=global_, system=system)
    return settings.cache_dir(ws, value, unset, where)


@operation(
    "data.check_ignore",
    local=True,
    examples=("cauce data check-ignore scans/a.tmp", "cauce data check-ignore -d scans/*"),
    short={"details": "d", "non_matching": "n"},
)
def check_ignore(
    ws: Workspace,
    targets: tuple[str, ...],
    *,
    details: bool = False,
    non_matching: bool = False,
) -> list[IgnoreMatch]:
    """Tell which paths `.dvcignore` keeps out, and by which pattern.

    Args:
        targets: Paths; they need not exist. A slash at the end means a folder.
        details: Also paths that a pattern with `!` takes in again.
        non_matching: Also paths that no pattern is about.

    Raises:
        CauceError: No path is ignored.
    """
    return ignoring.check(ws, targets, details=details, every=non_matching)


@operation(
    "data.move",
    role="writer",
    local=True,
    examples=("cauce data move digits numbers", "cauce data move digits archive/"),
)
def move(ws: Workspace, source: Path, target: Path) -> Moved:
    """Give tracked data another place; the `.dvc` file and `.gitignore` follow.

    Args:
        source: Data that a `.dvc` file names.
        target: New path, or a folder to move it into.

    Raises:
        NotFound: Nothing tracked lies there, or the folder does not exist.
        Conflict: Something is at the new place, or it is ignored.
    """
    return tracked.move(ws, source, target)


@operation(
    "data.remove",
    role="writer",
    local=True,
    examples=("cauce data remove digits", "cauce data remove digits.dvc --outs"),
    short={"force": "f"},
)
def remove(
    ws: Workspace, targets: tuple[Path, ...], *, outs: bool = False, force: bool = False
) -> list[Removed]:
    """Stop tracking data; the files stay where they are, and nothing touches them any more.

    Args:
        targets: Data or `.dvc` files.
        outs: Remove the files too; those in no version are a conflict.
        force: With `outs`, remove files that are in no version as well.

    Raises:
        NotFound: It is not tracked.
        Conflict: Files in no version would be lost, or a stage makes the path.
    """
    return tracked.remove(ws, targets, outs=outs, force=force)


@operation(
    "data.commit",
    role="writer",
    local=True,
    examples=("cauce data commit", "cauce data commit digits --message 'as scanned'"),
)
def commit(ws: Workspace, targets: tuple[Path, ...] = (), *, message: str = "") -> list[Committed]:
    """Take what is in the work tree as it is: store it, and let DVC's files say so.

    Unlike `add` it also takes imports and what stages of `dvc.yaml` make.

    Args:
        targets: Data, `.dvc` files, or folders above them; all when none is given.
        message: Why there is a new version.

    Raises:
        NotFound: It is not tracked, or nothing is there.
        Conflict: A file changed while it was read, or a stage never ran.
    """
    return tracked.commit(ws, targets, message)


@operation("data.version", local=True, examples=("cauce data version",))
def version(ws: Workspace) -> About:
    """Tell what a report of a problem should say: versions, cache, remotes."""
    return about.about(ws)
