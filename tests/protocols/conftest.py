"""Other tools as fixtures, each from an environment of its own."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.peers import peer

PINS = ("dvc==3.67.1", "pathspec==0.12.1")


def running(command: Path, home: Path):
    """Make a function that runs a command with a home of its own and gives the finished process."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "DVC_SITE_CACHE_DIR": str(home / "site"),
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    environment.pop("PYTHONPATH", None)

    def run(root: Path, *arguments: str, code: int = 0):
        done = subprocess.run(
            [str(command), *arguments],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def dvc(tmp_path_factory):
    """Run an unmodified DVC in a folder: `dvc(root, "status")` gives the finished process."""
    return running(peer("dvc", PINS).parent / "dvc", tmp_path_factory.mktemp("home"))
