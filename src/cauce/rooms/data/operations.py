"""Operations of `data`: versions of folders, in the work tree and in the catalogue.

Further verbs are in folders of their own (`kernel.operation.PARTS`). What a verb needs is imported
when it runs: a `status` must not wait for the rest.
"""

from pathlib import Path

from cauce.errors import Invalid, NotFound
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.entities import (
    CheckoutReport,
    DatasetPage,
    DatasetSummary,
    DatasetVersion,
    Initialised,
    OutStatus,
)


@operation("data.init", role="writer", local=True, examples=("cauce data init",))
def init(ws: Workspace) -> Initialised:
    """Make the `.dvc/` folder that DVC and Cauce share; what exists is left alone."""
    from cauce.rooms.data import adding

    return adding.initialise(ws)


@operation(
    "data.add",
    role="writer",
    local=True,
    short={"remote": "r"},
    examples=(
        "cauce data add digits",
        'cauce data add digits --message "more sevens"',
        "cauce data add huge.bin --to-remote",
    ),
)
def add(
    ws: Workspace,
    path: Path,
    *,
    name: str | None = None,
    message: str = "",
    to_remote: bool = False,
    remote: str | None = None,
) -> DatasetVersion:
    """Store a folder or file as a version of a data set, and write its `.dvc` file.

    Args:
        path: Folder or file inside the project. Inside a versioned folder: the next version of that
            folder has this path as it is now, or no longer, and the rest as it was.
        name: Data set; the name of the folder or file when not given.
        message: Why there is a new version.
        to_remote: Send the bytes straight to a remote, and keep none in the cache.
        remote: Remote to send them to, instead of the default one.

    Returns:
        The version; `main` points at it now. Adding the same bytes twice gives the same version.

    Raises:
        Invalid: It is outside the project, holds no file, or something that cannot be stored.
        Conflict: A file changed while it was read, or git, a stage or another data set has it.
    """
    if remote and not to_remote:
        raise Invalid("--remote says where to send to", hint="give --to-remote too")
    if not to_remote:
        from cauce.rooms.data import adding

        return adding.add(ws, path, name, message)
    from cauce.rooms.data.transfer import straight  # late: reaches for a remote

    return straight.add(ws, path, name, message, remote)


@operation(
    "data.status",
    local=True,
    short={"cloud": "c", "remote": "r"},
    examples=("cauce data status", "cauce data status digits", "cauce data status --cloud"),
)
def status(
    ws: Workspace,
    paths: tuple[Path, ...] = (),
    *,
    granular: bool = False,
    cloud: bool = False,
    remote: str | None = None,
) -> list[OutStatus]:
    """Compare the work tree with its `.dvc` files.

    Args:
        paths: Data, `.dvc` files, or folders above them; all when none is given.
        granular: List every file that differs, not only the first 20 of each path.
        cloud: Also compare the cache with the remote.
        remote: Remote to compare with, instead of the default one.
    """
    from cauce.rooms.data import status as comparing_files

    found = comparing_files.status(ws, paths, granular=granular)
    if not (cloud or remote):
        return found
    from cauce.rooms.data.transfer import cloud as comparing_stores  # late: reaches for a remote

    return comparing_stores.beside(ws, found, remote)


@operation(
    "data.checkout",
    role="writer",
    local=True,
    examples=("cauce data checkout", "cauce data checkout digits --version v1"),
)
def checkout(
    ws: Workspace,
    paths: tuple[Path, ...] = (),
    *,
    version: str | None = None,
    force: bool = False,
    relink: bool = False,
    allow_missing: bool = False,
) -> CheckoutReport:
    """Restore data from the store, as their `.dvc` files say or in another version.

    Args:
        paths: Data, `.dvc` files, or folders above them; all when none is given.
        version: Version to switch to, `v1`, `main` or `name@v1`; the `.dvc` file follows.
        force: Throw away files that are in no version.
        relink: Put every file in its place again, as `cache.type` says now.
        allow_missing: Restore what the store has, and leave the rest as it is.

    Raises:
        Conflict: A file that is in no version would be lost.
        NotFound: An object is not in the store; nothing was changed.
        Damaged: An object is not what its name says; nothing was changed.
    """
    from cauce.rooms.data import checkout as checking_out

    return checking_out.checkout(
        ws, paths, version, force, relink=relink, allow_missing=allow_missing
    )


@operation("data.ls", examples=("cauce data ls",))
def ls(ws: Workspace) -> list[DatasetSummary]:
    """List the data sets, with the version that `main` points at."""
    from cauce.kernel import publish
    from cauce.rooms.data import versions

    found = []
    after: tuple[str, str, str] | None = None
    while page := ws.catalog.refs(versions.KIND, None, "main", after=after, limit=500):
        for ref in page:
            version = ws.catalog.version(ref.target)
            numbered = publish.numbers(ws, versions.KIND, ref.name, "v")
            found.append(
                DatasetSummary(
                    name=ref.name,
                    number=versions.number_of(ws, ref.name, ref.target),
                    id=ref.target,
                    files=version.count,
                    size=version.size,
                    created=version.created,
                    versions=len(numbered),
                )
            )
        after = (page[-1].kind, page[-1].name, page[-1].tag)
    return found


@operation("data.versions", examples=("cauce data versions digits",))
def list_versions(ws: Workspace, name: str, *, limit: int = 100) -> list[DatasetVersion]:
    """List the versions of a data set, newest first.

    Args:
        name: Data set.
        limit: Versions at most.
    """
    from msgspec.structs import replace

    from cauce.kernel import publish
    from cauce.rooms.data import versions
    from cauce.rooms.data.insight import reports

    known = publish.numbers(ws, versions.KIND, name, "v")
    if not known:
        raise NotFound(f"no data set {name}", hint="`cauce data ls` lists what there is")
    newest = sorted(known, reverse=True)[: max(0, limit)]
    facts = reports.facts(ws, name)
    found = (
        versions.describe(ws, ws.catalog.version(known[number]), name, f"v{number}")
        for number in newest
    )
    return [replace(version, facts=facts.get(version.id, ())) for version in found]


@operation(
    "data.show", examples=("cauce data show digits", "cauce data show digits@v1 --prefix train/3")
)
def show(
    ws: Workspace, spec: str, *, prefix: str = "", after: str = "", limit: int = 200
) -> DatasetPage:
    """Look into a version: its balance of classes, its folders and files.

    Args:
        spec: `name@version`, bare name or version id.
        prefix: Folder to look into.
        after: Path of the last file of the page before.
        limit: Files at most.
    """
    from cauce.rooms.data import comparing

    return comparing.show(ws, spec, prefix, after, limit)


@operation("data.merge", role="writer", examples=("cauce data merge digits unsure@v1",))
def merge(
    ws: Workspace,
    name: str,
    annotations: str,
    *,
    into: str = "train/{label}",
    holdout: float = 0.0,
    held: str = "test/{label}",
) -> DatasetVersion:
    """File labelled items under their class, as the next version of a data set.

    Args:
        name: Data set; its `main` is what the labels are added to.
        annotations: Annotation set, `name@version` or bare name.
        into: Folder that an item goes to.
        holdout: Share of the items, 0 to 1, that goes to `held` instead, so that the test set
            knows what is new too. An item's bytes decide, so it stays on its side in every merge.
        held: Folder of what is held out.

    Returns:
        The version; `main` points at it now. The work tree is left alone:
        `cauce data checkout NAME --version main` brings it there.

    Notes:
        Items are taken out of `unlabelled/`. One that an earlier merge filed under another class is
        moved. Merging the same labels again gives the same version.
    """
    from cauce.rooms.data import merging

    return merging.merge(ws, name, annotations, merging.Filing(into, held, holdout))
