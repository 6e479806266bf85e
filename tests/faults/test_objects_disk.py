"""A disk that really is full, or read-only."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cauce.adapters.stores.local import LocalStore
from cauce.adapters.stores.memory import MemoryStore
from cauce.adapters.stores.packed import PackedStore
from cauce.adapters.stores.packed.blobs import FolderBlobs
from cauce.errors import NotFound, Unwritable
from cauce.kernel import digest, publish
from cauce.kernel.entities import Commit, Manifest
from cauce.kernel.workspace import open_local
from cauce.kernel.wrappers import Cache
from cauce.testing import kill
from cauce.testing.faults import FaultyStore

MEGABYTE = 1 << 20


def mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets us mount nothing: {done.stderr.strip()}")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def fixed(small: Path) -> Path:
    """A store with one object, on a disk that then became read-only."""
    LocalStore(small / "store").put([b"before"])
    mount("-o", "remount,ro", str(small))
    return small


def rest(folder: Path) -> list[Path]:
    """Files that are neither objects nor what a test put there."""
    return [file for file in folder.rglob("*") if file.is_file() and "files" not in file.parts]


def test_a_full_disk_is_said_and_leaves_nothing_half_written(small):
    store = LocalStore(small / "store")
    (first,) = store.put([b"before"])
    items = [bytes([n]) * 50_000 for n in range(40)]
    with pytest.raises(Unwritable, match="No space left") as caught:
        store.put(items)
    assert str(small) in caught.value.message
    assert "free some space" in caught.value.hint
    assert rest(small) == []
    names = [info.digest for info in store.list()]
    assert first in names
    assert 5 < len(names) < 25
    assert store.has(names) == set(names)
    for name in names:
        store.get(name)


def test_a_file_larger_than_the_disk_leaves_no_trace(small, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(os.urandom(2 * MEGABYTE))
    store = LocalStore(small / "store")
    for digests in (None, digest.of_file(big, ("md5",))):
        with pytest.raises(Unwritable, match="No space left"):
            store.put_files([big], digests=digests)
        assert rest(small) == []
        assert list(store.list()) == []
    assert store.put([b"there is room again"])


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_target_on_a_full_disk_keeps_what_it_had(small, tmp_path, kind):
    store = LocalStore(tmp_path / "store") if kind == "local" else MemoryStore()
    (name,) = store.put([os.urandom(2 * MEGABYTE)])
    (small / "target").write_bytes(b"before")
    with pytest.raises(Unwritable, match="No space left"):
        store.fetch(name, small / "target")
    assert rest(small) == [small / "target"]
    assert (small / "target").read_bytes() == b"before"


def test_a_ref_stays_where_it_was_when_the_disk_is_full(project, small):
    (project / "cauce.toml").write_text(f'objects = "file:{small}/store"\n')
    with open_local(project, agent="user:test") as ws:

        def give(text: str) -> None:
            ws.objects.put([text.encode() * 400_000])
            row = ws.put_manifest(Manifest(kind="dataset", labels={"text": text}), "cats")
            publish.publish(ws, row, Commit(), prefix="v", aliases=("main",))

        give("1")
        before = ws.ref("dataset", "cats@main")
        with pytest.raises(Unwritable):
            give("123")
        assert ws.ref("dataset", "cats@main") == before
        assert ws.admin.check().ok


def test_a_project_on_a_full_disk_stays_whole(small):
    (small / "cauce.toml").write_text("")

    def give(n: int) -> None:
        with open_local(small, agent="user:test") as ws:
            ws.objects.put([os.urandom(20_000)])
            row = ws.put_manifest(Manifest(kind="dataset", labels={"n": str(n)}), "cats")
            publish.publish(ws, row, Commit(), prefix="v", aliases=("main",))

    def fill() -> None:
        for n in range(60):
            give(n)

    with pytest.raises(Unwritable):
        fill()
    spare = [file for file in small.rglob("files/sha256/*/*") if file.stat().st_size == 20_000]
    for file in spare[:2]:
        file.unlink()  # random bytes that no version names
    with open_local(small, agent="user:test") as ws:
        assert ws.admin.check().problems == []
        given = publish.numbers(ws, "dataset", "cats", "v")
        assert list(given) == list(range(1, len(given) + 1))
        assert ws.ref("dataset", "cats@main").target == given[len(given)]


def test_a_read_only_disk_is_said_and_still_read(fixed):
    store = LocalStore(fixed / "store")
    name = digest.of(b"before")
    with pytest.raises(Unwritable, match="Read-only file system") as caught:
        store.put([b"after"])
    assert "writable" in caught.value.hint
    with pytest.raises(Unwritable, match="Read-only"):
        store.delete([name])
    with pytest.raises(Unwritable, match="Read-only"):
        store.fetch(name, fixed / "elsewhere" / "file")
    assert store.get(name) == b"before"
    assert store.put([b"before"]) == [name]  # nothing to write


def test_an_old_object_on_a_read_only_disk_is_put_again_without_an_error(small):
    (name,) = LocalStore(small / "store").put([b"before"])
    os.utime(LocalStore(small / "store").path(name), (1, 1))
    mount("-o", "remount,ro", str(small))
    assert LocalStore(small / "store").put([b"before"]) == [name]


def test_an_untrusted_object_on_a_read_only_disk_still_counts(small):
    store = LocalStore(small / "store")
    (name,) = store.put([b"before"])
    store.path(name).chmod(0o644)
    mount("-o", "remount,ro", str(small))
    assert store.has([name]) == {name}


def test_a_file_larger_than_the_user_may_write_is_said(tmp_path):
    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, MEGABYTE))
        store = LocalStore(tmp_path / "store")
        with pytest.raises(Unwritable, match="File too large"):
            store.put([b"x" * 2 * MEGABYTE])
        store.put([b"small"])

    assert kill.count(write) > 0
    store = LocalStore(tmp_path / "store")
    assert [info.digest for info in store.list()] == [digest.of(b"small")]
    assert rest(tmp_path) == []


def test_without_the_right_to_write_the_store_says_so(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; the read-only disk stands for it")
    (tmp_path / "store").mkdir(mode=0o555)
    with pytest.raises(Unwritable, match="Permission denied"):
        LocalStore(tmp_path / "store").put([b"x"])


def test_a_cache_without_room_reads_from_afar(small, tmp_path):
    far = MemoryStore()
    (name,) = far.put([os.urandom(2 * MEGABYTE)])
    cache = Cache(far, LocalStore(small / "near"), limit=8 * MEGABYTE)
    assert cache.get(name) == far.get(name)
    cache.fetch(name, tmp_path / "out")
    assert (tmp_path / "out").stat().st_size == 2 * MEGABYTE
    assert cache.path(name) is None
    assert rest(small) == []


def test_a_disk_that_fills_up_between_two_puts_leaves_the_ref_where_it_was(ws):
    row = ws.put_manifest(Manifest(kind="dataset", labels={"n": "1"}), "cats")
    publish.publish(ws, row, Commit(), prefix="v", aliases=("main",))
    faulty = FaultyStore(ws.objects, {"put": [None, OSError(28, "No space left on device")]})
    ws.__dict__["objects"] = faulty
    faulty.put([b"one goes through"])
    with pytest.raises(OSError, match="No space"):
        ws.put_manifest(Manifest(kind="dataset", labels={"n": "2"}), "cats")
    faulty.assert_spent()
    assert ws.ref("dataset", "cats@main").target == row.id
    with pytest.raises(NotFound):
        ws.ref("dataset", "cats@v2")


def test_packs_on_a_full_disk_leave_nothing_half_written(small):
    store = PackedStore(FolderBlobs(small / "packs"))
    (first,) = store.put([b"before"])
    for items in ([bytes([n]) * 50_000 for n in range(40)], [os.urandom(2 * MEGABYTE)]):
        with pytest.raises(Unwritable, match="No space left") as caught:
            store.put(items)
        assert str(small) in caught.value.message
        assert list((small / "packs" / "tmp").iterdir()) == []
        for reader in (store, PackedStore(FolderBlobs(small / "packs"))):
            assert [info.digest for info in reader.list()] == [first]
    assert store.get(store.put([b"after"])[0]) == b"after"
