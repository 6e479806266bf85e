"""`cauce init`: a project in a folder, and nothing overwritten."""

import json
import os
import subprocess
import sys

import pytest

from cauce.errors import Invalid
from cauce.faces import project


def test_a_new_folder_becomes_a_whole_project(tmp_path):
    made = project.init(tmp_path / "shop")
    root = tmp_path / "shop"
    assert made.git == "new"
    for name in ("cauce.toml", "config.yaml", "train.py", "requirements.txt", "Dockerfile"):
        assert (root / name).is_file(), name
    assert 'project = "shop"' in (root / "cauce.toml").read_text()
    assert "/.cauce" in (root / ".gitignore").read_text()
    assert (root / ".git").is_dir()
    assert any(path.startswith(".github/") for path in made.written)


def test_what_exists_stays_as_it_is(tmp_path):
    (tmp_path / "train.py").write_text("mine\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    made = project.init(tmp_path, name="shop")
    assert (tmp_path / "train.py").read_text() == "mine\n"
    assert (tmp_path / "Dockerfile").read_text() == "FROM scratch\n"
    assert "train.py" in made.kept
    assert "train.py" not in made.written


def test_a_second_init_changes_nothing(tmp_path):
    project.init(tmp_path, name="shop")
    before = {path: path.read_bytes() for path in tmp_path.glob("*") if path.is_file()}
    made = project.init(tmp_path, name="shop")
    assert made.written == []
    assert {path: path.read_bytes() for path in tmp_path.glob("*") if path.is_file()} == before


def test_inside_a_repository_no_other_is_made_unless_asked(tmp_path):
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert project.init(tmp_path / "inner").git == "kept"
    assert not (tmp_path / "inner" / ".git").exists()
    assert project.init(tmp_path / "own", own_repository=True).git == "new"
    assert (tmp_path / "own" / ".git").is_dir()


@pytest.mark.parametrize("name", ["../x", "a b", "-x", "x" * 65, 'a"b'])
def test_a_name_that_files_cannot_hold_is_refused(tmp_path, name):
    with pytest.raises(Invalid, match="name"):
        project.init(tmp_path / "shop", name=name)


def test_without_git_the_project_is_made_all_the_same(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "cauce", "init", "shop", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["git"] == "missing"
    assert (tmp_path / "shop" / "train.py").is_file()
