"""Data that are added past the cache: `add --to-remote`."""

from pathlib import Path

from cauce.errors import Unsupported
from cauce.kernel import wrappers
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import adding
from cauce.rooms.data.entities import DatasetVersion
from cauce.rooms.data.transfer import remotes


def add(
    ws: Workspace, path: Path, name: str | None, message: str, remote: str | None
) -> DatasetVersion:
    """Add a folder or file whose bytes go to a remote; its manifest stays here.

    Raises:
        Unsupported: The remote is one that is only read.
    """
    found = remotes.find(ws, remote)
    if found.versioned:
        raise Unsupported(
            f"remote {found.name} keeps versions of files under their own names: only read here",
            hint="give another --remote",
        )
    store = remotes.open_store(ws, found)
    # The same project, whose md5 objects lie in the remote.
    far = Workspace(
        root=ws.root,
        settings=ws.settings,
        catalog=ws.catalog,
        objects=wrappers.Routed({"md5": store}, ws.objects),
        agent=ws.agent,
    )
    try:
        return adding.add(far, path, name, message)
    finally:
        store.close()
