"""An unmodified git-lfs against the hub: push, clone, partial fetch, resume, locks, access."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.rooms import folders

from cauce.faces.server import background
from cauce.kernel import auth, digest, sql

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        shutil.which("git-lfs") is None, reason="git-lfs is not installed (Debian: git-lfs)"
    ),
]

FILES = {"a/one.bin": b"one" * 1000, "b/two.bin": b"two" * 500_000, "é 日本.bin": b"three"}


class Client:
    """A person with git and an unmodified git-lfs."""

    def __init__(self, home: Path, who: str = "", secret: str = "") -> None:
        home.mkdir(parents=True)
        helper = f"!f() {{ echo username={who}; echo password={secret}; }}; f" if secret else ""
        (home / "gitconfig").write_text(
            f"[user]\nname = {who or 'nobody'}\nemail = {who or 'nobody'}@localhost\n"
            "[init]\ndefaultBranch = main\n[advice]\ndetachedHead = false\n"
            f'[credential]\nhelper = "{helper}"\n'
            '[filter "lfs"]\nclean = git-lfs clean -- %f\nsmudge = git-lfs smudge -- %f\n'
            "process = git-lfs filter-process\nrequired = true\n"
        )
        self.env = {
            **os.environ,
            "HOME": str(home),
            "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "LC_ALL": "C.UTF-8",
        }

    def __call__(self, folder: Path, *words: str, code: int = 0, **env: str):
        done = subprocess.run(
            ["git", *words],
            cwd=folder,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        assert (done.returncode == 0) == (code == 0), done.stdout + done.stderr
        return done

    def repository(self, folder: Path, lfs: str) -> Path:
        """Make a repository that tracks `*.bin`, with a bare one beside it as its remote."""
        far = folder.with_name(f"{folder.name}-far.git")
        self(folder.parent, "init", "-q", "--bare", str(far))
        self(folder.parent, "init", "-q", str(folder))
        self(folder, "remote", "add", "origin", str(far))
        self(folder, "config", "-f", ".lfsconfig", "lfs.url", lfs)
        self(folder, "lfs", "install", "--local")
        self(folder, "lfs", "track", "*.bin")
        return folder

    def commit(self, folder: Path, files: dict[str, bytes]) -> None:
        folders.write(folder, files)
        self(folder, "add", "-A")
        self(folder, "commit", "-q", "-m", "files")

    def clone(self, source: Path, target: Path, **env: str) -> Path:
        self(source.parent, "clone", "-q", f"{source}-far.git", str(target), **env)
        return target


@pytest.fixture
def hub(ws):
    """The address of a running server."""
    with background(ws) as address:
        yield address


@pytest.fixture
def git(tmp_path):
    return Client(tmp_path / "home")


def oids(files: dict[str, bytes]) -> set[str]:
    return {digest.of(data) for data in files.values()}


def sent(done: subprocess.CompletedProcess[str]) -> list[str]:
    """List the calls that a traced client made: `PUT /lfs/objects/…`."""
    return [f"{method} {path}" for method, path in re.findall(
        r"HTTP: (GET|PUT|POST) http://[^/]+(\S*)", done.stderr)]  # fmt: skip


def tracked(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_what_was_pushed_is_cloned_and_is_an_object_of_the_project(git, hub, ws, tmp_path):
    one = git.repository(tmp_path / "one", f"{hub}/lfs")
    git.commit(one, FILES)
    git(one, "push", "-q", "origin", "main")
    assert ws.objects.has(oids(FILES)) == oids(FILES)
    assert tracked(git.clone(one, tmp_path / "two")) == FILES
    git(tmp_path / "two", "lfs", "fsck")


def test_a_second_push_moves_nothing(git, hub, ws, tmp_path):
    one = git.repository(tmp_path / "one", f"{hub}/lfs")
    git.commit(one, FILES)
    first = git(one, "push", "origin", "main", GIT_TRACE="1")
    assert sum(call.startswith("PUT ") for call in sent(first)) == len(FILES)
    git.commit(one, {"text": b"no data"})
    again = git(one, "push", "origin", "main", GIT_TRACE="1")
    assert [call for call in sent(again) if "locks/verify" not in call] == []
    shutil.rmtree(one / ".git" / "lfs" / "cache", ignore_errors=True)
    git(one, "push", "origin", "main:other")
    everything = git(one, "lfs", "push", "--all", "origin", GIT_TRACE="1")
    assert [call for call in sent(everything) if call.startswith("PUT ")] == []


def test_a_part_is_fetched_alone(git, hub, tmp_path):
    one = git.repository(tmp_path / "one", f"{hub}/lfs")
    git.commit(one, FILES)
    git(one, "push", "-q", "origin", "main")
    two = git.clone(one, tmp_path / "two", GIT_LFS_SKIP_SMUDGE="1")
    done = git(two, "lfs", "pull", "--include=a/*", GIT_TRACE="1")
    assert sum(call.startswith("GET /lfs/objects/") for call in sent(done)) == 1
    assert (two / "a/one.bin").read_bytes() == FILES["a/one.bin"]
    assert (two / "b/two.bin").read_bytes().startswith(b"version https://git-lfs.github.com/spec/")


def test_an_interrupted_download_goes_on_where_it_was(git, hub, tmp_path):
    one = git.repository(tmp_path / "one", f"{hub}/lfs")
    git.commit(one, FILES)
    git(one, "push", "-q", "origin", "main")
    two = git.clone(one, tmp_path / "two", GIT_LFS_SKIP_SMUDGE="1")
    data = FILES["b/two.bin"]
    oid = digest.of(data).partition(":")[2]
    part = two / ".git" / "lfs" / "incomplete" / f"{oid}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(data[:1_000_000])
    done = git(two, "lfs", "pull", "--include=b/*", GIT_TRACE="1", GIT_CURL_VERBOSE="1")
    assert "range: bytes=1000000-" in done.stderr.lower()
    assert "HTTP: 206" in done.stderr
    assert (two / "b/two.bin").read_bytes() == data


def test_an_upload_of_other_bytes_is_refused_and_leaves_nothing(git, hub, ws, tmp_path):
    one = git.repository(tmp_path / "one", f"{hub}/lfs")
    git.commit(one, FILES)
    oid = digest.of(FILES["b/two.bin"]).partition(":")[2]
    local = one / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    local.chmod(0o644)
    local.write_bytes(b"TWO" * 500_000)
    done = git(one, "push", "origin", "main", code=1)
    assert "not sha256" in done.stderr
    assert ws.objects.has([digest.of(FILES["b/two.bin"])]) == set()
    assert list((ws.root / ".cauce/objects/tmp").iterdir()) == []


def test_repositories_below_the_hub_are_found_by_their_remote(git, hub, ws, tmp_path):
    one = git.repository(tmp_path / "one", "")
    git(one, "config", "-f", ".lfsconfig", "--unset", "lfs.url")
    git(one, "remote", "add", "hub", f"{hub}/team/art")
    git.commit(one, FILES)
    done = git(one, "lfs", "push", "hub", "main", GIT_TRACE="1")
    assert "POST /team/art.git/info/lfs/objects/batch" in sent(done)
    assert ws.objects.has(oids(FILES)) == oids(FILES)
    git(one, "config", "lfs.url", f"{hub}/team/art.git/info/lfs")
    git(one, "push", "-q", "origin", "main")
    git(one, "lfs", "lock", "a/one.bin")
    assert [it.path for it in ws.data.locks(repository="team/art").locks] == ["a/one.bin"]
    assert ws.data.locks().locks == []


# Access


@pytest.fixture
def people(ws, tmp_path):
    """Ana and Bob write, Rita reads, Eve has nothing."""
    tables = sql.tables(ws)
    roles = {"ana": "writer", "bob": "writer", "rita": "reader"}
    secrets = {name: auth.add(tables, name, role).secret for name, role in roles.items()}
    made = {name: Client(tmp_path / f"home-{name}", name, it) for name, it in secrets.items()}
    return {**made, "eve": Client(tmp_path / "home-eve")}


def test_a_token_is_needed_once_there_is_one(people, hub, ws, tmp_path):
    one = people["ana"].repository(tmp_path / "one", f"{hub}/lfs")
    people["ana"].commit(one, FILES)
    people["eve"](one, "push", "origin", "main", code=1)
    assert ws.objects.has(oids(FILES)) == set()
    people["ana"](one, "push", "-q", "origin", "main")
    assert tracked(people["rita"].clone(one, tmp_path / "two")) == FILES
    assert people["eve"](tmp_path, "clone", "-q", f"{one}-far.git", "three", code=1)


def test_a_reader_fetches_and_does_not_push(people, hub, ws, tmp_path):
    one = people["rita"].repository(tmp_path / "one", f"{hub}/lfs")
    people["rita"].commit(one, FILES)
    done = people["rita"](one, "push", "origin", "main", code=1)
    assert "needs the role writer" in done.stderr
    assert ws.objects.has(oids(FILES)) == set()


def test_a_locked_file_is_pushed_by_its_holder_only(people, hub, ws, tmp_path):
    ana, bob = people["ana"], people["bob"]
    one = ana.repository(tmp_path / "one", f"{hub}/lfs")
    ana(one, "config", f"lfs.{hub}/lfs.locksverify", "true")
    ana.commit(one, FILES)
    ana(one, "push", "-q", "origin", "main")
    ana(one, "lfs", "lock", "a/one.bin")
    two = bob.clone(one, tmp_path / "two")
    bob(two, "config", f"lfs.{hub}/lfs.locksverify", "true")
    (found,) = json.loads(bob(two, "lfs", "locks", "--json").stdout)
    assert (found["path"], found["owner"]["name"]) == ("a/one.bin", "ana")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["locked_at"])
    assert bob(two, "lfs", "lock", "a/one.bin", code=1)
    assert bob(two, "lfs", "unlock", "a/one.bin", code=1)
    bob.commit(two, {"a/one.bin": b"bob's"})
    refused = bob(two, "push", "origin", "main", code=1)
    assert "a/one.bin - ana" in refused.stdout
    ana.commit(one, {"a/one.bin": b"ana's"})
    done = ana(one, "push", "origin", "main")
    assert "* a/one.bin" in done.stdout  # "Consider unlocking your own locked files"
    verified = ana(one, "lfs", "locks", "--verify").stdout
    assert verified.startswith("O a/one.bin")
    assert bob(two, "lfs", "locks", "--verify").stdout.startswith("  a/one.bin")
    bob(two, "lfs", "unlock", "--force", "a/one.bin")
    assert ws.data.locks().locks == []
    kinds = [(event.kind, event.agent) for event in ws.catalog.events(newest=True, limit=2)]
    assert kinds == [("data.unlocked", "user:bob"), ("data.locked", "user:ana")]


def test_many_locks_come_in_pages(git, hub, ws, tmp_path):
    one = git.repository(tmp_path / "one", f"{hub}/lfs")
    git.commit(one, {f"{n:02}.bin": b"%d" % n for n in range(12)})
    git(one, "push", "-q", "origin", "main")
    for n in range(12):
        ws.data.lock(f"{n:02}.bin")
    listed = json.loads(git(one, "lfs", "locks", "--json", "--limit", "5").stdout)
    assert len(listed) == 5
    by_path = json.loads(git(one, "lfs", "locks", "--json", "--path", "07.bin").stdout)
    assert [it["path"] for it in by_path] == ["07.bin"]
    page = ws.data.locks(limit=7)
    assert len(page.locks) == 7
    assert len(ws.data.locks(after=page.next).locks) == 5


# One store


def disk(ws) -> int:
    """Count the bytes on the disk of all objects, each file once."""
    seen = {}
    for part in (".cauce/objects/files", ".dvc/cache/files"):
        for path in (ws.root / part).rglob("*"):
            if path.is_file():
                found = path.stat()
                seen[found.st_ino] = found.st_blocks * 512
    return sum(seen.values())


def inode(ws, name: str) -> int:
    path = ws.objects.path(name)
    assert path is not None, name
    return path.stat().st_ino


@pytest.mark.parametrize("dvc", [True, False], ids=["beside DVC", "without DVC"])
@pytest.mark.parametrize("first", ["data", "lfs"])
def test_the_same_bytes_by_md5_and_by_sha256_are_stored_once(git, ws, tmp_path, dvc, first):
    if dvc:
        ws.data.init()
    data = os.urandom(3_000_000)
    (ws.root / "photos").mkdir()
    (ws.root / "photos" / "p.bin").write_bytes(data)
    with background(ws) as hub:
        one = git.repository(tmp_path / "one", f"{hub}/lfs")
        git.commit(one, {"p.bin": data})
        steps = [
            lambda: ws.objects.put_files([ws.root / "photos/p.bin"], digests=[md5]),
            lambda: git(one, "push", "-q", "origin", "main"),
        ]
        md5, sha256 = digest.of(data, "md5"), digest.of(data)
        for step in steps if first == "data" else steps[::-1]:
            step()
        assert inode(ws, md5) == inode(ws, sha256)
        assert disk(ws) < 1.1 * len(data)
        assert tracked_one(git, one, tmp_path / "two") == data


def tracked_one(git, source: Path, target: Path) -> bytes:
    return (git.clone(source, target) / "p.bin").read_bytes()


def test_what_was_pushed_is_not_collected_and_removing_a_name_frees_nothing(git, hub, ws, tmp_path):
    one = git.repository(tmp_path / "one", f"{hub}/lfs")
    git.commit(one, FILES)
    git(one, "push", "-q", "origin", "main")
    report = ws.admin.gc(apply=True, grace_hours=0)
    assert (report.count, report.bytes) == (0, 0)
    assert ws.admin.check().unreachable == 0
    assert tracked(git.clone(one, tmp_path / "two")) == FILES


# Faults


def test_a_server_killed_in_an_upload_has_nothing_half(project, tmp_path):
    data = os.urandom(3_000_000)
    name = digest.of(data)
    oid = name.partition(":")[2]
    process, port = start(project)
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(
            f"PUT /lfs/objects/{oid} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data[:2_000_000]
        )
        folder = project / ".cauce/objects/tmp"
        wait_for(lambda: any(it.stat().st_size for it in folder.glob("*")))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert [it for it in (project / ".cauce/objects/files").rglob("*") if it.is_file()] == []
    process, port = start(project)
    try:
        assert put(port, oid, data) == 200
        assert put(port, oid, data) == 200
    finally:
        process.terminate()
        process.wait(20)
    from cauce.kernel import workspace

    with workspace.open_local(project) as ws:
        assert ws.objects.get(name) == data


def start(project: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Run `cauce up` as a process."""
    file = project / ".cauce/run/up.json"
    file.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "cauce", "up", "--port", "0"],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(file.exists)
    port = int(json.loads(file.read_text())["url"].rpartition(":")[2])

    def answers() -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    wait_for(answers)
    return process, port


def wait_for(done) -> None:
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until
        time.sleep(0.05)


def put(port: int, oid: str, data: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("PUT", f"/lfs/objects/{oid}", data)
    status = connection.getresponse().status
    connection.close()
    return status
