"""Many small objects in one request, and big ones without the chunks that the server has.

POST /api/v1/packs/put          the body is a pack; every object in it is kept
POST /api/v1/packs/get          the answer is a pack of those asked for, in order, as many as fit
POST /api/v1/packs/lacking      the body is a list of chunks; the answer says which are not here
PUT  /objects/{digest}/chunks   a list of chunks, and those that are lacking: one big object
GET  /objects/{digest}/chunks   its list of chunks; x-cauce-near names objects that share some

docs/format.md, "Packs over HTTP", says what the bodies are. Whatever comes is hashed before it is
kept.
"""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cauce.errors import Conflict, Damaged, NotFound
from cauce.faces import answers, objects
from cauce.faces.objects import Names, Stored
from cauce.kernel import digest as names
from cauce.kernel import wire
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectStore
from cauce.kernel.packs import chunks, message
from cauce.kernel.packs.known import Known
from cauce.kernel.wire import Malformed
from cauce.kernel.workspace import Workspace

NEAR = "x-cauce-near"

_FULL = 16 << 20
"""Bytes of objects after which an answer is full."""

_GROUP = 8 << 20
_SPOOL = 4 << 20


async def put(request: Request) -> Response:
    """Keep the objects of a pack."""
    await run_in_threadpool(request.app.state.callers.identify, request, "writer")
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as body:
        size = await _receive(request, body, message.LARGEST)
        count = await run_in_threadpool(_keep_all, request.app.state.ws.objects, body, size)
    return answers.result(request, count)


async def _receive(request: Request, body: IO[bytes], most: int | None) -> int:
    """Write a request's body to a file, and give its bytes."""
    size = 0
    async for piece in objects.gathered(request):
        size += len(piece)
        if most is not None and size > most:
            raise Malformed(f"the body has more than {most} bytes", status=413, hint="send parts")
        await run_in_threadpool(body.write, piece)
    body.seek(0)
    return size


def _keep_all(store: ObjectStore, body: IO[bytes], size: int) -> int:
    """Store what a pack holds; runs in a thread."""
    count = 0
    for group in _groups(_loaded(body, size)):
        plain: dict[str, list[bytes]] = {}
        for name, data in group:
            if not name.endswith(".dir"):
                plain.setdefault(name.partition(":")[0], []).append(data)
            else:
                with tempfile.NamedTemporaryFile() as file:
                    file.write(data)
                    file.flush()
                    store.put_files([Path(file.name)], digests=[name])
        for algorithm, items in plain.items():
            store.put(items, algorithm=algorithm)
        count += len(group)
    return count


def _loaded(body: IO[bytes], size: int) -> Iterator[tuple[Digest, bytes]]:
    try:
        yield from message.load(body, size)
    except Damaged as error:
        raise Malformed(error.message) from error


def _groups(entries: Iterable[tuple[Digest, bytes]]) -> Iterator[list[tuple[Digest, bytes]]]:
    """Give entries in groups that fit into memory."""
    group: list[tuple[Digest, bytes]] = []
    held = 0
    for name, data in entries:
        group.append((name, data))
        held += len(data)
        if held >= _GROUP:
            yield group
            group, held = [], 0
    if group:
        yield group


async def get(request: Request) -> Response:
    """Answer with a pack of objects; who lacks some of them asks again, or one by one."""
    form = answers.body_form(request)
    body = await answers.read_body(request)
    return await run_in_threadpool(_get, request, body, form)


def _get(request: Request, body: bytes, form: bool) -> Response:
    request.app.state.callers.identify(request, "reader")
    given = wire.decode(body, Names, packed=form)
    names.check(given.digests)
    store: ObjectStore = request.app.state.ws.objects
    entries: list[tuple[Digest, bytes]] = []
    held = 0
    for name in given.digests:
        try:
            if store.size(name) > objects.SMALL:
                continue
            data = store.get(name)
        except (NotFound, Damaged):
            continue  # whoever asks for it alone is told
        entries.append((name, data))
        held += len(data)
        if held >= _FULL:
            break
    headers = {"cache-control": "no-store"}
    if not entries:
        return Response(status_code=204, headers=headers)
    return Response(message.dump(entries), headers=headers, media_type=message.BYTES)


async def lacking(request: Request) -> Response:
    """Answer with the places of those chunks of a list that are nowhere here."""
    await run_in_threadpool(request.app.state.callers.identify, request, "writer")
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as body:
        await _receive(request, body, chunks.HEAD + chunks.MOST * 36)
        return await run_in_threadpool(_lacking, request, body)


def _lacking(request: Request, body: IO[bytes]) -> Response:
    """Look chunks up; runs in a thread."""
    try:
        given = chunks.parse(body.read(), "the body")
    except Damaged as error:
        raise Malformed(error.message) from error
    ws: Workspace = request.app.state.ws
    here = Known(ws.folder).find((name.tobytes() for name in given.names), ws.objects.has)
    seen: set[bytes] = set()
    places = []
    for place, row in enumerate(given.names):
        name = row.tobytes()
        if name not in seen and name not in here:
            places.append(place)
        seen.add(name)
    return answers.result(request, places)


async def whole(request: Request) -> Response:
    """Answer for one big object in chunks."""
    if request.method == "PUT":
        return await write(request)
    return await run_in_threadpool(_list, request)


def _list(request: Request) -> Response:
    """Answer with the list of an object's chunks; runs in a thread."""
    request.app.state.callers.identify(request, "reader")
    digest = Digest(request.path_params["digest"])
    names.split(digest)
    ws: Workspace = request.app.state.ws
    ws.objects.size(digest)  # says so when it is not there
    data, others = Known(ws.folder).list_of(digest)
    if not data:
        raise NotFound(f"the chunks of {digest} are not known", hint="read it whole")
    headers = {"cache-control": "no-store", NEAR: ",".join(others)}
    return Response(data, headers=headers, media_type=message.BYTES)


async def write(request: Request) -> Response:
    """Keep one big object, made of the chunks that came and of those that are here."""
    await run_in_threadpool(request.app.state.callers.identify, request, "writer")
    digest = Digest(request.path_params["digest"])
    names.split(digest)
    with tempfile.TemporaryFile() as body:
        await _receive(request, body, None)
        size = await run_in_threadpool(_assemble, request.app.state.ws, digest, body)
    answer = answers.result(request, Stored(digest=digest, size=size))
    answer.status_code = 201
    return answer


def _assemble(ws: Workspace, digest: Digest, body: IO[bytes]) -> int:
    """Write an object from its chunks and store it; runs in a thread."""
    table = Known(ws.folder)
    with tempfile.NamedTemporaryFile() as file:
        try:
            known, follows = message.parse_body(body)
            here = _Here(ws.objects, table, known, follows)
            try:
                message.assemble(body, known, follows, file, here.read)
            finally:
                here.close()
        except Damaged as error:
            raise Malformed(error.message) from error
        file.flush()
        try:
            ws.objects.put_files([Path(file.name)], digests=[digest])
        except Conflict as error:
            raise Malformed(f"the bytes are not {digest}", path="digest") from error
    table.add(digest, known)
    return known.size


class _Here:
    """Chunks out of the objects that hold them; neighbours are read in one go."""

    def __init__(
        self,
        store: ObjectStore,
        table: Known,
        known: chunks.ChunkList,
        follows: list[bool],
    ) -> None:
        self._store, self._table = store, table
        pairs = zip(known.names, follows, strict=True)
        wanted = {name.tobytes() for name, comes in pairs if not comes}
        self._spots = table.find(wanted, store.has)
        self._stream: BinaryIO | None = None
        self._next: tuple[Digest, int] | None = None

    def read(self, name: bytes, length: int) -> bytes | None:
        """Read one chunk and hash it; None when it is not here any more."""
        spot = self._spots.get(name)
        if spot is None:
            return None
        try:
            if self._stream is None or self._next != (spot.object, spot.start):
                self.close()
                self._stream = self._store.open(spot.object, start=spot.start)
            data = self._stream.read(length)
        except NotFound:
            data = b""
        self._next = (spot.object, spot.start + len(data))
        if chunks.name(data) != name:
            self._table.forget(spot.object)
            return None
        return data

    def close(self) -> None:
        """Close what was being read."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


ROUTES = [
    Route("/api/v1/packs/put", put, methods=["POST"]),
    Route("/api/v1/packs/get", get, methods=["POST"]),
    Route("/api/v1/packs/lacking", lacking, methods=["POST"]),
    Route("/objects/{digest}/chunks", whole, methods=["GET", "PUT"]),
]
