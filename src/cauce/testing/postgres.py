"""A PostgreSQL server of a test session's own, on loopback, in a folder that goes away with it."""

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

_OWNER = "cauce"
_PLACES = "usr/lib/postgresql/*/bin"
_OPTIONS = {
    "fsync": "off",  # nothing in here has to survive the machine
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
}


class ServerMissingError(Exception):
    """PostgreSQL cannot be started here; the message says why."""


class PostgresServer:
    """A running server.

    Attributes:
        port: Where it listens on 127.0.0.1.
    """

    def __init__(self) -> None:
        self._bin = _binaries()
        self._user = _user()
        self._folder = Path(tempfile.mkdtemp(prefix="cauce-pg-"))
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._data = self._folder / "data"
        words = ("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        self._call("initdb", "-D", str(self._data), "-U", _OWNER, *words)
        self.port = _free_port()
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = {**_OPTIONS, "port": str(self.port), "listen_addresses": "127.0.0.1"}
        options["unix_socket_directories"] = str(self._folder)
        words = " ".join(f"-c {name}={value}" for name, value in options.items())
        log = str(self._folder / "log")
        self._call("pg_ctl", "-D", str(self._data), "-w", "-l", log, "-o", words, "start")

    def stop(self) -> None:
        """Stop the server at once, as a power loss would."""
        with suppress(subprocess.CalledProcessError):
            self._call("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def schema(self) -> str:
        """Make an empty schema and give the address that works in it."""
        import psycopg  # late: an extra

        name = f"test_{uuid4().hex}"
        with psycopg.connect(self._url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self._url()}?options=-csearch_path%3D{name}"

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _url(self) -> str:
        return f"postgresql://{_OWNER}@127.0.0.1:{self.port}/postgres"

    def _call(self, program: str, *words: str) -> None:
        subprocess.run(
            [str(self._bin / program), *words],
            user=self._user,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )


def _binaries() -> Path:
    """Find PostgreSQL's programs: the newest below /usr/lib, else those on the PATH."""
    found = sorted(Path("/").glob(f"{_PLACES}/initdb"), key=_number)
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path is None:
        raise ServerMissingError("PostgreSQL's server programs (initdb, pg_ctl) are not installed")
    return Path(on_path).resolve().parent


def _number(initdb: Path) -> float:
    try:
        return float(initdb.parent.parent.name)
    except ValueError:
        return 0.0


def _user() -> str | None:
    """Name the user to run as: the server refuses to run as root."""
    if os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            pwd.getpwnam(name)
            return name
    raise ServerMissingError("PostgreSQL does not run as root, and there is no user to run it as")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
