"""Kill a piece of work at its n-th system event, and see what it left behind.

An event is a call that changes the disk: a file made, written, renamed, flushed or removed, or a
step of SQLite. A first run counts them; then the work runs again and is killed with SIGKILL at one
of them. A write that it is killed at is torn: half of its bytes reach the file.

    total = count(work)
    for n in sample(total, 20, seed=1):
        restore()
        assert kill_at(work, n)
        look_at_what_is_left()

Work is a function, run in a forked child, or the arguments of a Python command, such as
`["-m", "cauce", "data", "add", "photos"]`, run in a new interpreter. What runs in processes that
the work starts itself, or in C code that bypasses `os`, is not counted.
"""

import _pyio  # type: ignore[import-not-found]  # typeshed leaves it out
import builtins
import io
import os
import random
import runpy
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Work = Callable[[], object] | Sequence[str]

_AT, _LOG = "CAUCE_TEST_KILL_AT", "CAUCE_TEST_KILL_LOG"

_CALLS = (
    "chmod copy_file_range fdatasync fsync ftruncate link mkdir open pwrite remove rename replace "
    "rmdir sendfile symlink truncate unlink utime write writev"
).split()
"""Functions of `os` that are events; `open` only when it may change something."""

_CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_STEPS = 200
"""Instructions of SQLite's machine that make one event, so that a statement can die half-way."""


def count(work: Work, *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run the work to its end and count its events."""
    return len(trace(work, cwd=cwd, env=env))


def trace(
    work: Work, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> list[str]:
    """Run the work to its end and name its events in order."""
    with tempfile.NamedTemporaryFile(prefix="cauce-kill-", mode="r") as log:
        status = _run(work, 0, log.name, cwd, env)
        if status != 0:
            raise RuntimeError(f"the work failed by itself (status {status}); its error is above")
        return log.read().splitlines()


def kill_at(
    work: Work, n: int, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> bool:
    """Run the work and kill it at its n-th event, counted from 1.

    Returns:
        Whether it was killed; False when it had fewer events and ended well.

    Raises:
        RuntimeError: It failed by itself.
    """
    status = _run(work, n, os.devnull, cwd, env)
    if status not in {0, -signal.SIGKILL}:
        raise RuntimeError(f"the work failed by itself (status {status}); its error is above")
    return status != 0


def sample(total: int, number: int, *, seed: int) -> list[int]:
    """Choose events to be killed at, in order: all when there are few, else at random."""
    if total <= number:
        return list(range(1, total + 1))
    return sorted(random.Random(seed).sample(range(1, total + 1), number))  # noqa: S311 - no secret


def _run(work: Work, n: int, log: str, cwd: Path | None, env: Mapping[str, str] | None) -> int:
    """Run the work in a child; gives its exit status, negative for a signal."""
    if callable(work):
        return _fork(work, n, log, cwd, env)
    command = [sys.executable, "-m", "cauce.testing.kill", *work]
    full = {**os.environ, **(env or {}), _AT: str(n), _LOG: log}
    return subprocess.run(
        command, cwd=cwd, env=full, check=False, stdin=subprocess.DEVNULL
    ).returncode


def _fork(
    work: Callable[[], object],
    n: int,
    log: str,
    cwd: Path | None,
    env: Mapping[str, str] | None,
) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 70
    try:
        os.environ.update(env or {})
        if cwd is not None:
            os.chdir(cwd)
        _Killer(n, log).arm()
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


class _Killer:
    """Counts events and kills its own process at one of them."""

    def __init__(self, n: int, log: str) -> None:
        self._n = n
        self._seen = 0
        self._lock = threading.RLock()
        self._write = os.write
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND)

    def arm(self) -> None:
        """Replace the functions that change the disk by ones that count."""
        for name in _CALLS:
            if hasattr(os, name):
                setattr(os, name, self._counted(name, getattr(os, name)))
        builtins.open = io.open = self._opened(io.open)
        self._watch_sqlite()

    def event(self, name: str, torn: Callable[[], object] | None = None) -> None:
        """Count one event; at the chosen one, tear what can be torn and die."""
        with self._lock:
            self._seen += 1
            if self._n == 0:
                self._write(self._log, f"{name}\n".encode())
            if self._seen == self._n:
                if torn is not None:
                    torn()
                os.kill(os.getpid(), signal.SIGKILL)

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            if name != "open":
                self.event(name, self._half(args) if name == "write" else None)
            elif (args[1] if len(args) > 1 else named.get("flags", 0)) & _CHANGES:
                self.event("open")
            return real(*args, **named)

        return call

    def _half(self, args: tuple[Any, ...]) -> Callable[[], object]:
        def tear() -> None:
            data = memoryview(args[1]).cast("B")
            self._write(args[0], data[: len(data) // 2])

        return tear

    def _opened(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Open files for writing by the `io` module written in Python, which calls `os.write`."""

        def call(file: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
            return (_pyio.open if set(mode) & set("wax+") else real)(file, mode, *args, **named)

        return call

    def _watch_sqlite(self) -> None:
        real = sqlite3.connect

        def connect(*args: Any, **named: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = real(*args, **named)
            connection.set_trace_callback(lambda sql: self.event(f"sqlite {sql.split()[0]}"))
            connection.set_progress_handler(lambda: self.event("sqlite step"), _STEPS)
            return connection

        sqlite3.connect = connect  # type: ignore[assignment]


def _main() -> None:
    """Run a Python command, armed: `-m MODULE …`, `-c CODE …` or `FILE …`."""
    killer = _Killer(int(os.environ.pop(_AT)), os.environ.pop(_LOG))
    arguments = sys.argv[1:]
    killer.arm()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    _main()
