"""Commands as processes of this machine, each under a keeper that ends what it started."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cauce.errors import Invalid, NotFound
from cauce.kernel import ids
from cauce.kernel.executor import CANCELLED

_KEEPER = Path(__file__).with_name("keeper.py")
_PATIENCE = 10.0
"""Seconds that a keeper gets to end its command; it needs five at most."""


class LocalExecutor:
    """Runs commands here; see `cauce.kernel.executor.Executor`.

    Notes:
        A command costs one bare interpreter more, its keeper: about 15 ms of CPU. What a command
        writes goes to a file, so that a slow reader never blocks it.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cauce-")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def submit(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        limit: float = 0.0,
    ) -> str:
        """Start a command and give its task's name."""
        if not command or any("\0" in part for part in command):
            raise Invalid("a command needs a program, and no part of it may hold a zero byte")
        if not cwd.is_dir():
            raise NotFound(f"there is no folder {cwd} to run in")
        task = ids.new_id()
        with self._log(task).open("wb") as out:
            self._running[task] = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_KEEPER), str(limit), *command],
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return task

    def poll(self, task: str, *, wait: float = 0.0) -> int | None:
        """Give the exit code, or None while it runs after waiting so many seconds."""
        process = self._process(task)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait)
        code = process.returncode
        if code is not None and process.stdin is not None:
            process.stdin.close()
        return code if code is None or code >= 0 else 128 - code

    def logs(self, task: str, *, after: int = 0) -> bytes:
        """Give what the command wrote after so many bytes."""
        self._process(task)
        with self._log(task).open("rb") as file:
            file.seek(after)
            return file.read()

    def cancel(self, task: str) -> None:
        """End the command and what it started; a no-op when it has ended."""
        process = self._process(task)
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            process.returncode = CANCELLED

    def close(self) -> None:
        """End every command that still runs and forget all logs."""
        for task in self._running:
            self.cancel(task)
        self._running.clear()
        self._folder.cleanup()

    def _process(self, task: str) -> "subprocess.Popen[bytes]":
        if task not in self._running:
            raise NotFound(f"no task {task!r}")
        return self._running[task]

    def _log(self, task: str) -> Path:
        return Path(self._folder.name) / task


def open_executor() -> LocalExecutor:
    """Open an executor; its commands end with it, or with this process."""
    return LocalExecutor()
