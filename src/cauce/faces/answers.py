"""Answers of the server: results and errors as bytes with their headers."""

import gzip
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cauce.errors import CauceError, Denied
from cauce.kernel import wire
from cauce.kernel.wire import Malformed

LARGEST_BODY = 64 << 20
"""Bytes that the body of a call may have; objects are streamed and may be larger."""

_WORTH_PACKING = 1024


class Unknown(Denied):
    """Nobody has said who is calling, though somebody must."""

    status = 401


def failure(error: CauceError, request: str) -> Response:
    """Answer with an error."""
    headers = {"cache-control": "no-store"}
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    body = wire.encode(wire.error_body(error, request))
    return Response(body, status_code=error.status, media_type=wire.JSON, headers=headers)


def packed(request: Request) -> bool:
    """Tell whether the caller wants MessagePack."""
    return wire.PACKED in request.headers.get("accept", "")


def result(request: Request, value: Any) -> Response:
    """Answer with a result, gzipped when it is long and the caller takes that."""
    form = packed(request)
    body = wire.encode(value, packed=form)
    headers = {"cache-control": "no-store", "vary": "accept, accept-encoding"}
    if len(body) > _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 4, mtime=0)
        headers["content-encoding"] = "gzip"
    return Response(body, media_type=wire.PACKED if form else wire.JSON, headers=headers)


def body_form(request: Request) -> bool:
    """Tell whether the body is MessagePack; raises `Malformed` when it is not JSON either."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (wire.JSON, wire.PACKED):
        raise Malformed(
            f"the content type {kind[:100]!r} is not spoken here",
            status=415,
            hint=f"send content-type: {wire.JSON}",
        )
    return kind == wire.PACKED


async def read_body(request: Request) -> bytes:
    """Read the body of a call; raises `Malformed` when it is too large."""
    too_large = Malformed(
        f"the body has more than {LARGEST_BODY} bytes", status=413, hint="send it in parts"
    )
    if int(request.headers.get("content-length", "0") or "0") > LARGEST_BODY:
        raise too_large
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > LARGEST_BODY:
            raise too_large
    return bytes(found)
