"""Other repositories: what is refused, what is never followed, what is never lost."""

import shutil

import pytest
from tests.rooms import folders

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import workspace
from cauce.rooms.data.revisions import repositories


def commit(root):
    folders.git(root, "add", "-A")
    folders.git(root, "commit", "-q", "-m", "a change")


@pytest.fixture
def source(tmp_path):
    """A repository of somebody else."""
    root = tmp_path / "source"
    root.mkdir()
    folders.git(root, "init", "-q", "-b", "main")
    with workspace.open_local(root, agent="user:them") as theirs:
        theirs.data.init()
        theirs.data.add(folders.write(root / "d", {"a": b"1", "b/c": b"2"}))
    folders.write(root, {"readme": b"hello", "code/x.py": b"pass"})
    commit(root)
    return root


@pytest.fixture(autouse=True)
def _here(ws, monkeypatch):
    monkeypatch.chdir(ws.folder)


def bring(ws, *words, **named):
    return ws.data.import_(*words, **named)


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch pwned",
        "-u/bin/sh",
        "ext::sh -c touch% pwned",
        "ssh://-oProxyCommand=touch/x",
        "-oProxyCommand=touch:x",
        "fd::17",
        "ftp://host/x",
        "a\nb",
    ],
)
def test_addresses_that_are_commands_are_refused(ws, url):
    with pytest.raises((Invalid, NotFound)):
        ws.data.ls_repo(url)
    assert not (ws.folder / "pwned").exists()


def test_a_secret_in_an_address_is_not_repeated():
    assert repositories.remotes_shown("https://me:pw@host/x") == "https://host/x"


@pytest.mark.parametrize("path", ["../ws", "/etc/passwd", "d/../../x"])
def test_paths_that_leave_the_repository_are_refused(ws, source, path):
    with pytest.raises((Invalid, NotFound)):
        ws.data.get(str(source), path, out=ws.folder / "stolen")
    assert not (ws.folder / "stolen").exists()


def test_a_link_in_a_repository_is_listed_and_not_followed(ws, source, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (source / "code/link").symlink_to(tmp_path / "secret")
    commit(source)
    assert "link" in [row.path for row in ws.data.ls_repo(str(source), "code")]
    with pytest.raises(Conflict, match="is a link"):
        ws.data.get(str(source), "code")
    assert not (ws.folder / "code").exists()


def test_data_and_files_of_git_are_got_at_a_revision(ws, source):
    ws.data.get(str(source), "d", rev="main")
    assert folders.read(ws.folder / "d") == {"a": b"1", "b/c": b"2"}
    ws.data.get(str(source), "d/b/c")
    assert (ws.folder / "c").read_bytes() == b"2"
    ws.data.get(str(source), "readme")
    assert (ws.folder / "readme").read_bytes() == b"hello"
    with pytest.raises(Conflict, match="is there already"):
        ws.data.get(str(source), "readme")
    with pytest.raises(NotFound, match="nothing is at nowhere"):
        ws.data.get(str(source), "nowhere")


def test_a_cloned_repository_gives_its_data_from_its_remote(ws, source, tmp_path):
    config = source / ".dvc" / "config"
    config.write_text(
        f"[core]\n    remote = far\n['remote \"far\"']\n    url = {tmp_path / 'far'}\n"
    )
    commit(source)
    url = f"file://{source}"
    with pytest.raises(NotFound, match="neither in the cache nor in the remote"):
        ws.data.get(url, "d")
    with workspace.open_local(source) as theirs:
        theirs.data.push()
    ws.data.get(url, "d")
    assert folders.read(ws.folder / "d") == {"a": b"1", "b/c": b"2"}


def test_an_import_follows_its_branch_and_keeps_what_was_changed_here(ws, source):
    ws.data.init()
    bring(ws, str(source), "d")
    with workspace.open_local(source, agent="user:them") as theirs:
        theirs.data.add(folders.write(source / "d", {"a": b"one"}))
    commit(source)
    (ws.folder / "d/a").write_bytes(b"mine")
    with pytest.raises(Conflict, match="was changed here"):
        ws.data.update()
    assert (ws.folder / "d/a").read_bytes() == b"mine"
    (found,) = ws.data.update(force=True)
    assert found.changed
    assert (ws.folder / "d/a").read_bytes() == b"one"
    assert ws.data.status()[0].state == "unchanged"
    with pytest.raises(Conflict):
        bring(ws, str(source), "d")


def test_a_folder_with_links_is_not_imported_half(ws, tmp_path):
    elsewhere = folders.write(tmp_path / "elsewhere", {"a": b"1"})
    (elsewhere / "link").symlink_to("a")
    with pytest.raises(Conflict, match="is a link"):
        ws.data.import_url(str(elsewhere))
    assert not (ws.folder / "elsewhere").exists()
    assert not list(ws.folder.glob(".cauce-new-*"))
    shutil.rmtree(elsewhere)
    with pytest.raises(NotFound, match="there is nothing at"):
        ws.data.import_url(str(elsewhere))
