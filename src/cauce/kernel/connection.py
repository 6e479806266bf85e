"""A kept-alive connection to a server for each thread, on the standard library."""

import http.client
import select
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

from cauce.errors import Invalid, Unavailable
from cauce.kernel import wire

TRIES = 3
"""How often an idempotent call is sent before the server counts as gone."""

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 900.0
_PAUSE = 0.1


class Reply:
    """The head of an answer whose body is still to be read.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, response: http.client.HTTPResponse, url: str) -> None:
        self.status = response.status
        self._response = response
        self._url = url

    def header(self, name: str) -> str:
        """Give a header of the answer, empty when it has none."""
        return self._response.headers.get(name, "")

    def read(self, size: int | None = None) -> bytes:
        """Read up to a number of bytes of the body, or all of it."""
        try:
            return self._response.read(size)
        except (http.client.HTTPException, OSError) as error:
            raise gone(self._url, error) from error

    def chunks(self, size: int = 1 << 18) -> Iterator[bytes]:
        """Read the body piece by piece."""
        while piece := self.read(size):
            yield piece

    def lines(self) -> Iterator[bytes]:
        """Read the body line by line."""
        rest = b""
        for piece in self.chunks():
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
        if rest:
            yield rest


class Connection:
    """Sends requests to one server; safe to share between threads.

    Attributes:
        url: Address of the server, without a slash at its end.
    """

    def __init__(self, url: str, *, token: str = "") -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise Invalid(f"{url!r} is not an address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Invalid(f"{url!r} is not an address", hint="write http://HOST:PORT")
        if parts.username or parts.password:
            raise Invalid("an address must not hold a secret", hint="put it into CAUCE_TOKEN")
        self.url = url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host, self._port, self._prefix = parts.hostname, port, parts.path.rstrip("/")
        self._token = token
        self._own = threading.local()
        self._opened: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()

    def call(
        self,
        path: str,
        arguments: Mapping[str, Any],
        *,
        returns: Any,
        idempotent: bool,
        agent: str = "",
    ) -> Any:
        """Post a call and read its result as a value of a type.

        Args:
            path: Path of the endpoint.
            arguments: Arguments by name.
            returns: Type of the result.
            idempotent: Whether it may be sent again when the connection breaks.
            agent: Who acts.
        """
        headers = {"content-type": wire.PACKED, "accept": wire.PACKED}
        if agent:
            headers["x-cauce-agent"] = quote(agent)
        body = wire.encode(dict(arguments), packed=True)
        with self.send("POST", path, body, headers=headers, idempotent=idempotent) as reply:
            return wire.decode(reply.read(), returns, packed=True)

    @contextmanager
    def send(
        self,
        method: str,
        path: str,
        body: bytes | BinaryIO | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = True,
    ) -> Iterator[Reply]:
        """Send a request; the body of the answer may be read inside the `with`.

        Raises:
            CauceError: What the server answered, as the class that it raised.
            Unavailable: The server does not answer.
        """
        response = self._exchange(method, path, body, dict(headers or {}), idempotent)
        try:
            reply = Reply(response, self.url)
            if response.status >= 400:
                data = b"" if method == "HEAD" else reply.read()
                raise wire.error_from(data, response.status, self.url)
            yield reply
        finally:
            if not response.isclosed():
                self._drop()

    def another(self) -> "Connection":
        """Give a second connection to the same server, for an answer that is read slowly."""
        return Connection(self.url, token=self._token)

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            opened, self._opened = self._opened, set()
        for one in opened:
            one.close()

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | BinaryIO | None,
        headers: dict[str, str],
        idempotent: bool,
    ) -> http.client.HTTPResponse:
        headers["user-agent"] = "cauce"
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        tries = TRIES if idempotent else 1
        for attempt in range(tries):
            if attempt:
                time.sleep(_PAUSE * 4 ** (attempt - 1))
                if body is not None and not isinstance(body, bytes):
                    body.seek(0)
            try:
                connection = self._connection()
                connection.request(method, self._prefix + path, body, headers)
                response = connection.getresponse()
            except (http.client.HTTPException, OSError) as error:
                self._drop()
                if attempt == tries - 1:
                    raise gone(self.url, error) from error
                continue
            if response.status == 503 and attempt < tries - 1:
                response.read()
                continue
            return response
        raise AssertionError("unreachable")

    def _connection(self) -> http.client.HTTPConnection:
        """Give this thread's connection, a new one when the server has closed the old."""
        kept: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if kept is not None and kept.sock is not None:
            readable, _, _ = select.select([kept.sock], [], [], 0)
            if not readable:
                return kept
            self._drop()
        made: http.client.HTTPConnection
        if self._secure:
            context = ssl.create_default_context()
            made = http.client.HTTPSConnection(
                self._host, self._port, timeout=_CONNECT_SECONDS, context=context
            )
        else:
            made = http.client.HTTPConnection(self._host, self._port, timeout=_CONNECT_SECONDS)
        made.connect()
        made.sock.settimeout(_READ_SECONDS)
        self._own.connection = made
        with self._lock:
            self._opened.add(made)
        return made

    def _drop(self) -> None:
        kept = getattr(self._own, "connection", None)
        if kept is not None:
            kept.close()
            self._own.connection = None
            with self._lock:
                self._opened.discard(kept)


def gone(url: str, error: Exception) -> Unavailable:
    """Say that a server does not answer, and why."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Unavailable(
        f"{url} does not answer: {reason}",
        hint="is the server running (`cauce up`), and is the address right?",
    )
