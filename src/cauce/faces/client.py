"""The Python client: `cauce.open(where)` gives a workspace, here or on a server."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cauce.errors import Invalid
from cauce.kernel import config, operation, plugins, workspace
from cauce.kernel.workspace import Workspace


def open(
    where: str | os.PathLike[str] = ".", *, token: str | None = None, agent: str | None = None
) -> Workspace:
    """Open a workspace.

    Args:
        where: A folder of a project (or below one), or the address of a server.
        token: Secret of an access token; None: `CAUCE_TOKEN`.
        agent: Who acts, `user:name`; None: the setting `user`, git's user.name or the login name.

    Returns:
        The same workspace either way: `ws.data.ls()` lists the data sets of the folder or of the
        server. Operations that need local files, such as `data.add`, run here, against the
        server's catalogue and objects.

    Raises:
        NotFound: The folder belongs to no project.
        Unavailable: Raised at the first call when the server does not answer.
    """
    if is_address(where):
        return open_remote(str(where), root=config.find_root(Path.cwd()), token=token, agent=agent)
    root = config.require_root(Path(where).expanduser().resolve())
    return workspace.open_local(root, agent=agent)


def here(url: str = "") -> Workspace:
    """Open what the command line works with: a server, or the project around this folder."""
    if url and not is_address(url):
        raise Invalid(f"{url!r} is not the address of a server", hint="write http://HOST:PORT")
    return open(url or ".")


def is_address(where: object) -> bool:
    """Tell whether a text is the address of a server."""
    return isinstance(where, str) and where.startswith(("http://", "https://"))


def open_remote(
    url: str, *, root: Path | None = None, token: str | None = None, agent: str | None = None
) -> Workspace:
    """Open the workspace of a server.

    Args:
        url: Address, `http://127.0.0.1:8765`.
        root: Project folder on this machine that local operations work in, None outside one.
        token: See `open`.
        agent: See `open`.
    """
    settings = config.load(root if root is not None else Path(os.devnull))
    secret = os.environ.get("CAUCE_TOKEN", "") if token is None else token
    address = url.rstrip("/")
    opened = RemoteWorkspace(
        root=root,
        settings=settings,
        catalog=lambda: plugins.load("catalogs", "http")(address, root, token=secret),
        objects=lambda: plugins.load("stores", "http")(address, root, settings, token=secret),
        agent=agent,
    )
    opened.remote = HttpRemote(address, token=secret, workspace=opened)
    return opened


class RemoteWorkspace(Workspace):
    """A workspace whose catalogue, objects and operations are on a server."""

    def close(self) -> None:
        """Release every connection."""
        super().close()
        if isinstance(self.remote, HttpRemote):
            self.remote.close()


class HttpRemote:
    """Calls operations of a server.

    Attributes:
        url: Address of the server.
    """

    def __init__(self, url: str, *, token: str, workspace: Workspace) -> None:
        from cauce.kernel.connection import Connection  # late: only remote work pays for http

        self.url = url
        self._connection = Connection(url, token=token)
        self._workspace = workspace

    def close(self) -> None:
        """Release the connections."""
        self._connection.close()

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Call an operation's endpoint and give its result as the operation's return type."""
        op = operation.find(name)
        return self._connection.call(
            f"/api/v1/{name}",
            arguments,
            returns=op.returns,
            idempotent=op.role == "reader",
            agent=self._workspace.agent,
        )
