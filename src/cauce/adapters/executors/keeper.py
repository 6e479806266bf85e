"""Watches over one command; run by the local executor as a program of its own.

`python keeper.py LIMIT COMMAND…`: standard input is a pipe that the asker holds open. When it
closes, because the asker cancels or was killed, or when LIMIT seconds are over (0: never), the
command's whole process group is ended: SIGTERM, five seconds, SIGKILL. So a killed worker leaves
nothing behind that would run beside the next one.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

TIMED_OUT, CANCELLED, NOT_FOUND = 124, 143, 127
_GRACE = 5.0


def main(limit: float, command: list[str]) -> int:
    """Run the command and give its exit code."""
    wake, written = os.pipe()
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    # Handlers that do nothing, not SIG_IGN: the command would inherit that and be deaf.
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND
    code = _watch(child, wake, time.monotonic() + limit if limit else None)
    _signal(child.pid, signal.SIGKILL)
    return code


def _watch(child: "subprocess.Popen[bytes]", wake: int, deadline: float | None) -> int:
    """Wait for the child, the deadline or the asker's end, whichever is first."""
    while (code := child.poll()) is None:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([0, wake], [], [], left)
        if wake in ready:
            os.read(wake, 4096)
        elif ready or left == 0.0:
            _end(child, wake)
            return CANCELLED if ready else TIMED_OUT
    return code if code >= 0 else 128 - code


def _end(child: "subprocess.Popen[bytes]", wake: int) -> None:
    """Ask the group to end, and see that it does."""
    _signal(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    while child.poll() is None and (left := deadline - time.monotonic()) > 0:
        if select.select([wake], [], [], left)[0]:
            os.read(wake, 4096)
    _signal(child.pid, signal.SIGKILL)
    child.wait()


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
