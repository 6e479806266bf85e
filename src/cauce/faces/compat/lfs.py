"""The server side of Git LFS: batch, transfer `basic`, locks. Unmodified clients use it.

    /lfs                    the project itself
    /NAME.git/info/lfs      the same objects, with locks of a repository of its own: what a client
                            asks when the git remote is http://HOST/NAME

Objects are those of the project's store, by sha256. Tokens come as the password of `Basic`.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cauce.errors import CauceError, Conflict, NotFound, Unwritable
from cauce.faces import answers, objects
from cauce.faces.callers import Caller, View, bearer
from cauce.kernel import twins, wire
from cauce.kernel.entities import Digest
from cauce.kernel.operation import Role
from cauce.kernel.wire import Malformed
from cauce.rooms.data.lfs import operations as locking
from cauce.rooms.data.lfs import pushed
from cauce.rooms.data.lfs.entities import Lock

MEDIA = "application/vnd.git-lfs+json"
MOST = 10_000
"""Objects in one batch; clients send 100."""

_OID = re.compile(r"[0-9a-f]{64}\Z")
_VERIFIED = 1 << 20
"""Bytes from which on a client is told to ask afterwards whether its upload arrived."""


class RefName(Struct):
    """The branch that a client is on."""

    name: str = ""


class Item(Struct):
    """An object as clients name it."""

    oid: str
    size: int


class Batch(Struct):
    """Body of a batch call; what later clients add is passed over."""

    operation: str
    objects: list[Item]
    ref: RefName | None = None
    hash_algo: str = "sha256"


class LockBody(Struct):
    """Body of a call that takes a lock."""

    path: str
    ref: RefName | None = None


class UnlockBody(Struct):
    """Body of a call that gives a lock back."""

    force: bool = False


class VerifyBody(Struct):
    """Body of the call before a push."""

    cursor: str = ""
    limit: int = 0


Handler = Callable[[Request], Awaitable[Response]]


def speaking(handler: Handler) -> Handler:
    """Answer errors as Git LFS describes them."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except CauceError as error:
            return refused(request, error)

    return answer


def refused(request: Request, error: CauceError, **more: Any) -> Response:
    """Answer with an error; 401 says how to prove who one is."""
    said = f"{error.message}; {error.hint}" if error.hint else error.message
    answer = reply({"message": said, "request_id": request.scope["cauce.request"], **more})
    answer.status_code = error.status
    if error.status == 401:
        answer.headers["lfs-authenticate"] = 'Basic realm="Cauce"'
    return answer


def reply(value: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    headers = {"cache-control": "no-store"}
    return Response(wire.encode(value), status, headers, media_type=MEDIA)


def identify(request: Request, needed: Role) -> Caller:
    """Find out who calls: the token is the password of `Basic`, or a bearer's; runs in a thread."""
    callers = request.app.state.callers
    name, secret = credentials(request)
    if not callers.guarded():
        secret = ""
    found: Caller = callers.identify(request, needed, secret=secret)
    return Caller(agent=f"user:{name}", role=found.role) if name and not secret else found


def credentials(request: Request) -> tuple[str, str]:
    """Give the name and the secret that a request carries."""
    scheme, _, packed = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", bearer(request)
    try:
        name, _, secret = base64.b64decode(packed.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (name if name.isprintable() and len(name) <= 100 else ""), secret


async def body(request: Request, tp: Any) -> Any:
    """Read a JSON body; the type may carry a charset."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (MEDIA, wire.JSON):
        raise Malformed(f"the content type {kind[:100]!r} is not spoken here", status=415,
                        hint=f"send content-type: {MEDIA}")  # fmt: skip
    return wire.decode(await answers.read_body(request) or b"{}", tp)


def repository(request: Request) -> str:
    """Give the repository that an address names, empty for the project itself."""
    name: str = request.path_params.get("repository", "")
    if len(name) > 200 or not name.isprintable():
        raise NotFound("no such repository", hint="NAME.git/info/lfs, with a short printable name")
    return name


def address(request: Request) -> str:
    """Give the absolute address of the Git LFS server that a request came to.

    What a proxy adds to a request could be forged, so it is not read; the setting `server.url`
    says where a proxy is.
    """
    base = str(request.app.state.ws.settings["server.url"]).rstrip("/")
    if not base:
        base = f"{request.url.scheme}://{request.headers.get('host') or request.url.netloc}"
    name = repository(request)
    return f"{base}/{quote(name)}.git/info/lfs" if name else f"{base}/lfs"


async def batch(request: Request) -> Response:
    """`POST objects/batch`: say for each object where it is, or where it goes."""
    return await run_in_threadpool(_batch, request, await body(request, Batch))


def _batch(request: Request, asked: Batch) -> Response:
    if asked.operation not in ("upload", "download"):
        raise Malformed(f"no operation {asked.operation[:100]!r}", hint="known: upload, download")
    caller = identify(request, "writer" if asked.operation == "upload" else "reader")
    if asked.hash_algo != "sha256":
        raise Conflict(f"objects are named by sha256 here, not by {asked.hash_algo[:100]!r}")
    if len(asked.objects) > MOST:
        raise Malformed(f"{len(asked.objects)} objects in one call, {MOST} at most", status=413)
    ws = request.app.state.ws
    good = {Digest(f"sha256:{it.oid}"): it.size for it in asked.objects if not fault(it)}
    there: set[Digest] = ws.objects.has(good)
    if asked.operation == "upload":
        missing = sum(size for name, size in good.items() if name not in there)
        free = twins.free(ws)
        if free is not None and missing > free:
            raise Unwritable(
                f"{missing} bytes are to come, {free} are free", hint="free some space"
            )
        ref = asked.ref.name if asked.ref else ""
        pushed.record(View(ws, caller.agent), repository(request), ref, good.items())
    base = address(request)
    proof = request.headers.get("authorization", "") if caller.proven else ""
    found = [_one(asked.operation, it, there, base, proof) for it in asked.objects]
    return reply({"transfer": "basic", "objects": found, "hash_algo": "sha256"})


def fault(item: Item) -> str:
    """Say what is wrong with an object's name or size, or nothing."""
    if not _OID.match(item.oid):
        return "an oid is 64 hex digits in lower case"
    return "a size is 0 or more" if item.size < 0 else ""


def _one(what: str, item: Item, there: set[Digest], base: str, proof: str) -> dict[str, Any]:
    """Answer for one object of a batch."""
    found: dict[str, Any] = {"oid": item.oid[:100], "size": item.size, "authenticated": True}
    wrong = fault(item)
    if wrong:
        return {**found, "error": {"code": 422, "message": wrong}}
    known = f"sha256:{item.oid}" in there
    if what == "download" and not known:
        return {**found, "error": {"code": 404, "message": "this object is not in the store"}}
    if what == "upload" and known:
        return found
    header = {"header": {"Authorization": proof}} if proof else {}
    actions = {what: {"href": f"{base}/objects/{item.oid}", **header}}
    if what == "upload" and item.size >= _VERIFIED:
        actions["verify"] = {"href": f"{base}/verify", **header}
    return {**found, "actions": actions}


def digest_of(request: Request) -> Digest:
    """Read the oid in an address."""
    oid = request.path_params["oid"]
    if not _OID.match(oid):
        raise NotFound(f"no object {oid[:100]!r}", hint="an oid is 64 hex digits in lower case")
    return Digest(f"sha256:{oid}")


async def transfer(request: Request) -> Response:
    """`GET objects/OID`, ranges included, and `PUT objects/OID`."""
    if request.method != "PUT":
        return await run_in_threadpool(_download, request)
    await run_in_threadpool(identify, request, "writer")
    name = digest_of(request)
    ws = request.app.state.ws
    with ExitStack() as opened:
        file = await run_in_threadpool(opened.enter_context, twins.incoming(ws))
        async for piece in objects.gathered(request):
            await run_in_threadpool(file.write, piece)
        await run_in_threadpool(_keep, ws, file, name)
    return reply({})


def _download(request: Request) -> Response:
    identify(request, "reader")
    return objects.deliver(request, digest_of(request))


def _keep(ws: Any, file: twins.Incoming, name: Digest) -> None:
    """Store an upload, but only when its bytes are what its name says.

    Not 422: to git-lfs 3.3.0 that means "do not send a content type", and its push goes on as if
    all were well.
    """
    if file.name("sha256") != name:
        raise Malformed(f"the bytes are {file.name('sha256')}, not {name}", path="oid", status=400)
    twins.keep(ws, file)


async def verify(request: Request) -> Response:
    """`POST verify`: say whether an upload arrived."""
    return await run_in_threadpool(_verify, request, await body(request, Item))


def _verify(request: Request, item: Item) -> Response:
    identify(request, "writer")
    wrong = fault(item)
    if wrong:
        raise Malformed(wrong, path="oid")
    size = request.app.state.ws.objects.size(Digest(f"sha256:{item.oid}"))
    if size != item.size:
        raise Malformed(f"the object has {size} bytes, not {item.size}", path="size")
    return reply({})


def lock_body(lock: Lock) -> dict[str, Any]:
    """Write a lock as clients read it."""
    at = datetime.fromtimestamp(lock.locked_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    owner = lock.owner.removeprefix("user:")
    return {"id": lock.id, "path": lock.path, "locked_at": at, "owner": {"name": owner}}


async def locks(request: Request) -> Response:
    """`GET locks` lists, `POST locks` takes one."""
    if request.method == "POST":
        return await run_in_threadpool(_lock, request, await body(request, LockBody))
    return await run_in_threadpool(_locks, request)


def _lock(request: Request, asked: LockBody) -> Response:
    view = View(request.app.state.ws, identify(request, "writer").agent)
    name = repository(request)
    try:
        made = locking.lock(
            view, asked.path, repository=name, ref=asked.ref.name if asked.ref else ""
        )
    except Conflict as error:
        held = locking.locks(view, path=asked.path, repository=name).locks
        if not held:
            raise
        return refused(request, error, lock=lock_body(held[0]))
    return reply({"lock": lock_body(made)}, 201)


def _locks(request: Request) -> Response:
    view = View(request.app.state.ws, identify(request, "reader").agent)
    given = request.query_params
    page = locking.locks(
        view,
        path=given.get("path", ""),
        id=given.get("id", ""),
        repository=repository(request),
        after=given.get("cursor", ""),
        limit=amount(given.get("limit", "")),
    )
    return reply({"locks": [lock_body(it) for it in page.locks], "next_cursor": page.next})


def amount(text: str) -> int:
    """Read how many locks a client wants in one answer."""
    if not text:
        return 1000
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= wire.PAGE:
        raise Malformed(f"{text[:20]!r} locks cannot be listed", hint=f"1 to {wire.PAGE}")
    return int(text)


async def locks_verify(request: Request) -> Response:
    """`POST locks/verify`: whose locks there are, asked before every push."""
    return await run_in_threadpool(_locks_verify, request, await body(request, VerifyBody))


def _locks_verify(request: Request, asked: VerifyBody) -> Response:
    view = View(request.app.state.ws, identify(request, "writer").agent)
    page = locking.locks(
        view,
        repository=repository(request),
        after=asked.cursor,
        limit=amount(str(asked.limit or "")),
    )
    ours = [lock_body(it) for it in page.locks if it.owner == view.agent]
    theirs = [lock_body(it) for it in page.locks if it.owner != view.agent]
    return reply({"ours": ours, "theirs": theirs, "next_cursor": page.next})


async def unlock(request: Request) -> Response:
    """`POST locks/ID/unlock`."""
    return await run_in_threadpool(_unlock, request, await body(request, UnlockBody))


def _unlock(request: Request, asked: UnlockBody) -> Response:
    view = View(request.app.state.ws, identify(request, "writer").agent)
    gone = locking.unlock(
        view, id=request.path_params["id"], repository=repository(request), force=asked.force
    )
    return reply({"lock": lock_body(gone)})


_PLACES: tuple[tuple[str, Handler, list[str]], ...] = (
    ("/objects/batch", batch, ["POST"]),
    ("/objects/{oid}", transfer, ["GET", "HEAD", "PUT"]),
    ("/verify", verify, ["POST"]),
    ("/locks", locks, ["GET", "POST"]),
    ("/locks/verify", locks_verify, ["POST"]),
    ("/locks/{id}/unlock", unlock, ["POST"]),
)

ROUTES = [
    Route(f"{base}{place}", speaking(handler), methods=methods)
    for base in ("/lfs", "/{repository:path}.git/info/lfs")
    for place, handler, methods in _PLACES
]
