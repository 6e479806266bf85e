"""Model servers of this project: the file that each writes, and whether it still answers."""

import asyncio
import contextlib
import http.client
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from cauce.errors import Conflict, Invalid, Unavailable
from cauce.kernel import ids, progress
from cauce.rooms.serve.access import Access
from cauce.rooms.serve.entities import ServerState
from cauce.rooms.serve.server import Server

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_ASK_SECONDS = 2.0


def state_file(ws: "Workspace", name: str) -> Path:
    """Give the file in which a server of a deployment writes itself down."""
    ids.check_name("deployment", name)
    return ws.folder / ".cauce" / "run" / f"serve-{name}.json"


def find(ws: "Workspace", name: str) -> ServerState | None:
    """Find the server of a deployment that answers, None when there is none.

    A file that a killed server left is not believed: the server must answer for the deployment.
    """
    if ws.root is None:
        return None
    try:
        state = msgspec.json.decode(state_file(ws, name).read_bytes(), type=ServerState)
    except (OSError, msgspec.DecodeError):
        return None
    try:
        status, _ = ask(state.url, "GET", f"/v2/models/{name}/ready")
    except Unavailable:
        return None
    return state if status == 200 else None


def ask(
    url: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    *,
    seconds: float = _ASK_SECONDS,
) -> tuple[int, bytes]:
    """Send one request to a server of this machine.

    Raises:
        Unavailable: It does not answer.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port or 80, timeout=seconds
    )
    try:
        connection.request(method, path, body, headers or {})
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"the model server at {url} does not answer: {error}") from error
    finally:
        connection.close()


def run(ws: "Workspace", name: str, host: str, port: int) -> ServerState:
    """Serve a deployment until a signal says to stop; give what was written down."""
    if not 0 <= port < 1 << 16:
        raise Invalid(f"{port} is not a port", hint="0 to 65535; 0 takes any free one")
    there = find(ws, name)
    if there is not None:
        raise Conflict(
            f"{name} is served already, at {there.url} by process {there.pid}",
            hint="stop that one first: it follows the deployment by itself",
        )
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(serve(ws, name, host, port))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Prefer uvloop, which has no wheel for every platform."""
    try:
        import uvloop  # late: loading a command need not load it
    except ImportError:
        return None
    return uvloop.new_event_loop


async def serve(ws: "Workspace", name: str, host: str, port: int) -> ServerState:
    """Serve until SIGINT or SIGTERM comes, or the task is cancelled."""
    server = Server(ws, name, access=Access(ws, host))
    try:
        bound = await server.start(host, port)
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another port, or 0 for any free one",
        ) from error
    url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    state = ServerState(name=name, url=url, pid=os.getpid(), started=ws.now())
    file = state_file(ws, name)
    _write(file, state)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Only the main thread may listen to signals; elsewhere whoever started it cancels it.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)
    progress.report(f"serving {name} ({server.loaded.label}) at {url}", 0)
    try:
        await stop.wait()
    finally:
        await server.stop()
        _remove(file, state)
    return state


def _write(file: Path, state: ServerState) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(f".{state.pid}.tmp")
    beside.write_bytes(msgspec.json.encode(state))
    beside.replace(file)


def _remove(file: Path, state: ServerState) -> None:
    """Remove the file unless another server has written its own by now."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        if msgspec.json.decode(file.read_bytes(), type=ServerState) == state:
            file.unlink()
