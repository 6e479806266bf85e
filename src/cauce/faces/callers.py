"""Who calls the server, and what they may do.

While no token exists, the server listens on loopback only and everybody there is an admin. As
soon as one exists, every call needs one: `Authorization: Bearer …`, or the cookie that a page got
for it.
"""

import threading
import time
from functools import cached_property
from urllib.parse import unquote

from msgspec import Struct
from starlette.requests import Request

from cauce.errors import Denied
from cauce.faces.answers import Unknown
from cauce.kernel import auth
from cauce.kernel.kept import Kept
from cauce.kernel.operation import Role
from cauce.kernel.sql import SqlCatalog
from cauce.kernel.telemetry import Streams
from cauce.kernel.workspace import Workspace

COOKIE = "cauce_token"

_REMEMBER = 1.0
_LONGEST_AGENT = 200


class Caller(Struct, frozen=True):
    """Who calls.

    Attributes:
        agent: For lineage, `user:name`; empty when nobody said.
        role: What the caller may do.
        proven: Whether a token says so.
    """

    agent: str
    role: Role
    proven: bool = False


class Callers:
    """Finds out who calls; its methods read the catalogue, so they run in a thread."""

    def __init__(self, catalog: SqlCatalog) -> None:
        self._catalog = catalog
        self._guarded = False
        self._until = 0.0

    def guarded(self) -> bool:
        """Tell whether tokens exist; remembered for a second."""
        now = time.monotonic()
        if now > self._until:
            self._guarded = bool(auth.every(self._catalog))
            self._until = now + _REMEMBER
        return self._guarded

    def identify(self, request: Request, needed: Role, *, secret: str | None = None) -> Caller:
        """Find out who calls and whether they may.

        Args:
            request: The call.
            needed: Least role.
            secret: The caller's secret where it does not come as usual.

        Raises:
            Unknown: A token is needed, and there is none or a wrong one.
            Denied: The role does not suffice.
        """
        if secret is None:
            secret = bearer(request)
        if not secret and not self.guarded():
            return Caller(agent=claimed(request), role="admin")
        if not secret:
            raise Unknown("this server needs a token", hint="send Authorization: Bearer TOKEN")
        try:
            agent, role = auth.authenticate(self._catalog, secret)
        except Denied as error:
            raise Unknown(error.message, hint=error.hint) from error
        if not auth.allows(role, needed):
            raise Denied(f"this needs the role {needed}, the token has {role}")
        return Caller(agent=agent, role=role, proven=True)


def bearer(request: Request) -> str:
    """Give the secret that a request carries, or nothing."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    return request.cookies.get(COOKIE, "")


def claimed(request: Request) -> str:
    """Give who a caller without a token says to be."""
    agent = unquote(request.headers.get("x-cauce-agent", ""))[:_LONGEST_AGENT]
    return agent if agent.isprintable() else ""


class View(Workspace):
    """A workspace of one caller; catalogue, objects and streams are those of the server."""

    _opening = threading.Lock()

    def __init__(self, base: Workspace, agent: str) -> None:
        super().__init__(
            root=base.root,
            settings=base.settings,
            catalog=base.catalog,
            objects=base.objects,
            agent=agent or base.agent,
        )
        self._base = base

    @cached_property
    def kept(self) -> Kept:
        """What is kept in memory, for all callers."""
        with self._opening:
            return self._base.kept

    @cached_property
    def streams(self) -> Streams:
        """The telemetry streams, shared by all callers: a segment has one writer."""
        with self._opening:
            return self._base.streams
