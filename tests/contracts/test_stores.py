from collections.abc import Callable
from pathlib import Path

import pytest

from cauce.adapters.stores.local import LocalStore
from cauce.adapters.stores.memory import MemoryStore
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectStore
from cauce.kernel.wrappers import Routed
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
        def damage(name: Digest) -> None:
            data, stored = store._objects[name]
            store._objects[name] = (data[:-1] + b"?", stored)

        return damage


class TestRouted(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Routed:
        return Routed({"md5": LocalStore(tmp_path / "dvc")}, LocalStore(tmp_path / "store"))

    @pytest.fixture
    def damage(self, store: Routed) -> Callable[[Digest], None]:
        return damage_file(store)
