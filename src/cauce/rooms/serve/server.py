"""The model server: one deployment over the Open Inference Protocol, swapped while it runs."""

import asyncio
import contextlib
import logging
import time
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import orjson

import cauce
from cauce.errors import CauceError
from cauce.kernel import ids
from cauce.kernel.entities import Digest
from cauce.rooms.serve import answers, deployments, loaded, oip, recording, statistics
from cauce.rooms.serve.access import Access
from cauce.rooms.serve.http import Connection, Limits, Refused, Reply, Request
from cauce.rooms.serve.loaded import Loaded

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

log = logging.getLogger("cauce.serve")

POLL_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_DRAIN_SECONDS = 5.0
_COMPRESSED_FROM = 1400
_FEW_ROWS = 16
_EXTENSIONS = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "parameters",
    "statistics",
]
_UNSUPPORTED = (b"systemsharedmemory", b"cudasharedmemory", b"trace", b"logging")

Route = Callable[[Request], Reply]


class Server:
    """Answers for one deployment; everything but loading happens in the event loop.

    Attributes:
        loaded: The model that answers now; replaced as a whole.
        connections: Open connections.
        stopping: Whether it takes no more requests.
    """

    def __init__(
        self, ws: "Workspace", name: str, *, limits: Limits | None = None, access: Access
    ) -> None:
        self._ws, self._name, self._access = ws, name, access
        self.limits = limits or Limits()
        self.connections: set[Connection] = set()
        self.stopping = False
        self._seen = 0
        self._failed: tuple[Digest, float] | None = None
        self._writer = ws.streams.writer(answers.STREAM + name)
        self._tasks: list[asyncio.Task[None]] = []
        self._listener: asyncio.Server | None = None
        self._seen = ws.catalog.last_event()
        self._take(loaded.load(ws, deployments.live(ws, name).id))

    # Life.

    async def start(self, host: str, port: int) -> int:
        """Listen; give the port."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Connection(self, loop), host, port, backlog=1024
        )
        self._tasks = [loop.create_task(self._watch()), loop.create_task(self._sweep())]
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Take no more clients, answer what is under way, write out what was recorded."""
        self.stopping = True
        if self._listener is not None:
            self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        end = time.monotonic() + _DRAIN_SECONDS
        while self.connections and time.monotonic() < end:
            for connection in list(self.connections):
                connection.stop()
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.abort()
        self._writer.close()

    async def _sweep(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(min(1.0, self.limits.request / 4, self.limits.linger / 2))
            for connection in list(self.connections):
                connection.sweep(now())

    async def _watch(self) -> None:
        """Look twice a second whether the deployment moved; load in a thread, swap in the loop."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                fresh = await asyncio.to_thread(self._look)
            except CauceError as error:
                log.error("%s stays on %s: %s", self._name, self.loaded.label, error)
                continue
            except Exception:
                log.exception("%s stays on %s", self._name, self.loaded.label)
                continue
            if fresh is not None:
                log.warning("%s: %s -> %s", self._name, self.loaded.label, fresh.label)
                self._take(fresh)

    def _look(self) -> Loaded | None:
        """Load what the deployment points at when that is something else."""
        last = self._ws.catalog.last_event()
        retry = self._failed is not None and time.monotonic() > self._failed[1]
        if last == self._seen and not retry:
            return None
        target = self._ws.catalog.ref(deployments.KIND, self._name, deployments.LIVE).target
        self._seen = last
        if target == self.loaded.id:
            self._failed = None
            return None
        if self._failed is not None and self._failed[0] == target and not retry:
            return None
        try:
            fresh = loaded.load(self._ws, target)
        except Exception:
            self._failed = target, time.monotonic() + _RETRY_SECONDS
            raise
        self._failed = None
        return fresh

    def _take(self, fresh: Loaded) -> None:
        """Let a loaded model answer from the next request on."""
        self._routes = self._make_routes(fresh)
        self.loaded = fresh
        self._head = b"Cauce-Deployment: " + fresh.id.encode() + b"\r\n"

    # Requests.

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        self._access.check(request)
        method = b"GET" if request.method == b"HEAD" else request.method
        found = self._routes.get(request.target)
        if found is None:
            found = self._routes.get(_path(request.target))
        if found is None:
            raise self._unknown(_path(request.target))
        if method != found[0]:
            return Reply(
                orjson.dumps({"error": f"use {found[0].decode()} here"}),
                405,
                head=b"Allow: " + found[0] + b"\r\n",
            )
        return found[1](request)

    def _make_routes(self, fresh: Loaded) -> dict[bytes, tuple[bytes, Route]]:
        """Prepare the answer to every address that there is."""
        metadata = {"name": "cauce", "version": cauce.__version__, "extensions": _EXTENSIONS}
        routes: dict[bytes, tuple[bytes, Route]] = {
            b"/v2": (b"GET", _fixed(metadata)),
            b"/v2/health/live": (b"GET", _fixed({"live": True})),
            b"/v2/health/ready": (b"GET", self._ready({"ready": True})),
            b"/v2/models/stats": (b"GET", lambda _: self._stats(fresh, fresh.names)),
            b"/v2/repository/index": (b"POST", lambda _: _index(fresh)),
            b"/metrics": (b"GET", lambda _: self._metrics(fresh)),
        }
        for name in fresh.names:
            for path in (f"/v2/models/{name}", f"/v2/models/{name}/versions/{fresh.version}"):
                base = path.encode()
                routes[base] = b"GET", _fixed(fresh.metadata(name))
                routes[base + b"/ready"] = b"GET", self._ready({"name": name, "ready": True})
                routes[base + b"/config"] = b"GET", _fixed(fresh.config(name))
                routes[base + b"/stats"] = b"GET", self._stats_of(fresh, name)
                routes[base + b"/infer"] = b"POST", self._infer_of(fresh, name)
        return routes

    def _unknown(self, path: bytes) -> Refused:
        """Say what is wrong with an address."""
        parts = path.split(b"/")[1:]
        if parts[:1] == [b"v2"] and len(parts) > 1:
            if parts[1] == b"repository":
                return Refused(403, "models are deployed with `cauce serve deploy`, not over HTTP")
            if parts[1] in _UNSUPPORTED or parts[3:] == [b"trace", b"setting"]:
                return Refused(400, "this extension is not supported")
            if parts[1] == b"models" and len(parts) > 2:
                return self._unknown_model(parts)
        return Refused(404, "there is nothing at this address; the protocol starts at /v2")

    def _unknown_model(self, parts: list[bytes]) -> Refused:
        name = parts[2].decode(errors="replace")[:100]
        if name not in self.loaded.names:
            return Refused(404, f"no model {name!r}; known: {', '.join(self.loaded.names)}")
        if parts[3:4] == [b"versions"] and parts[4:5] != [self.loaded.version.encode()]:
            version = b"".join(parts[4:5]).decode(errors="replace")[:50]
            return Refused(
                404, f"{name} has no version {version!r} here; known: {self.loaded.version}"
            )
        return Refused(404, f"there is nothing at this address of {name}")

    def _ready(self, body: dict[str, Any]) -> Route:
        data = orjson.dumps(body)

        def answer(_: Request) -> Reply:
            if self.stopping:
                raise Refused(503, "the server is stopping")
            return Reply(data)

        return answer

    def _stats_of(self, fresh: Loaded, name: str) -> Route:
        return lambda _: self._stats(fresh, (name,))

    def _stats(self, fresh: Loaded, names: tuple[str, ...]) -> Reply:
        found = [statistics.as_triton(fresh.statistics, name, fresh.version) for name in names]
        return Reply(orjson.dumps({"model_stats": found}))

    def _metrics(self, fresh: Loaded) -> Reply:
        labels = {"deployment": fresh.name, "model": fresh.model, "version": fresh.version}
        text = statistics.as_prometheus(fresh.statistics, labels, len(self.connections))
        return Reply(text, kind=b"text/plain; version=0.0.4; charset=utf-8")

    def _infer_of(self, fresh: Loaded, name: str) -> Route:
        def answer(request: Request) -> Reply:
            try:
                return self._infer(fresh, name, request)
            except CauceError as error:
                fresh.statistics.failures += 1
                if isinstance(error, Refused):
                    raise
                raise Refused(400, error.message) from None

        return answer

    def _infer(self, fresh: Loaded, name: str, request: Request) -> Reply:
        """Answer an inference request and record each of its rows."""
        clock = time.perf_counter_ns
        began = clock()
        headers = request.headers
        body = request.body
        if b"content-encoding" in headers:
            body = _unpacked(body, headers[b"content-encoding"], self.limits.body)
        length = oip.header_length(headers.get(b"inference-header-content-length"), len(body))
        asked = oip.decode(body, length, fresh.inputs, fresh.session.outputs)
        parsed = clock()
        arrays = dict(zip(fresh.session.outputs, fresh.session.run(asked.feed), strict=True))
        ran = clock()
        said = recording.read(fresh.signature, arrays, asked.rows)
        head: dict[str, Any] = {"model_name": name, "model_version": fresh.version}
        if asked.id is not None:
            head["id"] = asked.id
        own = [ids.new_id() for _ in range(asked.rows)]
        joined = ",".join(own)
        head["parameters"] = {"cauce_prediction": joined}
        data, json_size = oip.encode(head, asked.outputs, arrays, fresh.signature.classes)
        reply = Reply(data, head=self._head)
        if asked.rows <= _FEW_ROWS:
            reply.head += b"Cauce-Prediction: " + joined.encode() + b"\r\n"
        if json_size is not None:
            reply.kind = b"application/octet-stream"
            reply.head += b"Inference-Header-Content-Length: %d\r\n" % json_size
        if b"accept-encoding" in headers and len(data) >= _COMPRESSED_FROM:
            _pack(reply, headers[b"accept-encoding"])
        done = clock()
        first = next(iter(asked.feed.values()))
        recording.append(self._writer, fresh, own, said, first, (done - began) / 1e6)
        counters = fresh.statistics
        counters.requests.add(done - began)
        counters.infer.add(ran - parsed)
        counters.rows += asked.rows
        counters.parse += parsed - began
        counters.reply += done - ran
        counters.last = time.time_ns() // 1_000_000
        return reply


def _path(target: bytes) -> bytes:
    """Take the path out of a request's target, percent signs resolved."""
    if target[:7].lower() == b"http://":
        target = b"/" + target[7:].partition(b"/")[2]
    path = unquote_to_bytes(target.partition(b"?")[0])
    return path.rstrip(b"/") or b"/"


def _fixed(body: dict[str, Any]) -> Route:
    data = orjson.dumps(body)
    return lambda _: Reply(data)


def _index(fresh: Loaded) -> Reply:
    rows = [
        {"name": name, "version": fresh.version, "state": "READY", "reason": ""}
        for name in fresh.names
    ]
    return Reply(orjson.dumps(rows))


def _unpacked(body: bytes, encoding: bytes, limit: int) -> bytes:
    """Decompress a body; what would grow beyond the limit is refused before it does."""
    if encoding == b"identity":
        return body
    if encoding not in (b"gzip", b"deflate"):
        raise Refused(415, f"Content-Encoding {encoding[:30].decode(errors='replace')!r}: "
                           "known are gzip and deflate")  # fmt: skip
    machine = zlib.decompressobj(wbits=47)  # gzip or zlib, as the first bytes say
    try:
        data = machine.decompress(body, limit)
    except zlib.error as error:
        raise Refused(400, f"the body is not {encoding.decode()}: {error}") from None
    if machine.unconsumed_tail:
        raise Refused(413, f"the body unpacks to more than {limit} bytes")
    if not machine.eof or machine.unused_data:
        raise Refused(400, f"the {encoding.decode()} body is truncated, or something follows it")
    return data


def _pack(reply: Reply, accepted: bytes) -> None:
    """Compress a reply as the client accepts it."""
    known = {part.partition(b";")[0].strip() for part in accepted.lower().split(b",")}
    with contextlib.suppress(StopIteration):
        name, bits = next(item for item in ((b"gzip", 31), (b"deflate", 15)) if item[0] in known)
        machine = zlib.compressobj(1, wbits=bits)
        reply.body = machine.compress(reply.body) + machine.flush()
        reply.head += b"Content-Encoding: " + name + b"\r\n"
