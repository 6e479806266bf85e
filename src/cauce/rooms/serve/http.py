"""HTTP/1.1 on a bare asyncio protocol: httptools parses, the application answers in the loop.

A small model answers in tens of microseconds, less than a hop to a thread costs; so each request is
answered where it is read, pipelined ones in their order. No timer runs for a request: one sweep a
second closes what is late.
"""

import asyncio
import contextlib
import logging
from typing import Any, Protocol

import httptools
import orjson
from msgspec import Struct

from cauce.errors import CauceError

log = logging.getLogger("cauce.serve")

REASONS = {
    200: b"OK",
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    415: b"Unsupported Media Type",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}


class Limits(Struct, frozen=True):
    """What a client may ask of the server.

    Attributes:
        body: Bytes of a request's body, before and after decompression.
        head: Bytes of its first line and headers.
        request: Seconds from a request's first byte to its last.
        idle: Seconds between two requests of a connection.
        linger: Seconds that a refused client gets to read why.
        connections: Open at once.
    """

    body: int = 64 << 20
    head: int = 32 << 10
    request: float = 30.0
    idle: float = 75.0
    linger: float = 2.0
    connections: int = 2000


class Refused(CauceError):  # noqa: N818 - as in cauce.errors
    """A request is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Request(Struct):
    """A whole request; names of headers are in lower case."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    body: bytes


class Reply(Struct):
    """An answer.

    Attributes:
        head: Further header lines, each ending in CR LF.
    """

    body: bytes
    status: int = 200
    kind: bytes = b"application/json"
    head: bytes = b""


class Application(Protocol):
    """What answers requests.

    Attributes:
        connections: Every open connection, kept by the connections themselves.
        stopping: Whether a reply closes its connection.
    """

    limits: Limits
    connections: "set[Connection]"
    stopping: bool

    def handle(self, request: Request) -> Reply:
        """Answer one request; `Refused` becomes its error body."""
        ...


def error(status: int, message: str, head: bytes = b"") -> Reply:
    """Make the error body that clients of the protocol expect."""
    return Reply(orjson.dumps({"error": message}), status, head=head)


def encode(reply: Reply, *, close: bool, bodiless: bool = False) -> bytes:
    """Write a reply as bytes."""
    return b"".join(
        (
            b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
            % (reply.status, REASONS[reply.status], reply.kind, len(reply.body)),
            reply.head,
            b"Connection: close\r\n\r\n" if close else b"\r\n",
            b"" if bodiless else reply.body,
        )
    )


class Connection(asyncio.Protocol):
    """One client: bytes in, requests out, replies back in order."""

    def __init__(self, app: Application, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._now = loop.time
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._out: list[bytes] = []
        self._discarding = False
        self._busy = False
        self._since = loop.time()
        self._reset()

    def _reset(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._head_size = self._body_size = 0

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new client, or say that there are too many."""
        self._transport = transport
        connections = self._app.connections
        connections.add(self)
        if len(connections) > self._app.limits.connections:
            self._refuse(Refused(503, "too many connections"))

    def data_received(self, data: bytes) -> None:
        """Parse what came; whatever is whole is answered at once."""
        if self._discarding:
            return
        if not self._busy:
            self._busy, self._since = True, self._now()
        try:
            self._feed(data)
        except httptools.HttpParserError as problem:
            cause = problem.__context__
            if not isinstance(cause, Refused):
                cause = Refused(400, f"the request is not HTTP: {problem}")
            self._refuse(cause)
        else:
            self._flush()

    def _feed(self, data: bytes) -> None:
        """Parse; an offer to upgrade is passed over, as the standard allows.

        The parser stops behind the headers of such a request and leaves its body alone, so the
        request is given to a new parser without the offer.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            method = self._parser.get_method()
            if method == b"CONNECT":
                raise httptools.HttpParserError("CONNECT is not offered") from None
            lines = [method + b" " + self._target + b" HTTP/1.1"]
            lines += [
                name + b": " + value
                for name, value in self._headers.items()
                if name not in {b"connection", b"upgrade", b"http2-settings"}
            ]
            self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(b"\r\n".join([*lines, b"", b""]) + data[offer.args[0] :])

    def eof_received(self) -> bool:
        """Close when the client has sent its last."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Forget the client."""
        self._app.connections.discard(self)
        self._discarding = True

    def pause_writing(self) -> None:
        """Read no more from a client that does not read its replies."""
        with contextlib.suppress(RuntimeError):
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading."""
        with contextlib.suppress(RuntimeError):
            self._transport.resume_reading()

    # What the parser calls; a `Refused` raised here comes out of `feed_data` as a context.

    def on_message_begin(self) -> None:
        """Start a request."""
        self._reset()
        self._busy = True

    def on_url(self, url: bytes) -> None:
        """Take the target, which may come in pieces."""
        self._target += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers[name.lower()] = value
        self._count_head(len(name) + len(value) + 4)

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._app.limits.head:
            raise Refused(431, f"the head is longer than {self._app.limits.head} bytes")

    def on_headers_complete(self) -> None:
        """Refuse a body that is announced too long, and let the client go on where it waits."""
        length = self._headers.get(b"content-length")
        if length is not None and int(length) > self._app.limits.body:
            raise self._too_long()
        if b"expect" in self._headers and self._headers[b"expect"].lower() == b"100-continue":
            self._out.append(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._body_size += len(data)
        if self._body_size > self._app.limits.body:
            raise self._too_long()
        self._body.append(data)

    def _too_long(self) -> Refused:
        return Refused(413, f"the body is longer than {self._app.limits.body} bytes")

    def on_message_complete(self) -> None:
        """Answer."""
        if self._discarding or self._parser.should_upgrade():
            return
        method = self._parser.get_method()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(method, self._target, self._headers, body)
        try:
            reply = self._app.handle(request)
        except Refused as refused:
            reply = error(refused.status, refused.message)
        except Exception:
            log.exception("a request failed")
            reply = error(500, "internal error")
        close = self._app.stopping or not self._parser.should_keep_alive()
        self._out.append(encode(reply, close=close, bodiless=method == b"HEAD"))
        self._busy, self._since = False, self._now()
        if close:
            self._finish()

    # Ends.

    def _flush(self) -> None:
        if self._out and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _refuse(self, refused: Refused) -> None:
        """Answer an error after which nothing more of this client is understood."""
        if self._discarding:
            return
        self._out.append(encode(error(refused.status, refused.message), close=True))
        self._finish()

    def _finish(self) -> None:
        """Send what there is, then read on without looking, so that the reply is not lost.

        Closing while the client still sends would reset the connection under the reply.
        """
        self._flush()
        self._discarding, self._since = True, self._now()
        if not self._transport.is_closing():
            with contextlib.suppress(OSError, NotImplementedError):
                self._transport.write_eof()

    def sweep(self, now: float) -> None:
        """Close the connection when it is late: called once a second."""
        limits = self._app.limits
        age = now - self._since
        if self._discarding or self._transport.is_closing():
            if age > limits.linger:
                self._transport.abort()
        elif self._busy and age > limits.request:
            self._refuse(Refused(408, f"the request took more than {limits.request:g} s"))
        elif not self._busy and age > limits.idle:
            self._transport.close()

    def stop(self) -> None:
        """Close unless a request is under way; what is written already still goes out."""
        if self._discarding or not self._busy:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
