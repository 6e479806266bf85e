"""An unmodified DVC and we push to and pull from the same remotes."""

import shutil

import pytest
from tests import s3 as servers
from tests.peers import peer
from tests.protocols.conftest import running
from tests.protocols.dvc_process import Dvc
from tests.rooms import folders

from cauce.kernel import workspace

pytestmark = pytest.mark.peer

S3_PINS = ("dvc[s3]==3.67.1", "pathspec==0.12.1")
DATA = {"train/1/a.png": b"one", "train/2/b c.png": b"two", "é/日本.png": b"three", "empty": b""}


@pytest.fixture(scope="module")
def dvc(tmp_path_factory):
    process = Dvc(tmp_path_factory.mktemp("home") / "home")
    yield process
    process.close()


def project(root, url, options=""):
    """Make a project with a default remote and a data set that is added."""
    root.mkdir()
    (root / "cauce.toml").write_text('project = "test"\n')
    folders.git(root, "init", "-q")
    ws = workspace.open_local(root, agent="user:test")
    ws.data.init()
    (root / ".dvc" / "config").write_text(
        f"[core]\n    remote = far\n['remote \"far\"']\n    url = {url}\n{options}"
    )
    folders.write(root / "digits", DATA)
    folders.write(root / "one.bin", {"": b"by itself"})
    return ws


def forget(ws):
    """Lose the cache and the data."""
    shutil.rmtree(ws.folder / ".dvc" / "cache")
    shutil.rmtree(ws.folder / "digits")
    (ws.folder / "one.bin").unlink()


def whole(ws):
    return (
        folders.read(ws.folder / "digits") == DATA
        and (ws.folder / "one.bin").read_bytes() == b"by itself"
    )


def test_both_leave_the_same_remote(dvc, tmp_path):
    with project(tmp_path / "a", "../../far-a") as ws, project(tmp_path / "b", "../../far-b"):
        for name in ("digits", "one.bin"):
            ws.data.add(ws.folder / name)
            dvc(tmp_path / "b", "add", "-q", name)
        ws.data.push()
        dvc(tmp_path / "b", "push", "-q")
    for kind in (folders.read, lambda root: {p: p.stat().st_mode for p in sorted(root.rglob("*"))}):
        ours, theirs = kind(tmp_path / "far-a"), kind(tmp_path / "far-b")
        assert list(ours.values()) == list(theirs.values())
    assert folders.read(tmp_path / "far-a") == folders.read(tmp_path / "far-b")


def test_dvc_pulls_what_we_pushed_and_we_pull_what_dvc_pushed(dvc, tmp_path):
    with project(tmp_path / "p", "../../far") as ws:
        for name in ("digits", "one.bin"):
            ws.data.add(ws.folder / name)
        ws.data.push()
        forget(ws)
        dvc(ws.folder, "pull", "-q")
        assert whole(ws)
        shutil.rmtree(tmp_path / "far")
        dvc(ws.folder, "push", "-q")
        forget(ws)
        ws.data.pull()
        assert whole(ws)
        assert dvc(ws.folder, "status", "--json").strip() == "{}"
        assert dvc(ws.folder, "status", "-c", "--json").strip() == "{}"


def test_what_is_missing_on_a_remote_is_the_same_for_both(dvc, tmp_path):
    import json

    with project(tmp_path / "p", "../../far") as ws:
        for name in ("digits", "one.bin"):
            ws.data.add(ws.folder / name)
        theirs = json.loads(dvc(ws.folder, "status", "-c", "--json"))
        ours = {row.path: row.state for row in ws.data.remote_status()}
        assert {path: ours[path] for path in theirs} == theirs
        ws.data.push()
        assert (json.loads(dvc(ws.folder, "status", "-c", "--json")), ws.data.remote_status()) == (
            {},
            [],
        )


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """Address of a local S3 server with two buckets, one of which keeps versions."""
    versioning = (
        b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<Status>Enabled</Status></VersioningConfiguration>"
    )
    with servers.serving() as address:
        for path, body in (("/plain", b""), ("/kept", b""), ("/kept?versioning", versioning)):
            servers.put(address, path, body)
        yield f"http://{address}"


@pytest.fixture(scope="module")
def dvc_s3(tmp_path_factory):
    """Run a DVC that has its part for S3."""
    run = running(peer("dvc-s3", S3_PINS).parent / "dvc", tmp_path_factory.mktemp("home-s3"))
    return lambda root, *arguments: run(root, *arguments).stdout


def s3_options(address):
    return (
        f"    endpointurl = {address}\n    access_key_id = key\n    secret_access_key = secret\n"
        "    region = us-east-1\n"
    )


@pytest.mark.s3
def test_a_bucket_serves_both(dvc_s3, s3, tmp_path):
    with project(tmp_path / "p", "s3://plain/deep/er", s3_options(s3)) as ws:
        for name in ("digits", "one.bin"):
            ws.data.add(ws.folder / name)
        (sent,) = ws.data.push()
        assert sent.objects == 6
        assert ws.data.push()[0].objects == 0
        assert dvc_s3(ws.folder, "status", "-c", "--json").strip() == "{}"
        forget(ws)
        dvc_s3(ws.folder, "pull", "-q")
        assert whole(ws)
        (ws.folder / "digits" / "new").write_bytes(b"by dvc")
        dvc_s3(ws.folder, "add", "-q", "digits")
        dvc_s3(ws.folder, "push", "-q")
        forget(ws)
        ws.data.pull()
        assert (ws.folder / "digits" / "new").read_bytes() == b"by dvc"


@pytest.mark.s3
@pytest.mark.parametrize("kind", ["version_aware", "worktree"])
def test_a_bucket_that_keeps_versions_is_read(dvc_s3, s3, tmp_path, kind):
    options = s3_options(s3) + f"    {kind} = true\n"
    with project(tmp_path / "p", f"s3://kept/{kind}", options) as ws:
        dvc_s3(ws.folder, "add", "-q", "digits", "one.bin")
        dvc_s3(ws.folder, "push", "-q")
        first = {name: (ws.folder / name).read_text() for name in ("digits.dvc", "one.bin.dvc")}
        (ws.folder / "digits" / "train" / "1" / "a.png").write_bytes(b"ONE")
        dvc_s3(ws.folder, "add", "-q", "digits")
        dvc_s3(ws.folder, "push", "-q")
        for name, text in first.items():
            (ws.folder / name).write_text(text)
        forget(ws)
        ws.data.pull()
        assert whole(ws)
