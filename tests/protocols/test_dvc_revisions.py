"""An unmodified DVC and we, on what other revisions and repositories have."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.protocols.test_dvc import open_project
from tests.rooms import folders

from cauce.kernel import digest, wire

pytestmark = pytest.mark.peer

KINDS = ("added", "deleted", "modified", "renamed", "not in cache")


def commit(root, message="a change"):
    folders.git(root, "add", "-A")
    folders.git(root, "commit", "-q", "--allow-empty", "-m", message)


def paths(said):
    """Give the paths of a difference by kind, as text."""
    found = {}
    for kind in KINDS:
        rows = [row["path"] for row in said.get(kind, [])]
        found[kind] = sorted(
            f"{row['old']} -> {row['new']}" if isinstance(row, dict) else row for row in rows
        )
    return found


def ours(ws, *words, **named):
    return paths(json.loads(wire.encode(ws.data.diff(*words, **named))))


def theirs(dvc, ws, *words):
    return paths(json.loads(dvc(ws.folder, "diff", "--json", *words).stdout or "{}"))


def same(dvc, ws, *words):
    assert ours(ws, *words) == theirs(dvc, ws, *words)


def test_both_tell_the_same_difference_after_each_edit(dvc, tmp_path, monkeypatch):
    with open_project(tmp_path / "p") as ws:
        root = ws.folder
        monkeypatch.chdir(root)
        dvc(root, "init", "-q")
        same(dvc, ws)
        folders.write(root / "d", {"a": b"1", "b/c": b"2", "b/e": b"2"})
        folders.write(root, {"f": b"x", "g": b"same"})
        dvc(root, "add", "-q", "d", "f", "g")
        commit(root)
        same(dvc, ws)
        folders.write(root / "d", {"a": b"one", "new": b"2"})
        (root / "d/b/c").unlink()
        (root / "g").rename(root / "h")
        dvc(root, "add", "-q", "h")
        same(dvc, ws)
        (root / "g.dvc").unlink()
        same(dvc, ws)
        for target in ("d", "d/a", "d/b", "h"):
            assert ours(ws, targets=(target,)) == theirs(dvc, ws, "--targets", target)
        shutil.rmtree(root / "d")
        (root / "f").unlink()
        folders.write(root / "f", {"in": b"x"})
        dvc(root, "add", "-q", "f")
        same(dvc, ws)
        commit(root)
        same(dvc, ws, "HEAD~1")
        same(dvc, ws, "HEAD~1", "HEAD")
        same(dvc, ws, "HEAD", "HEAD~1")
        same(dvc, ws, "HEAD", "master")


def test_both_tell_the_same_when_folders_cannot_be_read(dvc, tmp_path, monkeypatch):
    with open_project(tmp_path / "p") as ws:
        root = ws.folder
        monkeypatch.chdir(root)
        ws.data.init()
        place = folders.write(root / "d", {"a": b"1", "b/c": b"2"})
        ws.data.add(place)
        commit(root)
        folders.write(root / "d", {"a": b"one"})
        ws.data.add(place)
        commit(root)
        shutil.rmtree(root / ".dvc" / "cache")
        for words in ((), ("HEAD~1",), ("HEAD~1", "HEAD")):
            same(dvc, ws, *words)
        folders.write(root / "d", {"a": b"again"})
        same(dvc, ws)
        assert ours(ws, hide_missing=True) == theirs(dvc, ws, "--hide-missing")


FILES = st.dictionaries(
    st.sampled_from(("a", "b", "c/a", "c/b", "c/d/é", "e/x y")),
    st.sampled_from((b"1", b"2", b"3")),
    min_size=1,
)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FILES, second=FILES, third=FILES)
def test_any_three_folders_differ_alike_for_both(
    dvc, tmp_path_factory, monkeypatch, first, second, third
):
    with open_project(tmp_path_factory.mktemp("any") / "p") as ws:
        root = ws.folder
        monkeypatch.chdir(root)
        ws.data.init()
        for files in (first, second):
            shutil.rmtree(root / "d", ignore_errors=True)
            ws.data.add(folders.write(root / "d", files))
            commit(root)
        shutil.rmtree(root / "d")
        folders.write(root / "d", third)
        same(dvc, ws)
        same(dvc, ws, "HEAD~1")
        same(dvc, ws, "HEAD~1", "HEAD")


def test_we_keep_whatever_dvc_keeps_with_every_scope(dvc, tmp_path):
    with open_project(tmp_path / "p") as ws:
        root = ws.folder
        dvc(root, "init", "-q")
        for number in range(3):
            folders.write(root / "d", {"a": b"%d" % number, "b/c": b"2"})
            folders.write(root, {"f": b"file %d" % number})
            dvc(root, "add", "-q", "d", "f")
            commit(root)
        folders.git(root, "tag", "t", "HEAD~1")
        folders.git(root, "checkout", "-q", "-b", "side", "HEAD~2")
        folders.write(root / "d", {"a": b"never committed"})
        dvc(root, "add", "-q", "d")
        shutil.copytree(root, tmp_path / "copy")
        dvc(tmp_path / "copy", "gc", "-q", "-w", "-a", "-T", "-A", "-f")
        ws.data.gc(workspace=True, all_branches=True, all_tags=True, all_commits=True, force=True)
        cache = ".dvc/cache/files"
        kept = set(folders.read(root / cache))
        assert kept >= set(folders.read(tmp_path / "copy" / cache))
        dvc(root, "checkout", "-q", "-f")
        assert dvc(root, "status", "--json").stdout.strip() == "{}"


def test_dvc_works_beside_a_trash(dvc, tmp_path):
    with open_project(tmp_path / "p") as ws:
        dvc(ws.folder, "init", "-q")
        ws.objects.put([b"loose"], algorithm="md5")
        folders.write(ws.folder / "d", {"a": b"1"})
        dvc(ws.folder, "add", "-q", "d")
        commit(ws.folder)
        for info in list(ws.objects.list("md5")):
            os.utime(ws.objects.path(info.digest), (1, 1))
        assert ws.data.gc(force=True).places[0].count == 1
        dvc(ws.folder, "gc", "-q", "-w", "-f")
        dvc(ws.folder, "remote", "add", "-q", "-d", "far", str(tmp_path / "far"))
        dvc(ws.folder, "push", "-q")
        assert ws.data.gc_undo().count == 1
        assert ws.objects.get(digest.of(b"loose", "md5")) == b"loose"


@pytest.fixture
def source(dvc, tmp_path):
    """A repository of somebody else, with data of DVC's and of git's."""
    root = tmp_path / "source"
    root.mkdir()
    folders.git(root, "init", "-q", "-b", "main")
    dvc(root, "init", "-q")
    folders.write(root / "d", {"a": b"1", "b/c": b"2"})
    folders.write(root, {"f": b"x", "code/run.sh": b"echo", "readme": b"hello"})
    (root / "code/run.sh").chmod(0o755)
    dvc(root, "add", "-q", "d", "f")
    commit(root)
    return root


def test_both_list_a_repository_alike(dvc, tmp_path, source):
    with open_project(tmp_path / "p") as ws:
        for words in ((), ("d",), ("d/b",), ("code",), ("f",)):
            ours = json.loads(wire.encode(ws.data.ls_repo(str(source), *words, rev="main")))
            said = dvc(tmp_path, "ls", "--json", "--rev", "main", str(source), *words).stdout
            plain = [
                {key: row[key] for key in row if not (key == "size" and row["isdir"])}
                for row in ours
            ]
            wanted = [
                {key: row[key] for key in row if not (key == "size" and row["isdir"])}
                for row in json.loads(said)
            ]
            assert plain == wanted, words


def test_an_import_of_ours_is_clean_for_dvc_and_written_alike(dvc, tmp_path, source, monkeypatch):
    with open_project(tmp_path / "p") as ws:
        monkeypatch.chdir(ws.folder)
        ws.data.init()
        ws.data.import_(str(source), "d")
        ws.data.import_(str(source), "f", rev="main", out=Path("g"))
        assert dvc(ws.folder, "status", "--json").stdout.strip() == "{}"
        dvc(ws.folder, "update", "-q", "d.dvc", "g.dvc")
        theirs = tmp_path / "theirs"
        theirs.mkdir()
        folders.git(theirs, "init", "-q")
        dvc(theirs, "init", "-q")
        dvc(theirs, "import", "-q", str(source), "d")
        dvc(theirs, "import", "-q", str(source), "f", "--rev", "main", "-o", "g")
        for name in ("d.dvc", "g.dvc"):
            assert (ws.folder / name).read_text() == (theirs / name).read_text()


def test_an_import_of_dvcs_is_updated_by_us(dvc, tmp_path, source, monkeypatch):
    with open_project(tmp_path / "p") as ws:
        monkeypatch.chdir(ws.folder)
        dvc(ws.folder, "init", "-q")
        dvc(ws.folder, "import", "-q", str(source), "d")
        assert not ws.data.update()[0].changed
        folders.write(source / "d", {"new": b"3"})
        dvc(source, "add", "-q", "d")
        commit(source)
        assert ws.data.update()[0].changed
        assert (ws.folder / "d/new").read_bytes() == b"3"
        assert dvc(ws.folder, "status", "--json").stdout.strip() == "{}"


def test_an_import_url_of_ours_is_clean_for_dvc_and_written_alike(dvc, tmp_path, monkeypatch):
    elsewhere = folders.write(tmp_path / "elsewhere", {"a": b"1", "b/c": b"2"})
    folders.write(tmp_path, {"one": b"1"})
    with open_project(tmp_path / "p") as ws:
        monkeypatch.chdir(ws.folder)
        ws.data.init()
        ws.data.import_url(str(elsewhere))
        ws.data.import_url("../one")
        assert dvc(ws.folder, "status", "--json").stdout.strip() == "{}"
        theirs = tmp_path / "theirs"
        theirs.mkdir()
        folders.git(theirs, "init", "-q")
        dvc(theirs, "init", "-q")
        dvc(theirs, "import-url", "-q", str(elsewhere))
        dvc(theirs, "import-url", "-q", "../one")
        for name in ("elsewhere.dvc", "one.dvc"):
            assert (ws.folder / name).read_text() == (theirs / name).read_text()
        folders.write(elsewhere, {"new": b"3"})
        ws.data.update()
        assert (ws.folder / "elsewhere/new").read_bytes() == b"3"
        assert dvc(ws.folder, "status", "--json").stdout.strip() == "{}"
