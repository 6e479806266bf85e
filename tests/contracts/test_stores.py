import os
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import obstore
import pytest

from cauce.adapters.stores.blobs import BlobObjects, open_store
from cauce.adapters.stores.local import LocalStore
from cauce.adapters.stores.memory import MemoryStore
from cauce.errors import Conflict, Invalid, NotFound, Unavailable
from cauce.kernel import config, digest, objects
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

    def test_many_names_are_looked_up_as_few_are(self, store: LocalStore, tmp_path: Path) -> None:
        absent = [digest.of(b"absent %d" % n) for n in range(3000)]
        assert store.has(absent) == set()
        there = store.put([b"%d" % n for n in range(3000)])
        torn = tmp_path / "store" / objects.key(there[0])
        torn.chmod(0o644)
        torn.write_bytes(b"torn")
        for asked in ([*there, *absent], [*there[:300], *absent[:300]]):
            few = {name for name in asked if store.has([name])}
            assert store.has(asked) == few == set(asked) & set(there[1:])


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


@pytest.mark.s3
class TestS3(StoreSuite):
    @pytest.fixture
    def store(self, s3_settings: Settings, tmp_path: Path) -> BlobObjects:
        return open_store(f"s3://bucket/{uuid.uuid4()}/objects", tmp_path, s3_settings)

    @pytest.fixture
    def damage(self, store: BlobObjects) -> Callable[[Digest], None]:
        return lambda name: store._send(name, b"not the true bytes") or None

    def test_objects_lie_where_the_format_says(self, store: BlobObjects) -> None:
        (name,) = store.put([b"hello"], algorithm="md5")
        (item,) = [item for page in obstore.list(store._bucket) for item in page]
        assert item["path"] == f"files/md5/5d/{name[6:]}"

    def test_many_names_are_looked_up_by_listing(self, store: BlobObjects) -> None:
        there = store.put([f"{n}".encode() for n in range(30)])
        absent = [digest.of(f"absent {n}".encode()) for n in range(1200)]
        assert store.has([*there, *absent]) == set(there)
        assert store.has([*absent, digest.of(b"0", "md5")]) == set()

    def test_a_folder_with_more_pages_than_names_is_asked_by_name(
        self, store: BlobObjects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("cauce.adapters.stores.blobs._PAGE", 2)
        same = [name for n in range(3000) if (name := digest.of(b"%d" % n))[7:9] == "00"]
        items = [b"%d" % n for n in range(3000) if digest.of(b"%d" % n) in same]
        store.put(items)
        assert len(same) > 6
        folder = objects.key(same[0]).rpartition("/")[0]
        assert store._has_in(folder, {same[-1]}) == {same[-1]}
        assert store._has_in(folder, {digest.of(b"absent")}) == set()

    def test_a_large_file_goes_in_parts(self, store: BlobObjects, tmp_path: Path) -> None:
        data = os.urandom(1 << 20) * 21
        (tmp_path / "big").write_bytes(data)
        names = [digest.of(data), digest.of(data, "md5")]
        assert store.put_files([tmp_path / "big"]) == names[:1]
        assert store.put_files([tmp_path / "big"] * 2, digests=names) == names
        store.fetch(names[1], tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == data

    def test_a_large_file_that_changed_never_becomes_visible(
        self, store: BlobObjects, tmp_path: Path
    ) -> None:
        (tmp_path / "big").write_bytes(os.urandom(1 << 20) * 17)
        with pytest.raises(Conflict, match="changed"):
            store.put_files([tmp_path / "big"], digests=[digest.of(b"before")])
        assert list(store.list()) == []

    def test_two_prefixes_of_one_bucket_do_not_see_each_other(
        self, store: BlobObjects, s3_settings: Settings, tmp_path: Path
    ) -> None:
        (name,) = store.put([b"x"])
        other = open_store(f"s3://bucket/{uuid.uuid4()}", tmp_path, s3_settings)
        assert other.has([name]) == set()
        assert list(other.list()) == []

    def test_a_bucket_that_does_not_exist_is_named(
        self, s3_settings: Settings, tmp_path: Path
    ) -> None:
        store = open_store("s3://no-such-bucket/x", tmp_path, s3_settings)
        for call in (
            lambda: store.put([b"x"]),
            lambda: store.get(digest.of(b"x")),
            lambda: list(store.list()),
        ):
            with pytest.raises(NotFound, match="no bucket 'no-such-bucket'"):
                call()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_server_that_does_not_answer_is_unavailable(
    nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the secret")
    settings = config.load(tmp_path, {}).replace(s3__endpoint=nobody, s3__allow_http=True)
    store = open_store("s3://bucket/prefix", tmp_path, settings)
    with pytest.raises(Unavailable, match="s3://bucket/prefix does not answer") as caught:
        store.has([digest.of(b"x")])
    assert "s3.endpoint" in caught.value.hint
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_plain_http_must_be_allowed(
    nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    settings = config.load(tmp_path, {}).replace(s3__endpoint=nobody)
    with pytest.raises(Unavailable) as caught:
        open_store("s3://bucket", tmp_path, settings).get(digest.of(b"x"))
    assert "s3.allow_http" in caught.value.hint


@pytest.mark.parametrize("url", ["s3:", "s3://", "s3:///prefix"])
def test_a_url_without_a_bucket_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="names no bucket"):
        open_store(url, tmp_path, config.load(tmp_path, {}))
