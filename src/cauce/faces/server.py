"""`cauce up`: serves API and pages of a project, and runs its flows, until it is told to stop."""

import argparse
import contextlib
import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from cauce.errors import Conflict, Denied, Invalid, Unavailable
from cauce.faces import command, guard
from cauce.kernel import auth, config, sql, wire, workspace
from cauce.kernel.entities import Entity
from cauce.kernel.objects import beside
from cauce.kernel.workspace import Workspace

if TYPE_CHECKING:
    from cauce.faces.http import Application

STOP_SECONDS = 3
"""How long requests in progress may take to end once the server is told to stop."""


class Server(uvicorn.Server):
    """A server that ends its live streams first, and leaves the exit code to us."""

    def __init__(self, application: "Application", ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                loop="uvloop" if sys.platform != "win32" else "asyncio",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._application = application
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End live streams, then everything else."""
        self._application.feed.stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM, and return to the caller afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        kept = {
            one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for one, handler in kept.items():
                signal.signal(one, handler)


class RunFile(Entity, frozen=True):
    """What `up.json` says of a running server."""

    pid: int
    url: str


def listen(host: str, port: int) -> socket.socket:
    """Take the address, so that a taken port is known before anything else starts.

    Raises:
        Conflict: Somebody else has the port.
        Invalid: The address cannot be listened on.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, proto)
    except OSError as error:
        raise Invalid(f"cannot listen on {host}: {error.strerror}") from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(2048)
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"port {port} of {host} is in use",
                hint="choose another with --port, or --port 0 for any free one",
            ) from error
        raise Invalid(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return taken


def address(taken: socket.socket) -> str:
    """Give the address that a browser can open."""
    host, port = taken.getsockname()[:2]
    if guard.is_wildcard(host):
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def allowed_names(ws: Workspace, host: str) -> set[str] | None:
    """Give the host names that the server answers to; None: any.

    Raises:
        Denied: It would listen beyond loopback, and no token exists.
    """
    if not guard.is_loopback(host) and not auth.every(sql.tables(ws)):
        raise Denied(
            f"{host} can be reached from other machines, and no token protects this server",
            hint="make one first: cauce admin token-add NAME --role writer",
        )
    if guard.is_wildcard(host):
        return None
    further = str(ws.settings["server.names"]).split(",")
    return {*guard.LOOPBACK, host, *(name.strip() for name in further if name.strip())}


def serve(ws: Workspace, taken: socket.socket, host: str, ready: Callable[[], None]) -> None:
    """Serve a workspace on a socket until SIGINT or SIGTERM."""
    from cauce.faces.http import Application  # late: imports every room

    server = Server(Application(ws, names=allowed_names(ws, host)), ready)
    server.run(sockets=[taken])


@contextlib.contextmanager
def background(ws: Workspace, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve a workspace from a thread while the body runs; gives the address."""
    from cauce.faces.http import Application

    taken = listen(host, port)
    up = threading.Event()
    server = Server(Application(ws, names=allowed_names(ws, host)), up.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
    where = address(taken)
    thread.start()
    try:
        if not up.wait(30):
            raise Unavailable(f"the server at {where} did not start")
        yield where
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS + 5)
        taken.close()


def main(argv: Sequence[str]) -> int:
    """Run `cauce up`."""
    given = parser().parse_args(list(argv))
    root = config.require_root(Path.cwd())
    with workspace.open_local(root) as ws:
        host = given.host or ws.settings["server.host"]
        port = ws.settings["server.port"] if given.port is None else given.port
        allowed_names(ws, host)
        with listen(host, port) as taken, run_file(root, address(taken)), flows(root):
            serve(ws, taken, host, lambda: announce(ws, address(taken), given.open))
    print("stopped", file=sys.stderr)
    return 0


def parser() -> argparse.ArgumentParser:
    """Build the parser of `cauce up`."""
    made = command.Parser(
        prog="cauce up",
        description="Serve the pages and the API of this project, and run its flows, until Ctrl-C.",
        epilog="examples:\n  $ cauce up --open\n  $ cauce up --port 0",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--host", help="address to listen on (setting server.host)")
    made.add_argument("--port", type=port_number, help="port; 0: any free one (server.port)")
    made.add_argument("--open", action="store_true", help="open the pages in the browser")
    return made


def port_number(word: str) -> int:
    """Read a port."""
    if not word.isascii() or not word.isdigit() or int(word) > 65535:
        raise argparse.ArgumentTypeError(f"{word!r} is no port: give 0 to 65535")
    return int(word)


def announce(ws: Workspace, where: str, browse: bool) -> None:
    """Say where the server is, once it answers."""
    print(f"{ws.project} is at {where}  (Ctrl-C stops)", flush=True)
    if browse:
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(where,), daemon=True).start()


@contextlib.contextmanager
def run_file(root: Path, where: str) -> Iterator[None]:
    """Keep `.cauce/run/up.json` (pid, url) while the server runs."""
    file = run_path(root)
    body = wire.encode(RunFile(pid=os.getpid(), url=where))
    with beside(file) as stream:
        stream.write(body)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if file.read_bytes() == body:  # not that of a server that was started since
                file.unlink()


def run_path(root: Path) -> Path:
    """Give the place of a project's `up.json`."""
    return root / ".cauce" / "run" / "up.json"


@contextlib.contextmanager
def flows(root: Path) -> Iterator[None]:
    """Run the worker of the project's flows beside the server."""
    from cauce.faces.worker import Worker

    worker = Worker(root)
    try:
        yield
    finally:
        worker.stop()


def running(root: Path) -> str:
    """Give the address of the server that runs for a project, or nothing."""
    with contextlib.suppress(OSError, Invalid):
        found: RunFile = wire.decode(run_path(root).read_bytes(), RunFile)
        os.kill(found.pid, 0)
        return found.url
    return ""
