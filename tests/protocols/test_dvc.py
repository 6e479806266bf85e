"""An unmodified DVC and we work on one project, each on what the other wrote."""

import shutil

import pytest
from tests.rooms import folders

from cauce.errors import Conflict
from cauce.kernel import digest, workspace

pytestmark = pytest.mark.peer

DATA = {"train/1/a.png": b"one", "train/2/b c.png": b"two", "é/日本.png": b"three"}


def open_project(root, *, git=True):
    """Make a project that both tools can use."""
    root.mkdir()
    (root / "cauce.toml").write_text('project = "test"\n')
    if git:
        folders.git(root, "init", "-q")
    return workspace.open_local(root, agent="user:test")


def objects(root):
    """Read a cache: name -> bytes."""
    return folders.read(root / ".dvc" / "cache" / "files" / "md5")


def test_both_write_the_same_bytes_for_the_same_data(dvc, tmp_path):
    with open_project(tmp_path / "ours") as ws:
        ws.data.init()
        for number, target in enumerate(folders.material(ws.folder)):
            ws.data.add(target, name=f"set{number}")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    folders.git(theirs, "init", "-q")
    dvc(theirs, "init", "-q")
    targets = [str(path.relative_to(theirs)) for path in folders.material(theirs)]
    dvc(theirs, "add", "-q", *targets)
    ours = tmp_path / "ours"
    for path in sorted(theirs.rglob("*.dvc")):
        if path.is_file():
            mine = ours / path.relative_to(theirs)
            assert mine.read_text() == path.read_text()
    assert objects(ours) == objects(theirs)


def test_a_project_that_we_added_is_clean_and_restored_by_dvc(dvc, tmp_path):
    with open_project(tmp_path / "p") as ws:
        place = folders.write(ws.folder / "digits", DATA)
        ws.data.add(place)
        assert dvc(ws.folder, "status", "--json").stdout.strip() == "{}"
        assert "digits" not in folders.git(ws.folder, "status", "--short", "--", "digits/")
        shutil.rmtree(place)
        dvc(ws.folder, "checkout", "-q")
        assert folders.read(place) == DATA
        assert ws.data.status()[0].state == "unchanged"


def test_versions_that_we_switch_to_are_clean_for_dvc(dvc, tmp_path):
    with open_project(tmp_path / "p", git=False) as ws:
        place = folders.write(ws.folder / "digits", DATA)
        ws.data.add(place)
        folders.write(place, {"train/1/a.png": b"ONE", "new": b"four"})
        ws.data.add(place)
        ws.data.checkout((place,), version="v1")
        assert dvc(ws.folder, "status", "--json").stdout.strip() == "{}"
        assert folders.read(place) == DATA
        ws.data.checkout((place,), version="main")
        assert dvc(ws.folder, "status", "--json").stdout.strip() == "{}"


def test_what_dvc_added_we_read_with_the_same_sums(dvc, tmp_path):
    with open_project(tmp_path / "p") as ws:
        dvc(ws.folder, "init", "-q")
        place = folders.write(ws.folder / "digits", DATA)
        dvc(ws.folder, "add", "-q", "digits")
        text = (ws.folder / "digits.dvc").read_text()
        (out,) = ws.data.status()
        assert (out.state, out.unchanged, out.missing) == ("unchanged", 3, 0)
        version = ws.data.add(place)
        assert (ws.folder / "digits.dvc").read_text() == text
        assert ws.manifest(version.id).labels["dvc"].partition(":")[2] in text
        shutil.rmtree(place)
        ws.data.checkout()
        assert folders.read(place) == DATA


def test_edits_of_dvc_to_our_file_are_taken_and_comments_stay(dvc, tmp_path):
    with open_project(tmp_path / "p") as ws:
        place = folders.write(ws.folder / "digits", DATA)
        ws.data.add(place)
        file = ws.folder / "digits.dvc"
        file.write_text(
            "# looked after by us\n" + file.read_text() + "  desc: scans  # real ones\n"
        )
        folders.write(place, {"new": b"by dvc"})
        dvc(ws.folder, "add", "-q", "digits")
        assert ws.data.status()[0].state == "unchanged"
        folders.write(place, {"newer": b"by us"})
        assert ws.data.add(place).number == "v2"
        text = file.read_text()
        assert text.startswith("# looked after by us\n")
        assert "desc: scans  # real ones\n" in text
        assert dvc(ws.folder, "status", "--json").stdout.strip() == "{}"


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_links_that_dvc_puts_into_the_work_tree_harm_neither_tool(dvc, tmp_path, kind):
    with open_project(tmp_path / "p", git=False) as ws:
        place = folders.write(ws.folder / "digits", DATA)
        ws.data.add(place)
        dvc(ws.folder, "config", "cache.type", kind)
        shutil.rmtree(place)
        dvc(ws.folder, "checkout", "-q")
        assert ws.data.status()[0].state == "unchanged"
        assert ws.data.add(place).number == "v1"
        (place / "train/1/a.png").unlink()
        folders.write(place, {"train/1/a.png": b"ONE"})
        ws.data.add(place)
        ws.data.checkout((place,), version="v1")
        assert folders.read(place) == DATA
        assert ws.objects.get(digest.of(b"one", "md5")) == b"one"


def test_dvc_waits_for_our_lock_and_we_for_its(dvc, tmp_path):
    from cauce.adapters.formats import dvc as format

    with open_project(tmp_path / "p", git=False) as ws:
        place = folders.write(ws.folder / "digits", DATA)
        ws.data.init()
        with format.locked(ws.folder):
            done = dvc(ws.folder, "add", "digits", code=1)
            assert "Unable to acquire lock" in done.stderr
            with pytest.raises(Conflict, match="is held by process"):
                ws.data.add(place)
        dvc(ws.folder, "add", "-q", "digits")
        assert ws.data.add(place).number == "v1"


def test_both_leave_out_the_same_ignored_files(dvc, tmp_path):
    with open_project(tmp_path / "p", git=False) as ws:
        ws.data.init()
        (ws.folder / ".dvcignore").write_text(
            "*.tmp\n!keep.tmp\nbuild/\n/data/top\n**/deep/*.log\ndata/a?c\ndata/[xy].txt\n"
        )
        names = (
            "a.tmp keep.tmp sub/b.tmp build/x sub/build/y sub/build.txt top sub/top deep/x.log "
            "sub/deep/y.log sub/deep/z.txt abc abbc x.txt z.txt"
        ).split()
        place = folders.write(ws.folder / "data", {name: name.encode() for name in names})
        dvc(ws.folder, "add", "-q", "data")
        text = (ws.folder / "data.dvc").read_text()
        (ws.folder / "data.dvc").unlink()
        ws.data.add(place)
        assert (ws.folder / "data.dvc").read_text() == text


def test_a_shared_cache_elsewhere_is_used_by_both(dvc, tmp_path):
    with open_project(tmp_path / "p", git=False) as ws:
        ws.data.init()
        dvc(ws.folder, "cache", "dir", str(tmp_path / "shared"))
        place = folders.write(ws.folder / "digits", DATA)
        ws.data.add(place)
        assert (tmp_path / "shared" / "files" / "md5").is_dir()
        shutil.rmtree(place)
        dvc(ws.folder, "checkout", "-q")
        assert folders.read(place) == DATA


def test_a_folder_that_we_filled_is_a_remote_that_dvc_pulls_from(dvc, tmp_path):
    with open_project(tmp_path / "p", git=False) as ws:
        place = folders.write(ws.folder / "digits", DATA)
        ws.data.add(place)
        cache = ws.folder / ".dvc" / "cache"
        cache.rename(tmp_path / "remote")
        shutil.rmtree(place)
        dvc(ws.folder, "remote", "add", "-d", "far", str(tmp_path / "remote"))
        dvc(ws.folder, "pull", "-q")
        assert folders.read(place) == DATA
        assert ws.data.status()[0].missing == 0


def test_a_part_that_is_added_gives_the_files_that_dvc_gives(dvc, tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with open_project(ours, git=False) as ws:
        ws.data.init()
        theirs.mkdir()
        dvc(theirs, "init", "-q", "--no-scm")
        for root in (ours, theirs):
            folders.write(root / "data", DATA)
        ws.data.add(ours / "data")
        dvc(theirs, "add", "-q", "data")
        for step in ("append", "change", "delete", "whole"):
            for root in (ours, theirs):
                if step == "append":
                    folders.write(root / "data", {"train/1/new": b"new"})
                elif step == "change":
                    (root / "data/train/1/a.png").write_bytes(b"changed")
                elif step == "delete":
                    (root / "data/train/1/new").unlink()
            place = {
                "append": "data/train/1/new",
                "change": "data/train",
                "delete": "data/train/1/new",
                "whole": "data",
            }[step]
            ws.data.add(ours / place)
            dvc(theirs, "add", "-q", place)
            assert (ours / "data.dvc").read_text() == (theirs / "data.dvc").read_text(), step
        assert dvc(ours, "status").stdout.strip() == "Data and pipelines are up to date."
