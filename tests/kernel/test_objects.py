"""Places of objects, files written beside, and the folder that is a DVC cache too."""

import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cauce.adapters.stores.local import LocalStore, open_store
from cauce.errors import Conflict, Damaged, Invalid, Unwritable
from cauce.kernel import config, digest, objects
from cauce.testing import strategies


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def file_of(store: LocalStore, name: str) -> Path:
    return store.root / objects.key(name)


def age(file: Path, hours: float) -> None:
    then = time.time() - hours * 3600
    os.utime(file, (then, then))


@given(strategies.digests())
def test_a_place_tells_its_object(name):
    assert objects.named(objects.key(name)) == name


@given(st.text(max_size=60))
def test_any_other_place_tells_none(text):
    assert objects.named(text) is None
    assert objects.named(f"files/md5/00/{text}") is None


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("md5:" + "ab" * 16, "files/md5/ab/" + "ab" * 15),
        ("md5:" + "ab" * 16 + ".dir", "files/md5/ab/" + "ab" * 15 + ".dir"),
        ("sha256:" + "0f" * 32, "files/sha256/0f/" + "0f" * 31),
    ],
)
def test_places_are_those_of_the_format(name, place):
    assert objects.key(name) == place


def test_objects_have_the_mode_that_dvc_trusts(store, tmp_path):
    (tmp_path / "a").write_bytes(b"[]")
    wanted = digest.of(b"[]", "md5") + ".dir"
    store.put_files([tmp_path / "a"], digests=[wanted])
    store.put([b"one"])
    modes = {stat.S_IMODE(f.stat().st_mode) for f in store.root.rglob("*") if f.is_file()}
    assert modes == {0o444}
    assert (store.root / "files/md5/d7/51713988987e9331980363e24189ce.dir").is_file()


def test_nothing_is_left_beside(store, tmp_path):
    (tmp_path / "a").write_bytes(b"a" * 3_000_000)
    store.put([b"x", b"y"])
    store.put_files([tmp_path / "a", tmp_path / "a"])
    with pytest.raises(Conflict):
        store.put_files([tmp_path / "a"], digests=[digest.of(b"b")])
    assert list((store.root / "tmp").iterdir()) == []


def test_a_url_is_relative_to_the_project(tmp_path):
    settings = config.load(tmp_path, {})
    assert open_store("file:.cauce/objects", tmp_path, settings).root == tmp_path / ".cauce/objects"
    assert open_store(f"file:{tmp_path}/a b#?", Path("/x"), settings).root == tmp_path / "a b#?"
    assert open_store(f"file://{tmp_path}/o", Path("/x"), settings).root == tmp_path / "o"


@pytest.mark.parametrize("url", ["file:", "file://"])
def test_a_url_without_a_path_is_refused(tmp_path, url):
    with pytest.raises(Invalid, match="names no folder"):
        open_store(url, tmp_path, config.load(tmp_path, {}))


def test_opening_and_reading_make_no_folder(store):
    assert list(store.list()) == []
    assert store.has([digest.of(b"x")]) == set()
    assert not store.root.exists()


@pytest.mark.parametrize("torn", [b"", b"the ", b"the whole thin?"])
def test_an_untrusted_file_that_is_torn_does_not_count_and_is_replaced(store, torn):
    """What a lost power supply may leave: a name, its bytes not yet on the disk."""
    name = digest.of(b"the whole thing")
    file = file_of(store, name)
    file.parent.mkdir(parents=True)
    file.write_bytes(torn)
    assert store.has([name]) == set()
    assert store.path(name) is None
    with pytest.raises(Damaged):
        store.get(name)
    store.put([b"the whole thing"])
    assert store.get(name) == b"the whole thing"
    assert stat.S_IMODE(file.stat().st_mode) == 0o444


def test_an_untrusted_file_that_is_whole_counts_and_is_trusted_from_then_on(store):
    (name,) = store.put([b"whole"])
    file_of(store, name).chmod(0o544)  # what DVC's own hard links leave behind
    assert store.has([name]) == {name}
    assert stat.S_IMODE(file_of(store, name).stat().st_mode) == 0o444


def test_a_trusted_file_of_another_size_is_replaced(store):
    (name,) = store.put([b"whole"])
    file_of(store, name).chmod(0o644)
    file_of(store, name).write_bytes(b"")
    file_of(store, name).chmod(0o444)
    store.put([b"whole"])
    assert store.get(name) == b"whole"


def test_an_old_object_that_is_put_again_counts_as_new(store, tmp_path):
    """Collection must not take what a commit is about to refer to."""
    (tmp_path / "file").write_bytes(b"file")
    names = [*store.put([b"bytes"]), *store.put_files([tmp_path / "file"])]
    puts = (
        lambda: store.put([b"bytes"]),
        lambda: store.put_files([tmp_path / "file"]),
        lambda: store.put_files([tmp_path / "file"], digests=names[1:]),
    )
    for put, name in zip(puts, (names[0], names[1], names[1]), strict=True):
        age(file_of(store, name), 48)
        put()
        assert time.time() - file_of(store, name).stat().st_mtime < 60


def test_a_file_that_is_stored_is_not_read_again(store, tmp_path):
    (tmp_path / "a").write_bytes(b"first")
    names = store.put_files([tmp_path / "a"])
    (tmp_path / "a").unlink()
    assert store.put_files([tmp_path / "a"], digests=names) == names


def test_what_a_killed_process_left_long_ago_is_removed_and_what_is_new_is_not(store):
    store.put([b"one"])
    for name, hours in (("old", 25), ("new", 1)):
        (store.root / "tmp" / name).write_bytes(b"")
        age(store.root / "tmp" / name, hours)
    LocalStore(store.root).put([b"two"])
    assert [file.name for file in (store.root / "tmp").iterdir()] == ["new"]


def test_what_is_no_object_is_not_listed(store):
    (name,) = store.put([b"one"])
    strange = [
        "files/sha256/00/short",
        "files/sha256/zz/" + "0" * 62,
        "files/sha256/" + "0" * 64,
        "files/md5/aa/.tmp",
        "files/md5.unpacked/aa/" + "0" * 30,
        "runs/aa/bb",
    ]
    for place in strange:
        (store.root / place).parent.mkdir(parents=True, exist_ok=True)
        (store.root / place).write_bytes(b"")
    (store.root / "files/md5/ab").mkdir()
    (store.root / "files/md5/ab" / ("0" * 30)).mkdir()
    assert [info.digest for info in store.list()] == [name]


def test_a_pipe_is_no_file_and_is_not_waited_for(store, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Invalid, match="not a regular file"):
        store.put_files([tmp_path / "pipe"])


def test_a_link_to_a_file_is_stored_as_what_it_points_to(store, tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "link").symlink_to("a")
    assert store.put_files([tmp_path / "link"]) == [digest.of(b"a")]


def test_many_objects_in_one_call_are_all_there(store):
    items = [f"{n}".encode() for n in range(5000)]
    names = store.put(items)
    assert store.has(names) == set(names)
    assert len({file_of(store, name).stat().st_mode for name in names}) == 1


def test_an_object_from_elsewhere_is_listed_with_its_time(store):
    (name,) = store.put([b"x"])
    age(file_of(store, name), 2)
    (info,) = store.list()
    assert abs(time.time() - 7200 - info.modified) < 60


def test_a_file_written_beside_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "new" / "file"
    with objects.beside(target) as stream:
        stream.write(b"half")
        assert not target.exists()
    assert target.read_bytes() == b"half"
    with pytest.raises(ZeroDivisionError), objects.beside(target) as stream:
        stream.write(b"other" * (1 // 0))
    assert target.read_bytes() == b"half"
    assert [file.name for file in target.parent.iterdir()] == ["file"]


def test_only_refusals_below_the_place_are_about_the_place(tmp_path):
    with pytest.raises(Unwritable, match="Permission denied"), objects.writing(tmp_path):
        raise PermissionError(13, "Permission denied", str(tmp_path / "x"))
    with pytest.raises(PermissionError, match="source"), objects.writing(tmp_path):
        raise PermissionError(13, "Permission denied", "/source")
    with pytest.raises(FileNotFoundError), objects.writing(tmp_path):
        raise FileNotFoundError(2, "No such file", str(tmp_path / "x"))
