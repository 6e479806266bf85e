"""Objects over HTTP: bytes go in and out here and nowhere else.

GET, HEAD, PUT /objects/{digest}         one object, streamed; ranges; checked against its name
POST /api/v1/objects/put                 many small ones in one request, MessagePack
POST /api/v1/objects/has | list | delete
"""

import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cauce.errors import Conflict
from cauce.faces import answers
from cauce.kernel import digest as names
from cauce.kernel import wire
from cauce.kernel.entities import Digest, Entity
from cauce.kernel.objects import ObjectStore
from cauce.kernel.wire import Malformed

SMALL = 1 << 20
"""Bytes up to which an object is handled in memory, and so is verified before it is sent."""

_PIECE = 1 << 18
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})\Z")
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)
_LONGEST_MARK = 12


class Put(Entity, frozen=True):
    """Objects to store from memory."""

    items: list[bytes]
    algorithm: str = "sha256"


class Names(Entity, frozen=True):
    """Objects to look for."""

    digests: list[Digest]


class Deletion(Names, frozen=True):
    """Objects to remove, but those stored after a time."""

    before: float | None = None


class Listing(Entity, frozen=True):
    """Objects to list."""

    algorithm: str | None = None


class Stored(Entity, frozen=True):
    """An object that is in the store."""

    digest: Digest
    size: int


def media_type(start: bytes) -> str:
    """Tell an image by its first bytes; everything else is only bytes, so that nothing runs."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return next(
        (kind for mark, kind in _KINDS if start.startswith(mark)), "application/octet-stream"
    )


def span(header: str, size: int) -> tuple[int, int] | None:
    """Read a Range header: first byte and the one after the last; None when all is wanted.

    Raises:
        Malformed: The range lies beyond the object (status 416).
    """
    match = _RANGE.match(header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        first, end = max(0, size - int(match[2])), size
    else:
        first, end = int(match[1]), min(size, int(match[2] or size - 1) + 1)
    if first >= size or end <= first:
        raise Malformed(f"the range is beyond the object's {size} bytes", status=416)
    return first, end


async def one(request: Request) -> Response:
    """Answer for one object."""
    if request.method == "PUT":
        return await write(request)
    return await run_in_threadpool(_read, request)


def _read(request: Request) -> Response:
    request.app.state.callers.identify(request, "reader")
    return deliver(request, Digest(request.path_params["digest"]))


def deliver(request: Request, digest: Digest) -> Response:
    """Answer with an object's bytes, or the range of them that was asked for; runs in a thread."""
    store: ObjectStore = request.app.state.ws.objects
    size = store.size(digest)
    tag = f'"{digest}"'
    headers = {
        "etag": tag,
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=31536000, immutable",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    wanted = span(request.headers.get("range", ""), size)
    first, end = wanted or (0, size)
    if wanted:
        headers["content-range"] = f"bytes {first}-{end - 1}/{size}"
    status = 206 if wanted else 200
    headers["content-length"] = str(end - first)
    if size <= SMALL and request.method == "GET":
        data = store.get(digest)
        return Response(data[first:end], status, headers, media_type(data[:_LONGEST_MARK]))
    with store.open(digest) as start:
        kind = media_type(start.read(_LONGEST_MARK))
    if request.method == "HEAD":
        return Response(b"", status, headers, kind)
    pieces = iterate_in_threadpool(_pieces(store.open(digest, start=first), end - first))
    return StreamingResponse(pieces, status, headers, kind)


def _pieces(stream: BinaryIO, count: int) -> Iterator[bytes]:
    with stream:
        while count > 0 and (piece := stream.read(min(_PIECE, count))):
            count -= len(piece)
            yield piece


async def write(request: Request) -> Response:
    """Keep one object, but only when its bytes are what its name says."""
    await run_in_threadpool(request.app.state.callers.identify, request, "writer")
    digest = Digest(request.path_params["digest"])
    names.split(digest)
    with tempfile.SpooledTemporaryFile(max_size=SMALL) as body:
        size = 0
        async for piece in gathered(request):
            size += len(piece)
            await run_in_threadpool(body.write, piece)
        await run_in_threadpool(_keep, request.app.state.ws.objects, digest, body, size)
    answer = answers.result(request, Stored(digest=digest, size=size))
    answer.status_code = 201
    return answer


async def gathered(request: Request) -> AsyncIterator[bytes]:
    """Collect the body's small pieces, so that a thread is asked once a megabyte."""
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= SMALL:
            yield bytes(held)
            held.clear()
    yield bytes(held)


def _keep(store: ObjectStore, digest: Digest, body: IO[bytes], size: int) -> None:
    """Verify and store what came; runs in a thread."""
    body.seek(0)
    algorithm = digest.partition(":")[0]
    if size <= SMALL and not digest.endswith(".dir"):
        data = body.read()
        found = names.of(data, algorithm)
        _same(found, digest)
        store.put([data], algorithm=algorithm)
        return
    with tempfile.NamedTemporaryFile() as file:
        while piece := body.read(SMALL):
            file.write(piece)
        file.flush()
        try:
            store.put_files([Path(file.name)], digests=[digest])
        except Conflict as error:
            raise Malformed(f"the bytes are not {digest}", path="digest") from error


def _same(found: str, wanted: str) -> None:
    if found != wanted:
        raise Malformed(f"the bytes are {found}, not {wanted}", path="digest")


ACTIONS: dict[str, tuple[Any, str]] = {
    "put": (Put, "writer"),
    "has": (Names, "reader"),
    "list": (Listing, "reader"),
    "delete": (Deletion, "admin"),
}


async def action(request: Request) -> Response:
    """Answer `POST /api/v1/objects/…`."""
    form = answers.body_form(request)
    body = await answers.read_body(request)
    return await run_in_threadpool(
        _action, request, request.url.path.rpartition("/")[2], body, form
    )


def _action(request: Request, name: str, body: bytes, form: bool) -> Response:
    state = request.app.state
    tp, role = ACTIONS[name]
    state.callers.identify(request, role)
    given = wire.decode(body, tp, packed=form)
    store: ObjectStore = state.ws.objects
    if isinstance(given, Put):
        return answers.result(request, store.put(given.items, algorithm=given.algorithm))
    if isinstance(given, Listing):
        if given.algorithm is not None:
            names.hasher(given.algorithm)
        return StreamingResponse(_lines(store, given.algorithm), media_type="application/x-ndjson")
    if isinstance(given, Deletion):
        return answers.result(request, store.delete(given.digests, before=given.before))
    return answers.result(request, sorted(store.has(given.digests)))


def _lines(store: ObjectStore, algorithm: str | None) -> Iterator[bytes]:
    """Write one JSON object a line, many lines a piece."""
    held = bytearray()
    for info in store.list(algorithm):
        held += wire.encode(info) + b"\n"
        if len(held) > _PIECE:
            yield bytes(held)
            held.clear()
    yield bytes(held)


ROUTES = [
    Route("/objects/{digest}", one, methods=["GET", "HEAD", "PUT"]),
    *(Route(f"/api/v1/objects/{name}", action, methods=["POST"]) for name in ACTIONS),
]
