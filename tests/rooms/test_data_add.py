"""Adding and status: versions, what is stored, what is refused, what is read again."""

import json
import os
import socket
import stat
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rooms import folders

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import digest, workspace
from cauce.rooms.data import statcache, worktree
from cauce.rooms.data.statcache import Rows, Stamp, Table

DIGITS = {
    "train/1/a.png": b"one",
    "train/2/b.png": b"two",
    "train/2/c.png": b"two too",
    "test/1/d.png": b"one again",
    "unlabelled/e.png": b"who knows",
}


@pytest.fixture
def digits(ws):
    """A small data set in the project, not added yet."""
    return folders.write(ws.folder / "digits", DIGITS)


def settle(folder):
    """Give files an age at which their stamps can be trusted, as if they had lain there."""
    newest = max(path.stat().st_ctime_ns for path in folder.rglob("*") if path.is_file())
    while time.time_ns() < newest + 40_000_000:
        pass


def test_a_folder_becomes_version_one_with_its_ref_run_and_edge(ws, digits):
    version = ws.data.add(digits, message="first")
    assert (version.name, version.number, version.count) == ("digits", "v1", 5)
    assert version.size == sum(map(len, DIGITS.values()))
    assert version.message == "first"
    assert ws.ref("dataset", "digits").target == version.id
    run = ws.catalog.run(version.run)
    assert (run.kind, run.status, run.agent) == ("add", "finished", "user:test")


def test_a_version_is_a_manifest_of_md5_objects_that_are_stored(ws, digits):
    tree = ws.manifest(ws.data.add(digits).id)
    assert {entry.path: ws.objects.get(entry.digest) for entry in tree.entries} == DIGITS
    listing = ws.objects.get(tree.labels["dvc"])
    assert tree.labels["path"] == "digits"
    assert {row["relpath"] for row in json.loads(listing)} == set(DIGITS)


def test_the_objects_lie_in_dvcs_cache_with_the_mode_that_dvc_trusts(ws, digits):
    ws.data.add(digits)
    cache = ws.folder / ".dvc" / "cache" / "files" / "md5"
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert len(files) == len(DIGITS) + 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o444}


def test_the_files_of_the_work_tree_stay_writable_copies(ws, digits):
    ws.data.add(digits)
    with (digits / "train/1/a.png").open("r+b") as file:
        file.write(b"ONE")
    assert ws.objects.get(digest.of(b"one", "md5")) == b"one"


def test_adding_the_same_bytes_twice_gives_the_same_version_and_no_event(ws, digits):
    first = ws.data.add(digits)
    seq = ws.catalog.last_event()
    assert ws.data.add(digits) == first
    assert ws.catalog.last_event() == seq


def test_going_back_to_old_bytes_moves_main_and_makes_no_new_number(ws, digits):
    first = ws.data.add(digits)
    (digits / "new").write_bytes(b"x")
    assert ws.data.add(digits).number == "v2"
    (digits / "new").unlink()
    back = ws.data.add(digits)
    assert (back.number, back.id) == ("v1", first.id)
    assert ws.ref("dataset", "digits").target == first.id


def test_the_written_files_are_the_golden_ones(ws):
    folders.git(ws.folder, "init", "-q")
    for number, target in enumerate(folders.material(ws.folder)):
        ws.data.add(target, name=f"set{number}")
    golden = json.loads((folders.GOLDEN / "added.json").read_text())
    golden[".gitignore"] = f"/.cauce\n{golden['.gitignore']}"  # ours is hidden too
    assert {path: (ws.folder / path).read_text() for path in golden} == golden
    cache = ws.folder / ".dvc" / "cache" / "files" / "md5"
    for path in folders.GOLDEN.glob("*.dir"):
        assert (cache / path.name[:2] / path.name[2:]).read_bytes() == path.read_bytes()


def test_a_file_by_itself_keeps_its_exec_bit_through_a_checkout(ws):
    tool = folders.write(ws.folder / "tool.sh", {"": b"#!/bin/sh\n"})
    tool.chmod(0o755)
    version = ws.data.add(tool)
    tool.unlink()
    ws.data.checkout()
    assert tool.read_bytes() == b"#!/bin/sh\n"
    assert tool.stat().st_mode & stat.S_IXUSR
    assert (version.name, version.count) == ("tool.sh", 1)


def test_links_to_files_are_stored_as_what_they_point_to(ws, digits):
    (digits / "link").symlink_to("train/1/a.png")
    tree = ws.manifest(ws.data.add(digits).id)
    entry = next(entry for entry in tree.entries if entry.path == "link")
    assert ws.objects.get(entry.digest) == b"one"
    assert (digits / "link").is_symlink()


def broken_link(folder):
    (folder / "odd").symlink_to("nowhere")


def link_to_a_folder(folder):
    (folder / "odd").symlink_to("train")


def pipe(folder):
    os.mkfifo(folder / "odd")


def unix_socket(folder):
    server = socket.socket(socket.AF_UNIX)
    here = os.open(".", os.O_RDONLY)
    os.chdir(folder)  # the address of a socket must be short
    server.bind("odd")
    os.fchdir(here)
    os.close(here)
    server.close()


def name_not_utf8(folder):
    (folder / os.fsdecode(b"odd\xff")).write_bytes(b"x")


def name_with_a_newline(folder):
    (folder / "odd\n").write_bytes(b"x")


def inner_dvc_file(folder):
    (folder / "odd.dvc").write_bytes(b"outs: []\n")


def inner_dvcignore(folder):
    (folder / "train" / ".dvcignore").write_bytes(b"*.odd\n")


@pytest.mark.parametrize(
    "make",
    [
        broken_link,
        link_to_a_folder,
        pipe,
        unix_socket,
        name_not_utf8,
        name_with_a_newline,
        inner_dvc_file,
        inner_dvcignore,
    ],
)
def test_what_cannot_be_stored_is_refused_by_name_and_nothing_is_left_behind(ws, digits, make):
    make(digits)
    with pytest.raises(Invalid, match=r"odd|\.dvcignore"):
        ws.data.add(digits)
    assert not (ws.folder / "digits.dvc").exists()
    assert ws.catalog.last_event() == 0


def test_a_broken_link_shows_in_status_beside_everything_else(ws, digits):
    ws.data.add(digits)
    broken_link(digits)
    (out,) = ws.data.status()
    assert [(it.path, it.change) for it in out.sample] == [("digits/odd", "unreadable")]
    assert (out.state, out.unchanged) == ("modified", 5)


def test_a_name_that_is_not_utf8_shows_in_status_as_text(ws, digits):
    ws.data.add(digits)
    name_not_utf8(digits)
    (out,) = ws.data.status()
    assert [(it.path, it.change) for it in out.sample] == [("digits/odd?", "added")]


def test_a_file_that_may_not_be_read_is_denied_by_name(ws, digits):
    (digits / "train/1/a.png").chmod(0)
    # Root may read everything, so the process becomes somebody else; "." needs no way down to it.
    code = (
        "import os; from pathlib import Path\n"
        "from cauce.rooms.data import worktree\n"
        "from cauce.errors import Denied\n"
        "found = worktree.scan(Path(), 'digits')\n"
        "if os.geteuid() == 0: os.setegid(65534); os.seteuid(65534)\n"
        "try: worktree.sums(Path(), 'digits', found)\n"
        "except Denied as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ws.folder, capture_output=True, text=True, check=False
    )
    assert "a.png may not be read" in done.stdout, done.stderr


def test_an_empty_folder_has_no_version(ws):
    (ws.folder / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(Invalid, match="holds no file"):
        ws.data.add(ws.folder / "empty")


@pytest.mark.parametrize("path", ["..", ".", "/tmp", "../other", ".git", ".dvc/x", ".cauce"])
def test_what_is_not_data_of_the_project_is_refused(ws, path, monkeypatch):
    monkeypatch.chdir(ws.folder)
    with pytest.raises(Invalid):
        ws.data.add(ws.folder / path)


def test_a_path_that_does_not_exist_is_not_found(ws):
    with pytest.raises(NotFound, match="nothing at gone"):
        ws.data.add(ws.folder / "gone")


def test_a_relative_path_is_relative_to_the_current_folder(ws, monkeypatch):
    folders.write(ws.folder / "sub" / "data", {"x": b"1"})
    monkeypatch.chdir(ws.folder / "sub")
    version = ws.data.add(folders.Path("data"))
    assert ws.manifest(version.id).labels["path"] == "sub/data"
    assert (ws.folder / "sub" / "data.dvc").is_file()


def test_files_that_git_tracks_are_refused(ws, digits):
    folders.git(ws.folder, "init", "-q")
    folders.git(ws.folder, "add", "digits/train/1/a.png")
    with pytest.raises(Conflict, match="git tracks digits"):
        ws.data.add(digits)


def test_two_folders_of_one_name_need_two_names(ws):
    one = folders.write(ws.folder / "a" / "data", {"x": b"1"})
    two = folders.write(ws.folder / "b" / "data", {"x": b"2"})
    ws.data.add(one)
    with pytest.raises(Conflict, match="lies at a/data"):
        ws.data.add(two)
    assert ws.data.add(two, name="other").name == "other"


@pytest.mark.parametrize("name", ["a@b", "../x", "-x", "a/b", "x" * 200])
def test_a_name_that_no_ref_can_have_is_refused(ws, digits, name):
    with pytest.raises(Invalid):
        ws.data.add(digits, name=name)


def test_a_name_is_derived_from_a_path_or_asked_for(ws):
    one = folders.write(ws.folder / "my pictures (old)", {"x": b"1"})
    assert ws.data.add(one).name == "my-pictures-old"
    other = folders.write(ws.folder / "日本", {"x": b"1"})
    with pytest.raises(Invalid) as caught:
        ws.data.add(other)
    assert "--name" in caught.value.hint


def test_ignored_files_are_not_part_of_a_version(ws, digits):
    (ws.folder / ".dvcignore").write_text("*.tmp\nskip/\n")
    folders.write(digits, {"x.tmp": b"1", "skip/y": b"2"})
    tree = ws.manifest(ws.data.add(digits).id)
    assert {entry.path for entry in tree.entries} == set(DIGITS)
    assert ws.data.status()[0].state == "unchanged"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.dictionaries(st.sampled_from("abcdef"), st.binary(max_size=3), min_size=1),
    after=st.dictionaries(st.sampled_from("abcdef"), st.binary(max_size=3)),
)
def test_status_counts_what_a_comparison_of_the_bytes_finds(ws, before, after):
    place = ws.folder / "data"
    subprocess.run(["rm", "-rf", str(place)], check=True)
    folders.write(place, before)
    ws.data.add(place)
    subprocess.run(["rm", "-rf", str(place)], check=True)
    place.mkdir()
    folders.write(place, after)
    (out,) = ws.data.status()
    both = before.keys() & after.keys()
    assert out.added == len(after.keys() - before.keys())
    assert out.deleted == len(before.keys() - after.keys())
    assert out.modified == sum(before[name] != after[name] for name in both)
    assert out.unchanged == sum(before[name] == after[name] for name in both)
    assert (out.state == "unchanged") == (before == after)


def test_status_names_the_version_and_the_objects_that_are_missing(ws, digits):
    ws.data.add(digits)
    ws.objects.delete([digest.of(b"one", "md5"), digest.of(b"two", "md5")])
    (out,) = ws.data.status()
    assert (out.state, out.version, out.missing) == ("unchanged", "digits@v1", 2)


def test_status_without_the_list_of_names_still_knows_an_unchanged_folder(ws, digits):
    version = ws.data.add(digits)
    ws.objects.delete([ws.manifest(version.id).labels["dvc"]])
    assert ws.data.status()[0].state == "unchanged"
    (digits / "new").write_bytes(b"x")
    (out,) = ws.data.status()
    assert (out.state, out.missing) == ("modified", 1)


def test_status_of_a_folder_above_or_a_dvc_file_means_the_same_data(ws):
    place = folders.write(ws.folder / "sub" / "data", {"x": b"1"})
    ws.data.add(place)
    every = ws.data.status()
    for path in (place, ws.folder / "sub", ws.folder / "sub" / "data.dvc"):
        assert ws.data.status((path,)) == every
    with pytest.raises(NotFound, match="not versioned"):
        ws.data.status((ws.folder / "other",))


def test_data_of_version_2_become_those_of_version_3_with_an_add(ws, digits):
    (ws.folder / ".dvc").mkdir()
    (ws.folder / "digits.dvc").write_text(f"outs:\n- md5: {'0' * 32}.dir\n  path: digits\n")
    assert (ws.data.status()[0].state, ws.data.status()[0].missing) == ("modified", 1)
    assert ws.data.add(digits).number == "v1"
    assert ws.data.status()[0].state == "unchanged"


# what is read again


def test_unchanged_files_are_not_read_again(ws, digits):
    settle(digits)
    ws.data.add(digits)
    (digits / "train/1/a.png").unlink()
    found = worktree.scan(ws.folder, "digits")
    (digits / "train/2/b.png").rename(digits / "away")
    # Reading b.png would fail now: its sum can only come from what was remembered.
    sums = worktree.sums(ws.folder, "digits", found)
    assert sums["train/2/b.png"] == digest.of(b"two", "md5").removeprefix("md5:")


@pytest.mark.parametrize("same_time", [False, True])
def test_a_change_that_keeps_size_and_time_is_seen(ws, digits, same_time):
    settle(digits)
    ws.data.add(digits)
    file = digits / "train/1/a.png"
    before = file.stat()
    file.write_bytes(b"ONE")
    if same_time:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ws.data.status()[0].modified == 1


def test_a_file_written_in_the_tick_in_which_it_was_hashed_is_not_trusted(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"1")
    stamp = Stamp.of(file.stat())
    assert not stamp.settled(max(stamp.written, stamp.touched) + 1)


def test_stamps_of_whole_seconds_need_two_seconds_to_be_trusted():
    stamp = Stamp(size=1, written=5_000_000_000, touched=5_000_000_000, inode=1)
    assert not stamp.settled(6_900_000_000)
    assert stamp.settled(7_200_000_000)


@given(
    st.dictionaries(
        st.text("ab/c.é\udc80", min_size=1).filter(lambda name: "/" not in name),
        st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * 4, st.binary(min_size=16, max_size=16)),
        min_size=1,
    )
)
def test_states_are_read_back_as_they_were_kept(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("table")
    wanted = {name: (Stamp(*row[:4]), row[4].hex()) for name, row in files.items()}
    table = Table(folder / "x")
    table.tree, table.shape = "0" * 32 + ".dir", b"shape"
    table.save({"sub": Rows.of(wanted)})
    again = Table(folder / "x")
    rows = again.folders["sub"]
    sums = [md5 or "0" * 32 for md5 in rows.list_sums()]
    found = dict(zip(rows.list_names(), zip(rows.list_stamps(), sums, strict=True), strict=True))
    assert (found, again.tree, again.shape) == (wanted, table.tree, table.shape)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"\x94\x02\xa0\xc4\x00\x81\xa0\x93\xc4\x01a\xc4\x01b\xc4\x00"]
)
def test_a_damaged_or_foreign_memory_of_sums_is_as_good_as_none(tmp_path, data):
    (tmp_path / "cache").write_bytes(data)
    assert Table(tmp_path / "cache").folders == {}


def test_a_memory_of_sums_that_cannot_be_written_stops_nobody(ws, digits):
    settle(digits)
    ws.data.add(digits)
    (ws.folder / ".cauce" / "stat").rename(ws.folder / ".cauce" / "away")
    (ws.folder / ".cauce" / "stat").write_bytes(b"a file in its place")
    (digits / "new").write_bytes(b"x")
    assert ws.data.status()[0].added == 1


def test_a_file_that_changes_between_finding_and_hashing_is_a_conflict(ws, digits):
    found = worktree.scan(ws.folder, "digits")
    (digits / "train/1/a.png").write_bytes(b"something else")
    with pytest.raises(Conflict, match="changed while it was read"):
        worktree.sums(ws.folder, "digits", found)


def test_a_file_that_goes_between_finding_and_hashing_is_a_conflict(ws, digits):
    found = worktree.scan(ws.folder, "digits")
    (digits / "train/1/a.png").unlink()
    with pytest.raises(Conflict, match="changed while it was read"):
        worktree.sums(ws.folder, "digits", found)


def test_a_large_file_is_hashed_as_a_small_one(ws):
    data = os.urandom(3 << 20)
    big = folders.write(ws.folder / "big.bin", {"": data})
    tree = ws.manifest(ws.data.add(big).id)
    assert tree.entries[0].digest == digest.of(data, "md5")


# init


def test_init_outside_git_makes_a_project_without_it_and_again_changes_nothing(ws):
    made = ws.data.init()
    assert (made.git, made.made) == (False, [".dvc/config", ".dvcignore"])
    assert ws.data.init().made == []


def test_init_in_git_hides_our_own_folder(ws):
    folders.git(ws.folder, "init", "-q")
    assert ws.data.init().git
    ws.catalog.last_event()
    assert ".cauce" not in folders.git(ws.folder, "status", "--short")


def test_init_after_the_store_was_opened_still_sends_md5_objects_to_dvcs_cache(ws, digits):
    ws.objects.put([b"before"])
    ws.data.init()
    ws.data.add(digits)
    assert (ws.folder / ".dvc" / "cache" / "files" / "md5").is_dir()
    assert not (ws.folder / ".cauce" / "objects" / "files" / "md5").exists()


def test_a_workspace_without_a_folder_says_so(ws):
    away = workspace.Workspace(
        root=None, settings=ws.settings, catalog=ws.catalog, objects=ws.objects
    )
    with pytest.raises(NotFound, match="no local project"):
        away.data.add(folders.Path("x"))


_COARSE_CLOCK = 5
"""Linux's CLOCK_REALTIME_COARSE, which stamps files; Python has no name for it."""


def test_the_margins_are_wider_than_a_tick():
    assert time.clock_getres(_COARSE_CLOCK) * 1e9 < statcache.FINE
