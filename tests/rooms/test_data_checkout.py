"""Checkout: what comes back, and what is never lost."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rooms import folders

from cauce.errors import Conflict, Damaged, Invalid, NotFound, Unsupported
from cauce.kernel import digest, publish
from cauce.kernel.entities import Commit, Digest, Entry, Manifest
from cauce.rooms.data import worktree

ONE = {"a": b"1", "b/c": b"2", "b/d": b"3"}
TWO = {"a": b"one", "b/c": b"2", "e": b"4"}


@pytest.fixture
def data(ws):
    """A data set with two versions; the work tree has the second."""
    place = folders.write(ws.folder / "data", ONE)
    ws.data.add(place)
    shutil.rmtree(place)
    folders.write(place, TWO)
    ws.data.add(place)
    return place


def object_file(ws, data):
    return ws.objects.path(digest.of(data, "md5"))


def test_a_deleted_folder_comes_back_as_its_dvc_file_says(ws, data):
    shutil.rmtree(data)
    (out,) = ws.data.checkout().outs
    assert folders.read(data) == TWO
    assert (out.path, out.written, out.removed, out.unchanged) == ("data", 3, 0, 0)


def test_restored_files_are_writable_copies(ws, data):
    shutil.rmtree(data)
    ws.data.checkout()
    (data / "a").write_bytes(b"changed")
    assert ws.objects.get(digest.of(b"one", "md5")) == b"one"


def test_a_checkout_of_what_is_there_touches_no_file(ws, data):
    before = {path: path.stat().st_ino for path in data.rglob("*")}
    (out,) = ws.data.checkout().outs
    assert {path: path.stat().st_ino for path in data.rglob("*")} == before
    assert (out.written, out.removed, out.unchanged) == (0, 0, 3)


@pytest.mark.parametrize("spec", ["v1", "data@v1"])
def test_another_version_brings_its_folder_and_its_dvc_file(ws, data, spec):
    (out,) = ws.data.checkout((data,), version=spec).outs
    assert folders.read(data) == ONE
    assert out.version == "data@v1"
    (status,) = ws.data.status()
    assert (status.state, status.version) == ("unchanged", "data@v1")
    ws.data.checkout(version="data@main")
    assert folders.read(data) == TWO


def test_a_version_comes_to_a_work_tree_that_never_had_it(ws, data):
    shutil.rmtree(data)
    (ws.folder / "data.dvc").unlink()
    ws.data.checkout(version="data@v1")
    assert folders.read(data) == ONE
    assert ws.data.status()[0].version == "data@v1"


def test_folders_that_a_version_does_not_have_go_when_they_are_empty(ws, data):
    ws.data.checkout(version="data@v1")
    (data / "b" / "d").unlink()
    (data / "b" / "c").unlink()
    (data / "b").rmdir()
    folders.write(data, {"x/y/z": b"2"})
    ws.data.add(data)
    ws.data.checkout(version="data@v1")
    assert not (data / "x").exists()


def test_a_change_in_no_version_is_not_overwritten(ws, data):
    (data / "a").write_bytes(b"hours of work")
    with pytest.raises(Conflict, match="data/a would be replaced") as caught:
        ws.data.checkout()
    assert "cauce data add" in caught.value.hint
    assert folders.read(data) == {**TWO, "a": b"hours of work"}


def test_force_throws_such_a_change_away(ws, data):
    (data / "a").write_bytes(b"rubbish")
    folders.write(data, {"more": b"rubbish too"})
    ws.data.checkout(force=True)
    assert folders.read(data) == TWO


def test_a_new_file_in_no_version_is_kept_and_named(ws, data):
    folders.write(data, {"notes": b"mine"})
    (out,) = ws.data.checkout((data,), version="v1").outs
    assert folders.read(data) == {**ONE, "notes": b"mine"}
    assert out.kept == ("data/notes",)


def test_a_new_file_in_the_way_of_a_folder_is_a_conflict(ws, data):
    shutil.rmtree(data / "b")
    (data / "b").write_bytes(b"mine")
    with pytest.raises(Conflict, match="data/b would be replaced"):
        ws.data.checkout()
    assert (data / "b").read_bytes() == b"mine"
    ws.data.checkout(force=True)
    assert folders.read(data) == TWO


def test_a_new_file_in_a_folder_in_the_way_of_a_file_is_a_conflict(ws, data):
    (data / "a").unlink()
    folders.write(data, {"a/mine": b"mine"})
    with pytest.raises(Conflict, match="data/a/mine would be replaced"):
        ws.data.checkout()
    ws.data.checkout(force=True)
    assert folders.read(data) == TWO


def test_a_stored_file_in_the_way_of_a_folder_gives_way(ws, data):
    shutil.rmtree(data / "b")
    (data / "b").write_bytes(b"1")  # version 1 has these bytes
    ws.data.checkout()
    assert folders.read(data) == TWO


def test_an_empty_folder_in_the_way_of_a_file_gives_way(ws, data):
    (data / "a").unlink()
    (data / "a" / "x").mkdir(parents=True)
    ws.data.checkout()
    assert folders.read(data) == TWO


def test_an_ignored_file_in_the_way_of_a_file_is_a_conflict(ws, data):
    (ws.folder / ".dvcignore").write_text("*.tmp\n")
    (data / "a").unlink()
    folders.write(data, {"a/x.tmp": b"mine"})
    with pytest.raises(Conflict, match="cannot be written"):
        ws.data.checkout()
    assert (data / "a" / "x.tmp").read_bytes() == b"mine"


def test_a_file_where_the_folder_was_is_a_conflict_until_forced(ws, data):
    shutil.rmtree(data)
    data.write_bytes(b"mine")
    with pytest.raises(Conflict, match="data would be replaced"):
        ws.data.checkout()
    ws.data.checkout(force=True)
    assert folders.read(data) == TWO


def test_missing_objects_stop_a_checkout_before_anything_is_touched(ws, data):
    ws.objects.delete([digest.of(b"3", "md5")])
    with pytest.raises(NotFound, match="first that of data/b/d"):
        ws.data.checkout((data,), version="v1")
    assert folders.read(data) == TWO
    assert ws.data.status()[0].version == "data@v2"


def test_a_damaged_object_is_noticed_and_never_comes_out(ws, data):
    shutil.rmtree(data)
    file = object_file(ws, b"one")
    file.chmod(0o644)
    file.write_bytes(b"0ne")
    file.chmod(0o444)
    with pytest.raises(Damaged):
        ws.data.checkout()
    assert b"0ne" not in folders.read(data).values()


def test_a_file_whose_stored_copy_is_damaged_counts_as_unsaved(ws, data):
    file = object_file(ws, b"4")
    file.chmod(0o644)
    file.write_bytes(b"5")
    file.chmod(0o444)
    (out,) = ws.data.checkout((data,), version="v1").outs
    assert out.kept == ("data/e",)
    assert (data / "e").read_bytes() == b"4"


def test_nothing_is_written_through_a_link_to_another_folder(ws, data, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(data / "b")
    (data / "b").symlink_to(outside)
    with pytest.raises(Conflict):
        ws.data.checkout()
    ws.data.checkout(force=True)
    assert list(outside.iterdir()) == []
    assert folders.read(data) == TWO


def test_a_data_folder_that_became_a_link_out_of_the_project_is_not_written(ws, data, tmp_path):
    outside = folders.write(tmp_path / "outside", {"x": b"1"})
    shutil.rmtree(data)
    data.symlink_to(outside)
    with pytest.raises(Conflict):
        ws.data.checkout()
    assert folders.read(outside) == {"x": b"1"}


@pytest.mark.parametrize("path", ["../escape", "/escape", ".git/x", "a/../../escape", ""])
def test_a_version_whose_place_leaves_the_project_is_refused(ws, data, path):
    tree = ws.manifest(ws.ref("dataset", "data").target)
    hostile = Manifest(kind="dataset", entries=tree.entries, labels={**tree.labels, "path": path})
    publish.publish(ws, ws.put_manifest(hostile, "evil"), Commit(), prefix="v", aliases=("main",))
    with pytest.raises(Invalid, match=r"leaves the project|own folder"):
        ws.data.checkout(version="evil@v1")


def test_a_version_of_other_sums_cannot_be_checked_out(ws, data):
    name = ws.objects.put([b"x"])[0]
    tree = Manifest(
        kind="dataset", entries=(Entry(path="x", digest=name, size=1),), labels={"path": "far"}
    )
    publish.publish(ws, ws.put_manifest(tree, "far"), Commit(), prefix="v", aliases=("main",))
    with pytest.raises(Unsupported, match="sha256"):
        ws.data.checkout(version="far@v1")


def test_a_hostile_dir_object_is_refused_before_anything_is_touched(ws, data):
    text = b'[{"md5": "%s", "relpath": "../../escape"}]' % (b"0" * 32)
    name = Digest(f"{digest.of(text, 'md5')}.dir")
    file = folders.write(ws.folder / "listing", {"": text})
    ws.objects.put_files([file], digests=[name])
    (ws.folder / "data.dvc").write_text(
        f"outs:\n- md5: {name.partition(':')[2]}\n  hash: md5\n  path: data\n"
    )
    with pytest.raises(Damaged, match="safe relative path"):
        ws.data.checkout()
    assert folders.read(data) == TWO


def test_versions_must_be_named_so_that_one_is_meant(ws, data):
    with pytest.raises(Invalid, match="of which data set"):
        ws.data.checkout(version="v1")
    with pytest.raises(NotFound, match="no data set lies at"):
        ws.data.checkout((ws.folder / "other",), version="v1")
    with pytest.raises(NotFound, match="no dataset data@v9") as caught:
        ws.data.checkout((data,), version="v9")
    assert caught.value.hint == "known: data@main, data@v1, data@v2"
    with pytest.raises(Invalid, match="lies at data, not at other"):
        ws.data.checkout((ws.folder / "other",), version="data@v1")


def test_a_version_of_a_file_by_itself_comes_back(ws):
    file = folders.write(ws.folder / "table.csv", {"": b"a,b\n"})
    ws.data.add(file)
    file.write_bytes(b"a,b,c\n")
    ws.data.add(file)
    ws.data.checkout((file,), version="v1")
    assert file.read_bytes() == b"a,b\n"
    assert ws.data.status()[0].version == "table.csv@v1"


def test_links_into_the_cache_that_dvc_made_are_unchanged_and_never_written_through(ws, data):
    stored = object_file(ws, b"one")
    (data / "a").unlink()
    (data / "a").symlink_to(stored)
    (data / "e").unlink()
    os.link(object_file(ws, b"4"), data / "e")
    assert ws.data.status()[0].state == "unchanged"
    ws.data.checkout((data,), version="v1")
    assert folders.read(data) == ONE
    assert stored.read_bytes() == b"one"


def test_restored_files_are_not_read_again_and_a_change_at_once_is_seen(ws, data):
    shutil.rmtree(data)
    ws.data.checkout()
    found = worktree.scan(ws.folder, "data")
    assert (found.count, found.unknown) == (len(found.files), 0)
    (data / "a").write_bytes(b"ONE")  # as long as before, perhaps in the same tick
    assert ws.data.status()[0].modified == 1


def test_nothing_of_a_checkout_stays_beside_the_data(ws, data):
    shutil.rmtree(data)
    ws.data.checkout()
    assert list((ws.folder / ".cauce" / "tmp").iterdir()) == []


def test_what_a_killed_checkout_left_a_day_ago_is_swept(ws, data):
    left = folders.write(ws.folder / ".cauce" / "tmp" / "checkout-old", {"0": b"half"})
    os.utime(left, (0, 0))
    shutil.rmtree(data)
    ws.data.checkout()
    assert not left.exists()


TREES = st.dictionaries(
    st.sampled_from(["a", "b", "a/x", "a/y", "b/z/w", "c"]), st.binary(max_size=2), min_size=1
).filter(
    lambda tree: not any(f"{one}/" in f"{two}/" and one != two for one in tree for two in tree)
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(versions=st.lists(TREES, min_size=2, max_size=4))
def test_every_version_comes_back_from_every_other(ws, versions):
    place = ws.folder / "set"
    numbers = []
    for tree in versions:
        shutil.rmtree(place, ignore_errors=True)
        folders.write(place, tree)
        numbers.append(ws.data.add(place).number)
    for number, tree in zip(numbers, versions, strict=True):
        ws.data.checkout((place,), version=number)
        assert folders.read(place) == tree
        assert ws.data.status()[0].state == "unchanged"
