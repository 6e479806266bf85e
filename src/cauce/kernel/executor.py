"""The contract of executors: where the commands of a job run.

Members live in `cauce.adapters.executors`; a module offers `open_executor() -> Executor` and
passes `cauce.testing.executor_suite.ExecutorSuite`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

TIMED_OUT = 124
"""Exit code of a command that ran past its limit."""

CANCELLED = 143
"""Exit code of a command that was ended because it was asked for or its asker was gone."""


class Executor(Protocol):
    """Runs commands, each with all processes that it starts, and ends them together."""

    def submit(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        limit: float = 0.0,
    ) -> str:
        """Start a command and give its task's name.

        Args:
            command: Program and arguments; no shell reads them.
            cwd: Folder that it runs in.
            env: Its whole environment; None: this process's.
            limit: Seconds that it may run, 0: as long as it needs.
        """
        ...

    def poll(self, task: str, *, wait: float = 0.0) -> int | None:
        """Give the exit code, or None while it runs after waiting so many seconds.

        A command that a signal ended has 128 + the signal's number, one that does not exist 127.
        """
        ...

    def logs(self, task: str, *, after: int = 0) -> bytes:
        """Give what the command wrote, to standard output and error, after so many bytes."""
        ...

    def cancel(self, task: str) -> None:
        """End the command and what it started; a no-op when it has ended."""
        ...

    def close(self) -> None:
        """End every command that still runs and forget all logs."""
        ...
