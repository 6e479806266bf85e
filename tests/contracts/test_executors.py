"""Executors against their contract."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from cauce.errors import Invalid, NotFound
from cauce.kernel import plugins
from cauce.kernel.executor import Executor
from cauce.testing.executor_suite import ExecutorSuite


class TestLocal(ExecutorSuite):
    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        opened: Executor = plugins.load("executors", "local").open_executor()
        yield opened
        opened.close()

    def test_a_command_that_ignores_the_polite_signal_is_killed(self, executor, tmp_path):
        code = (
            "import signal, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print('deaf', flush=True)\n"
            "time.sleep(600)\n"
        )
        task = executor.submit([sys.executable, "-c", code], cwd=tmp_path)
        while executor.logs(task) != b"deaf\n":
            assert executor.poll(task, wait=0.01) is None
        executor.cancel(task)
        assert executor.poll(task) == 143

    def test_a_killed_asker_leaves_no_command_behind(self, tmp_path):
        asker = (
            "import pathlib, sys\n"
            "from cauce.adapters.executors.local import open_executor\n"
            "executor = open_executor()\n"
            "code = 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'\n"
            "task = executor.submit([sys.executable, '-c', code], cwd=pathlib.Path('.'))\n"
            "while not executor.logs(task).endswith(b'\\n'): executor.poll(task, wait=0.01)\n"
            "print(executor.logs(task).decode(), flush=True)\n"
            "executor.poll(task, wait=600)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", asker],
            stdout=subprocess.PIPE,
            cwd=tmp_path,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        ) as process:
            command = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 20
        while True:
            try:
                os.kill(command, 0)
            except ProcessLookupError:
                break
            assert time.monotonic() < deadline, "the command outlived its asker"
            time.sleep(0.01)

    def test_a_folder_that_does_not_exist_is_refused(self, executor, tmp_path):
        with pytest.raises(NotFound, match="no folder"):
            executor.submit(["true"], cwd=tmp_path / "none")

    @pytest.mark.parametrize("command", [[], ["a\0b"]])
    def test_a_command_that_cannot_be_one_is_refused(self, executor, tmp_path, command):
        with pytest.raises(Invalid):
            executor.submit(command, cwd=tmp_path)
