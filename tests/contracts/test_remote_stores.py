"""Stores on other machines: SSH against a real sshd, the web against a server of files."""

import functools
import getpass
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from tests.rooms import folders

from cauce.adapters.stores import ssh, web
from cauce.adapters.stores.local import LocalStore
from cauce.errors import Damaged, Denied, Invalid, NotFound, Unavailable, Unsupported
from cauce.kernel import config, digest, moving, objects, workspace
from cauce.testing.store_suite import StoreSuite


@pytest.fixture(scope="session")
def sshd(tmp_path_factory):
    """A real sshd on loopback; gives its port, a folder with the keys, and its process."""
    command = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if command is None:
        pytest.skip("NOT TESTED over SSH: sshd is missing (Debian: openssh-server)")
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "person"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    shutil.copy(folder / "person.pub", folder / "authorized")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen([command, "-D", "-e", "-f", folder / "config"], stderr=-3) as server:
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
            public = (folder / "host.pub").read_text().split()
            home = folder / "home" / ".ssh"
            home.mkdir(parents=True)
            (home / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
            yield port, folder
        finally:
            server.terminate()


def options(sshd):
    return {"user": getpass.getuser(), "keyfile": str(sshd[1] / "person"), "allow_agent": "false"}


@pytest.fixture
def far(sshd, tmp_path, monkeypatch):
    """Url, options and folder of a place on the other machine."""
    monkeypatch.setenv("HOME", str(sshd[1] / "home"))
    return f"ssh://127.0.0.1:{sshd[0]}{tmp_path}/far", options(sshd), tmp_path / "far"


@pytest.mark.ssh
class TestSsh(StoreSuite):
    @pytest.fixture
    def store(self, far, tmp_path):
        opened = ssh.open_store(far[0], tmp_path, config.load(tmp_path, {}), options=far[1])
        yield opened
        opened.close()

    @pytest.fixture
    def damage(self, far):
        return lambda name: (far[2] / objects.key(name)).write_bytes(b"other bytes") and None

    def test_nothing_but_objects_is_left(self, store, far, tmp_path):
        (tmp_path / "big").write_bytes(os.urandom(3 << 20))
        name = digest.of_file(tmp_path / "big", ("md5",))[0]
        store.put_files([tmp_path / "big"], digests=[name])
        assert [f"{path}" for path in folders.read(far[2])] == [objects.key(name)]

    def test_objects_move_both_ways(self, store, tmp_path):
        near, again = LocalStore(tmp_path / "near"), LocalStore(tmp_path / "again")
        sent = near.put([b"%d" % i for i in range(300)], algorithm="md5")
        moving.move(near, store, sent, trust=True)
        assert store.has(sent) == set(sent)
        moving.move(store, again, sent)
        assert folders.read(near.root) == folders.read(again.root)


@pytest.mark.ssh
def test_a_host_whose_key_is_not_known_is_refused(far, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    store = ssh.open_store(far[0], tmp_path, config.load(tmp_path, {}), options=far[1])
    with pytest.raises(Denied, match="is not known"):
        store.has([digest.of(b"x")])
    store.close()


@pytest.mark.ssh
def test_a_key_that_is_not_authorised_is_refused(far, tmp_path):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True
    )
    how = {**far[1], "keyfile": str(tmp_path / "key")}
    store = ssh.open_store(far[0], tmp_path, config.load(tmp_path, {}), options=how)
    with pytest.raises(Denied, match="refuses access"):
        store.has([digest.of(b"x")])
    store.close()


@pytest.mark.ssh
def test_a_project_is_pushed_and_pulled_over_ssh(far, project):
    lines = "".join(f"    {key} = {value}\n" for key, value in far[1].items())
    with workspace.open_local(project, agent="user:test") as ws:
        place = folders.write(project / "digits", {"a/1": b"one", "b/2": b"two"})
        ws.data.add(place)
        (project / ".dvc" / "config").write_text(
            f"[core]\n    remote = far\n['remote \"far\"']\n    url = {far[0]}\n{lines}"
        )
        assert ws.data.push()[0].objects == 3
        assert ws.data.push()[0].objects == 0
        shutil.rmtree(place)
        shutil.rmtree(project / ".dvc" / "cache")
        ws.data.pull()
        assert folders.read(place) == {"a/1": b"one", "b/2": b"two"}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    wanted = ""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        if self.refuse():
            return
        super().do_HEAD()

    def do_GET(self):
        if self.refuse():
            return
        super().do_GET()

    def refuse(self):
        if self.wanted and self.headers.get("authorization") != self.wanted:
            self.send_error(401)
            return True
        return False


@pytest.fixture
def site(tmp_path):
    """A server of files; gives its address, its folder and its class."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = type("Handler", (_Quiet,), {})
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    ) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", folder, handler
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("scheme", ["http", "webdav"])
def test_a_web_server_is_a_remote_to_pull_from(site, project, scheme):
    with workspace.open_local(project, agent="user:test") as ws:
        place = folders.write(project / "digits", {"a/1": b"one", "b/2": b"two" * 1000})
        ws.data.add(place)
        (project / ".dvc" / "cache").rename(site[1] / "store")
        (project / ".dvc" / "config").write_text(
            f"[core]\n    remote = far\n['remote \"far\"']\n    url = {scheme}://{site[0]}/store\n"
        )
        shutil.rmtree(place)
        ws.data.pull()
        assert folders.read(place) == {"a/1": b"one", "b/2": b"two" * 1000}
        assert ws.data.remote_status() == []
        folders.write(place, {"new": b"new"})
        ws.data.add(place)
        with pytest.raises(Unsupported, match="only read"):
            ws.data.push()


def test_what_is_not_on_the_web_is_not_found_and_what_is_damaged_is_not_kept(site, tmp_path):
    store = web.open_store(f"http://{site[0]}", tmp_path, config.load(tmp_path, {}))
    good = LocalStore(site[1]).put([b"good", b"bad"])
    file = LocalStore(site[1]).path(good[1])
    file.chmod(0o644)
    file.write_bytes(b"BAD")
    near = LocalStore(tmp_path / "near")
    moving.move(store, near, good[:1])
    assert near.get(good[0]) == b"good"
    with pytest.raises(Damaged, match=good[1]):
        moving.move(store, near, good[1:])
    with pytest.raises(NotFound, match="0000"):
        store.get(digest.Digest("sha256:" + "0" * 64))
    assert near.has(good) == {good[0]}


def test_who_may_read_is_asked_by_name_and_password(site, tmp_path):
    site[2].wanted = "Basic YW5hOnNlY3JldA=="
    (name,) = LocalStore(site[1]).put([b"x"])
    settings = config.load(tmp_path, {})
    with pytest.raises((Denied, Unavailable)) as caught:
        web.open_store(f"http://{site[0]}", tmp_path, settings).get(name)
    assert "secret" not in str(caught.value)
    how = {"auth": "basic", "user": "ana", "password": "secret"}
    assert web.open_store(f"http://{site[0]}", tmp_path, settings, options=how).get(name) == b"x"


def test_a_download_that_broke_off_goes_on_where_it_ended(site, tmp_path):
    data = os.urandom(1 << 16)
    (name,) = LocalStore(site[1]).put([data])
    near = LocalStore(tmp_path / "near")
    (near.root / "tmp").mkdir(parents=True)
    (near.root / "tmp" / f"part-{name.replace(':', '-')}").write_bytes(data[:1000])
    store = web.open_store(f"http://{site[0]}", tmp_path, config.load(tmp_path, {}))
    moving.move(store, near, [name])
    assert near.get(name) == data


def test_a_part_that_is_not_of_the_object_is_thrown_away(site, tmp_path):
    data = os.urandom(1 << 16)
    (name,) = LocalStore(site[1]).put([data])
    near = LocalStore(tmp_path / "near")
    (near.root / "tmp").mkdir(parents=True)
    (near.root / "tmp" / f"part-{name.replace(':', '-')}").write_bytes(b"something else")
    store = web.open_store(f"http://{site[0]}", tmp_path, config.load(tmp_path, {}))
    moving.move(store, near, [name])
    assert near.get(name) == data


@pytest.mark.parametrize("url", ["ssh:///x", "http:///x"])
def test_an_address_without_a_host_is_refused(url, tmp_path):
    opener = ssh.open_store if url.startswith("ssh") else web.open_store
    with pytest.raises(Invalid):
        opener(url, tmp_path, config.load(tmp_path, {}), options={})


def test_an_option_that_would_be_passed_over_is_refused(tmp_path):
    with pytest.raises(Unsupported, match="gss_auth"):
        ssh.open_store("ssh://h/x", tmp_path, config.load(tmp_path, {}), options={"gss_auth": "1"})
    with pytest.raises(Unsupported, match="ask_password"):
        web.open_store(
            "http://h/x", tmp_path, config.load(tmp_path, {}), options={"ask_password": "true"}
        )
