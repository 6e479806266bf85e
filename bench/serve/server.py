"""Requests a second and CPU a request: the model server, the runtime alone, an echo.

Client and server share the machine, so rates say less than CPU a request of the server's process.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httptools
import numpy as np
import uvloop
from tests.rooms import served, trained

from cauce.adapters.runtimes import onnxruntime
from cauce.kernel import manifest, workspace
from cauce.kernel.workspace import Workspace
from cauce.rooms.models import operations as models
from cauce.rooms.serve import operations as serve
from cauce.rooms.serve import running

REQUESTS = {1: 3000, 32: 12000}
_CLOCK = 1e6


def cpu(pid: int) -> float:
    """Seconds of CPU that a process used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Caller(asyncio.Protocol):
    """Sends one request after the other on one connection, as many as there are left."""

    def __init__(self, data: bytes, left: list[int], times: list[float], done: Any) -> None:
        self._data, self._left, self._times, self._done = data, left, times, done
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if not self._left[0]:
            self._transport.close()
            self._done()
            return
        self._left[0] -= 1
        self._at = time.perf_counter()
        self._transport.write(self._data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, body = self._buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        assert head.startswith(b"HTTP/1.1 200"), head
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        if len(body) == size:
            self._buffer = b""
            self._times.append(time.perf_counter() - self._at)
            self._send()


async def load(port: int, data: bytes, connections: int, count: int) -> tuple[float, list[float]]:
    """Send so many requests over so many connections; give seconds and each one's time."""
    left, times = [count], []
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    open_ones = [connections]

    def done() -> None:
        open_ones[0] -= 1
        if not open_ones[0]:
            over.set()

    began = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: Caller(data, left, times, done), "127.0.0.1", port)
    await over.wait()
    return time.perf_counter() - began, times


def measure(name: str, pid: int, port: int, data: bytes) -> None:
    """Print a line a concurrency."""
    uvloop.run(load(port, data, 4, 500))
    for connections, count in REQUESTS.items():
        before = cpu(pid)
        seconds, times = uvloop.run(load(port, data, connections, count))
        used = (cpu(pid) - before) / count * _CLOCK
        p50, p99 = np.percentile(times, [50, 99]) * 1000
        sys.stdout.write(
            f"{name:<28} c={connections:<3} {count / seconds:>9,.0f} req/s "
            f"{used:>7.0f} us CPU/req   p50 {p50:6.2f} ms   p99 {p99:6.2f} ms\n"
        )
        sys.stdout.flush()


def alone(name: str, call: Callable[[], Any], count: int = 3000) -> None:
    """Print what a call in this process costs."""
    for _ in range(100):
        call()
    before, began = time.process_time(), time.perf_counter()
    for _ in range(count):
        call()
    used = (time.process_time() - before) / count * _CLOCK
    rate = count / (time.perf_counter() - began)
    sys.stdout.write(f"{name:<28} c=1   {rate:>9,.0f} calls/s {used:>5.0f} us CPU/call\n")


class Echo(asyncio.Protocol):
    """Answers every POST with 600 bytes."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n" + b"x" * 600)


async def echo() -> None:
    """Listen on any free port and print it."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def prepare(root: Path) -> Workspace:
    """Make a project that serves a small network of digits."""
    (root / "cauce.toml").write_text('project = "bench"\n')
    ws = workspace.open_local(root, agent="user:bench")
    data = trained.dataset(ws, train=40, test=20)
    run = trained.run(ws, data, trained.mlp())
    models.register(ws, run.id, name="digits")
    serve.deploy(ws, "digits@1")
    return ws


def main() -> None:
    """Print the table; about half a minute on two cores."""
    if sys.argv[-1] == "--echo":
        uvloop.run(echo())
    row = trained.rows()[2][:1]
    as_json = served.request(
        "POST", "/v2/models/prod/infer", json.dumps(served.question(row)).encode()
    )
    head = json.dumps(
        {"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 64],
                     "parameters": {"binary_data_size": 256}}],
         "parameters": {"binary_data_output": True}}
    ).encode()  # fmt: skip
    headers = {"Inference-Header-Content-Length": str(len(head))}
    as_bytes = served.request(
        "POST", "/v2/models/prod/infer", head + row.astype("<f4").tobytes(), headers
    )
    with tempfile.TemporaryDirectory() as folder, prepare(Path(folder)) as ws:
        tree = ws.manifest(ws.find("model", "digits@1").id)
        session = onnxruntime.load(ws.objects.get(manifest.entry(tree, "model.onnx").digest))
        feed = {"input": row}
        alone("onnxruntime alone", lambda: session.run(feed))
        floor = subprocess.Popen(
            [sys.executable, "-m", "bench.serve.server", "--echo"],
            stdout=subprocess.PIPE,
            text=True,
        )
        code = (
            "import sys; from pathlib import Path; from cauce.kernel import workspace\n"
            "from cauce.rooms.serve import operations as serve\n"
            "with workspace.open_local(Path(sys.argv[1])) as ws: serve.run(ws, 'prod')"
        )
        server = subprocess.Popen([sys.executable, "-c", code, folder])
        try:
            assert floor.stdout is not None
            measure("echo (uvloop, httptools)", floor.pid, int(floor.stdout.readline()), as_json)
            while (state := running.find(ws, "prod")) is None:
                assert server.poll() is None
                time.sleep(0.05)
            port = int(state.url.rpartition(":")[2])
            measure("cauce serve, JSON", server.pid, port, as_json)
            measure("cauce serve, binary", server.pid, port, as_bytes)
        finally:
            for process in (floor, server):
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main()
