"""Collecting data: what stays, what is shown first, and how it comes back."""

import os
import shutil
import time

import pytest
from tests.rooms import folders

from cauce.errors import Conflict, Damaged, Invalid, NotFound
from cauce.kernel import workspace
from cauce.kernel.digest import of
from cauce.kernel.entities import Digest
from cauce.testing import kill


@pytest.fixture
def repo(ws):
    """A project whose commits name the contents 1, 2 and 3; DVC's files only, no catalogue."""
    folders.git(ws.folder, "init", "-q", "-b", "main")
    ws.data.init()
    for number in (1, 2, 3):
        keep(ws, "d", {"x": b"%d" % number, "same": b"same"})
        commit(ws.folder)
    return ws.folder


def commit(root):
    folders.git(root, "add", "-A")
    folders.git(root, "commit", "-q", "-m", "a change", "--allow-empty")


def keep(ws, path, files):
    """Store a folder as DVC would: objects, a `.dvc` file, and nothing in the catalogue."""
    from cauce.rooms.data import dvc, versions

    format = dvc.load()
    put(ws, *files.values())
    md5s = {rel: str(of(data, "md5")).partition(":")[2] for rel, data in files.items()}
    name = versions.put_dir(ws, md5s)
    out = format.Output(path=path, md5=name.partition(":")[2], size=1, nfiles=len(files))
    format.write(ws.folder, ws.folder / f"{path}.dvc", out)


def put(ws, *contents):
    return ws.objects.put(list(contents), algorithm="md5")


def age(ws):
    """Make every object older than the grace period."""
    old = time.time() - 30 * 24 * 3600
    for info in list(ws.objects.list("md5")):
        os.utime(ws.objects.path(info.digest), (old, old))


def forget_logs(root):
    folders.git(root, "reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")


def held(ws):
    """Tell which of the contents are in the store."""
    return sorted(data.decode() for data in (b"1", b"2", b"3", b"same", b"loose") if has(ws, data))


def has(ws, data):
    return bool(ws.objects.has([of(data, "md5")]))


def test_nothing_moves_before_it_was_shown_and_asked_for(ws, repo):
    put(ws, b"loose")
    age(ws)
    found = ws.data.gc()
    assert not found.applied
    assert [(it.place, it.count, it.bytes) for it in found.places] == [("cache", 1, 5)]
    assert found.places[0].sample == (of(b"loose", "md5"),)
    assert "loose" in held(ws)


def test_what_any_commit_names_stays(ws, repo):
    put(ws, b"loose")
    age(ws)
    assert ws.data.gc(force=True).places[0].count == 1
    assert held(ws) == ["1", "2", "3", "same"]


def test_what_went_comes_back(ws, repo):
    put(ws, b"loose")
    age(ws)
    id = ws.data.gc(force=True).id
    assert ws.data.gc_undo(id).count == 1
    assert ws.objects.get(of(b"loose", "md5")) == b"loose"
    with pytest.raises(NotFound, match="nothing was collected"):
        ws.data.gc_undo()


def test_a_scope_lets_old_commits_go_but_no_tip(ws, repo):
    folders.git(repo, "tag", "old", "HEAD~1")
    forget_logs(repo)
    age(ws)
    ws.data.gc(workspace=True, force=True)
    assert held(ws) == ["2", "3", "same"]


def test_num_and_rev_keep_more(ws, repo):
    forget_logs(repo)
    age(ws)
    assert ws.data.gc(all_branches=True, num=2).places[0].count == 2  # a file and a list
    assert ws.data.gc(rev="HEAD~2").places[0].count == 2
    assert ws.data.gc(all_branches=True, num=3).places[0].count == 0
    assert ws.data.gc(workspace=True, all_commits=True).places[0].count == 0


def test_another_branch_the_stash_and_where_head_was_are_kept(ws, repo):
    folders.git(repo, "checkout", "-q", "-b", "side", "HEAD~2")
    folders.git(repo, "checkout", "-q", "main")
    age(ws)
    ws.data.gc(workspace=True, force=True)
    assert held(ws) == ["1", "2", "3", "same"]  # 2: HEAD was there a moment ago
    forget_logs(repo)
    keep(ws, "d", {"x": b"loose"})
    folders.git(repo, "stash", "-q")
    age(ws)
    ws.data.gc(workspace=True, force=True)
    assert held(ws) == ["1", "3", "loose", "same"]


def test_versions_of_the_catalogue_are_kept(ws, repo):
    place = folders.write(repo / "n", {"x": b"loose"})
    ws.data.add(place)
    shutil.rmtree(place)
    (repo / "n.dvc").unlink()
    age(ws)
    ws.data.gc(workspace=True, force=True)
    assert "loose" in held(ws)


def test_what_is_new_stays(ws, repo):
    put(ws, b"loose")
    found = ws.data.gc(force=True)
    assert (found.places[0].count, found.places[0].young) == (0, 1)
    assert found.id == ""
    assert "loose" in held(ws)


def test_a_list_that_cannot_be_read_stops_everything(ws, repo):
    forget_logs(repo)
    (name,) = [
        info.digest
        for info in ws.objects.list("md5")
        if info.digest.endswith(".dir") and b"1" in ws.objects.get(info.digest)
    ][:1]
    put(ws, b"loose")
    age(ws)
    head = [i for i in ws.objects.list("md5") if i.digest.endswith(".dir")]
    for info in head:
        file = ws.objects.path(info.digest)
        file.chmod(0o644)
        file.write_bytes(b"[")
        file.chmod(0o444)
    age(ws)
    with pytest.raises(Damaged, match="cannot be read"):
        ws.data.gc(workspace=True, force=True)
    assert "loose" in held(ws)
    assert name


def test_a_broken_file_in_a_kept_revision_stops_everything(ws, repo):
    (repo / "bad.dvc").write_text("outs: [\n")
    commit(repo)
    (repo / "bad.dvc").unlink()
    commit(repo)
    folders.git(repo, "branch", "broken", "HEAD~1")
    put(ws, b"loose")
    age(ws)
    with pytest.raises(Damaged, match="nobody can tell what is needed"):
        ws.data.gc(workspace=True, force=True)
    assert "loose" in held(ws)


def test_a_shared_cache_is_collected_only_with_all_projects(ws, repo, tmp_path):
    shared = tmp_path / "shared"
    other = tmp_path / "other"
    other.mkdir()
    for root in (repo, other):
        (root / ".dvc").mkdir(exist_ok=True)
        (root / ".dvc" / "config").write_text(f"[cache]\n    dir = {shared}\n")
    with workspace.open_local(repo) as mine, workspace.open_local(other) as theirs:
        keep(theirs, "d", {"x": b"loose"})
        keep(mine, "d", {"x": b"3", "same": b"same"})
        commit(repo)
        put(mine, b"nobody's")
        age(mine)
        with pytest.raises(Conflict, match="lies outside the project"):
            mine.data.gc(force=True)
        assert mine.data.gc(projects=(other,), force=True).places[0].count == 1
        assert has(theirs, b"loose")
        assert not has(theirs, b"nobody's")


def remote(ws, tmp_path):
    from cauce.rooms.data.transfer import remotes

    config = ws.folder / ".dvc" / "config"
    config.write_text(
        f"[core]\n    remote = far\n['remote \"far\"']\n    url = {tmp_path / 'far'}\n"
    )
    return remotes.open_remote(ws)


def test_a_remote_is_collected_and_comes_back(ws, repo, tmp_path):
    far = remote(ws, tmp_path)
    ws.data.push()
    far.put([b"loose"], algorithm="md5")
    old = time.time() - 30 * 24 * 3600
    for info in list(far.list("md5")):
        os.utime(far.path(info.digest), (old, old))
    found = ws.data.gc(cloud=True)
    assert {it.place: it.count for it in found.places} == {"cache": 0, "far": 1}
    id = ws.data.gc(cloud=True, force=True).id
    assert not far.has([of(b"loose", "md5")])
    ws.data.gc_undo(id)
    assert far.get(of(b"loose", "md5")) == b"loose"


def test_lists_that_only_the_remote_has_are_read_there(ws, repo, tmp_path):
    far = remote(ws, tmp_path)
    ws.data.push()
    for info in list(ws.objects.list("md5")):
        ws.objects.delete([info.digest])
    old = time.time() - 30 * 24 * 3600
    for info in list(far.list("md5")):
        os.utime(far.path(info.digest), (old, old))
    assert [it.count for it in ws.data.gc(cloud=True, workspace=True).places] == [0, 0]


def test_what_the_remote_has_may_leave_the_cache(ws, repo, tmp_path):
    remote(ws, tmp_path)
    ws.data.push()
    age(ws)
    ws.data.gc(not_in_remote=True, force=True)
    assert held(ws) == ["1", "2"]  # the work tree's were pushed
    ws.data.pull()
    assert "3" in held(ws)


def test_what_was_in_the_trash_for_its_time_goes(ws, repo, monkeypatch):
    put(ws, b"loose")
    age(ws)
    id = ws.data.gc(force=True).id
    later = time.time() + 8 * 24 * 3600
    monkeypatch.setattr(type(ws), "now", lambda _: later)
    ws.data.gc(force=True)
    assert not list((repo / ".dvc" / "cache" / "trash").rglob("*"))
    with pytest.raises(NotFound):
        ws.data.gc_undo(id)


@pytest.mark.parametrize(
    "words",
    [
        {"remote": "far"},
        {"cloud": True, "not_in_remote": True},
        {"num": 2},
        {"all_branches": True, "num": 0},
        {"date": "yesterday"},
    ],
)
def test_words_that_make_no_sense_are_refused(ws, repo, words):
    with pytest.raises(Invalid):
        ws.data.gc(**words)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["gc", "gc_undo"])
def test_killed_anywhere_nothing_is_lost_and_undo_ends_it(ws, repo, what):
    loose = [b"loose %d" % number for number in range(6)]

    def prepare():
        shutil.rmtree(repo / ".cauce" / "trash", ignore_errors=True)
        put(ws, *loose)
        age(ws)

    def work():
        with workspace.open_local(repo, agent="user:test") as opened:
            if what == "gc":
                opened.data.gc(force=True)
            else:
                opened.data.gc_undo()

    prepare()
    if what == "gc_undo":
        ws.data.gc(force=True)
    total = kill.count(work)
    for n in kill.sample(total, 12, seed=1):
        prepare()
        if what == "gc_undo":
            ws.data.gc(force=True)
        kill.kill_at(work, n)
        for _ in range(3):
            try:
                ws.data.gc_undo()
            except NotFound:
                break
        assert ws.objects.has([of(data, "md5") for data in loose]) == {
            Digest(of(data, "md5")) for data in loose
        }, f"killed at {n} of {total}"
