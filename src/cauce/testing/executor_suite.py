"""What every executor must do; a member's tests subclass this and offer a fixture `executor`."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cauce.errors import NotFound
from cauce.kernel.executor import CANCELLED, TIMED_OUT, Executor

_SOON = 30.0


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _until(true: Callable[[], bool]) -> None:
    """Wait until something is true, at most half a minute."""
    deadline = time.monotonic() + _SOON
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie that nobody has collected does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(") ")[2][0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


class ExecutorSuite:
    """Tests of the contract `cauce.kernel.executor.Executor`."""

    @pytest.mark.parametrize("code", [0, 1, 6, 255])
    def test_the_exit_code_is_the_commands_own(
        self, executor: Executor, tmp_path: Path, code: int
    ) -> None:
        task = executor.submit(_python(f"raise SystemExit({code})"), cwd=tmp_path)
        assert executor.poll(task, wait=_SOON) == code

    def test_a_signal_is_told_as_128_and_its_number(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        task = executor.submit(_python("import os; os.kill(os.getpid(), 9)"), cwd=tmp_path)
        assert executor.poll(task, wait=_SOON) == 137

    def test_a_program_that_does_not_exist_ends_with_127(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        task = executor.submit(["no-such-program-anywhere"], cwd=tmp_path)
        assert executor.poll(task, wait=_SOON) == 127
        assert b"no-such-program-anywhere" in executor.logs(task)

    def test_arguments_reach_the_command_as_they_are(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        hostile = ["a b", "$HOME", "; exit 3", "*", "", "--flag", "ñ\n'\""]
        task = executor.submit(
            [*_python("import sys; print(ascii(sys.argv[1:]))"), *hostile], cwd=tmp_path
        )
        assert executor.poll(task, wait=_SOON) == 0
        assert executor.logs(task).decode().strip() == ascii(hostile)

    def test_the_environment_and_the_folder_are_those_given(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        code = "import os; print(os.environ.get('A'), os.environ.get('HOME'), os.getcwd())"
        task = executor.submit(_python(code), cwd=tmp_path, env={"A": "1"})
        assert executor.poll(task, wait=_SOON) == 0
        assert executor.logs(task).decode().strip() == f"1 None {tmp_path}"

    def test_logs_can_be_read_on_while_the_command_runs(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        code = (
            "import pathlib, sys, time\n"
            "print('first', flush=True)\n"
            "while not pathlib.Path('go').exists(): time.sleep(0.01)\n"
            "print('second', file=sys.stderr)\n"
        )
        task = executor.submit(_python(code), cwd=tmp_path)
        _until(lambda: executor.logs(task) == b"first\n")
        assert executor.poll(task) is None
        (tmp_path / "go").touch()
        assert executor.poll(task, wait=_SOON) == 0
        assert executor.logs(task, after=6) == b"second\n"

    def test_a_command_past_its_limit_is_ended(self, executor: Executor, tmp_path: Path) -> None:
        task = executor.submit(_python("import time; time.sleep(600)"), cwd=tmp_path, limit=0.2)
        assert executor.poll(task, wait=_SOON) == TIMED_OUT

    def test_cancel_ends_the_command_and_what_it_started(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        code = (
            "import subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(600)\n"
        )
        task = executor.submit(_python(code), cwd=tmp_path)
        _until(lambda: executor.logs(task).endswith(b"\n"))
        executor.cancel(task)
        assert executor.poll(task, wait=_SOON) == CANCELLED
        _until(lambda: not _alive(int(executor.logs(task))))

    def test_what_a_command_left_in_the_background_ends_with_it(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        code = (
            "import subprocess, sys\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            "print(child.pid)\n"
        )
        task = executor.submit(_python(code), cwd=tmp_path)
        assert executor.poll(task, wait=_SOON) == 0
        _until(lambda: not _alive(int(executor.logs(task))))

    def test_cancelling_what_has_ended_changes_nothing(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        task = executor.submit(_python("raise SystemExit(3)"), cwd=tmp_path)
        executor.poll(task, wait=_SOON)
        executor.cancel(task)
        assert executor.poll(task) == 3

    def test_a_task_that_was_never_submitted_is_not_found(self, executor: Executor) -> None:
        for call in (executor.poll, executor.logs, executor.cancel):
            with pytest.raises(NotFound):
                call("nobody")
