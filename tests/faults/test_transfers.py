"""Pushes and pulls that are killed, broken off, damaged, or run beside each other."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest
from tests.rooms import folders

from cauce.adapters.formats import dvc
from cauce.adapters.stores import web
from cauce.adapters.stores.local import LocalStore
from cauce.errors import Unavailable
from cauce.kernel import config, digest, moving, workspace
from cauce.testing import kill

FILES = {f"{name}/{i}": f"{name}{i}".encode() * 40 for name in ("a", "b") for i in range(9)}


def prepare(root):
    """Make a project with data that are added, and a remote that is empty."""
    (root / "p").mkdir(parents=True)
    (root / "p" / "cauce.toml").write_text('project = "test"\n')
    folders.write(root / "p" / "data", FILES)
    with workspace.open_local(root / "p", agent="user:test") as ws:
        ws.data.add(root / "p" / "data")
    (root / "p" / ".dvc" / "config").write_text(
        "[core]\n    remote = far\n['remote \"far\"']\n    url = ../../far\n"
    )
    return root


def do(root, verb):
    with workspace.open_local(root / "p", agent="user:test") as ws:
        ws.call(f"data.{verb}")


def forget(root):
    shutil.rmtree(root / "p" / ".dvc" / "cache")
    shutil.rmtree(root / "p" / "data")


def require_whole(folder):
    """Assert that what has a name is what it says, and that lists came after their files."""
    store = LocalStore(folder)
    there = {info.digest: store.get(info.digest) for info in store.list("md5")}
    for name, data in there.items():
        if name.endswith(".dir"):
            assert {f"md5:{md5}" for md5 in dvc.parse(data).values()} <= there.keys()


def test_a_push_that_is_killed_anywhere_leaves_no_list_without_its_files(tmp_path, seed):
    counted = prepare(tmp_path / "counted")
    total = kill.count(lambda: do(counted, "push"))
    for number in kill.sample(total, 25, seed=seed):
        root = prepare(tmp_path / f"at{number}")
        kill.kill_at(lambda root=root: do(root, "push"), number)
        require_whole(root / "far")
        do(root, "push")
        cache = folders.read(root / "p" / ".dvc" / "cache" / "files")
        assert folders.read(root / "far" / "files") == cache


def test_a_pull_that_is_killed_anywhere_can_go_on(tmp_path, seed):
    def pushed(name):
        root = prepare(tmp_path / name)
        do(root, "push")
        forget(root)
        return root

    counted = pushed("counted")
    total = kill.count(lambda: do(counted, "pull"))
    for number in kill.sample(total, 25, seed=seed):
        root = pushed(f"at{number}")
        kill.kill_at(lambda root=root: do(root, "pull"), number)
        cache = LocalStore(root / "p" / ".dvc" / "cache")
        for info in cache.list("md5"):
            assert cache.get(info.digest)
        do(root, "pull")
        assert folders.read(root / "p" / "data") == FILES


@pytest.mark.parametrize("verb", ["push", "fetch"])
def test_two_that_move_the_same_at_once_both_succeed(tmp_path, verb):
    root = prepare(tmp_path / "x")
    if verb == "fetch":
        do(root, "push")
        forget(root)
    gate = threading.Barrier(2)
    failed = []

    def one():
        gate.wait()
        try:
            do(root, verb)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    near, far = root / "p" / ".dvc" / "cache", root / "far"
    assert folders.read(near / "files") == folders.read(far / "files")


class _Breaking(http.server.SimpleHTTPRequestHandler):
    """A server that knows ranges and hangs up after some bytes, a number of times."""

    left, asked = 0, ()

    def log_message(self, *_):
        pass

    def do_GET(self):
        place = Path(self.translate_path(self.path))
        if not place.is_file():
            self.send_error(500 if place.exists() else 404)
            return
        data = place.read_bytes()
        wanted = self.headers.get("range", "")
        type(self).asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("content-range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("content-length", str(len(data) - start))
        self.end_headers()
        if type(self).left:
            type(self).left -= 1
            self.wfile.write(data[start : start + (len(data) - start) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(data[start:])


@pytest.fixture
def breaking(tmp_path):
    handler = type("Handler", (_Breaking,), {"asked": []})
    (tmp_path / "far").mkdir()
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(tmp_path / "far"))
    ) as server:
        server.handle_error = lambda *_: None
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def test_a_connection_that_breaks_is_taken_up_where_it_ended(breaking, tmp_path):
    data = os.urandom(8 << 20)
    (name,) = LocalStore(tmp_path / "far").put([data], algorithm="md5")
    breaking[1].left = 3
    near = LocalStore(tmp_path / "near")
    store = web.open_store(breaking[0], tmp_path, config.load(tmp_path, {}))
    moving.move(store, near, [name], sleep=lambda _: None)
    assert near.get(name) == data
    assert breaking[1].asked[0] == ""
    assert any(word.startswith("bytes=") for word in breaking[1].asked[1:])


def test_a_remote_that_stays_broken_is_an_error_that_names_the_path(breaking, tmp_path):
    root = prepare(tmp_path / "x")
    shutil.rmtree(tmp_path / "far")
    do(root, "push")
    (root / "far").rename(tmp_path / "far")
    forget(root)
    with (root / "p" / ".dvc" / "config").open("w") as file:
        file.write(f"[core]\n remote = far\n['remote \"far\"']\n url = {breaking[0]}\n")
    store = LocalStore(tmp_path / "far")
    for info in list(store.list("md5")):
        if not info.digest.endswith(".dir"):
            store.delete([info.digest])
            place = tmp_path / "far" / "files" / "md5" / info.digest[4:6] / info.digest[6:]
            place.mkdir()  # a server error for each file, none for the list
    with workspace.open_local(root / "p", agent="user:test") as ws:
        with pytest.raises(Unavailable, match=r"data/[ab]/\d: .* does not answer for md5:"):
            ws.data.pull()
        assert not (root / "p" / "data").exists()


def test_an_endless_failure_is_given_up_after_attempts_that_bring_nothing(tmp_path):
    class Down:
        def __init__(self):
            self.calls = 0

        def receive(self, source, digests, **_):
            self.calls += 1
            raise Unavailable("down")

    target, waits = Down(), []
    with pytest.raises(Unavailable):
        moving.move(LocalStore(tmp_path), target, [digest.of(b"x")], sleep=waits.append)
    assert (target.calls, len(waits)) == (3, 2)
