"""Code state: commit, branch, changes and command, with and without a repository."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cauce.kernel import code, digest


@pytest.fixture
def kept():
    return {}


@pytest.fixture
def store(kept):
    def keep(data):
        name = digest.of(data)
        kept[name] = data
        return name

    return keep


def git(folder, *arguments):
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    git(root, "init", "-q", "-b", "trunk")
    (root / "src" / "train.py").write_text("print(1)\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


def test_a_clean_tree_has_commit_branch_and_entry(repository, store, kept):
    found = code.capture(repository / "src", ["python", "train.py", "-v"], store=store)
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert (found.branch, found.dirty, found.diff) == ("trunk", False, None)
    assert found.entry == "src/train.py"
    assert found.command == ("python", "train.py", "-v")
    assert kept == {}


def test_changes_are_kept_as_a_diff_that_applies(repository, store, kept):
    git(repository, "config", "diff.noprefix", "true")
    git(repository, "config", "color.ui", "always")
    script = repository / "src" / "train.py"
    script.write_text("print(2)\n")
    found = code.capture(repository, store=store)
    assert found.dirty
    script.write_text("print(1)\n")
    subprocess.run(["git", "apply"], cwd=repository, input=kept[found.diff], check=True)
    assert script.read_text() == "print(2)\n"


def test_untracked_files_are_no_changes(repository, store):
    (repository / "new.txt").write_text("secret")
    assert not code.capture(repository, store=store).dirty


def test_a_detached_head_has_no_branch(repository, store):
    git(repository, "checkout", "-q", "--detach")
    found = code.capture(repository, store=store)
    assert found.branch == ""
    assert len(found.commit) == 40


def test_a_repository_without_commits_has_none(tmp_path, store):
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a").write_text("x")
    git(tmp_path, "add", "a")
    found = code.capture(tmp_path, store=store)
    assert (found.commit, found.branch, found.diff) == ("", "main", None)


def test_outside_a_repository_only_the_command_is_known(tmp_path, store, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "a.py").write_text("")
    found = code.capture(tmp_path, ["python", "a.py"], store=store)
    assert (found.commit, found.branch, found.entry) == ("", "", "a.py")


def test_without_git_it_works_too(repository, store, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    found = code.capture(repository / "src", ["train.py"], store=store)
    assert (found.commit, found.dirty, found.entry) == ("", False, "train.py")


def test_an_entry_outside_the_repository_is_only_a_name(repository, store, tmp_path):
    outside = tmp_path / "other.py"
    outside.write_text("")
    found = code.capture(repository, ["python", str(outside)], store=store)
    assert found.entry == "other.py"


@pytest.mark.parametrize(
    ("command", "clean"),
    [
        (["a", "--api-key", "X1", "b"], ("a", "--api-key", "***", "b")),
        (["--token=abc"], ("--token=***",)),
        (["AWS_SECRET_ACCESS_KEY=abc"], ("AWS_SECRET_ACCESS_KEY=***",)),
        (["optimizer.password=a=b"], ("optimizer.password=***",)),
        (["--password", "--lr", "1"], ("--password", "--lr", "1")),
        (["postgresql://me:pw@host/db"], ("postgresql://***@host/db",)),
        (["ghp_" + "a" * 36], ("***",)),
        (["hf_" + "b" * 30 + "/x"], ("***/x",)),
        (["AKIA" + "C" * 16], ("***",)),
        (["python", "train.py", "--lr=0.1", "--monkey", "x"],
         ("python", "train.py", "--lr=0.1", "--monkey", "x")),
        (["a\udcff"], ("a?",)),
    ],
)  # fmt: skip
def test_secrets_leave_the_command(command, clean):
    assert code.redact(command) == clean


@given(st.lists(st.text(max_size=20), max_size=5))
def test_any_command_can_be_cleaned_and_written(command):
    clean = code.redact(command)
    assert len(clean) == len(command)
    "".join(clean).encode()
