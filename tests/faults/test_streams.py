"""Streams under kills, full disks and several processes at once: nothing torn, lost or doubled."""

import mmap
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cauce.kernel.telemetry import Streams, compact
from cauce.testing import kill

NAME = "predictions/prod"
RUN = "metrics/run"


def content(streams: Streams, name: str = NAME) -> list[dict]:
    return [record for _, record in streams.read(name)]


def test_what_was_flushed_before_a_kill_is_read_after_it(tmp_path):
    told = mmap.mmap(-1, 4)

    def work(folder: Path):
        def append() -> None:
            told[:] = bytes(4)
            streams = Streams(folder)
            with streams.writer(NAME) as writer, streams.points(RUN) as points:
                for n in range(5):
                    writer.append({"n": n})
                    writer.flush()
                    points.append("k", n, n, 1.0)
                    points.flush()
                    told[:] = struct.pack("<I", n + 1)

        return append

    total = kill.count(work(tmp_path / "whole"))
    assert total > 15
    for n in range(1, total + 1):
        folder = tmp_path / str(n)
        assert kill.kill_at(work(folder), n)
        (acknowledged,) = struct.unpack("<I", told[:])
        streams = Streams(folder)
        found = [record["n"] for record in content(streams)]
        assert found == list(range(len(found)))
        assert acknowledged <= len(found) <= acknowledged + 1
        assert streams.keys(RUN)["k"].count >= acknowledged if acknowledged else True
        assert streams.check() == []
        for name in (NAME, RUN):
            streams.compact(name)
        assert [record["n"] for record in content(streams)] == found
        streams.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A stream of records and one of points, part compacted, part in segments of dead writers."""
    root = tmp_path_factory.mktemp("written")
    streams = Streams(root)
    for part in range(compact.SMALL_FILES + 2):
        with streams.writer(NAME) as writer, streams.points(RUN) as points:
            for n in range(20):
                writer.append({"id": f"{part}-{n}", "n": part * 20 + n})
                points.append("k", part * 20 + n, n % 3, 1.0)
        if part < compact.SMALL_FILES:
            streams.compact(NAME)
        if part == 1:
            streams.compact(RUN)
    streams.close()
    return root


@pytest.mark.parametrize("name", [NAME, RUN])
def test_a_compaction_that_is_killed_loses_and_doubles_nothing(tmp_path, written, name):
    before = Streams(written)
    records = list(before.read(name))
    assert len(records) == 200
    summary = before.keys(RUN)
    line = before.series(RUN, "k")
    before.close()

    def work(folder: Path):
        return lambda: Streams(folder).compact(name)

    whole = tmp_path / "whole"
    shutil.copytree(written, whole)
    events = kill.trace(work(whole))
    assert {"fsync", "rename", "unlink"} <= set(events)
    clean = {path.suffix for path in (whole / name).iterdir()}
    for n in range(1, len(events) + 1):
        folder = tmp_path / str(n)
        shutil.copytree(written, folder)
        assert kill.kill_at(work(folder), n)
        streams = Streams(folder)
        assert list(streams.read(name)) == records
        assert streams.check() == []
        streams.compact(name)
        assert list(streams.read(name)) == records
        assert (streams.keys(RUN), streams.series(RUN, "k")) == (summary, line)
        left = list((folder / name).iterdir())
        assert {path.suffix for path in left} == clean
        assert len(left) == len(list((whole / name).iterdir()))
        streams.close()


WRITER = """
import sys
from pathlib import Path
from cauce.kernel.telemetry import Streams
streams = Streams(Path(sys.argv[1]))
writer, points = streams.writer("predictions/prod"), streams.points("metrics/run")
n = 0
for _ in sys.stdin:
    for n in range(n + 1, n + 101):
        writer.append({"who": sys.argv[2], "n": n})
        points.append(sys.argv[2], float(n), n)
    writer.flush()
    points.flush()
    print(n, flush=True)
"""


def test_killed_processes_with_readers_and_compactions_beside_them_tear_nothing(tmp_path):
    def start(who: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=1,
            text=True,
        )

    streams = Streams(tmp_path)
    children = {who: start(who) for who in "ab"}
    said = {}
    try:
        for round in range(4):
            for child in children.values():
                child.stdin.write("\n" * 10)
            streams.compact(NAME)
            streams.compact(RUN)
            once = content(streams)
            assert len({(r["who"], r["n"]) for r in once}) == len(once)
            if round == 1:
                children["c"] = start("c")
        for child in children.values():
            child.stdin.write("\n" * 300)
            child.stdout.readline()
    finally:
        for who, child in children.items():
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split()
            said[who] = int(rest[-1]) if rest else 0
            child.wait()
            child.stdout.close()
            child.stdin.detach().detach().close()
    for _ in range(2):
        for who, acknowledged in said.items():
            mine = [record["n"] for record in content(streams) if record["who"] == who]
            assert mine == list(range(1, len(mine) + 1))
            assert len(mine) >= acknowledged
            assert streams.keys(RUN)[who].count >= acknowledged
            values = streams.series(RUN, who, points=10**7).values
            assert values == [float(n) for n in range(1, len(values) + 1)]
        assert streams.check() == []
        streams.compact(NAME)
        streams.compact(RUN)
    assert not list(tmp_path.rglob("*.seg"))
    streams.close()


def in_a_child_with_files_of(limit: int, work) -> None:
    """Run work where files cannot grow beyond a size, as on a full disk."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            work()
            code = 0
        except BaseException as error:
            sys.stderr.write(repr(error))
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def test_a_full_disk_is_told_and_what_was_written_stays(tmp_path):
    def work() -> None:
        streams = Streams(tmp_path)
        writer = streams.writer(NAME)
        for n in range(10):
            writer.append({"n": n})
        writer.flush()
        writer.append({"n": 10, "text": "x" * 5000})
        for _ in range(2):
            with pytest.raises(OSError, match="File too large"):
                writer.flush()

    in_a_child_with_files_of(4096, work)
    streams = Streams(tmp_path)
    assert [record["n"] for record in content(streams)] == list(range(10))
    assert streams.check() == []
    streams.close()


@pytest.mark.parametrize("name", [NAME, RUN])
def test_a_full_disk_during_a_compaction_changes_nothing(tmp_path, written, name):
    root = tmp_path / "root"
    shutil.copytree(written, root)
    before = {path.name: path.stat().st_size for path in (root / name).iterdir()}

    def work() -> None:
        with pytest.raises(OSError, match=r"File too large|errno 27"):
            Streams(root).compact(name)

    in_a_child_with_files_of(400, work)
    after = {path.name: path.stat().st_size for path in (root / name).iterdir()}
    assert after == before | {"compact.lock": 0}
    streams = Streams(root)
    assert len(content(streams, name)) == 200
    streams.compact(name)
    assert len(content(streams, name)) == 200
    streams.close()
