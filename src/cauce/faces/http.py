"""The server's application: operations, catalogue, objects, events and pages over HTTP."""

from collections.abc import Collection, Sequence

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from cauce import __version__
from cauce.errors import CauceError, Invalid, NotFound
from cauce.faces import answers, catalog, objects, openapi, packs, pages, sse, thumbs
from cauce.faces.callers import COOKIE, Callers, View, bearer
from cauce.faces.compat import lfs
from cauce.faces.guard import LOOPBACK, Guard, broken, log
from cauce.kernel import operation, sql, wire
from cauce.kernel.operation import Operation
from cauce.kernel.wire import Malformed
from cauce.kernel.workspace import Workspace


class Application:
    """An ASGI application for one workspace.

    Attributes:
        ws: The workspace; its catalogue must be here, not on another server.
        feed: Live events.
        names: Host names that it answers to; None: any, because tokens protect it.
    """

    def __init__(self, ws: Workspace, *, names: Collection[str] | None = LOOPBACK) -> None:
        self.ws = ws
        self.operations: dict[str, Operation] = {op.name: op for op in operation.every()}
        tables = sql.tables(ws)
        ws.objects  # noqa: B018 - opened once, before threads ask for it
        self.feed = sse.Feed(ws.catalog)
        app = Starlette(
            routes=routes(),
            exception_handlers={
                CauceError: refused,
                HTTPException: missed,
                ClientDisconnect: left,
                Exception: failed,
            },
        )
        app.state.ws = ws
        app.state.feed = self.feed
        app.state.callers = Callers(tables)
        app.state.operations = self.operations
        app.state.description = None
        self._guarded = Guard(app, names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        await self._guarded(scope, receive, send)


def routes() -> Sequence[BaseRoute]:
    """Give every route of the server."""
    return [
        *catalog.ROUTES,
        *objects.ROUTES,
        *packs.ROUTES,
        *thumbs.ROUTES,
        *sse.ROUTES,
        *lfs.ROUTES,
        Route("/api/v1/session", session, methods=["POST", "DELETE"]),
        Route("/api/v1/{name}", operate, methods=["POST"]),
        Route("/openapi.json", describe, methods=["GET"]),
        Route("/health", health, methods=["GET"]),
        *pages.routes(),
    ]


async def operate(request: Request) -> Response:
    """Call an operation: `POST /api/v1/GROUP.VERB` with its arguments as an object."""
    op = request.app.state.operations.get(request.path_params["name"])
    if op is None:
        raise NotFound(
            f"no operation {request.path_params['name'][:100]!r}", hint="see /openapi.json"
        )
    if op.local:
        raise NotFound(
            f"{op.name} needs files of your machine, so it has no endpoint",
            hint="run it with the command line or the Python client and --url",
        )
    form = answers.body_form(request)
    body = await answers.read_body(request)
    return await run_in_threadpool(call, request, op, body, form)


def call(request: Request, op: Operation, body: bytes, form: bool) -> Response:
    """Check the role, decode, call, encode; runs in a thread."""
    state = request.app.state
    caller = state.callers.identify(request, op.role)
    given = wire.decode(body, wire.arguments(op.function, op.name), packed=form)
    arguments = wire.named(given)
    if op.at_home(arguments):
        raise Invalid(
            f"{op.name} needs files of your machine for this",
            hint="run it with the command line or the Python client and --url",
        )
    value = op.function(View(state.ws, caller.agent), **arguments)
    return answers.result(request, value)


async def session(request: Request) -> Response:
    """Give a page the cookie that stands for its token, or take it away."""
    answer = Response(status_code=204)
    if request.method == "DELETE":
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer
    caller = await run_in_threadpool(request.app.state.callers.identify, request, "reader")
    if caller.proven:
        answer.set_cookie(
            COOKIE,
            bearer(request),
            path="/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
            max_age=30 * 24 * 3600,
        )
    return answer


async def describe(request: Request) -> Response:
    """Answer with the OpenAPI description."""
    state = request.app.state
    if state.description is None:
        state.description = await run_in_threadpool(
            openapi.describe, list(state.operations.values())
        )
    return await run_in_threadpool(answers.result, request, state.description)


async def health(request: Request) -> Response:
    """Say that the server runs."""
    return answers.result(
        request, {"ok": True, "version": __version__, "project": request.app.state.ws.project}
    )


async def refused(request: Request, error: Exception) -> Response:
    """Answer with one of our errors."""
    assert isinstance(error, CauceError)
    return answers.failure(error, request.scope["cauce.request"])


async def missed(request: Request, error: Exception) -> Response:
    """Answer where no route, or no method of it, was found."""
    assert isinstance(error, HTTPException)
    path = request.url.path[:200]
    if error.status_code == 405:
        found: CauceError = Malformed(f"{request.method} is not possible at {path}", status=405)
    else:
        found = NotFound(f"nothing is at {path}", hint="see /openapi.json")
        found.status = error.status_code
    answer = answers.failure(found, request.scope["cauce.request"])
    answer.headers.update(error.headers or {})
    return answer


async def left(request: Request, error: Exception) -> Response:  # noqa: ARG001 - their form
    """Answer to nobody: the caller has gone in the middle of the body."""
    return Response(status_code=400)


async def failed(request: Request, error: Exception) -> Response:
    """Answer for an error that nobody foresaw; what it says goes to the log only."""
    number = request.scope["cauce.request"]
    request.scope["cauce.logged"] = True
    log(error, number)
    return answers.failure(broken(number), number)
