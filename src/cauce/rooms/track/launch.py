"""`cauce track run`: a command as a tracked run, its console captured, its end recorded."""

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from cauce.errors import CauceError, Invalid
from cauce.kernel import code
from cauce.kernel.entities import Run, Status
from cauce.rooms.track import process
from cauce.rooms.track.console import Splitter
from cauce.rooms.track.entities import LogLine

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_PYTHON = {"python", "python3"}
_BATCH_LINES = 500
_BATCH_SECONDS = 0.5
_MOST_KEPT = 100_000
_GRACE = 10.0
"""Seconds that a command gets to end by itself after it was interrupted."""

_KILLERS = {-signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL, -signal.SIGHUP, 130, 137, 143}


class Terminated(BaseException):
    """This process was asked to end."""


def launch(
    ws: "Workspace",
    command: Sequence[str],
    *,
    name: str,
    experiment: str,
    data: Sequence[str],
    quiet: bool,
) -> Run:
    """Run a command as a tracked run; see the operation."""
    if not command or not command[0] or any("\0" in word for word in command):
        raise Invalid("there is no command to run", hint="cauce track run -- python train.py")
    folder = _folder(ws.folder)
    run: Run = ws.call(
        "track.start",
        name=name,
        experiment=experiment,
        tags=process.tag(),
        used=tuple(data),
        parent=os.environ.get("CAUCE_PARENT", ""),
        code=code.capture(folder, command, store=lambda diff: ws.objects.put([diff])[0]),
    )
    try:
        status, error = _follow(ws, run, _program(command), folder, quiet)
    except BaseException as stop:
        reason = {KeyboardInterrupt: "interrupted", Terminated: "terminated"}.get(type(stop))
        ws.call("track.finish", run=run.id, status="killed", error=reason or str(stop))
        if isinstance(stop, Terminated):
            raise SystemExit(128 + signal.SIGTERM) from None
        raise
    ended: Run = ws.call("track.finish", run=run.id, status=status, error=error)
    if status != "finished":
        raise CauceError(
            f"the run {ended.name} {'failed' if status == 'failed' else 'was killed'}: {error}",
            hint=f"see `cauce track logs {ended.name}`",
        )
    return ended


def _folder(root: Path) -> Path:
    """Choose where the command runs: here when that is in the project, else the project."""
    here = Path.cwd()
    return here if here == root or root in here.parents else root


def _program(command: Sequence[str]) -> list[str]:
    """Let `python` be the interpreter that runs Cauce."""
    return [sys.executable, *command[1:]] if command[0] in _PYTHON else list(command)


def _environment(ws: "Workspace", run: Run) -> dict[str, str]:
    """Tell the command's process which run it is part of."""
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    for inherited in ("CAUCE_PARENT", "CAUCE_URL"):
        env.pop(inherited, None)
    env |= {"CAUCE_RUN": run.id, "CAUCE_PROJECT": str(ws.folder)}
    if ws.remote is not None:
        env["CAUCE_URL"] = ws.remote.url
    return env


def _follow(
    ws: "Workspace", run: Run, command: list[str], folder: Path, quiet: bool
) -> tuple[Status, str]:
    """Run the command to its end and say how it ended."""
    console = _Console(ws, run)
    try:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(ws, run),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        return "failed", f"{command[0]}: {error.strerror}"
    with child, _terminable():
        try:
            _drain(child, console, quiet)
        except (KeyboardInterrupt, Terminated) as stop:
            child.send_signal(signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
            _stop(child, console, quiet)
            raise
        finally:
            if child.poll() is None:
                child.kill()
            console.flush(last=True)
    return _verdict(child.returncode, console.last_error)


def _drain(
    child: "subprocess.Popen[bytes]",
    console: "_Console",
    quiet: bool,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Pass the command's output on and keep it, until it ends."""
    assert child.stdout is not None
    assert child.stderr is not None
    with selectors.DefaultSelector() as selector:
        for pipe, splitter in zip((child.stdout, child.stderr), console.splitters, strict=True):
            selector.register(pipe, selectors.EVENT_READ, splitter)
        while selector.get_map() and not until():
            ready = selector.select(_BATCH_SECONDS)
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                if data:
                    console.take(key.data.feed(data))
                    _show(data, quiet)
                else:
                    selector.unregister(key.fileobj)
                    console.take(key.data.end())
            console.flush()
            if not ready and child.poll() is not None:
                break  # it ended; something that it left behind holds the pipes open
    child.wait()


def _stop(child: "subprocess.Popen[bytes]", console: "_Console", quiet: bool) -> None:
    """Let an interrupted command end by itself, then end it."""
    deadline = time.monotonic() + _GRACE
    timer = threading.Timer(_GRACE, child.kill)
    timer.daemon = True
    timer.start()
    try:
        _drain(child, console, quiet, lambda: time.monotonic() > deadline)
    finally:
        timer.cancel()


def _show(data: bytes, quiet: bool) -> None:
    """Pass output on to the terminal; both streams go to stderr, our own stdout is for data."""
    if quiet:
        return
    stream: Any = getattr(sys.stderr, "buffer", None)
    if stream is None:
        sys.stderr.write(data.decode("utf-8", "replace"))
    else:
        stream.write(data)
    sys.stderr.flush()


def _verdict(code: int, last_error: str) -> tuple[Status, str]:
    """Say how a command ended by its exit code."""
    if code == 0:
        return "finished", ""
    if code in _KILLERS:
        number = -code if code < 0 else code - 128
        return "killed", f"ended by {signal.Signals(number).name}"
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return "failed", f"{how}: {last_error}" if last_error else how


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that the run can be ended properly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Console:
    """Gathers lines and hands them over a few times a second.

    A server that does not answer, or a full disk, does not stop the command: lines are kept for
    the next try, and given up when there are too many.

    Attributes:
        splitters: Cut stdout and stderr into lines.
        last_error: Last line that was written to stderr.
    """

    def __init__(self, ws: "Workspace", run: Run) -> None:
        self._ws, self._run = ws, run
        self._lines: list[LogLine] = []
        self._at = time.monotonic()
        self.splitters = (Splitter("out"), Splitter("err"))
        self.last_error = ""

    def take(self, lines: list[LogLine]) -> None:
        """Keep lines."""
        self._lines += lines
        for line in lines:
            if line.stream == "err" and line.text.strip():
                self.last_error = line.text.strip()

    def flush(self, *, last: bool = False) -> None:
        """Hand over what was gathered, when there is enough or it is old enough."""
        due = len(self._lines) >= _BATCH_LINES or time.monotonic() - self._at >= _BATCH_SECONDS
        if not self._lines or not (due or last):
            return
        self._at = time.monotonic()
        try:
            self._ws.call("track.write", run=self._run.id, lines=self._lines)
        except (CauceError, OSError) as error:
            if last or len(self._lines) > _MOST_KEPT:
                print(f"cauce: {len(self._lines)} lines of the console are lost: {error}",
                      file=sys.stderr)  # fmt: skip
                self._lines = []
            return
        self._lines = []
