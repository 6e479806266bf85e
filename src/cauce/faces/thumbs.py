"""Small pictures over HTTP: `GET /objects/{digest}/thumb/{edge}`, for ever the same."""

import threading

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cauce.errors import Invalid
from cauce.kernel import plugins
from cauce.kernel.entities import Digest
from cauce.kernel.wire import Malformed

EDGES = (96, 192, 384, 768)
"""Longest edges in pixels that are made; few, so that caches hold them."""

_AT_ONCE = threading.BoundedSemaphore(4)
"""Pictures that are unpacked at the same time: each may take a few hundred megabytes."""


async def thumb(request: Request) -> Response:
    """Answer with the small picture of one object."""
    return await run_in_threadpool(_answer, request)


def _answer(request: Request) -> Response:
    state = request.app.state
    state.callers.identify(request, "reader")
    digest = Digest(request.path_params["digest"])
    edge = request.path_params["edge"]
    if edge not in EDGES:
        raise Malformed(
            f"no small picture of {edge} pixels is made",
            hint=f"ask for {', '.join(map(str, EDGES))}",
        )
    tag = f'"{digest}.{edge}"'
    headers = {"etag": tag, "cache-control": "private, max-age=31536000, immutable"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)

    def make() -> tuple[tuple[bytes, str], int]:
        adapter = plugins.load("formats", "thumbnail")
        size = state.ws.objects.size(digest)
        if size > adapter.MAX_BYTES:
            raise Invalid(f"the image has more than {adapter.MAX_BYTES >> 20} MiB")
        with _AT_ONCE:
            made = adapter.make(state.ws.objects.get(digest), edge)
        return (made.data, made.type), len(made.data) + 200

    data, kind = state.ws.kept.get(("thumb", digest, edge), make)
    return Response(data, 200, headers, kind)


ROUTES = [Route("/objects/{digest}/thumb/{edge:int}", thumb, methods=["GET"])]
