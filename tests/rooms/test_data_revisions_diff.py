"""Differences between git revisions, versions and the work tree."""

import pytest
from tests.rooms import folders

from cauce.errors import Invalid, NotFound


@pytest.fixture
def repo(ws, monkeypatch):
    """A data set with two commits, and a change in the work tree."""
    folders.git(ws.folder, "init", "-q", "-b", "main")
    monkeypatch.chdir(ws.folder)
    place = ws.folder / "pets"
    folders.write(place, {"train/cat/1": b"1", "train/cat/2": b"2", "test/cat/3": b"3"})
    ws.data.add(place)
    commit(ws.folder)
    (place / "train/dog").mkdir()
    (place / "train/cat/1").rename(place / "train/dog/1")
    ws.data.add(place)
    commit(ws.folder)
    (place / "train/cat/2").write_bytes(b"two")
    return ws.folder


def commit(root):
    folders.git(root, "add", "-A")
    folders.git(root, "commit", "-q", "-m", "a change")


def test_without_words_head_is_compared_with_the_work_tree(ws, repo):
    found = ws.data.diff()
    assert [it.path for it in found.modified] == ["pets/", "pets/train/cat/2"]
    assert (found.counts.modified, found.counts.unchanged) == (1, 2)
    assert found.before.startswith("HEAD (")
    assert found.after == "the work tree"


def test_classes_follow_the_folders_of_each_revision(ws, repo):
    found = ws.data.diff("HEAD~1", "main")
    assert [(it.old, it.new) for it in found.relabelled] == [("cat", "dog")]
    assert [(it.path.old, it.path.new) for it in found.renamed] == [
        ("pets/train/cat/1", "pets/train/dog/1")
    ]
    assert {(it.split, it.label): it.count for it in found.balance_new} == {
        ("test", "cat"): 1,
        ("train", "cat"): 1,
        ("train", "dog"): 1,
    }


def test_a_version_is_compared_with_the_work_tree_at_its_place(ws, repo):
    found = ws.data.diff("pets@v2")
    assert [it.path for it in found.modified if it.file] == ["pets/train/cat/2"]
    assert found.old.number == "v2"
    assert found.new is None


def test_versions_are_compared_as_before(ws, repo):
    assert ws.data.diff("pets@v1", "pets").counts.renamed == 1


def test_what_is_in_neither_is_an_error(ws, repo):
    with pytest.raises(NotFound, match="nothing is versioned in neither"):
        ws.data.diff(targets=("nothing",))
    with pytest.raises(NotFound, match="no revision 'nowhere'"):
        ws.data.diff("nowhere")
    with pytest.raises(Invalid, match="is not inside the project"):
        ws.data.diff(targets=("..",))


def test_a_server_does_not_look_at_its_own_work_tree_for_others(ws, repo):
    from cauce.kernel import operation

    found = operation.find("data.diff")
    assert found.at_home({"old": "HEAD", "new": None})
    assert found.at_home({})
    assert found.at_home({"old": "HEAD@{1}", "new": "main"})
    assert not found.at_home({"old": "pets@v1", "new": "pets"})
