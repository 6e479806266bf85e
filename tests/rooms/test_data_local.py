"""Parts of folders, ways of linking, exec bits and empty folders."""

import os
import shutil
import stat
import sys

import pytest
from bench import measure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rooms import folders

from cauce.errors import Conflict, Damaged, Invalid, NotFound
from cauce.kernel import digest

DATA = {"train/a": b"one", "train/b": b"two", "test/c": b"three"}


@pytest.fixture
def data(ws):
    """A versioned folder."""
    place = folders.write(ws.folder / "data", DATA)
    ws.data.add(place)
    return place


def configure(ws, **cache):
    """Set options of DVC's section `cache`."""
    text = "".join(f"    {key} = {value}\n" for key, value in cache.items())
    (ws.folder / ".dvc" / "config").write_text(f"[core]\n    no_scm = True\n[cache]\n{text}")
    ws.__dict__.pop("objects", None)


def empty(place):
    """Remove a folder with links and read-only files in it."""
    shutil.rmtree(place)


# parts


def test_adding_a_part_leaves_the_rest_as_it_was_versioned(ws, data):
    (data / "train/a").write_bytes(b"changed")
    (data / "test/c").write_bytes(b"changed too")
    version = ws.data.add(data / "train")
    tree = {it.path: it.digest for it in ws.manifest(version.id).entries}
    assert version.number == "v2"
    assert tree["train/a"] == digest.of(b"changed", "md5")
    assert tree["test/c"] == digest.of(b"three", "md5")
    (out,) = ws.data.status()
    assert [it.path for it in out.sample] == ["data/test/c"]


def test_adding_a_path_that_went_takes_it_out(ws, data):
    (data / "train/b").unlink()
    version = ws.data.add(data / "train/b")
    assert {it.path for it in ws.manifest(version.id).entries} == DATA.keys() - {"train/b"}
    assert ws.data.status()[0].state == "unchanged"


def test_adding_a_path_that_never_was_is_not_found(ws, data):
    with pytest.raises(NotFound, match="nothing at data/other"):
        ws.data.add(data / "other")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.dictionaries(st.sampled_from("ab"), st.binary(max_size=2), min_size=1),
    rest=st.dictionaries(st.sampled_from("cd"), st.binary(max_size=2), min_size=1),
    after=st.dictionaries(st.sampled_from("abe"), st.binary(max_size=2), min_size=1),
)
def test_all_parts_added_are_the_whole_added(ws, before, rest, after):
    place = ws.folder / "data"
    if place.exists():
        empty(place)
    folders.write(place / "part", before)
    folders.write(place / "rest", rest)
    ws.data.add(place)
    empty(place / "part")
    folders.write(place / "part", after)
    part = ws.data.add(place / "part")
    assert ws.data.add(place).id == part.id


def test_what_a_stage_makes_is_not_added(ws, data):
    text = "stages:\n  make:\n    cmd: x\n    outs:\n    - made\n"
    (ws.folder / "dvc.yaml").write_text(text)
    made = folders.write(ws.folder / "made", {"x": b"1"})
    with pytest.raises(Conflict, match="made is made by stage make"):
        ws.data.add(made)


# ways of linking


@pytest.mark.parametrize(
    ("kind", "links", "mode"),
    [("copy", 1, 0o644), ("hardlink", 2, 0o444), ("symlink", 1, 0o777), ("reflink,copy", 1, 0o644)],
)
def test_files_come_as_the_config_says(ws, data, kind, links, mode):
    configure(ws, type=kind)
    empty(data)
    ws.data.checkout()
    assert folders.read(data) == DATA
    state = (data / "train/a").lstat()
    assert (state.st_nlink, stat.S_IMODE(state.st_mode)) == (links, mode)
    if kind == "symlink":
        assert (data / "train/a").readlink().is_absolute()
    assert ws.data.status()[0].state == "unchanged"


def test_relink_changes_how_files_are_there(ws, data):
    configure(ws, type="hardlink")
    ws.data.checkout(relink=True)
    assert (data / "train/a").stat().st_nlink == 2
    configure(ws, type="copy")
    ws.data.checkout(relink=True)
    assert (data / "train/a").stat().st_nlink == 1
    assert folders.read(data) == DATA


def test_relink_does_not_throw_away_what_is_in_no_version(ws, data):
    (data / "train/a").write_bytes(b"unsaved")
    with pytest.raises(Conflict, match="no version has it"):
        ws.data.checkout(relink=True)
    assert (data / "train/a").read_bytes() == b"unsaved"


def test_a_way_of_linking_that_is_none_is_named(ws, data):
    configure(ws, type="teleport")
    empty(data)
    with pytest.raises(Invalid, match="teleport"):
        ws.data.checkout()


def test_a_shared_cache_belongs_to_the_group(ws):
    ws.data.init()
    configure(ws, shared="group")
    ws.data.add(folders.write(ws.folder / "data", DATA))
    place = next(path for path in (ws.folder / ".dvc/cache/files/md5").iterdir())
    assert stat.S_IMODE(place.stat().st_mode) == 0o2775
    assert {stat.S_IMODE(file.stat().st_mode) for file in place.iterdir()} == {0o444}


# what is kept beside DVC's lists


def test_exec_bits_and_empty_folders_come_back_and_the_list_stays_dvcs(ws, data):
    before = ws.manifest(ws.data.add(data).id).labels["dvc"]
    (data / "train/a").chmod(0o755)
    (data / "hollow/inner").mkdir(parents=True)
    version = ws.data.add(data)
    assert ws.manifest(version.id).labels["dvc"] == before
    empty(data)
    ws.data.checkout()
    assert os.access(data / "train/a", os.X_OK)
    assert not (data / "train/b").stat().st_mode & 0o100
    assert (data / "hollow/inner").is_dir()
    assert ws.data.status()[0].modes == 0


def test_an_exec_bit_that_went_shows_but_is_no_change_to_dvc(ws, data):
    (data / "train/a").chmod(0o755)
    ws.data.add(data)
    (data / "train/a").chmod(0o644)
    (out,) = ws.data.status()
    assert (out.state, out.modes) == ("unchanged", 1)


def test_an_executable_file_is_no_link_to_its_object(ws, data):
    (data / "train/a").chmod(0o755)
    ws.data.add(data)
    configure(ws, type="hardlink")
    empty(data)
    ws.data.checkout()
    assert os.access(data / "train/a", os.X_OK)
    assert stat.S_IMODE(ws.objects.path(digest.of(b"one", "md5")).stat().st_mode) == 0o444


# trust


def test_an_object_that_changed_under_its_mode_is_damaged_and_nothing_is_touched(ws, data):
    file = ws.objects.path(digest.of(b"one", "md5"))
    file.chmod(0o644)
    file.write_bytes(b"ONE")
    file.chmod(0o444)
    (data / "train/b").unlink()
    (data / "train/a").unlink()
    with pytest.raises(Damaged):
        ws.data.checkout()
    assert not (data / "train/b").exists()


def test_what_is_missing_may_be_left_out(ws, data):
    ws.objects.delete([digest.of(b"one", "md5")])
    empty(data / "train")
    (out,) = ws.data.checkout(allow_missing=True).outs
    assert (out.missing, out.written) == (1, 1)
    assert folders.read(data) == {it: DATA[it] for it in ("train/b", "test/c")}


# what it costs: a figure that any machine can check


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_an_added_and_a_restored_file_take_at_most_15_system_calls(tmp_path):
    counts = {}
    for number in (100, 600):
        root = tmp_path / str(number)
        files = {f"{i % 10}/{i:04}": f"file {i}".encode() for i in range(number)}
        folders.write(root / "data", files)
        (root / "cauce.toml").touch()
        cauce = [sys.executable, "-m", "cauce", "data"]
        add = measure.calls([*cauce, "add", "data"], cwd=root)
        shutil.rmtree(root / "data")
        checkout = measure.calls([*cauce, "checkout"], cwd=root)
        counts[number] = (sum(add.values()), sum(checkout.values()))
    for few, many in zip(counts[100], counts[600], strict=True):
        assert (many - few) / 500 <= 15
