"""What goes wrong with a file: damage, full and read-only disks, killed writers."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cauce.adapters.catalogs.sqlite import open_catalog
from cauce.errors import Conflict, Damaged, Invalid, Unavailable, Unwritable
from cauce.kernel.entities import Commit, Note
from cauce.testing.catalog_suite import move, run, used, version

URL = "sqlite:///catalog.db"
NOTE = Commit(notes=(Note(kind="n", subject="s", data={"text": "x" * 500}),))


def fill(root: Path, commits: int = 30) -> None:
    with closing(open_catalog(URL, root)) as catalog:
        for _ in range(commits):
            catalog.commit(NOTE)


@pytest.mark.parametrize("content", [b"not a database at all" * 99, b"SQLite format 3\0" + b"\0"])
def test_a_file_that_is_no_catalogue_is_damaged(tmp_path, content):
    (tmp_path / "catalog.db").write_bytes(content)
    with pytest.raises(Damaged, match=r"catalog\.db is damaged"):
        open_catalog(URL, tmp_path)
    assert (tmp_path / "catalog.db").read_bytes() == content


def test_a_harmed_page_is_found(tmp_path):
    fill(tmp_path)
    path = tmp_path / "catalog.db"
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(Damaged), closing(open_catalog(URL, tmp_path)) as catalog:
        assert catalog.check() == []


def test_a_truncated_file_is_found(tmp_path):
    fill(tmp_path)
    path = tmp_path / "catalog.db"
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)
    with pytest.raises(Damaged), closing(open_catalog(URL, tmp_path)) as catalog:
        assert catalog.check() == []


def test_another_programs_database_is_left_alone(tmp_path):
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as other:
        other.execute("CREATE TABLE events (x)")
        other.commit()
    with pytest.raises(Invalid, match="tables of another program"):
        open_catalog(URL, tmp_path)
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("events",)]


def test_a_full_disk_leaves_everything_as_it_was(tmp_path):
    with closing(open_catalog(URL, tmp_path)) as catalog:
        catalog.commit(NOTE)
        pages = catalog.query("PRAGMA page_count")[0][0]
        assert catalog.query(f"PRAGMA max_page_count = {pages}") == [(pages,)]
        done = [1]
        with pytest.raises(Unwritable, match="disk is full"):
            done.extend(catalog.commit(NOTE).seq for _ in range(1000))
        assert catalog.last_event() == done[-1] < 1000
        assert catalog.check() == []
        catalog.query("PRAGMA max_page_count = 100000")
        assert catalog.commit(NOTE).seq == done[-1] + 1


@contextmanager
def nobody() -> Iterator[Path]:
    """A folder, and the right to write in it taken away as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="cauce-ro-"))
    root = os.geteuid() == 0
    try:
        fill(folder, 3)
        for path in (*folder.iterdir(), folder):
            path.chmod(0o555)
        if root:
            os.seteuid(65534)
        yield folder
    finally:
        if root:
            os.seteuid(0)
        for path in (folder, *folder.iterdir()):
            path.chmod(0o755)
        shutil.rmtree(folder)


def test_a_read_only_folder_can_be_read_but_not_written():
    with nobody() as folder, closing(open_catalog(URL, folder)) as catalog:
        assert catalog.last_event() == 3
        with pytest.raises(Unwritable, match="read-only"):
            catalog.commit(NOTE)
        assert catalog.last_event() == 3
        with pytest.raises(Unwritable, match="cannot be made"):
            open_catalog("sqlite:///new/catalog.db", folder)


def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path):
    (tmp_path / "catalog.db").mkdir()
    with pytest.raises(Unavailable, match="cannot be opened"):
        open_catalog(URL, tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite://host/x",
        "sqlite:///x?timeout=soon",
        "sqlite:///x?mode=1",
    ],
)
def test_an_address_without_a_file_is_refused(tmp_path, url):
    with pytest.raises(Invalid):
        open_catalog(url, tmp_path)


def test_a_closed_catalogue_says_so(tmp_path):
    catalog = open_catalog(URL, tmp_path)
    catalog.close()
    with pytest.raises(Unavailable, match="closed"):
        catalog.last_event()


def test_a_forked_child_uses_connections_of_its_own(tmp_path):
    with closing(open_catalog(URL, tmp_path)) as catalog:
        catalog.commit(NOTE)
        child = os.fork()
        if child == 0:
            try:
                catalog.commit(NOTE)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert catalog.commit(NOTE).seq == 3
        assert catalog.check() == []


def test_a_log_cut_at_any_length_shows_whole_commits_only(tmp_path):
    """A power loss may cut the write-ahead log anywhere; each cut gives some earlier moment."""
    live = tmp_path / "live"
    live.mkdir()
    one, two, maker = version(1), version(2), run()
    with closing(open_catalog(URL, live)) as catalog:
        catalog.query("PRAGMA wal_checkpoint(TRUNCATE)")
        commits = [
            Commit(versions=(one,), moves=(move(one),), runs=(maker,), edges=(used(maker, one),)),
            Commit(versions=(two,), moves=(move(two, expect=one.id),)),
            Commit(moves=(move(None),), notes=(Note(kind="n", subject="s"),)),
        ]
        ends = [catalog.commit(commit).seq for commit in commits]
        base = (live / "catalog.db").read_bytes()
        log = (live / "catalog.db-wal").read_bytes()
    seen = set()
    frame = 24 + 4096
    cuts = {32 + frame * number + extra for number in range(len(log) // frame) for extra in (0, 9)}
    for cut in sorted({0, 7, 31, *cuts, len(log) - 1, len(log)}):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        (folder / "catalog.db").write_bytes(base)
        (folder / "catalog.db-wal").write_bytes(log[:cut])
        with closing(open_catalog(URL, folder)) as catalog:
            assert catalog.check() == []
            seen.add(catalog.last_event())
        shutil.rmtree(folder)
    assert seen == {0, *ends}


KILLED = '''
import os, signal, sys
from contextlib import closing
from pathlib import Path
from cauce.adapters.catalogs.sqlite import open_catalog
from cauce.kernel.entities import Commit
from cauce.testing.catalog_suite import generated, job, move, run, used, version

root, url = Path(sys.argv[1]), "sqlite:///catalog.db"

def commits():
    one, two = version(1), version(2)
    add, train = run(), run(status="running")
    yield Commit(versions=(one,), runs=(add,), edges=(generated(add, one),), moves=(move(one),))
    yield Commit(versions=(two,), runs=(train,), edges=(used(train, one), generated(train, two)),
                 moves=(move(two), move(two, "v2", expect=None)), jobs=(job(key="k"),))

def child(point, log):
    """Die at the n-th call into SQLite: before it where n is even, after it where n is odd."""
    calls = 0
    def watch(frame, event, arg):
        nonlocal calls
        if event in ("c_call", "c_return") and arg.__name__ == "execute":
            calls += 1
            if calls == point:
                os.kill(os.getpid(), signal.SIGKILL)
    catalog = open_catalog(url, root / str(point))
    sys.setprofile(watch)
    for commit in commits():
        receipt = catalog.commit(commit)
        os.write(log, b"%d\\n" % receipt.seq)

point, killed = 0, True
while killed:
    point += 1
    reader, log = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(point, log)
        os._exit(0)
    os.close(log)
    told = [int(line) for line in os.fdopen(reader).read().split()]
    killed = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    with closing(open_catalog(url, root / str(point))) as catalog:
        faults, last = catalog.check(), catalog.last_event()
        assert not faults, (point, faults)
        assert last >= max(told, default=0), (point, last, told)
        assert last in (0, 4, 9), (point, last)
        assert len(catalog.refs()) == {0: 0, 4: 1, 9: 2}[last]
        catalog.commit(Commit(moves=(move(None),)))
print(point)
'''


def test_a_writer_killed_at_any_point_leaves_whole_commits_only():
    quick = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a kill needs no real disk
    with tempfile.TemporaryDirectory(dir=quick) as folder:
        done = subprocess.run(
            [sys.executable, "-c", KILLED, folder], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60


RACER = """
import sys
from pathlib import Path
from cauce.adapters.catalogs.sqlite import open_catalog
from cauce.errors import Conflict
from cauce.kernel.entities import Commit
from cauce.testing.catalog_suite import move, version
catalog = open_catalog("sqlite:///catalog.db", Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
won = 0
for number in range(1, 31):
    try:
        catalog.commit(Commit(moves=(move(version(number), f"v{number}", expect=None),)))
        won += 1
    except Conflict:
        pass
print(won, flush=True)
"""


def test_of_two_processes_one_gets_each_number(tmp_path):
    with closing(open_catalog(URL, tmp_path)) as catalog:
        catalog.commit(Commit(versions=tuple(version(number) for number in range(31))))
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", RACER, str(tmp_path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        won = [int(racer.communicate(timeout=60)[0]) for racer in racers]
        assert sum(won) == 30
        assert len(catalog.history("dataset", "digits")) == 30
        assert catalog.check() == []
        with pytest.raises(Conflict):
            catalog.commit(Commit(moves=(move(version(2), "v1", expect=None),)))
