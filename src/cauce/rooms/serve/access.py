"""Who may ask: on loopback whoever is on this machine, elsewhere who has a token."""

import ipaddress
import time
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from cauce.errors import Denied
from cauce.kernel import auth
from cauce.rooms.serve.http import Refused, Request

if TYPE_CHECKING:
    from cauce.kernel.sql import SqlCatalog
    from cauce.kernel.workspace import Workspace

_OPEN = (b"/v2/health/live", b"/v2/health/ready")
_TRUSTED_SECONDS = 30.0
_MOST_TRUSTED = 1000


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Access:
    """Checks each request before anything else looks at it.

    On loopback a page of another site must not reach the server through somebody's browser: the
    names that it was called by and came from have to be this machine's own.

    Args:
        ws: Where tokens are looked up.
        host: Address that the server is bound to.

    Raises:
        Denied: It would listen beyond loopback and there is no token.
    """

    def __init__(self, ws: "Workspace", host: str) -> None:
        self._local = is_loopback(host)
        self._known: dict[bytes, bool] = {}
        self._trusted: dict[bytes, float] = {}
        if not self._local:
            self._catalog = cast("SqlCatalog", ws.catalog)
            if not auth.every(self._catalog):
                raise Denied(
                    f"listening on {host} lets others ask, and there is no token yet",
                    hint="cauce admin token-add NAME --role reader, or listen on 127.0.0.1",
                )

    def check(self, request: Request) -> None:
        """Raise `Refused` unless the request may be answered."""
        headers = request.headers
        if self._local:
            for name in (b"host", b"origin"):
                value = headers.get(name)
                if value is not None and not self._own(value):
                    raise Refused(403, f"this server answers this machine only, not {name.decode()}"
                                       f" {value[:80].decode(errors='replace')}")  # fmt: skip
        elif request.target not in _OPEN:
            self._authenticate(headers.get(b"authorization", b""))

    def _own(self, value: bytes) -> bool:
        known = self._known.get(value)
        if known is None:
            text = value.decode(errors="replace")
            try:
                host = urlsplit(text if "://" in text else f"//{text}").hostname
            except ValueError:
                host = None
            known = host is not None and is_loopback(host)
            if len(self._known) < _MOST_TRUSTED:
                self._known[value] = known
        return known

    def _authenticate(self, header: bytes) -> None:
        now = time.monotonic()
        if self._trusted.get(header, 0.0) > now:
            return
        kind, _, secret = header.partition(b" ")
        if kind.lower() != b"bearer" or not secret:
            raise Refused(403, "a token is needed: Authorization: Bearer TOKEN")
        try:
            auth.authenticate(self._catalog, secret.decode(errors="replace").strip())
        except Denied as error:
            raise Refused(403, error.message) from None
        if len(self._trusted) >= _MOST_TRUSTED:
            self._trusted.clear()
        self._trusted[header] = now + _TRUSTED_SECONDS
