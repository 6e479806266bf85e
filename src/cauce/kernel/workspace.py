"""A workspace: one project's catalogue, objects and streams, here or on a server."""

import importlib
import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from cauce.errors import NotFound
from cauce.kernel import config, digest, manifest, operation, plugins
from cauce.kernel.entities import Digest, Manifest, Ref, Version
from cauce.kernel.kept import Kept

if TYPE_CHECKING:
    from cauce.kernel.catalog import Catalog
    from cauce.kernel.objects import ObjectStore
    from cauce.kernel.telemetry import Streams

DEFAULT_TAGS = {
    "dataset": "main",
    "annotations": "main",
    "model": "latest",
    "deployment": "live",
    "profile": "reference",
}
"""The tag that a bare name means, by kind."""

OPENERS = {
    "http": "cauce.faces.client:open_remote",
    "https": "cauce.faces.client:open_remote",
}
"""Scheme of an address -> function of (address, root) that opens the workspace behind it."""


class Remote(Protocol):
    """The other end of a workspace that was opened by address."""

    url: str

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Call an operation's endpoint and give its result as the operation's return type."""
        ...


class Workspace:
    """What every operation takes first.

    `ws.data.ls()` calls the operation `data.ls` with this workspace: here when the workspace is
    local or the operation needs local files, else on the server.

    Attributes:
        root: Project folder; None for a workspace opened by address outside a project.
        settings: Resolved settings.
        remote: The server, when the workspace was opened by address.
    """

    def __init__(
        self,
        *,
        root: Path | None,
        settings: config.Settings,
        catalog: "Catalog | Callable[[], Catalog]",
        objects: "ObjectStore | Callable[[], ObjectStore]",
        agent: str | None = None,
        remote: Remote | None = None,
    ) -> None:
        self.root = root
        self.settings = settings
        self.remote = remote
        self._catalog = catalog
        self._objects = objects
        self._agent = agent

    @cached_property
    def catalog(self) -> "Catalog":
        """The catalogue, opened at first use."""
        return self._catalog() if callable(self._catalog) else self._catalog

    @cached_property
    def objects(self) -> "ObjectStore":
        """The object store, opened at first use."""
        return self._objects() if callable(self._objects) else self._objects

    @cached_property
    def streams(self) -> "Streams":
        """The telemetry streams of a local workspace."""
        from cauce.kernel.telemetry import Streams  # late: needs numpy and pyarrow

        return Streams(self.folder / self.settings["streams"].removeprefix("file:"))

    @cached_property
    def kept(self) -> Kept:
        """What is dear to make and cannot change, such as the columns of a version."""
        return Kept()

    @cached_property
    def agent(self) -> str:
        """Who acts, for lineage: `user:name`, or `service:name` where the setting says so."""
        if self._agent:
            return self._agent
        who = str(self.settings["user"] or _person(self.root))
        return who if who.startswith("service:") else f"user:{who}"

    @property
    def folder(self) -> Path:
        """The project folder; raises `NotFound` where there is none."""
        if self.root is None:
            raise NotFound(
                "this workspace has no local project", hint="run it inside a project folder"
            )
        return self.root

    @property
    def project(self) -> str:
        """Readable name of the project."""
        return str(self.settings["project"] or (self.root.name if self.root else "project"))

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def put_manifest(self, tree: Manifest, name: str) -> Version:
        """Store a manifest's bytes and give its row, ready for a commit."""
        (id,) = self.objects.put([manifest.dump(tree)])
        return manifest.describe(tree, name, created=self.now(), id=id)

    def manifest(self, version: Digest) -> Manifest:
        """Read a version's manifest; raises `NotFound` or `Damaged`."""
        return manifest.parse(self.objects.get(version))

    def ref(self, kind: str, spec: str) -> Ref:
        """Find what `name@tag`, or a bare name, points at.

        Args:
            kind: Kind of the ref.
            spec: `name@tag`; a bare name means the kind's default tag.
        """
        name, _, tag = spec.partition("@")
        return self.catalog.ref(kind, name, tag or DEFAULT_TAGS.get(kind, "main"))

    def find(self, kind: str, spec: str) -> Version:
        """Find a version by `name@tag`, bare name, or full version id.

        Raises:
            NotFound: There is none, or the id is that of another kind.
        """
        if not spec.startswith("sha256:"):
            return self.catalog.version(self.ref(kind, spec).target)
        found = self.catalog.version(Digest(spec))
        if found.kind != kind:
            raise NotFound(f"{spec} is no {kind}", hint=f"it is a {found.kind}: {found.name}")
        return found

    def call(self, name: str, /, **arguments: Any) -> Any:
        """Call an operation by `group.verb`, here or on the server."""
        found = operation.find(name)
        if self.remote is not None and not found.local and not found.at_home(arguments):
            return self.remote.call(name, arguments)
        return found.function(self, **arguments)

    def __getattr__(self, group: str) -> "Group":
        if group.startswith("_") or group not in operation.MODULES:
            raise AttributeError(f"Workspace has no attribute {group!r}")
        return Group(self, group)

    def close(self) -> None:
        """Release what was opened."""
        for name in ("catalog", "objects", "streams"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Group:
    """The operations of one group, bound to a workspace: `ws.data`."""

    def __init__(self, ws: Workspace, group: str) -> None:
        self._ws, self._group = ws, group

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        if verb.startswith("_"):
            raise AttributeError(verb)
        # Verbs that are words of Python's own end in an underscore: `ws.data.import_(…)`.
        found = operation.find(f"{self._group}.{verb.removesuffix('_')}")

        def bound(*positional: Any, **named: Any) -> Any:
            names = [item.name for item in found.parameters if item.positional]
            return self._ws.call(found.name, **dict(zip(names, positional, strict=False)), **named)

        bound.__doc__ = found.function.__doc__
        bound.__name__ = verb
        return bound


def open_local(
    root: Path, *, settings: config.Settings | None = None, agent: str | None = None
) -> Workspace:
    """Open the workspace of a project folder; nothing is touched before it is used."""
    root = root.resolve()
    resolved = settings or config.load(root)
    return Workspace(
        root=root,
        settings=resolved,
        catalog=lambda: _open_catalog(root, resolved),
        objects=lambda: _open_objects(root, resolved),
        agent=agent,
    )


def open_any(where: str | Path, *, root: Path | None = None) -> Workspace:
    """Open a workspace by the address of a server or by the folder of a project.

    Args:
        where: Address, or a folder of a project or below one.
        root: Project folder on this machine that local operations work in, beside an address.
    """
    target = OPENERS.get(urlsplit(str(where)).scheme)
    if target is None:
        return open_local(config.require_root(Path(where).resolve()))
    module, _, attribute = target.partition(":")
    opened: Workspace = getattr(importlib.import_module(module), attribute)(str(where), root=root)
    return opened


def _open_catalog(root: Path, settings: config.Settings) -> "Catalog":
    url = settings["catalog"]
    found: Catalog = plugins.load("catalogs", urlsplit(url).scheme)(url, root)
    return found


def _open_objects(root: Path, settings: config.Settings) -> "ObjectStore":
    """Open the object store; md5 objects of a DVC project live in DVC's own cache folder."""
    from cauce.kernel import wrappers

    url = settings["objects"]
    base: ObjectStore = plugins.load("stores", urlsplit(url).scheme)(url, root, settings)
    if not (root / ".dvc").is_dir():
        return base
    cache: Path = plugins.load("formats", "dvc").cache_dir(root)
    dvc = plugins.load("stores", "file")(f"file:{cache}", root, settings)
    dvc.record = str(root / ".cauce" / "whole")
    dvc.shared = plugins.load("formats", "dvc").shared(root)
    return wrappers.Routed({"md5": dvc, digest.LEGACY: dvc}, base)


def _person(root: Path | None) -> str:
    """Read git's user.name, else the login name."""
    import getpass
    import subprocess  # late, both: most commands ask nobody who acts

    try:
        found = subprocess.run(
            ["git", "config", "user.name"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        found = ""
    if found:
        return found
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
