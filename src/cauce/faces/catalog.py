"""The catalogue over HTTP: `POST /api/v1/catalog/METHOD`, one for each method of the protocol."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cauce.errors import NotFound
from cauce.faces import answers
from cauce.kernel import wire
from cauce.kernel.catalog import Catalog
from cauce.kernel.entities import Commit
from cauce.kernel.operation import Role

WRITES = frozenset({"commit", "lease", "extend", "settle"})

LOCAL = frozenset({"all_versions", "close"})
"""Methods without an endpoint: a client pages through `versions`, and closes its own connection."""

METHODS: dict[str, Callable[..., Any]] = {
    name: function
    for name, function in vars(Catalog).items()
    if callable(function) and not name.startswith("_") and name not in LOCAL
}


def role(method: str) -> Role:
    """Give the least role that may call a method."""
    return "writer" if method in WRITES else "reader"


def arguments(method: str) -> Any:
    """Give the struct of a method's arguments."""
    return wire.arguments(METHODS[method], f"catalog.{method}")


async def endpoint(request: Request) -> Response:
    """Call one method."""
    method = request.path_params["method"]
    if method not in METHODS:
        raise NotFound(f"the catalogue has no method {method!r}", hint=", ".join(METHODS))
    form = answers.body_form(request)
    body = await answers.read_body(request)
    return await run_in_threadpool(call, request, method, body, form)


def call(request: Request, method: str, body: bytes, form: bool) -> Response:
    """Decode, check the role, call, encode; runs in a thread."""
    state = request.app.state
    caller = state.callers.identify(request, role(method))
    given = wire.named(wire.decode(body, arguments(method), packed=form))
    commit = given.get("commit")
    if isinstance(commit, Commit) and (caller.proven or not commit.agent):
        given["commit"] = replace(commit, agent=caller.agent or state.ws.agent)
    return answers.result(request, getattr(state.ws.catalog, method)(**given))


ROUTES = [Route("/api/v1/catalog/{method}", endpoint, methods=["POST"])]
