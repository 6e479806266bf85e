"""A model server in a thread of its own, and a client that sends exactly the bytes it is given."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.rooms import trained

from cauce.kernel.entities import Version
from cauce.kernel.workspace import Workspace
from cauce.rooms.models import operations as models
from cauce.rooms.serve import operations as serve
from cauce.rooms.serve.access import Access
from cauce.rooms.serve.http import Limits
from cauce.rooms.serve.server import Server


def prepare(ws: Workspace, *, versions: int = 1) -> Version:
    """Register so many versions of `digits` and deploy the first as `prod`."""
    data = trained.dataset(ws, train=40, test=20)
    for seed in range(versions):
        run = trained.run(ws, data, trained.mlp(seed=seed))
        models.register(ws, run.id, name="digits")
    serve.deploy(ws, "digits@1")
    return data


@contextlib.contextmanager
def running(
    ws: Workspace, *, limits: Limits | None = None, name: str = "prod"
) -> Iterator[tuple[Server, int]]:
    """Run a server while the block runs; give it and its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = Server(ws, name, limits=limits, access=Access(ws, "127.0.0.1"))
    try:
        port = asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", 0), loop).result(10)
        yield server, port
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(20)
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Client:
    """One connection; replies are read by their Content-Length."""

    def __init__(self, port: int, *, timeout: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._rest = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> tuple[int, dict[str, str], bytes]:
        """Read one reply: status, headers, body."""
        head = self._until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            key, _, value = line.partition(": ")
            if key:
                headers[key.lower()] = value
        body = self._exactly(int(headers.get("content-length", 0)))
        return int(lines[0].split(" ")[1]), headers, body

    def ended(self) -> bool:
        """Whether the server closed the connection, and said nothing more."""
        try:
            return self._rest == b"" and self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._more()
        found, _, self._rest = self._rest.partition(mark)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._more()
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def _more(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError(f"closed after {self._rest[:200]!r}")
        self._rest += data

    def post(
        self, path: str, body: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one POST and read its reply."""
        self.send(request("POST", path, body, headers))
        return self.reply()

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Send one GET and read its reply's JSON."""
        self.send(request("GET", path, None, headers))
        status, _, body = self.reply()
        return status, json.loads(body)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def request(
    method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> bytes:
    """Write a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{key}: {value}" for key, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def question(rows: NDArray[np.float32], **more: Any) -> dict[str, Any]:
    """The JSON of an inference request."""
    tensor = {
        "name": "input",
        "datatype": "FP32",
        "shape": list(rows.shape),
        "data": rows.ravel().tolist(),
    }
    return {"inputs": [tensor], **more}
