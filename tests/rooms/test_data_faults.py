"""Adding and checking out while the machine, the disk or somebody else interferes."""

import os
import resource
import signal
import traceback

import pytest
from tests.rooms import folders

from cauce.errors import Conflict, Unwritable
from cauce.kernel import digest, workspace
from cauce.testing import kill

ONE = {f"{name}/{i}": f"{name}{i % 7}".encode() for name in ("a", "b") for i in range(12)}
TWO = {path: data if i % 3 else data + b"!" for i, (path, data) in enumerate(ONE.items())}
TWO |= {"c/new": b"new"}


def child(work):
    """Run a function in a process of its own; gives its exit status as `waitpid` does."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def make(root, files):
    """Make a project with a data set that is not added yet."""
    root.mkdir()
    (root / "cauce.toml").write_text('project = "test"\n')
    folders.write(root / "data", files)
    return root


def add(root):
    with workspace.open_local(root, agent="user:test") as ws:
        return ws.data.add(root / "data")


def require_whole(ws):
    """Assert that catalogue and store are as if nothing had happened to them."""
    assert ws.catalog.check() == []
    for info in ws.objects.list():
        ws.objects.get(info.digest)
    for version in ws.catalog.all_versions():
        tree = ws.manifest(version)
        needed = {entry.digest for entry in tree.entries} | {tree.labels["dvc"]}
        assert ws.objects.has(needed) == needed


def test_an_add_that_is_killed_anywhere_leaves_nothing_torn(quick, seed):
    wanted = add(make(quick / "whole", ONE)).id
    counted = make(quick / "counted", ONE)
    total = kill.count(lambda: add(counted))
    for number in kill.sample(total, 40, seed=seed):
        root = make(quick / f"at{number}", ONE)
        kill.kill_at(lambda root=root: add(root), number)
        with workspace.open_local(root, agent="user:test") as ws:
            require_whole(ws)
            for out in ws.data.status() if (root / "data.dvc").exists() else ():
                assert (out.state, out.missing) == ("unchanged", 0)
            assert ws.data.add(root / "data").id == wanted
            assert [it.number for it in ws.data.versions("data")] == ["v1"]
            assert ws.data.status()[0].state == "unchanged"


def test_a_checkout_that_is_killed_anywhere_loses_nothing_and_can_go_on(quick, seed):
    def prepare(name):
        root = make(quick / name, ONE)
        add(root)
        for path in folders.read(root / "data"):
            (root / "data" / path).unlink()
        folders.write(root / "data", TWO)
        add(root)
        return root

    def go(root):
        with workspace.open_local(root, agent="user:test") as ws:
            ws.data.checkout((root / "data",), version="v1")

    counted = prepare("counted")
    total = kill.count(lambda: go(counted))
    for number in kill.sample(total, 25, seed=seed):
        root = prepare(f"at{number}")
        kill.kill_at(lambda root=root: go(root), number)
        for path, data in folders.read(root / "data").items():
            assert data in {ONE.get(path), TWO.get(path)}
        with workspace.open_local(root, agent="user:test") as ws:
            require_whole(ws)
            ws.data.status()
            ws.data.checkout((root / "data",), version="v1")
            assert folders.read(root / "data") == ONE
            ws.data.checkout((root / "data",), version="v2")
            assert folders.read(root / "data") == TWO


def start(work, gate):
    """Start a function in a process that waits for the gate to close."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.close(gate[1])
        os.read(gate[0], 1)
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def at_once(*works):
    """Run functions in processes that start together; gives their exit statuses."""
    gate = os.pipe()
    pids = [start(work, gate) for work in works]
    os.close(gate[0])
    os.close(gate[1])
    return [os.waitpid(pid, 0)[1] for pid in pids]


@pytest.mark.parametrize("attempt", range(5))
def test_two_adders_of_one_folder_agree_on_one_version(tmp_path, attempt):
    root = make(tmp_path / "project", ONE)
    assert at_once(lambda: add(root), lambda: add(root)) == [0, 0]
    with workspace.open_local(root) as ws:
        assert [it.number for it in ws.data.versions("data")] == ["v1"]
        assert ws.data.status()[0].state == "unchanged"
        require_whole(ws)


def test_adders_of_many_folders_at_once_all_succeed(tmp_path):
    root = make(tmp_path / "project", ONE)
    with workspace.open_local(root) as ws:
        ws.data.init()
    for number in range(4):
        folders.write(root / f"set{number}", {"x": str(number).encode()})

    def one(number):
        with workspace.open_local(root, agent="user:test") as ws:
            ws.data.add(root / f"set{number}")

    statuses = at_once(*(lambda number=number: one(number) for number in range(4)))
    assert statuses == [0, 0, 0, 0]
    with workspace.open_local(root) as ws:
        assert {out.state for out in ws.data.status()} == {"unchanged"}
        assert len(ws.data.ls()) == 4


def test_a_full_disk_is_said_and_leaves_the_version_where_it_was(tmp_path):
    root = make(tmp_path / "project", ONE)
    before = add(root)
    folders.write(root / "data", {"big": os.urandom(1 << 20)})
    text = (root / "data.dvc").read_text()

    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with workspace.open_local(root, agent="user:test") as ws:
            ws.catalog.last_event()
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))
            with pytest.raises(Unwritable, match="cannot write"):
                ws.data.add(root / "data")

    assert child(full) == 0
    assert (root / "data.dvc").read_text() == text
    with workspace.open_local(root, agent="user:test") as ws:
        assert ws.ref("dataset", "data").target == before.id
        require_whole(ws)
        assert ws.data.add(root / "data").number == "v2"


def test_a_file_that_changes_after_it_was_found_is_a_conflict_and_no_version(tmp_path):
    root = make(tmp_path / "project", ONE)
    with workspace.open_local(root, agent="user:test") as ws:
        ws.data.init()

        class Changing:
            """A store before which somebody writes into the folder, once."""

            def __init__(self, store):
                self.store = store

            def __getattr__(self, name):
                return getattr(self.store, name)

            def part(self, algorithm):
                return Changing(self.store.part(algorithm))

            def take(self, files, algorithm):
                (root / "data" / "a" / "0").write_bytes(b"changed")
                return self.store.take(files, algorithm)

        ws.objects = Changing(ws.objects)
        with pytest.raises(Conflict, match="changed while it was read"):
            ws.data.add(root / "data")
        assert ws.catalog.last_event() == 0
        assert not (root / "data.dvc").exists()


@pytest.mark.slow
def test_twenty_thousand_small_files_are_added_and_come_back(quick):
    files = {f"{i % 100:02}/{i:05}.txt": f"file {i}".encode() for i in range(20_000)}
    root = make(quick / "project", files)
    with workspace.open_local(root, agent="user:test") as ws:
        version = ws.data.add(root / "data")
        assert version.count == 20_000
        (out,) = ws.data.status()
        assert (out.state, out.unchanged) == ("unchanged", 20_000)
        for i in range(0, 20_000, 7):
            (root / "data" / f"{i % 100:02}" / f"{i:05}.txt").unlink()
        (out,) = ws.data.status()
        assert out.deleted == len(range(0, 20_000, 7))
        assert len(out.sample) == 20
        ws.data.checkout()
        assert folders.read(root / "data") == files
        assert ws.objects.get(digest.of(b"file 7", "md5")) == b"file 7"
