"""An unmodified DVC in one process that takes many commands: a start costs a second otherwise."""

import json
import os
import subprocess
from pathlib import Path

from tests.peers import peer

PINS = ("dvc==3.67.1", "pathspec==0.12.1")

DRIVER = """
import json, os, sys, tempfile
from dvc.cli import main
answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    folder, arguments = json.loads(line)
    os.chdir(folder)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        # Its console keeps the first sys.stdout, so the descriptors change hands.
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        code = main(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode())
    print(json.dumps([code, *said]), file=answers, flush=True)
"""


class Dvc:
    """`dvc(root, "add", "x")` gives what it printed; another exit code than wanted is a failure."""

    def __init__(self, home: Path) -> None:
        home.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "HOME": str(home),
            "DVC_SITE_CACHE_DIR": str(home / "site"),
            "DVC_SYSTEM_CONFIG_DIR": str(home / "system"),
            "DVC_GLOBAL_CONFIG_DIR": str(home / "person"),
            "DVC_NO_ANALYTICS": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }
        environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            [str(peer("dvc", PINS)), "-c", DRIVER],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __call__(self, root: Path, *arguments: str, code: int | None = 0) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(root), arguments]) + "\n")
        self.process.stdin.flush()
        found, out, err = json.loads(self.process.stdout.readline())
        if code is not None:
            assert found == code, f"dvc {' '.join(arguments)}: {found}\n{out}{err}"
        return str(out)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)
