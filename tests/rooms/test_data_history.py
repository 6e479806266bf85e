"""Reading DVC's files of any revision: what is found, and how little is read for it."""

import shutil
import subprocess

import pytest
from tests.rooms import folders

from cauce.errors import Invalid, NotFound
from cauce.kernel import git
from cauce.rooms.data import dvc
from cauce.rooms.data.revisions import history
from cauce.rooms.data.revisions.history import EVERYTHING, History, Scope


def names(pairs):
    return sorted({(out.path, out.md5) for _, out in pairs})


def commit(root, message="a change"):
    folders.git(root, "add", "-A")
    folders.git(root, "commit", "-q", "-m", message)
    return folders.git(root, "rev-parse", "HEAD").strip()


def dvc_file(root, path, number):
    """Write a `.dvc` file that names a made-up sum."""
    place = root / f"{path}.dvc"
    place.parent.mkdir(parents=True, exist_ok=True)
    name = path.rpartition("/")[2]
    place.write_text(f"outs:\n- md5: {number:032x}\n  size: 1\n  hash: md5\n  path: {name}\n")


def output(path, number):
    return (path, f"{number:032x}")


@pytest.fixture
def repo(ws):
    folders.git(ws.folder, "init", "-q", "-b", "main")
    ws.data.init()
    return ws.folder


def test_each_revision_gives_its_own_outputs(ws, repo):
    dvc_file(repo, "a", 1)
    dvc_file(repo, "deep/er/b", 2)
    first = commit(repo)
    dvc_file(repo, "a", 3)
    (repo / "deep/er/b.dvc").unlink()
    commit(repo)
    folders.git(repo, "tag", "-a", "-m", "a tag of its own", "t1", first)
    dvc_file(repo, "a", 4)
    for revision, found in (
        ("HEAD", [output("a", 3)]),
        ("HEAD~1", [output("a", 1), output("deep/er/b", 2)]),
        ("t1", [output("a", 1), output("deep/er/b", 2)]),
        (first[:8], [output("a", 1), output("deep/er/b", 2)]),
        (None, [output("a", 4)]),
    ):
        assert names(history.outputs(ws, revision)) == found
    with pytest.raises(NotFound, match="no revision 'nowhere'"):
        history.outputs(ws, "nowhere")
    with pytest.raises(NotFound, match="no revision '--all'"):
        history.outputs(ws, "--all")


def test_scopes_mean_what_they_mean_for_dvc(ws, repo):
    for number in range(1, 5):
        dvc_file(repo, "a", number)
        commit(repo)
    folders.git(repo, "tag", "old", "HEAD~2")
    folders.git(repo, "tag", "-a", "-m", "m", "tagtag", "old")
    folders.git(repo, "tag", "no-commit", "HEAD:a.dvc")
    folders.git(repo, "checkout", "-q", "-b", "side", "HEAD~3")
    dvc_file(repo, "s", 9)
    commit(repo)
    dvc_file(repo, "stashed", 7)
    folders.git(repo, "stash", "-q", "--include-untracked")
    folders.git(repo, "checkout", "-q", "main")
    dvc_file(repo, "a", 5)

    def found(**scope):
        return [int(md5, 16) for _, md5 in names(history.every(ws, Scope(**scope)))]

    assert found() == [5]
    assert found(workspace=False) == []
    assert found(branches=True) == [1, 4, 5, 9]
    assert found(branches=True, num=2) == [1, 3, 4, 5, 9]
    assert found(tags=True) == [2, 5]
    assert found(revs=("HEAD~1",), num=2) == [2, 3, 5]
    assert found(commits=True) == [1, 2, 3, 4, 5, 9]
    assert found(stash=True, workspace=False) == [1, 9, 7]
    assert found(since="1999-01-01") == [1, 2, 3, 4, 5, 9]
    assert found(since="2999-01-01") == [5]


def test_a_project_in_a_folder_of_the_repository_sees_only_its_own(ws, repo):
    inner = repo / "teams" / "one"
    inner.mkdir(parents=True)
    dvc.load().create(inner, scm=True)
    dvc_file(repo, "a", 1)
    dvc_file(inner, "b", 2)
    commit(repo)
    assert names(history.outputs(ws, "HEAD")) == [output("a", 1)]
    with History(inner) as reader:
        head = git.resolve(inner, "HEAD")
        assert names(reader.outputs(head)) == [output("b", 2)]


def test_a_revision_before_the_project_was_there_has_nothing(ws, repo):
    (repo / "x").write_text("x")
    folders.git(repo, "add", "x")
    folders.git(repo, "commit", "-q", "-m", "before")
    inner = repo / "late"
    inner.mkdir()
    dvc.load().create(inner, scm=True)
    dvc_file(inner, "b", 2)
    commit(repo)
    with History(inner) as reader:
        assert reader.outputs(git.resolve(inner, "HEAD~1")) == []
        assert names(reader.every(Scope(commits=True, workspace=False))) == [output("b", 2)]


def test_ignored_files_of_a_revision_are_left_out_by_its_own_patterns(ws, repo):
    dvc_file(repo, "skip/a", 1)
    dvc_file(repo, "keep/a", 2)
    (repo / ".dvcignore").write_text("skip/\n")
    commit(repo)
    (repo / ".dvcignore").write_text("keep/\n")
    commit(repo)
    assert names(history.outputs(ws, "HEAD~1")) == [output("keep/a", 2)]
    assert names(history.outputs(ws, "HEAD")) == [output("skip/a", 1)]
    both = Scope(commits=True, workspace=False)
    assert names(history.every(ws, both)) == [output("keep/a", 2), output("skip/a", 1)]


def test_outputs_of_stages_have_the_sums_of_their_revisions_lock(ws, repo):
    (repo / "params.yaml").write_text("name: mid\n")
    (repo / "dvc.yaml").write_text("stages:\n  s:\n    cmd: x\n    outs:\n    - ${name}.txt\n")
    for number in (1, 2):
        (repo / "dvc.lock").write_text(
            "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: mid.txt\n"
            f"      hash: md5\n      md5: {number:032x}\n      size: 1\n"
        )
        commit(repo)
    assert names(history.outputs(ws, "HEAD~1")) == [output("mid.txt", 1)]
    assert names(history.outputs(ws, "HEAD")) == [output("mid.txt", 2)]
    both = Scope(commits=True, workspace=False)
    assert names(history.every(ws, both)) == [output("mid.txt", 1), output("mid.txt", 2)]


def test_links_in_a_revision_are_not_followed(ws, repo, tmp_path):
    dvc_file(tmp_path, "outside", 1)
    (repo / "link.dvc").symlink_to(tmp_path / "outside.dvc")
    commit(repo)
    assert history.outputs(ws, "HEAD") == []


def test_a_broken_file_is_an_error_that_names_its_commit(ws, repo):
    (repo / "a.dvc").write_text("outs: [\n")
    bad = commit(repo)
    dvc_file(repo, "a", 1)
    commit(repo)
    with pytest.raises(Invalid, match=f"{bad[:10]}:a.dvc:2:1 is not valid YAML"):
        history.outputs(ws, "HEAD~1")
    with History(repo) as reader:
        assert names(reader.every(EVERYTHING)) == [output("a", 1)]
        assert len(reader.problems) == 1


def test_a_project_without_git_has_only_its_work_tree(ws):
    ws.data.init()
    dvc_file(ws.folder, "a", 1)
    assert names(history.every(ws, Scope())) == [output("a", 1)]
    with pytest.raises(NotFound, match="is in no git repository"):
        history.every(ws, Scope(branches=True))


def test_a_repository_without_commits_has_only_its_work_tree(ws, repo):
    dvc_file(repo, "a", 1)
    assert names(history.every(ws, EVERYTHING)) == [output("a", 1)]


def test_an_unchanged_file_is_read_once_for_a_thousand_commits(ws, repo, monkeypatch):
    for number in range(20):
        dvc_file(repo, f"d{number}/x", number)
    commit(repo)
    stream = ["reset refs/heads/main", f"from {folders.git(repo, 'rev-parse', 'main').strip()}"]
    for number in range(1000):
        stream += ["", "commit refs/heads/main", "committer T <t@t> 0 +0000", "data 0"]
        stream += [f"M 644 inline notes/{number % 7}", "data 4", f"{number:04}"]
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force"],
        cwd=repo,
        input="\n".join(stream).encode() + b"\n",
        check=True,
    )
    with History(repo) as reader:
        asked: list[str] = []
        read = reader._objects.read
        monkeypatch.setattr(
            reader._objects, "read", lambda ids: read(asked.extend(ids := list(ids)) or ids)
        )
        assert len(names(reader.every(Scope(commits=True, workspace=False)))) == 20
    assert len(asked) == len(set(asked))
    # Each commit has a new root and a new folder of notes; all else is the same.
    assert len(asked) < 2 * 1000 + 20 * 2 + 10


def test_a_shallow_clone_reads_what_it_has(ws, repo, tmp_path):
    dvc_file(repo, "a", 1)
    commit(repo)
    dvc_file(repo, "a", 2)
    commit(repo)
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", f"file://{repo}", str(tmp_path / "shallow")], check=True
    )
    with History(tmp_path / "shallow") as reader:
        found = names(reader.every(Scope(commits=True, workspace=False)))
    assert found == [output("a", 2)]
    shutil.rmtree(tmp_path / "shallow")
