"""The process beside `cauce up` that runs the project's flows, and ends runs that died.

It is a process of its own: a step that runs wild cannot hold the server up. It ends with the
server, also when that is killed: then the pipe to its standard input closes.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from cauce.errors import CauceError

_PATIENCE = 2.0
_PAUSE = 2.0
_REAP = 30.0


class Worker:
    """Keeps one worker process running for a project until it is stopped."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._process = self._start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process that works now."""
        return self._process.pid

    def stop(self) -> None:
        """End the process and whatever it started; waits two seconds, then ends it hard."""
        self._stopped.set()
        with self._lock:
            process = self._process
        end(process, signal.SIGTERM)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            end(process, signal.SIGKILL)
            process.wait()
        self._thread.join(_PATIENCE)

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "cauce.faces.worker"],
            cwd=self._root,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _keep(self) -> None:
        """Start the process again when it ended by itself."""
        while not self._stopped.is_set():
            code = self._process.wait()
            if self._stopped.wait(_PAUSE):
                return
            print(f"the worker of flows ended with code {code}; starting another", file=sys.stderr)
            with self._lock:
                if not self._stopped.is_set():
                    self._process = self._start()


def end(process: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    """Send a signal to a process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)


def main() -> int:
    """Work until told to stop or until the server is gone."""
    from cauce.faces import client

    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the server, which stops us
    threading.Thread(target=_watch, daemon=True).start()
    threading.Thread(target=_reap, daemon=True).start()
    while True:
        try:
            with client.open(".") as ws:
                ws.call("flow.work", once=False)
        except CauceError as error:
            print(f"worker of flows: {error.message}", file=sys.stderr)
            time.sleep(_PAUSE)


def _reap() -> None:
    """End the runs whose process is gone, now and then: a killed training cannot do it itself."""
    from cauce.faces import client

    while True:
        try:
            with client.open(".") as ws:
                ws.call("track.reap")
        except CauceError as error:
            print(f"worker of flows: {error.message}", file=sys.stderr)
        time.sleep(_REAP)


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's form
    raise SystemExit(0)


def _watch() -> None:
    """Wait for the end of standard input: then the server is gone.

    Not through `sys.stdin`: a thread inside its buffer makes the interpreter abort at its end.
    """
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
