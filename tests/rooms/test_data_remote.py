"""Data and labels of a server: files at home, the catalogue and the objects over there."""

import shutil

import pytest
from tests.rooms import folders

from cauce.faces import client, server
from cauce.kernel import workspace
from cauce.rooms.data.transfer import remotes

DATA = {"train/1/a.png": b"one", "unlabelled/b.png": b"two", "unlabelled/c.png": b"three" * 500_000}


@pytest.fixture
def hub(tmp_path):
    """A project on a server that shares no folder with the one at home."""
    root = tmp_path / "hub"
    folders.write(root, {"cauce.toml": b'project = "hub"\n'})
    with workspace.open_local(root, agent="service:hub") as ws, server.background(ws) as url:
        yield ws, url


@pytest.fixture
def home(project, hub):
    """A workspace of the server, with a project folder at home."""
    with client.open_remote(hub[1], root=project, agent="user:ana") as ws:
        yield ws


def test_a_folder_at_home_becomes_a_version_on_the_server_and_comes_back(home, hub, project):
    place = folders.write(project / "digits", DATA)
    version = home.data.add(place, message="from home")
    assert hub[0].ref("dataset", "digits").target == version.id
    assert home.data.status()[0].state == "unchanged"
    shutil.rmtree(place)
    home.data.checkout()
    assert folders.read(place) == DATA
    assert home.data.add(place) == version


def test_labels_given_over_there_come_home_as_a_version(home, project):
    place = folders.write(project / "digits", DATA)
    home.data.add(place)
    home.label.create("unsure", dataset="digits", classes=["1", "2"])
    task = home.label.next("unsure", annotator="ben")
    home.label.submit(task.id, label="2", annotator="ben", seconds=2.0)
    home.label.publish("unsure")
    home.data.merge("digits", "unsure")
    home.data.checkout((place,), version="main")
    assert (place / "train" / "2" / "b.png").read_bytes() == b"two"
    assert home.data.status()[0].version == "digits@v2"
    agents = {node.agent for node in home.lineage.show("dataset:digits@v2").nodes}
    assert "user:ben" in agents


@pytest.mark.parametrize(
    ("named", "options", "token"),
    [
        ("http://hub:1", {}, "mine"),
        ("http://hub:1/p/x", {}, "mine"),
        ("", {}, ""),
        ("https://hub:1", {}, ""),
        ("http://hub:2", {}, ""),
        ("http://hub:1", {"password": "own"}, "own"),
    ],
)
def test_the_token_of_the_environment_goes_only_where_the_caller_points(
    monkeypatch, named, options, token
):
    monkeypatch.setenv("CAUCE_TOKEN", "mine")
    monkeypatch.setenv("CAUCE_URL", named)
    remote = remotes.Remote(name="r", url="http://hub:1/files", options=options)
    assert remotes.hub_token(remote) == token


def test_a_hub_is_a_remote_of_a_dvc_project(hub, ws, project):
    place = folders.write(project / "digits", DATA)
    ws.data.add(place)
    (project / ".dvc" / "config").write_text(
        f"[core]\n    remote = hub\n['remote \"hub\"']\n    url = {hub[1]}\n"
    )
    assert ws.data.push()[0].objects == 4
    assert ws.data.push()[0].objects == 0
    shutil.rmtree(place)
    shutil.rmtree(project / ".dvc" / "cache")
    ws.data.pull()
    assert folders.read(place) == DATA
