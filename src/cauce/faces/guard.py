"""What stands before every request: who may reach the server at all.

Another site's page can make a browser send requests to loopback. It cannot read the answers, unless
it makes its own name point here (DNS rebinding), and it must not be able to write. So a request is
refused when its Host is not ours, or when it writes and its Origin is not ours.
"""

import ipaddress
import sys
import traceback
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cauce.errors import CauceError, Denied
from cauce.faces.answers import failure
from cauce.kernel.ids import new_id

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
"""Sent with every answer that does not say otherwise itself."""


def is_loopback(host: str) -> bool:
    """Tell whether an address or name is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_wildcard(host: str) -> bool:
    """Tell whether an address means every interface."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""


class Guard:
    """Wraps the application: request ids, host and origin checks, headers, last resort for errors.

    Attributes:
        names: Host names that are ours; None when any is (then tokens protect).
    """

    def __init__(self, app: ASGIApp, names: Collection[str] | None) -> None:
        self.app = app
        self.names = None if names is None else frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            return
        request = scope["cauce.request"] = new_id()
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self.check(scope)
        except CauceError as error:
            await failure(error, request)(scope, receive, answer)
            return
        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            if not started:
                log(error, request)
                await failure(broken(request), request)(scope, receive, answer)
            elif "cauce.logged" not in scope:
                log(error, request)

    def check(self, scope: Scope) -> None:
        """Raise `Denied` unless the request is for us and from us."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = host_name(host)
        if self.names is not None and not is_loopback(name) and name not in self.names:
            raise Denied(
                f"this server does not answer to the name {name[:100]!r}",
                hint="add it to the setting server.names",
            )
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise Denied(
                "another site may not write here", hint="call the server from its own page"
            )
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Denied(
                "another site may not write here", hint="call the server from its own page"
            )


def host_name(host: str) -> str:
    """Take the port off a Host header."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def log(error: Exception, request: str) -> None:
    """Write an error that nobody foresaw to the server's log."""
    text = "".join(traceback.format_exception(error))
    print(f"request {request} failed:\n{text}", end="", file=sys.stderr, flush=True)


def broken(request: str) -> CauceError:
    """Say that the server failed, without telling what is inside."""
    return CauceError("the server failed", hint=f"its log tells more about request {request}")
