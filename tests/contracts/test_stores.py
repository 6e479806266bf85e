import http.client
import re
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.peers import peer

from cauce.adapters.stores.local import LocalStore
from cauce.adapters.stores.memory import MemoryStore
from cauce.adapters.stores.s3 import S3Objects, open_store
from cauce.kernel import config
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectStore
from cauce.kernel.wrappers import Cache, Retry, Routed, Verified
from cauce.testing.store_suite import StoreSuite


def damage_file(store: ObjectStore) -> Callable[[Digest], None]:
    """Change an object's bytes on disk, and keep the mode that says that it is whole."""

    def damage(name: Digest) -> None:
        path = store.path(name)
        assert path is not None
        data = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        path.chmod(0o444)

    return damage


def damage_memory(store: MemoryStore) -> Callable[[Digest], None]:
    """Change an object's bytes in memory."""

    def damage(name: Digest) -> None:
        data, stored = store._objects[name]
        store._objects[name] = (data[:-1] + b"?", stored)

    return damage


class TestLocal(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path / "store")

    @pytest.fixture
    def damage(self, store: LocalStore) -> Callable[[Digest], None]:
        return damage_file(store)


class TestMemory(StoreSuite):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def damage(self, store: MemoryStore) -> Callable[[Digest], None]:
        return damage_memory(store)


class TestRouted(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Routed:
        return Routed({"md5": LocalStore(tmp_path / "dvc")}, LocalStore(tmp_path / "store"))

    @pytest.fixture
    def damage(self, store: Routed) -> Callable[[Digest], None]:
        return damage_file(store)


class TestRetry(StoreSuite):
    @pytest.fixture
    def inner(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def store(self, inner: MemoryStore) -> Retry:
        return Retry(inner)

    @pytest.fixture
    def damage(self, inner: MemoryStore) -> Callable[[Digest], None]:
        return damage_memory(inner)


class Credulous(MemoryStore):
    """A store that hands out what it has, whatever it is called."""

    def get(self, digest: Digest) -> bytes:
        return self._find(digest)[0]


class TestVerified(StoreSuite):
    @pytest.fixture
    def inner(self) -> Credulous:
        return Credulous()

    @pytest.fixture
    def store(self, inner: Credulous) -> Verified:
        return Verified(inner)

    @pytest.fixture
    def damage(self, inner: Credulous) -> Callable[[Digest], None]:
        return damage_memory(inner)


class TestCache(StoreSuite):
    @pytest.fixture
    def far(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def near(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path / "near")

    @pytest.fixture
    def store(self, far: MemoryStore, near: LocalStore) -> Cache:
        return Cache(far, near, limit=200)

    @pytest.fixture
    def damage(self, far: MemoryStore, near: LocalStore) -> Callable[[Digest], None]:
        def damage(name: Digest) -> None:
            near.delete([name])
            damage_memory(far)(name)

        return damage


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Address of a local S3 server with a bucket named `bucket`."""
    python = peer("moto", ["moto[server]==5.2.5"])
    command = [str(python), "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        found = None
        for line in server.stdout:
            found = re.search(r"http://(127\.0\.0\.1:\d+)", line)
            if found:
                break
        try:
            assert found, "the S3 server ended before it listened"
            drain = threading.Thread(target=lambda: list(server.stdout or ()), daemon=True)
            drain.start()
            connection = http.client.HTTPConnection(found[1])
            connection.request("PUT", "/bucket")
            assert connection.getresponse().status == 200
            connection.close()
            yield f"http://{found[1]}"
        finally:
            server.terminate()
            server.wait()
            drain.join()


@pytest.fixture
def s3_settings(s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return config.load(tmp_path, {}).replace(s3__endpoint=s3_address, s3__allow_http=True)


@pytest.mark.s3
class TestS3(StoreSuite):
    @pytest.fixture
    def store(self, s3_settings: Settings, tmp_path: Path) -> S3Objects:
        return open_store(f"s3://bucket/{uuid.uuid4()}/objects", tmp_path, s3_settings)

    @pytest.fixture
    def damage(self, store: S3Objects) -> Callable[[Digest], None]:
        return lambda name: store._send(name, b"not the true bytes") or None
