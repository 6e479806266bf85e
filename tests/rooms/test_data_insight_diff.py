"""What differs between two versions, for DVC's readers and for people."""

import json
import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers import peer
from tests.protocols.conftest import PINS
from tests.rooms import folders
from tests.rooms.test_data_versions import annotate, md5

from cauce.errors import Damaged, Invalid, NotFound
from cauce.kernel import wire
from cauce.kernel.entities import Entry, Manifest
from cauce.rooms.data.entities import Share
from cauce.rooms.data.insight import differing, labels

DIGITS = {
    "train/1/a.png": b"one",
    "train/1/b.png": b"uno",
    "train/2/c.png": b"two",
    "test/2/d.png": b"zwei",
    "unlabelled/e.png": b"who knows",
    "readme": b"digits",
}


@pytest.fixture
def digits(ws):
    place = folders.write(ws.folder / "digits", DIGITS)
    ws.data.add(place, message="first")
    return place


def change(digits):
    """Change one file in each way that there is."""
    (digits / "train/1/a.png").write_bytes(b"ONE")
    (digits / "train/1/b.png").rename(digits / "train/2/b.png")
    (digits / "unlabelled/e.png").rename(digits / "train/2/e.png")
    (digits / "test/2/d.png").rename(digits / "train/2/d.png")
    (digits / "readme").unlink()
    (digits / "license").write_bytes(b"free")


def test_each_kind_of_change_is_counted_and_named(ws, digits):
    change(digits)
    ws.data.add(digits)
    found = ws.data.diff("digits@v1", "digits")
    counts = found.counts
    assert (counts.added, counts.deleted, counts.modified) == (1, 1, 1)
    assert (counts.renamed, counts.unchanged) == (3, 1)
    assert (counts.relabelled, counts.labelled, counts.resplit) == (1, 1, 2)
    assert [it.file for it in found.added] == ["license"]
    assert [it.path for it in found.deleted] == ["digits/readme"]
    assert [(it.old, it.new, it.file) for it in found.relabelled] == [("1", "2", "train/2/b.png")]
    assert [it.file for it in found.modified] == ["", "train/1/a.png"]
    assert Share(split="train", label="2", count=4) in found.balance_new


def test_equal_versions_differ_in_nothing(ws, digits):
    found = ws.data.diff("digits", "digits@v1")
    assert found.modified == found.added == found.deleted == found.renamed == []
    assert found.counts.unchanged == len(DIGITS)


@pytest.mark.parametrize("limit", [1, 2, 0])
def test_lists_hold_as_many_rows_as_the_limit_says_and_counts_stay(ws, digits, limit):
    for path in DIGITS:
        (digits / path).unlink()
    folders.write(digits, {f"train/3/{n}.png": f"three {n}".encode() for n in range(5)})
    ws.data.add(digits)
    found = ws.data.diff("digits@v1", "digits", limit=limit)
    assert len(found.added) == (limit or 5)
    assert found.counts.added == 5


@pytest.mark.peer
def test_dvc_says_the_same_of_the_same_commits(ws, project):
    python = peer("dvc", PINS)
    folders.git(project, "init", "-q")
    digits = folders.write(project / "digits", DIGITS)
    for step in (lambda: None, lambda: change(digits)):
        step()
        ws.data.add(digits)
        folders.git(project, "add", "-A")
        folders.git(project, "commit", "-q", "-m", "a step")
    said = json.loads(
        subprocess.run(
            [python, "-m", "dvc", "diff", "--json", "HEAD~1", "HEAD"],
            cwd=project, env={**os.environ, "DVC_NO_ANALYTICS": "1"},
            capture_output=True, text=True, check=True,
        ).stdout
    )  # fmt: skip
    ours = json.loads(wire.encode(ws.data.diff("digits@v1", "digits@v2", limit=0)))
    for key in ("added", "deleted", "modified", "renamed", "not in cache"):
        mine = [{"path": row["path"]} for row in ours[key]]
        assert sorted(map(json.dumps, mine)) == sorted(map(json.dumps, said.get(key, []))), key


def test_an_annotation_set_relabels_what_no_folder_did(ws, digits):
    annotate(ws, [(md5(b"one"), "x.png", "7"), (md5(b"who knows"), "e.png", "1")], "first")
    found = ws.data.diff("digits@v1", "digits@v1", labels="annotations:first")
    assert Share(split="train", label="7", count=1) in found.balance_new
    assert Share(split="unlabelled", label="1", count=1) in found.balance_new


def test_a_column_gives_the_class_and_the_others_give_slices(ws):
    table = "path,label,split,site\na.txt,good,train,north\nb.txt,bad,test,south\n"
    files = {"a.txt": b"fine", "b.txt": b"awful", "labels.csv": table.encode()}
    place = folders.write(ws.folder / "reviews", files)
    ws.data.add(place)
    other = table.replace("good,train,north", "bad,train,south").encode()
    (place / "labels.csv").write_bytes(other)
    ws.data.add(place)
    found = ws.data.diff("reviews@v1", "reviews", labels="labels.csv:label")
    assert [(it.file, it.old, it.new) for it in found.relabelled] == [("a.txt", "good", "bad")]
    assert [(it.slice, it.old, it.new) for it in found.slices if it.by == "site"] == [
        ("north", 1, 0),
        ("south", 1, 2),
    ]
    assert Share(split="test", label="bad", count=1) in found.balance_new


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("nowhere.csv:label", NotFound),
        ("readme:label", Damaged),
        ("annotations:nobody", NotFound),
        ("hearsay", Invalid),
        (":", Invalid),
    ],
)
def test_labels_from_nowhere_are_refused(ws, digits, source, error):
    (digits / "readme").write_bytes(b"\xff\xfe\x00")
    ws.data.add(digits)
    with pytest.raises(error):
        ws.data.diff("digits@v1", "digits", labels=source)


def test_a_file_by_itself_has_the_path_of_its_place(ws, project):
    folders.write(project / "data.csv", {"": b"a,b\n"})
    ws.data.add(project / "data.csv")
    folders.write(project / "data.csv", {"": b"a,b\n1,2\n"})
    ws.data.add(project / "data.csv")
    found = ws.data.diff("data.csv@v1", "data.csv")
    assert [it.path for it in found.modified] == ["data.csv"]


@pytest.mark.parametrize(
    ("paths", "places"),
    [
        (["cats/1.png", "dogs/2.png"], [("", "cats"), ("", "dogs")]),
        (["train/1.png", "dogs/2.png"], [("train", ""), ("dogs", "")]),
        (["train/cats/x/1.png", "a"], [("train", "cats"), ("", "")]),
    ],
)
def test_folders_are_read_as_splits_and_classes(paths, places):
    found = labels.folders(paths)
    assert [(found[path].split, found[path].label) for path in paths] == places


def one_side(files):
    entries = [
        Entry(path=path, digest=md5(data), size=len(data)) for path, data in sorted(files.items())
    ]
    tree = Manifest(kind="dataset", entries=tuple(entries))
    return differing.Side(tree, labels.Labels(labels.folders(list(files))))


NAMES = st.sampled_from(["a", "b", "train/1/c", "train/2/c", "test/1/c", "train/2/d"])
FILES = st.dictionaries(NAMES, st.sampled_from([b"1", b"2", b"3"]))


@given(FILES, FILES)
def test_applying_a_difference_to_the_old_files_gives_the_new_ones(old, new):
    had, has = one_side(old), one_side(new)
    found = differing.compare(had, has)
    names = {path: md5(data) for path, data in old.items()}
    for gone in found.deleted:
        del names[gone.file]
    moved = {it.new: names.pop(it.old) for it in found.renamed}
    names |= moved
    names |= {it.file: it.digest for it in (*found.added, *found.modified) if it.file}
    assert names == {path: md5(data) for path, data in new.items()}
    counts = found.counts
    assert counts.added + counts.modified + counts.renamed + counts.unchanged == len(new)
    assert counts.deleted + counts.modified + counts.renamed + counts.unchanged == len(old)


@given(FILES, FILES)
def test_what_one_way_adds_the_other_way_deletes(old, new):
    there = differing.compare(one_side(old), one_side(new)).counts
    back = differing.compare(one_side(new), one_side(old)).counts
    assert (there.added, there.deleted) == (back.deleted, back.added)
    assert (there.modified, there.renamed, there.unchanged) == (
        back.modified,
        back.renamed,
        back.unchanged,
    )
