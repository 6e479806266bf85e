"""`cauce up` as a process: it says where it is, and stops cleanly whatever is open."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import cauce
from cauce.errors import Conflict, Invalid
from cauce.faces import server
from cauce.kernel import auth, sql


class Up:
    """A running `cauce up`."""

    def __init__(self, project: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cauce", "up", "--port", "0", *words],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        found = re.search(r"http://\S+", self.line)
        self.url = found[0] if found else ""

    def worker(self) -> int:
        """Give the process id of the worker beside it, once it runs."""
        mine = str(self.process.pid)
        for _ in range(600):
            for folder in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    parent = re.search(r"^PPid:\t(\d+)", (folder / "status").read_text(), re.M)
                    if (
                        parent
                        and parent[1] == mine
                        and b"worker" in (folder / "cmdline").read_bytes()
                    ):
                        return int(folder.name)
            time.sleep(0.05)
        raise AssertionError("no worker")


@pytest.fixture
def up(project: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*words: str) -> Up:
        started.append(Up(project, *words))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.terminate()
        one.process.communicate(timeout=20)


def gone(pid: int, seconds: float = 10.0) -> bool:
    """Wait for a process to end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
        except OSError:
            return True
        if state.startswith("Z"):
            return True
        time.sleep(0.02)
    return False


def test_it_says_where_it_is_and_serves_pages_and_api_there(up, project):
    running = up()
    assert running.line.startswith("test is at http://127.0.0.1:")
    noted = json.loads((project / ".cauce" / "run" / "up.json").read_text())
    assert noted == {"pid": running.process.pid, "url": running.url}
    assert server.running(project) == running.url
    with urllib.request.urlopen(running.url) as page:
        assert b"<title>Cauce</title>" in page.read()
    with cauce.open(running.url) as remote:
        assert remote.refs.ls() == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_five_seconds_with_streams_open(up, project, how):
    running = up()
    worker = running.worker()
    with urllib.request.urlopen(f"{running.url}/api/v1/stream") as stream:
        assert stream.readline() == b"retry: 1000\n"
        before = time.monotonic()
        running.process.send_signal(how)
        assert running.process.wait(timeout=10) == 0
        assert time.monotonic() - before < 5
    assert gone(worker, 1)
    assert not (project / ".cauce" / "run" / "up.json").exists()
    assert server.running(project) == ""


def test_it_says_nothing_but_that_it_stopped(up):
    running = up()
    running.worker()
    running.process.terminate()
    assert running.process.communicate(timeout=20)[1] == "stopped\n"


def test_a_run_whose_process_died_is_ended(up, project):
    script = "import cauce, os; cauce.run(name='dies').__enter__(); os._exit(9)"
    subprocess.run([sys.executable, "-c", script], cwd=project, check=False, timeout=60)
    running = up()
    with cauce.open(running.url) as remote:
        until = time.monotonic() + 20
        while remote.track.show("dies").run.status == "running":
            assert time.monotonic() < until
        assert remote.track.show("dies").run.status == "killed"


def test_a_killed_server_takes_its_worker_with_it(up):
    running = up()
    worker = running.worker()
    running.process.kill()
    assert gone(worker)


def test_a_worker_that_dies_is_replaced(up):
    running = up()
    first = running.worker()
    os.kill(first, signal.SIGKILL)
    assert gone(first)
    assert running.worker() != first


def test_a_port_in_use_is_said_with_what_to_do(project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "cauce", "up", "--port", port],
            cwd=project, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == Conflict.exit_code
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
    assert "--port 0" in done.stderr


def test_beyond_loopback_it_needs_a_token_first(project):
    done = subprocess.run(
        [sys.executable, "-m", "cauce", "up", "--port", "0", "--host", "0.0.0.0"],
        cwd=project, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 5
    assert "no token protects this server" in done.stderr


def test_with_a_token_every_name_is_answered_on_a_wildcard_address(ws):
    auth.add(sql.tables(ws), "someone", "reader")
    assert server.allowed_names(ws, "0.0.0.0") is None


@pytest.mark.parametrize("words", [["--port", "70000"], ["--port", "x"], ["extra"]])
def test_wrong_words_are_refused(project, monkeypatch, words):
    monkeypatch.chdir(project)
    with pytest.raises(Invalid):
        server.main(words)


def test_an_address_that_is_not_ours_cannot_be_listened_on():
    with pytest.raises(Invalid, match="cannot listen"):
        server.listen("192.0.2.1", 0)


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit):
        server.main(["--help"])
    assert "cauce up --open" in capsys.readouterr().out


def test_a_file_left_by_a_killed_server_is_not_believed(project):
    (project / ".cauce" / "run").mkdir(parents=True)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    file = project / ".cauce" / "run" / "up.json"
    for text in (json.dumps({"pid": dead.pid, "url": "http://x"}), "", "[]", '{"pid": "x"}'):
        file.write_text(text)
        assert server.running(project) == ""
