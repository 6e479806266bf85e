"""Remotes in packs, from end to end: push, pull, a colleague, a small change in a big file."""

import random
import shutil

import pytest
from tests.rooms import folders

from cauce.adapters.stores.packed import PackedStore
from cauce.errors import Damaged, NotFound
from cauce.faces.server import background
from cauce.kernel import digest
from cauce.kernel.workspace import open_local
from cauce.rooms.data.transfer import remotes

DATA = {f"train/{n % 3}/{n}.txt": b"%d" % n * 20 for n in range(60)}


def configure(ws, url):
    (ws.folder / ".dvc" / "config").write_text(
        f"[core]\n    remote = far\n['remote \"far\"']\n    url = {url}\n"
    )
    (ws.folder / "cauce.toml").write_text('[remote.far]\nlayout = "packs"\n')
    return open_local(ws.folder, agent="user:test")


@pytest.fixture
def packed(ws, tmp_path):
    """A project with data and a default remote in packs."""
    ws.data.add(folders.write(ws.folder / "digits", DATA))
    with configure(ws, "../../far") as opened:
        yield opened


def forget(ws, *names):
    shutil.rmtree(ws.folder / ".dvc" / "cache")
    for name in names:
        shutil.rmtree(ws.folder / name)


def test_what_is_pushed_in_packs_comes_back_by_pull(packed, tmp_path):
    (sent,) = packed.data.push()
    assert (sent.objects, sent.present) == (61, 0)
    assert {path.name for path in (tmp_path / "far").iterdir()} == {"packs"}
    assert len([path for path in (tmp_path / "far").rglob("*") if path.is_file()]) == 4
    (again,) = packed.data.push()
    assert (again.objects, again.bytes) == (0, 0)
    forget(packed, "digits")
    report = packed.data.pull()
    assert [one.objects for one in report.fetched] == [61]
    assert folders.read(packed.folder / "digits") == DATA


def test_only_what_is_new_is_packed(packed):
    packed.data.push()
    folders.write(packed.folder / "digits", {"train/0/0.txt": b"changed"})
    packed.data.add(packed.folder / "digits")
    (sent,) = packed.data.push()
    assert sent.objects == 2


def test_what_a_packed_remote_lacks_is_named(packed, tmp_path):
    packed.data.push()
    store = remotes.open_remote(packed)
    store.delete([digest.of(DATA["train/0/0.txt"], "md5")])
    forget(packed, "digits")
    with pytest.raises(NotFound, match="1 objects are not in far, first that of digits/train/0"):
        packed.data.fetch()
    assert packed.objects.has([digest.of(DATA["train/1/1.txt"], "md5")])


def test_a_damaged_pack_hurts_its_object_and_no_other(packed, tmp_path):
    packed.data.push()
    store = remotes.open_remote(packed)
    assert isinstance(store, PackedStore)
    name = digest.of(DATA["train/0/0.txt"], "md5")
    place = store._reader.find(name)
    file = tmp_path / "far" / "packs" / "data" / place.pack
    data = bytearray(file.read_bytes())
    data[place.offset] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)
    forget(packed, "digits")
    with pytest.raises(Damaged, match=r"digits/train/0/0\.txt"):
        packed.data.fetch()
    others = [digest.of(data, "md5") for path, data in DATA.items() if path != "train/0/0.txt"]
    assert packed.objects.has([name, *others]) == set(others)


def test_a_small_change_in_a_big_file_is_a_small_push_and_a_small_pull(packed, monkeypatch):
    moved = []
    whole = PackedStore.__init__

    def counting(self, blobs, **named):
        get_range, put_file = blobs.get_range, blobs.put_file

        def get(key, start, length):
            moved.append(length)
            return get_range(key, start, length)

        def put(key, path, size):
            moved.append(size)
            put_file(key, path, size)

        blobs.get_range, blobs.put_file = get, put
        whole(self, blobs, **named)

    monkeypatch.setattr(PackedStore, "__init__", counting)
    big = packed.folder / "big.bin"
    before = random.Random(1).randbytes(20 << 20)
    after = before[: 7 << 20] + b"inserted" + before[7 << 20 :]
    big.write_bytes(before)
    packed.data.add(big)
    packed.data.push()
    assert sum(moved) > len(before)
    moved.clear()
    big.write_bytes(after)
    packed.data.add(big)
    (sent,) = packed.data.push()
    assert sent.objects == 1
    assert 0 < sum(moved) < 3 << 20
    moved.clear()
    packed.objects.delete([digest.of(after, "md5")])
    big.unlink()
    packed.data.pull()
    assert big.read_bytes() == after
    assert 0 < sum(moved) < 3 << 20


def test_chunks_of_a_near_file_that_changed_are_not_believed(packed):
    big = packed.folder / "big.bin"
    before = random.Random(2).randbytes(10 << 20)
    after = before + b"appended"
    for data in (before, after):
        big.write_bytes(data)
        packed.data.add(big)
        packed.data.push()
    packed.objects.delete([digest.of(after, "md5")])
    path = packed.objects.path(digest.of(before, "md5"))
    path.chmod(0o644)
    path.write_bytes(bytes(5 << 20) + before[5 << 20 : 9 << 20])
    path.chmod(0o444)
    big.unlink()
    packed.data.pull()
    assert big.read_bytes() == after


def test_a_hub_is_a_remote_that_takes_packs_by_itself(ws, tmp_path):
    hub = tmp_path / "hub"
    (hub / ".cauce").mkdir(parents=True)
    (hub / "cauce.toml").touch()
    ws.data.add(folders.write(ws.folder / "digits", DATA))
    with open_local(hub) as served, background(served) as address:
        (ws.folder / ".dvc" / "config").write_text(
            f"[core]\n    remote = hub\n['remote \"hub\"']\n    url = {address}\n"
        )
        with open_local(ws.folder, agent="user:test") as opened:
            (sent,) = opened.data.push()
            assert sent.objects == 61
            forget(opened, "digits")
            opened.data.pull()
            assert folders.read(opened.folder / "digits") == DATA
