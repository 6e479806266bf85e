"""Git LFS in a repository: its pointers byte for byte, and versions of what it tracks."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms import folders

from cauce.adapters.formats import lfs
from cauce.errors import Conflict, Damaged, Denied, Invalid, NotFound
from cauce.kernel import digest, twins
from cauce.kernel.entities import Commit, Entry, Manifest
from cauce.kernel.workspace import open_local
from cauce.rooms.data.lfs import pushed
from cauce.testing import kill

TEXT = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"

pointers = st.builds(
    lfs.Pointer,
    oid=st.text("0123456789abcdef", min_size=64, max_size=64),
    size=st.integers(1, 10**18 - 1),
    more=st.dictionaries(
        st.from_regex(r"ext-[0-9]-[a-z]{1,8}", fullmatch=True),
        st.text("0123456789abcdef:", min_size=1, max_size=70),
        max_size=3,
    ).map(lambda found: tuple(sorted(found.items()))),
)


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch):
    """The machine's own git-lfs must not touch what these tests write."""
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


# Pointers


@given(pointers)
def test_a_pointer_comes_back_as_it_was_written(pointer):
    assert lfs.parse(lfs.dump(pointer)) == pointer


@given(pointers)
def test_a_written_pointer_has_version_first_and_its_other_keys_in_order(pointer):
    keys = [line.partition(" ")[0] for line in lfs.dump(pointer).decode().splitlines()]
    assert keys[0] == "version"
    assert keys[1:] == sorted(keys[1:])


@given(st.binary(max_size=200) | st.text().map(lambda text: f"version {text}".encode()))
def test_bytes_that_are_no_pointer_are_none_and_no_error(data):
    found = lfs.parse(data)
    assert found is None or lfs.parse(lfs.dump(found)) == found


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\n",
        TEXT % (OID.encode(), 3) + b"size 4\n",
        TEXT % (OID.upper().encode(), 3),
        TEXT % (b"00", 3),
        (TEXT % (OID.encode(), 3)).replace(b"size 3", b"size -3"),
        (TEXT % (OID.encode(), 3)).replace(b"v1", b"v9"),
        (TEXT % (OID.encode(), 3)).replace(b"sha256", b"sha1"),
        b" " + TEXT % (OID.encode(), 3),
        TEXT % (OID.encode(), 3) + b"x " + b"y" * 1000,
    ],
)
def test_what_only_looks_like_a_pointer_is_none(data):
    assert lfs.parse(data) is None


def test_the_bytes_of_a_pointer_are_those_of_the_specification():
    data = TEXT % (OID.encode(), 12345)
    assert lfs.dump(lfs.Pointer(oid=OID, size=12345)) == data
    assert lfs.parse(data.replace(b"\n", b"\r\n")) == lfs.Pointer(oid=OID, size=12345)
    assert lfs.dump(lfs.Pointer(oid=OID, size=0)) == b""


def test_a_pointer_that_could_not_be_read_is_not_written():
    for more in ((("Upper", "x"),), (("ext-0-a", "x\ny z"),), (("long", "x" * 1000),)):
        with pytest.raises(Invalid):
            lfs.dump(lfs.Pointer(oid=OID, size=1, more=more))


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
@pytest.mark.parametrize("data", [b"x", b"abc\n" * 1000, b"\0" * 5000, b"\xff" * 1023])
def test_git_lfs_writes_the_same_pointers(tmp_path, data):
    folders.git(tmp_path, "init", "-q")
    done = subprocess.run(
        ["git", "lfs", "clean"], input=data, cwd=tmp_path, capture_output=True, check=True
    )
    oid = digest.of(data).partition(":")[2]
    assert lfs.dump(lfs.Pointer(oid=oid, size=len(data))) == done.stdout


# A repository, made without git-lfs: its form is known


def commit(root: Path, files: dict[str, bytes], *, message: str = "files") -> str:
    """Commit files; what ends in `.bin` as a pointer, its bytes among the LFS objects."""
    if not (root / ".git").exists():
        root.mkdir(exist_ok=True)
        folders.git(root, "init", "-q", "-b", "main")
    texts = {".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n"}
    for path, data in files.items():
        oid = digest.of(data).partition(":")[2]
        if path.endswith(".bin") and data:
            place = root / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid
            folders.write(place, {"": data})
            texts[path] = lfs.dump(lfs.Pointer(oid=oid, size=len(data)))
        else:
            texts[path] = data
    folders.write(root, texts)
    folders.git(root, "add", "-A")
    folders.git(root, "commit", "-q", "-m", message)
    return folders.git(root, "rev-parse", "HEAD").strip()


FILES = {
    "images/cat/1.bin": b"cat" * 5000,
    "images/dog/1.bin": b"dog" * 5000,
    "images/dog/é 2.bin": b"another",
    "images/labels.csv": b"path,label\n",
    "images/empty.bin": b"",
    "README": b"hello",
}


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    commit(root, FILES, message="First pictures")
    return root


def contents(ws, version) -> dict[str, bytes]:
    return {it.path: ws.objects.get(it.digest) for it in ws.manifest(version.id).entries}


def test_a_version_holds_the_files_and_not_the_pointers(ws, repository):
    made = ws.data.snapshot(repository / "images")
    wanted = {
        path.removeprefix("images/"): data
        for path, data in FILES.items()
        if path.startswith("images/")
    }
    assert contents(ws, made.version) == wanted
    assert (made.lfs, made.git) == (3, 2)
    assert (made.version.name, made.version.number) == ("images", "v1")
    assert made.version.message == "First pictures"


def test_the_version_shows_balance_diff_and_the_run_that_made_it(ws, repository):
    first = ws.data.snapshot(repository / "images")
    files = {"images/cat/2.bin": b"a new cat", "images/dog/1.bin": b"another dog"}
    id = commit(repository, files)
    second = ws.data.snapshot(repository / "images")
    assert (second.version.number, second.commit) == ("v2", id)
    counts = ws.data.diff("images@v1", "images@v2").counts
    assert (counts.added, counts.modified, counts.unchanged) == (1, 1, 4)
    page = ws.data.show("images@v2")
    assert {folder.path: folder.files for folder in page.folders} == {"cat": 2, "dog": 2}
    run = ws.catalog.run(second.version.run)
    assert (run.kind, run.params["commit"], run.code.commit) == ("snapshot", id, id)
    assert first.version.id != second.version.id


def test_an_earlier_commit_gives_the_version_of_then(ws, repository):
    first = ws.data.snapshot(repository / "images")
    commit(repository, {"images/cat/2.bin": b"new"})
    ws.data.snapshot(repository / "images")
    again = ws.data.snapshot(repository / "images", revision="HEAD~1")
    assert again.version.id == first.version.id
    assert again.version.number == "v1"


def test_the_attributes_of_the_commit_decide_and_not_those_of_the_work_tree(ws, repository):
    (repository / ".gitattributes").write_text("")
    assert ws.data.snapshot(repository / "images").lfs == 3
    folders.git(repository, "add", ".gitattributes")
    folders.git(repository, "commit", "-q", "-m", "no LFS any more")
    made = ws.data.snapshot(repository / "images")
    assert (made.lfs, made.git) == (0, 5)
    assert contents(ws, made.version)["cat/1.bin"].startswith(b"version https://git-lfs")


def test_objects_of_the_repository_are_linked_and_not_copied(ws, repository):
    ws.data.snapshot(repository / "images")
    data = FILES["images/cat/1.bin"]
    oid = digest.of(data).partition(":")[2]
    local = (repository / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid).stat()
    stored = ws.objects.path(digest.of(data)).stat()
    assert (stored.st_dev, stored.st_ino) == (local.st_dev, local.st_ino)
    assert stat.S_IMODE(stored.st_mode) == 0o444


def test_one_file_and_the_whole_repository_can_be_recorded(ws, repository):
    one = ws.data.snapshot(repository / "images/cat/1.bin")
    assert contents(ws, one.version) == {"1.bin": FILES["images/cat/1.bin"]}
    whole = ws.data.snapshot(repository)
    found = contents(ws, whole.version)
    assert {path: data for path, data in found.items() if path != ".gitattributes"} == FILES
    assert whole.version.name == "repository"


def test_links_and_submodules_are_left_out_and_named(ws, repository):
    (repository / "images" / "link").symlink_to("cat/1.bin")
    commit(repository, {})
    made = ws.data.snapshot(repository / "images")
    assert (made.left_out, made.sample) == (1, ("images/link",))


def test_an_object_that_is_nowhere_is_named_and_nothing_is_recorded(ws, repository):
    shutil.rmtree(repository / ".git/lfs/objects")
    folders.git(repository, "config", "lfs.url", "http://127.0.0.1:1/lfs")
    with pytest.raises(NotFound, match="3 objects of Git LFS are not here") as error:
        ws.data.snapshot(repository / "images")
    assert error.value.hint == "git lfs fetch brings them from http://127.0.0.1:1/lfs"
    assert ws.data.ls() == []


def test_an_object_that_the_store_has_need_not_be_in_the_repository(ws, repository):
    ws.objects.put(list(FILES.values()))
    shutil.rmtree(repository / ".git/lfs/objects")
    assert ws.data.snapshot(repository / "images").lfs == 3


def test_a_damaged_object_of_the_repository_is_named(ws, repository):
    oid = digest.of(FILES["images/cat/1.bin"]).partition(":")[2]
    (repository / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid).write_bytes(b"dam")
    with pytest.raises(Damaged, match=oid):
        ws.data.snapshot(repository / "images")
    assert ws.data.ls() == []


@pytest.mark.parametrize(
    ("path", "revision", "error"),
    [
        ("images", "no-such", Invalid),
        ("images", "--all", Invalid),
        ("nothing", "HEAD", NotFound),
        ("../outside", "HEAD", Invalid),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(ws, repository, path, revision, error):
    with pytest.raises(error):
        ws.data.snapshot(repository / path, revision=revision)


@pytest.mark.parametrize("name", ["*", "a[b]", "-r", ":(top)x", "tab\tname"])
def test_names_that_git_could_take_for_something_else_are_names(ws, tmp_path, name):
    root = tmp_path / "odd"
    commit(root, {f"{name}/x": b"1", "ab/x": b"2"})
    if "\t" in name:
        with pytest.raises(Invalid):
            ws.data.snapshot(root)
        return
    made = ws.data.snapshot(root / name, name="odd")
    assert contents(ws, made.version) == {"x": b"1"}


def test_the_server_is_found_where_git_lfs_finds_it(repository):
    assert lfs.address(repository) == ""
    folders.git(repository, "remote", "add", "origin", "http://hub/team/art")
    assert lfs.address(repository) == "http://hub/team/art.git/info/lfs"
    (repository / ".lfsconfig").write_text("[lfs]\n\turl = http://committed/lfs\n")
    assert lfs.address(repository) == "http://committed/lfs"
    folders.git(repository, "config", "lfs.url", "http://own/lfs")
    assert lfs.address(repository) == "http://own/lfs"


def test_another_place_of_the_objects_is_honoured(ws, repository, tmp_path):
    (repository / ".git/lfs").rename(tmp_path / "elsewhere")
    folders.git(repository, "config", "lfs.storage", str(tmp_path / "elsewhere"))
    assert ws.data.snapshot(repository / "images").lfs == 3


# Locks


def test_a_lock_is_taken_once_and_given_back_by_its_owner(ws, project):
    made = ws.data.lock("a/b.psd", ref="refs/heads/main")
    with pytest.raises(Conflict, match="is locked by user:test"):
        ws.data.lock("a/b.psd")
    ws.data.lock("a/b.psd", repository="other")
    with open_local(project, agent="user:eve") as other:
        with pytest.raises(Denied, match="is locked by user:test"):
            other.data.unlock("a/b.psd")
        assert other.data.unlock(id=made.id, force=True) == made
    with pytest.raises(NotFound):
        ws.data.unlock("a/b.psd")
    assert [it.repository for it in ws.data.locks(repository="other").locks] == ["other"]


@pytest.mark.parametrize("path", ["", "/a", "../a", "a//b", "a\0b", "a\nb", "x" * 5000])
def test_a_path_that_cannot_be_in_a_repository_is_not_locked(ws, path):
    with pytest.raises(Invalid):
        ws.data.lock(path)


def test_unlock_wants_a_path_or_an_id(ws):
    for words in ({}, {"path": "a", "id": "b"}):
        with pytest.raises(Invalid):
            ws.data.unlock(**words)


# What was pushed


def push(ws, ref: str, *items: bytes, repository: str = "") -> None:
    names = ws.objects.put(list(items))
    for name in names:
        os.utime(ws.objects.path(name), (0, 0))
    pairs = [(name, len(item)) for name, item in zip(names, items, strict=True)]
    pushed.record(ws, repository, ref, pairs)


def test_what_a_forgotten_ref_had_alone_is_collected_and_the_rest_stays(ws):
    push(ws, "refs/heads/main", b"in both", b"in main")
    push(ws, "refs/heads/old", b"in both", b"in old", b"recorded")
    tree = Manifest(
        kind="dataset", entries=(Entry(path="x", digest=digest.of(b"recorded"), size=8),)
    )
    ws.catalog.commit(Commit(versions=(ws.put_manifest(tree, "set"),)))
    assert ws.admin.gc(apply=True).count == 0
    looked = ws.data.lfs_forget(ref="refs/heads/old")
    assert (looked.applied, looked.objects, looked.bytes) == (False, 3, 21)
    assert ws.admin.gc(apply=True).count == 0
    done = ws.data.lfs_forget(ref="refs/heads/old", apply=True)
    assert (done.applied, done.objects, done.free, done.free_bytes) == (True, 3, 1, 6)
    assert (ws.admin.gc().count, ws.admin.gc(apply=True).bytes) == (1, 6)
    assert ws.objects.has([digest.of(b"in old")]) == set()
    assert ws.objects.has([digest.of(b"in both"), digest.of(b"recorded")]) == {
        digest.of(b"in both"),
        digest.of(b"recorded"),
    }


def test_a_clone_says_what_its_commits_still_name(ws, repository):
    push(ws, "refs/heads/main", *FILES.values(), b"gone from all commits", repository="art")
    push(ws, "refs/heads/main", b"of another repository")
    done = ws.data.lfs_forget(repository="art", keep=repository, apply=True)
    names = [digest.of(FILES["images/labels.csv"]), digest.of(FILES["README"]), digest.of(b"")]
    assert done.objects == len({*names, digest.of(b"gone from all commits")})
    assert ws.admin.gc(apply=True).count == done.objects
    assert ws.objects.has([digest.of(FILES["images/cat/1.bin"])])
    assert ws.objects.has([digest.of(b"of another repository")])


def test_objects_of_tags_and_other_branches_are_named_too(ws, repository):
    folders.git(repository, "switch", "-q", "-c", "other")
    commit(repository, {"images/cat/3.bin": b"three"})
    folders.git(repository, "tag", "t")
    folders.git(repository, "switch", "-q", "main")
    folders.git(repository, "branch", "-q", "-D", "other")
    push(ws, "refs/heads/other", b"three")
    assert ws.data.lfs_forget(keep=repository, apply=True).objects == 0


def test_what_to_forget_must_be_said(ws):
    with pytest.raises(Invalid, match="forget what"):
        ws.data.lfs_forget(apply=True)


# One file with two names


def test_md5_names_that_only_look_alike_get_no_second_name(ws, tmp_path):
    """Two files with one md5 cannot be told apart by it; the bytes are compared."""
    (name,) = ws.objects.put([b"first"], algorithm="md5")
    file = tmp_path / "second"
    file.write_bytes(b"second")
    twins.adopt(ws, file, digest.of(b"second"), name)
    assert ws.objects.get(digest.of(b"second")) == b"second"
    assert ws.objects.get(name) == b"first"


def test_a_name_stays_when_the_other_is_removed(ws, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"bytes")
    md5, sha256 = digest.of(b"bytes", "md5"), digest.of(b"bytes")
    twins.adopt(ws, file, sha256, md5)
    ws.objects.delete([md5])
    assert ws.objects.get(sha256) == b"bytes"


def test_collection_counts_a_file_with_two_names_once(ws, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"bytes")
    twins.adopt(ws, file, digest.of(b"bytes"), digest.of(b"bytes", "md5"))
    file.unlink()
    os.utime(ws.objects.path(digest.of(b"bytes")), (0, 0))
    report = ws.admin.gc(apply=True)
    assert (report.count, report.bytes) == (2, 5)


def test_a_cache_that_others_share_gets_no_names_from_us(ws, tmp_path):
    ws.data.init()
    shared = tmp_path / "shared"
    (ws.root / ".dvc/config").write_text(f"[cache]\n    dir = {shared}\n")
    file = tmp_path / "file"
    file.write_bytes(b"bytes")
    md5 = digest.of(b"bytes", "md5")
    twins.adopt(ws, file, digest.of(b"bytes"), md5)
    assert ws.objects.has([md5]) == set()
    (known,) = ws.objects.put([b"known"], algorithm="md5")
    file.write_bytes(b"known")
    twins.adopt(ws, file, digest.of(b"known"), known)
    assert ws.objects.path(known).stat().st_nlink == 2


# Killed anywhere


@pytest.mark.slow
def test_a_killed_snapshot_leaves_nothing_half_and_is_repeated(project, repository, tmp_path):
    def take(root: Path) -> None:
        with open_local(root, agent="user:test") as ws:
            ws.data.snapshot(repository / "images")

    dry = tmp_path / "dry"
    shutil.copytree(project, dry)
    events = kill.count(lambda: take(dry))
    for n in kill.sample(events, 15, seed=4):
        root = tmp_path / f"killed-{n}"
        shutil.copytree(project, root)
        kill.kill_at(lambda root=root: take(root), n)
        with open_local(root, agent="user:test") as ws:
            assert ws.admin.check().ok
            for info in ws.objects.list():
                ws.objects.get(info.digest)
            made = ws.data.snapshot(repository / "images")
            assert made.version.number == "v1"
            assert len(contents(ws, made.version)) == 5
