"""Remotes of a project: where they are (`.dvc/config`), how objects lie there (`cauce.toml`)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cauce.errors import CauceError, Invalid, NotFound, Unsupported
from cauce.kernel import plugins
from cauce.kernel.entities import Digest, Entity
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc

if TYPE_CHECKING:
    from cauce.kernel.objects import ObjectStore

LAYOUTS = ("plain", "packs")


class Remote(Entity, frozen=True):
    """A remote as it is configured.

    Attributes:
        name: As in `.dvc/config`.
        url: Absolute path of a folder, or an address.
        options: The other options, of the remote that `remote://` refers to first.
        layout: `plain`: DVC's own; `packs`: many small objects in one, big ones in chunks.
    """

    name: str
    url: str
    options: dict[str, str]
    layout: str = "plain"

    @property
    def scheme(self) -> str:
        """The scheme of the address, `file` for a folder."""
        return urlsplit(self.url).scheme.lower() if "://" in self.url else "file"

    @property
    def versioned(self) -> bool:
        """Tell whether the bucket keeps versions of files under their own names."""
        return any(
            self.options.get(key, "").lower() == "true" for key in ("version_aware", "worktree")
        )

    @property
    def jobs(self) -> int | None:
        """Requests in flight that the remote asks for."""
        text = self.options.get("jobs", "")
        if text and not (text.isascii() and text.isdigit() and int(text)):
            raise Invalid(f"remote {self.name}: jobs = {text} is no number of jobs")
        return int(text) if text else None


def find(ws: Workspace, name: str | None = None) -> Remote:
    """Find a remote by name, the default one when none is given.

    Raises:
        NotFound: There is no remote of that name, or no default.
        Invalid: It has no url, `remote://` leads in a circle, or its layout is unknown.
    """
    default, known = dvc.load().remotes(ws.folder)
    hint = f"known: {', '.join(sorted(known))}" if known else "cauce data remote add -d NAME URL"
    wanted = name.lower() if name and name not in known else name or default
    if not wanted:
        if len(known) == 1:
            hint = f"cauce data remote default {next(iter(known))}"
        raise NotFound("the project has no default remote", hint=hint)
    if wanted not in known:
        raise NotFound(f"no remote {wanted!r}", hint=hint)
    options = _options(known, wanted)
    url = options.pop("url")
    return Remote(name=wanted, url=url, options=options, layout=_layout(ws, wanted))


def _options(known: Mapping[str, Mapping[str, str]], name: str) -> dict[str, str]:
    """Follow `remote://OTHER/PATH` to a url; options of the nearer remote win."""
    chain: list[str] = []
    tail = ""
    merged: dict[str, str] = {}
    while True:
        if name in chain:
            raise Invalid(f"remote {chain[0]} leads in a circle: {' -> '.join([*chain, name])}")
        if name not in known:
            raise NotFound(
                f"no remote {name!r}, which remote {chain[-1]} refers to",
                hint=f"known: {', '.join(sorted(known))}",
            )
        chain.append(name)
        merged = {**known[name], **merged}
        url = known[name].get("url", "")
        if not url:
            raise Invalid(f"remote {name} has no url", hint=f"cauce data remote add -f {name} URL")
        parts = urlsplit(url)
        if parts.scheme != "remote":
            merged["url"] = url.rstrip("/") + tail if tail else url
            return merged
        tail, name = parts.path.rstrip("/") + tail, parts.netloc.lower()


def _layout(ws: Workspace, name: str) -> str:
    """Read `[remote.NAME] layout` of cauce.toml."""
    tables: Any = ws.settings.free.get("remote", {})
    table = tables.get(name, {}) if isinstance(tables, dict) else None
    if not isinstance(table, dict) or not table.keys() <= {"layout"}:
        raise Invalid(
            f"cauce.toml: [remote.{name}] knows `layout` only",
            hint="everything else of a remote is in .dvc/config, where DVC finds it too",
        )
    layout = table.get("layout", "plain")
    if layout not in LAYOUTS:
        raise Invalid(
            f"cauce.toml: remote.{name}.layout = {layout!r}", hint=f"known: {', '.join(LAYOUTS)}"
        )
    return str(layout)


def open_remote(ws: Workspace, name: str | None = None) -> "ObjectStore":
    """Open a data remote as an object store; nothing is sent before it is used.

    Args:
        ws: Workspace.
        name: Name of the remote; the project's default one when None.

    Raises:
        NotFound: There is no such remote.
        Invalid: Its url or an option has the wrong form.
        Unsupported: Its kind, or an option, is not spoken here.
        MissingExtra: A package is needed that is not installed.
    """
    return open_store(ws, find(ws, name))


def open_store(ws: Workspace, remote: Remote) -> "ObjectStore":
    """Open the object store of a remote."""
    from cauce.kernel import wrappers  # late: only transfers need it

    scheme, settings, root = remote.scheme, ws.settings, ws.folder
    if scheme == "file":
        path = remote.url.removeprefix("file://")
        store: ObjectStore
        if remote.layout == "packs":
            store = plugins.load("stores", "packed")(f"file:{path}", root, settings)
        else:
            store = plugins.load("stores", "file")(f"file:{path}", root, settings)
        return store
    if remote.layout == "packs":
        store = plugins.load("stores", "packed")(
            remote.url, root, settings, options=dict(remote.options)
        )
    else:
        store = _open_far(remote, scheme, root, ws)
    # Buckets and web servers are asked again by their library; more would multiply the waiting.
    return wrappers.Retry(store, attempts=3) if scheme == "ssh" else store


def open_versioned(
    ws: Workspace, remote: Remote, places: Mapping[Digest, tuple[str, str]]
) -> "ObjectStore":
    """Open a bucket that keeps versions, to read objects at key and version."""
    if remote.scheme not in {"s3", "gs", "gcs", "azure", "az"}:
        raise Unsupported(
            f"remote {remote.name}: versions of files are read from buckets only",
            hint="use `dvc` for this remote",
        )
    opener = plugins.load("stores", "versioned")
    opened: ObjectStore = opener(
        remote.url, ws.folder, ws.settings, options=dict(remote.options), places=places
    )
    return opened


def _open_far(remote: Remote, scheme: str, root: Path, ws: Workspace) -> "ObjectStore":
    """Open a store that is reached over a network."""
    known = {"s3", "gs", "gcs", "azure", "az", "ssh", "http", "https", "webdav", "webdavs"}
    if scheme not in known:
        raise Unsupported(
            f"remote {remote.name}: {scheme}:// is not spoken here",
            hint="spoken: a folder, s3, gs, azure, ssh, http(s), webdav(s); `dvc` may know it",
        )
    if scheme in {"http", "https"} and is_hub(remote.url):
        store: ObjectStore = plugins.load("stores", scheme)(
            remote.url, root, ws.settings, token=hub_token(remote)
        )
        return store
    web = {"http", "https", "webdav", "webdavs"}
    opener = plugins.load("stores", "web" if scheme in web else scheme)
    opened: ObjectStore = opener(remote.url, root, ws.settings, options=dict(remote.options))
    return opened


def hub_token(remote: Remote) -> str:
    """Give the token for a hub: the remote's own, or the caller's where the caller named the hub.

    A `.dvc/config` comes with a repository, from anybody: the token of the environment goes only
    to the server that `CAUCE_URL` names, never to one that a file names.
    """
    own = remote.options.get("password", "")
    named, asked = urlsplit(os.environ.get("CAUCE_URL", "")), urlsplit(remote.url)
    same = (named.scheme, named.netloc) == (asked.scheme, asked.netloc)
    return own or (os.environ.get("CAUCE_TOKEN", "") if same else "")


def is_hub(url: str) -> bool:
    """Ask an address whether a Cauce server answers there."""
    import msgspec  # late, both: only remotes of this kind ask

    from cauce.kernel.connection import Connection

    try:
        connection = Connection(url)
        try:
            with connection.send("GET", "/health") as reply:
                said = msgspec.json.decode(reply.read(1 << 16))
        finally:
            connection.close()
    except (CauceError, ValueError):
        return False
    return isinstance(said, dict) and {"ok", "version", "project"} <= said.keys()
