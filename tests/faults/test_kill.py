"""The harness that kills: it counts what changes the disk, and kills exactly there."""
# Every way to write counts, not only pathlib's:
# ruff: noqa: PTH105, PTH123, PTH208

import os
import sqlite3
import sys
from pathlib import Path

import pytest

from cauce.testing import kill

SCRIPT = """
import os, sys
from pathlib import Path
folder = Path(sys.argv[1])
(folder / "a.tmp").write_text("0123456789")
os.replace(folder / "a.tmp", folder / "a")
with open(folder / "b", "w") as stream:
    stream.write("b" * 10)
"""


def steps(folder: Path) -> None:
    (folder / "a.tmp").write_text("0123456789")
    os.replace(folder / "a.tmp", folder / "a")
    with open(folder / "b", "w") as stream:
        stream.write("b" * 10)


def left(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(folder.iterdir())}


EXPECTED = [
    {},
    {"a.tmp": "01234"},
    {"a.tmp": "0123456789"},
    {"a": "0123456789"},
    {"a": "0123456789", "b": "bbbbb"},
    {"a": "0123456789", "b": "bbbbbbbbbb"},
]


@pytest.mark.parametrize("kind", ["function", "command", "script"])
def test_each_event_leaves_what_was_done_before_it(tmp_path, kind):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def work(folder: Path) -> kill.Work:
        if kind == "function":
            return lambda: steps(folder)
        return ["-c", SCRIPT, str(folder)] if kind == "command" else [str(script), str(folder)]

    folders = [tmp_path / str(n) for n in range(7)]
    for folder in folders:
        folder.mkdir()
    names = kill.trace(work(folders[0]))
    assert names == ["open", "write", "replace", "open", "write"]
    for n in range(1, 7):
        assert kill.kill_at(work(folders[n]), n) == (n < 6)
        assert left(folders[n]) == EXPECTED[n - 1]


def test_a_transaction_that_is_killed_is_not_there(tmp_path):
    def work(file: Path):
        def insert():
            connection = sqlite3.connect(file, isolation_level=None)
            connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(100)])
            connection.execute("COMMIT")
            connection.close()

        return insert

    names = kill.trace(work(tmp_path / "whole"))
    assert "sqlite COMMIT" in names
    assert "sqlite step" in names
    for n in kill.sample(len(names), 12, seed=1):
        file = tmp_path / f"db{n}"
        assert kill.kill_at(work(file), n)
        with sqlite3.connect(file) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
            rows = connection.execute("SELECT count(*) FROM t").fetchone()[0] if tables else 0
        connection.close()
        assert rows == 0


def test_reading_is_no_event(tmp_path):
    (tmp_path / "a").write_text("a")
    assert kill.count(lambda: [(tmp_path / "a").read_text(), os.listdir(tmp_path)]) == 0


def test_work_that_fails_by_itself_is_an_error(capfd):
    with pytest.raises(RuntimeError, match="failed by itself"):
        kill.count(lambda: 1 / 0)
    assert "ZeroDivisionError" in capfd.readouterr().err
    with pytest.raises(RuntimeError, match="failed by itself"):
        kill.kill_at(["-c", "import sys; sys.exit(3)"], 1)


def test_a_module_is_run_with_its_arguments(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"")
    names = kill.trace(["-m", "zipfile", "-c", "x.zip", "a.zip"], cwd=tmp_path)
    assert names[0] == "open"
    assert (tmp_path / "x.zip").exists()


def test_environment_and_folder_reach_the_work(tmp_path):
    code = "import os; open(os.environ['NAME'], 'w').close()"
    assert kill.count(["-c", code], cwd=tmp_path, env={"NAME": "made"}) == 1
    assert kill.count(lambda: exec(code), cwd=tmp_path, env={"NAME": "made too"}) == 1
    assert {file.name for file in tmp_path.iterdir()} == {"made", "made too"}
    assert "NAME" not in os.environ


def test_samples_are_repeatable_and_within_the_events():
    assert kill.sample(5, 10, seed=1) == [1, 2, 3, 4, 5]
    chosen = kill.sample(1000, 50, seed=1)
    assert chosen == kill.sample(1000, 50, seed=1)
    assert len(set(chosen)) == 50
    assert chosen[0] >= 1
    assert chosen[-1] <= 1000
    assert chosen != kill.sample(1000, 50, seed=2)


def test_this_process_is_not_armed():
    assert os.write.__module__ == "posix"
    assert sys.modules["sqlite3"].connect is sqlite3.connect
