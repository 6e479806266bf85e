"""One course, run by the command itself, for all tests that look at what it leaves."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Struct


class Course(Struct, frozen=True):
    """A finished demo: its folder and what it printed."""

    root: Path
    output: str

    def figure(self, pattern: str) -> str:
        """Find the first group of a pattern in the output."""
        match = re.search(pattern, self.output)
        assert match is not None, f"{pattern!r} is not in\n{self.output}"
        return match[1]


def run_demo(folder: Path, seed: int) -> Course:
    """Run `cauce demo FOLDER --no-serve` as a person would."""
    done = subprocess.run(
        [sys.executable, "-m", "cauce", "demo", str(folder), "--seed", str(seed), "--no-serve"],
        env={**os.environ, "CAUCE_USER": "tester"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Course(folder, done.stdout)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Course:
    """A finished demo; tests that change its folder take `course` instead."""
    return run_demo(tmp_path_factory.mktemp("demo") / "first", seed=11)


@pytest.fixture
def course(finished, tmp_path) -> Course:
    """A copy of the finished demo, to change at will."""
    root = tmp_path / "copy"
    shutil.copytree(finished.root, root, symlinks=True)
    return Course(root, finished.output)
