"""Moves, removals and changes of the config that are killed anywhere."""

import pytest
from tests.rooms import folders

from cauce.kernel import workspace
from cauce.testing import kill

DATA = {"a": b"one", "sub/b": b"two"}
CONFIG = "# ours\n[core]\n    remote = near  # the one\n['remote \"near\"']\n    url = /near\n"


@pytest.fixture(autouse=True)
def own_config(tmp_path, monkeypatch):
    """Keep this machine's own config away."""
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "person"))


def make(root):
    """Make a project with tracked data and a config that somebody wrote."""
    root.mkdir()
    (root / "cauce.toml").write_text('project = "test"\n')
    folders.git(root, "init", "-q")
    folders.write(root / "digits", DATA)
    with workspace.open_local(root, agent="user:test") as ws:
        ws.data.add(root / "digits")
    (root / ".dvc" / "config").write_text(CONFIG)
    return root


def move(root):
    with workspace.open_local(root, agent="user:test") as ws:
        ws.data.move(root / "digits", root / "numbers")


def change(root):
    with workspace.open_local(root, agent="user:test") as ws:
        ws.data.remote_rename("near", "far")


def remove(root):
    with workspace.open_local(root, agent="user:test") as ws:
        ws.data.remove((root / "digits",))


def killed(quick, seed, work, most):
    """Run work again and again, killed elsewhere each time; gives what is left each time."""
    counted = make(quick / "counted")
    total = kill.count(lambda: work(counted))
    for number in kill.sample(total, most, seed=seed):
        root = make(quick / f"at{number}")
        kill.kill_at(lambda root=root: work(root), number)
        yield root


def test_a_move_that_is_killed_anywhere_loses_nothing_and_goes_on(quick, seed):
    for root in killed(quick, seed, move, 25):
        lies = [name for name in ("digits", "numbers") if (root / name).exists()]
        assert len(lies) == 1
        assert folders.read(root / lies[0]) == DATA
        assert f"{lies[0]}/" not in folders.git(root, "status", "--short", "-uall")
        with workspace.open_local(root, agent="user:test") as ws:
            assert ws.catalog.check() == []
            if (root / "digits.dvc").exists():
                ws.data.move(root / "digits", root / "numbers")
            assert [(it.path, it.state) for it in ws.data.status()] == [("numbers", "unchanged")]


def test_a_config_that_is_killed_while_it_changes_is_the_old_or_the_new_one(quick, seed):
    for root in killed(quick, seed, change, 20):
        text = (root / ".dvc" / "config").read_text()
        assert text in {CONFIG, CONFIG.replace("= near", "= far").replace('"near"', '"far"')}


def test_a_removal_that_is_killed_keeps_the_files(quick, seed):
    for root in killed(quick, seed, remove, 20):
        assert folders.read(root / "digits") == DATA
        with workspace.open_local(root, agent="user:test") as ws:
            ws.data.checkout()
        assert folders.read(root / "digits") == DATA
