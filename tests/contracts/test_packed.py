"""Packs and chunks: every store's promises, and those of their own."""

import os
import random
import tempfile
import time
import uuid
from pathlib import Path

import pytest
from tests.contracts.packed import Counted, damage_pack, turned

from cauce.adapters.stores.local import LocalStore
from cauce.adapters.stores.memory import MemoryStore
from cauce.adapters.stores.packed import PackedStore, open_store, removal
from cauce.errors import Damaged, Invalid, NotFound, Unavailable
from cauce.kernel import config, digest, moving
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest
from cauce.kernel.packs import chunks, index
from cauce.kernel.wrappers import Retry
from cauce.testing.store_suite import Damage, StoreSuite

DAY = 24 * 3600.0


class TestPackedInMemory(StoreSuite):
    @pytest.fixture
    def blobs(self) -> Counted:
        return Counted()

    @pytest.fixture
    def store(self, blobs: Counted) -> PackedStore:
        return PackedStore(blobs)

    @pytest.fixture
    def damage(self, store: PackedStore, blobs: Counted) -> Damage:
        def change(key: str, offset: int) -> None:
            blobs.blobs[key] = (turned(blobs.blobs[key][0], offset), 0.0)

        return damage_pack(store, change)


class TestPackedInAFolder(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> PackedStore:
        root = tmp_path / "project"
        root.mkdir()
        return open_store("file:../store", root, config.load(root, {}))

    @pytest.fixture
    def damage(self, store: PackedStore, tmp_path: Path) -> Damage:
        def change(key: str, offset: int) -> None:
            path = tmp_path / "store" / "packs" / key
            data = path.read_bytes()
            path.chmod(0o644)
            path.write_bytes(turned(data, offset))

        return damage_pack(store, change)


@pytest.mark.s3
class TestPackedInABucket(StoreSuite):
    @pytest.fixture
    def store(self, s3_settings: Settings, tmp_path: Path) -> PackedStore:
        root = tmp_path / "project"
        root.mkdir()
        return open_store(f"s3://bucket/{uuid.uuid4()}/x", root, s3_settings)

    @pytest.fixture
    def damage(self, store: PackedStore) -> Damage:
        def change(key: str, offset: int) -> None:
            store._blobs.put(key, turned(store._blobs.get(key), offset))

        return damage_pack(store, change)

    def test_a_bucket_that_does_not_exist_is_named(
        self, s3_settings: Settings, tmp_path: Path
    ) -> None:
        store = open_store("s3://no-such-bucket/x", tmp_path, s3_settings)
        for call in (lambda: store.put([b"x"]), lambda: store.get(digest.of(b"x"))):
            with pytest.raises(NotFound, match="no bucket 'no-such-bucket'"):
                call()

    def test_a_pack_that_is_cut_off_is_damage(self, store: PackedStore) -> None:
        first, last = store.put([b"a" * 100, b"b" * 100])
        (key,) = [f"data/{blob.name}" for blob in store._blobs.list("data")]
        for kept in (150, 50):
            store._blobs.put(key, store._blobs.get(key)[:kept])
            with pytest.raises(Damaged):
                store.get(last)
        with pytest.raises(Damaged):
            store.get(first)


@pytest.fixture
def blobs() -> Counted:
    return Counted()


@pytest.fixture
def store(blobs: Counted) -> PackedStore:
    return PackedStore(blobs)


def write_files(folder: Path, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / str(number) for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(random.Random(number).randbytes(1000))
    return paths


def big(tmp_path: Path, size: int = 24 << 20) -> bytes:
    data = random.Random(size).randbytes(size)
    (tmp_path / "big").write_bytes(data)
    return data


def test_many_small_files_are_a_handful_of_requests(store, blobs, tmp_path):
    paths = write_files(tmp_path / "in", 3000)
    names = [digest.of_file(path, ("md5",))[0] for path in paths]
    store.put_files(paths, digests=names)
    assert [one.split("/")[0] for one in blobs.requests] == ["list index", "put data", "put index"]
    blobs.reset()
    fresh = PackedStore(blobs)
    assert fresh.has(names) == set(names)
    assert [one.split("/")[0] for one in blobs.requests] == ["list index", "get index"]
    blobs.reset()
    given = dict(moving.read_many(fresh, names))
    assert [bytes(given[name]) for name in names] == [path.read_bytes() for path in paths]
    assert [one.split("/")[0] for one in blobs.requests] == ["range data"]


def test_a_pull_of_many_small_files_is_a_handful_of_requests(store, blobs, tmp_path):
    names = store.put([b"%d" % n * 100 for n in range(2000)], algorithm="md5")
    blobs.reset()
    cache = LocalStore(tmp_path / "cache")
    arrived = []
    moving.move(Retry(store), cache, names, moved=lambda name, size: arrived.append(name))
    assert len(blobs.requests) == 1
    assert sorted(arrived) == sorted(names)
    assert cache.has(names) == set(names)


def test_a_push_says_that_an_object_arrived_when_others_can_read_it(store, blobs, tmp_path):
    cache = LocalStore(tmp_path / "cache")
    names = cache.put([b"%d" % n for n in range(50)], algorithm="md5")
    seen = []

    def arrived(name: Digest, size: int) -> None:
        seen.append(name)
        assert PackedStore(blobs).has([name]) == {name}

    moving.move(cache, store, names, trust=True, moved=arrived)
    assert sorted(seen) == sorted(names)


class Flaky(Counted):
    """A place that does not answer now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0

    def _answer(self) -> None:
        if self.left:
            self.left -= 1
            raise Unavailable("the place does not answer")

    def put(self, key: str, data: bytes) -> None:
        self._answer()
        super().put(key, data)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        self._answer()
        return super().get_range(key, start, length)


def test_a_place_that_does_not_answer_for_a_while_is_asked_again(tmp_path):
    blobs = Flaky()
    store = Retry(PackedStore(blobs), sleep=lambda _: None)
    cache, other = LocalStore(tmp_path / "cache"), LocalStore(tmp_path / "other")
    names = cache.put([b"%d" % n for n in range(50)])
    for source, target in ((cache, store), (store, other)):
        blobs.left = 2
        moving.move(source, target, names, trust=True, sleep=lambda _: None)
        assert blobs.left == 0
        assert target.has(names) == set(names)
    blobs.left = 100
    more = cache.put([b"more"])
    with pytest.raises(Unavailable):
        moving.move(cache, store, more, sleep=lambda _: None)
    assert list(tmp_path.glob("*.pack")) == []


def test_a_push_that_fails_leaves_no_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("cauce.kernel.packs.pack.TARGET", 1000)
    blobs = Flaky()
    blobs.lanes = 3
    blobs.left = 1000
    with pytest.raises(Unavailable):
        PackedStore(blobs).put([os.urandom(1000) for _ in range(50)])
    assert list(tmp_path.iterdir()) == []


def test_a_push_from_afar_goes_through_packs_too(store, blobs):
    far = MemoryStore()
    names = far.put([b"%d" % n for n in range(50)])
    moving.move(far, store, names)
    assert [store.get(name) for name in names] == [b"%d" % n for n in range(50)]
    assert len(blobs.names("data")) == 1


def test_an_insertion_into_a_big_file_sends_what_is_new(store, blobs, tmp_path):
    data = big(tmp_path)
    (first,) = store.put_files([tmp_path / "big"])
    assert blobs.sent < len(data) * 1.01
    blobs.reset()
    at = 11_111_111
    other = data[:at] + os.urandom(1 << 20) + data[at:]
    (tmp_path / "big").write_bytes(other)
    (second,) = store.put_files([tmp_path / "big"])
    assert blobs.sent < 3 << 20
    fresh = PackedStore(blobs)
    assert fresh.get(second) == other
    fresh.fetch(first, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data
    assert fresh.size(second) == len(other)


def test_a_big_file_that_was_stored_in_order_is_read_in_few_ranges(store, blobs, tmp_path):
    data = big(tmp_path, 40 << 20)
    (name,) = store.put_files([tmp_path / "big"])
    blobs.reset()
    store.fetch(name, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data
    assert len(blobs.requests) <= 6


@pytest.mark.parametrize("start", [0, 1, 300_000, 9_000_000, 12_582_911, 12_582_912, 13_000_000])
def test_a_stream_of_chunks_starts_where_it_was_asked_to(store, tmp_path, start):
    data = big(tmp_path, 12 << 20)
    (name,) = store.put_files([tmp_path / "big"])
    with store.open(name, start=start) as stream:
        assert stream.read(100) == data[start : start + 100]
        assert stream.read() == data[start + 100 :]


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_files_around_the_limit_are_whole_or_in_chunks(store, tmp_path, extra):
    data = random.Random(5).randbytes(chunks.WHOLE + extra)
    (tmp_path / "file").write_bytes(data)
    (name,) = store.put_files([tmp_path / "file"])
    assert store.get(name) == data
    assert (store._reader.find(name).form == 1) == (extra > 0)
    assert store.put([data]) == [name]


def test_a_chunk_that_was_damaged_is_noticed(store, blobs, tmp_path):
    big(tmp_path, 12 << 20)
    (name,) = store.put_files([tmp_path / "big"])
    (key,) = [f"data/{one}" for one in blobs.names("data")]
    blobs.blobs[key] = (turned(blobs.blobs[key][0], 5_000_000), 0.0)
    with pytest.raises(Damaged, match=name):
        store.fetch(name, tmp_path / "back")
    with pytest.raises(Damaged, match=name):
        store.get(name)
    assert not (tmp_path / "back").exists()


def test_a_list_of_chunks_that_was_damaged_is_noticed(store, blobs, tmp_path):
    big(tmp_path, 12 << 20)
    (name,) = store.put_files([tmp_path / "big"])
    place = store._reader.find(name)
    key = f"data/{place.pack}"
    for at in (0, 9, 30, place.length - 1):
        whole = blobs.blobs[key]
        blobs.blobs[key] = (turned(whole[0], place.offset + at), 0.0)
        with pytest.raises(Damaged, match=name):
            store.fetch(name, tmp_path / "back")
        blobs.blobs[key] = whole


def test_a_missing_chunk_is_named_as_what_it_is_and_storing_again_heals_it(store, blobs, tmp_path):
    data = big(tmp_path, 12 << 20)
    (name,) = store.put_files([tmp_path / "big"])
    (one,) = blobs.names("index")
    found = index.parse(blobs.blobs[f"index/{one}"][0], "it")
    lacking = index.dump(found.rows, found.table[1:].tobytes())
    del blobs.blobs[f"index/{one}"]
    blobs.put(f"index/{index.name(lacking)}", lacking)
    other = PackedStore(blobs)
    with pytest.raises(Damaged, match=r"1 of its \d+ chunks are in no index"):
        other.get(name)
    blobs.age(2 * 3600, "index")
    again = PackedStore(blobs)
    again.put_files([tmp_path / "big"], digests=[name])
    assert again.get(name) == data


def test_a_pack_that_is_gone_is_a_loss_with_a_name(store, blobs, tmp_path):
    (name,) = store.put([b"one"])
    for key in blobs.names("data"):
        del blobs.blobs[f"data/{key}"]
    with pytest.raises(Damaged, match=f"{name}.* is lost"):
        store.get(name)
    assert dict(moving.read_many(store, [name])) == {name: None}


def test_an_index_that_is_not_what_its_name_says_is_refused(store, blobs):
    store.put([b"one"])
    (one,) = blobs.names("index")
    blobs.blobs[f"index/{one}"] = (turned(blobs.blobs[f"index/{one}"][0], 40), 0.0)
    with pytest.raises(Damaged, match="not what its name says"):
        PackedStore(blobs).has([])


def test_two_writers_keep_what_the_other_stored(blobs, tmp_path):
    first, second = PackedStore(blobs), PackedStore(blobs)
    assert first.has([]) == second.has([]) == set()
    one = first.put([b"a", b"b", b"both"])
    two = second.put([b"c", b"both"])
    for store in (first, second, PackedStore(blobs)):
        assert store.has([*one, *two]) == {*one, *two}
        assert len(list(store.list())) == 4


def test_two_writers_of_the_same_make_the_same_pack(blobs):
    for _ in range(2):
        PackedStore(blobs).put([b"a", b"b"])
    first = len(blobs.names("data"))
    other = Counted()
    PackedStore(other).put([b"a", b"b"])
    assert (first, other.names("data")) == (1, blobs.names("data"))


def test_what_another_machine_removed_is_not_counted_on_for_ever(blobs, tmp_path):
    store, other = PackedStore(blobs), PackedStore(blobs)
    (name,) = store.put([b"x"])
    other.delete([name])
    assert store.has([name]) == set()
    blobs.age(2 * DAY, "gone")
    other.delete([])
    assert blobs.names("data") == set()
    with pytest.raises(NotFound):
        store.get(name)


def test_indexes_are_kept_on_this_machine(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    settings = config.load(root, {})
    store = open_store("file:../far", root, settings)
    (name,) = store.put([b"x"])
    (kept,) = (root / ".cauce" / "packs").glob("*/*")
    far = tmp_path / "far" / "packs" / "index" / kept.name
    data = far.read_bytes()
    far.chmod(0o644)
    far.write_bytes(b"damaged since")
    assert open_store("file:../far", root, settings).has([name]) == {name}
    far.write_bytes(data)
    kept.write_bytes(b"damaged here")
    assert open_store("file:../far", root, settings).has([name]) == {name}
    open_store("file:../far", root, settings).delete([name])
    assert kept not in set((root / ".cauce" / "packs").glob("*/*"))


def test_many_small_indexes_become_one(blobs):
    names = [name for n in range(40) for name in PackedStore(blobs).put([b"%d" % n])]
    assert len(blobs.names("index")) < 32
    assert PackedStore(blobs).has(names) == set(names)


def test_joining_indexes_keeps_the_dates_of_what_they_list(blobs):
    (old,) = PackedStore(blobs).put([b"old"])
    blobs.age(10 * DAY, "index")
    for n in range(40):
        PackedStore(blobs).put([b"%d" % n])
    (found,) = [info for info in PackedStore(blobs).list() if info.digest == old]
    assert found.modified < time.time() - 9 * DAY


def test_putting_an_old_object_again_makes_it_new(blobs, tmp_path):
    data = big(tmp_path, 12 << 20)
    names = PackedStore(blobs).put([b"old", data])
    blobs.age(10 * DAY, "index")
    blobs.reset()
    assert PackedStore(blobs).put([b"old", data]) == names
    assert blobs.sent < 10_000
    store = PackedStore(blobs)
    assert min(info.modified for info in store.list()) > time.time() - DAY
    assert store.delete(names, before=time.time() - DAY) == 0
    assert store.get(names[1]) == data


def test_removal_keeps_the_chunks_that_others_need(store, blobs, tmp_path):
    data = big(tmp_path)
    other = data[: 20 << 20] + b"!" + data[20 << 20 :]
    (tmp_path / "other").write_bytes(other)
    first, second = store.put_files([tmp_path / "big", tmp_path / "other"])
    assert store.delete([first]) == 1
    for reader in (store, PackedStore(blobs)):
        assert reader.get(second) == other
        with pytest.raises(NotFound):
            reader.get(first)
    assert store.delete([second]) == 1
    assert list(store.list()) == []
    assert len(store._view.snapshot().lookup.table) == 0


def test_room_is_freed_a_day_after_the_removal(store, blobs):
    keep, go = store.put([b"k" * 1000, b"g" * 9000])
    before = blobs.names("data")
    store.delete([go])
    assert before < blobs.names("data")  # what stays was written anew
    assert blobs.names("gone") == before
    store.delete([])
    assert before < blobs.names("data")
    blobs.age(DAY + 1, "gone")
    store.delete([])
    assert not before & blobs.names("data")
    assert blobs.names("gone") == set()
    assert PackedStore(blobs).get(keep) == b"k" * 1000


def test_what_was_removed_can_be_brought_back_for_a_day(store, blobs, tmp_path):
    data = big(tmp_path, 12 << 20)
    names = store.put([b"k" * 1000, b"g" * 9000, data])
    store.delete(names[1:])
    absent = digest.of(b"never there")
    other = PackedStore(blobs)
    assert other.restore([*names, absent]) == 2
    assert other.restore(names) == 0
    blobs.age(DAY + 1, "gone")
    other.delete([])
    for reader in (store, PackedStore(blobs)):
        assert [reader.get(name) for name in names] == [b"k" * 1000, b"g" * 9000, data]
    store.delete(names[1:])
    blobs.age(DAY + 1, "gone")
    store.delete([])
    assert store.restore(names[1:]) == 0


def test_packs_alone_are_enough_to_find_everything_again(store, blobs, tmp_path):
    data = big(tmp_path, 12 << 20)
    names = store.put([b"one", b"two", data])
    for name in blobs.names("index"):
        del blobs.blobs[f"index/{name}"]
    blobs.put(f"data/{'00' * 32}", b"no pack")
    again = PackedStore(blobs)
    assert again.has(names) == set()
    assert again.restore(names) == 3
    assert [again.get(name) for name in names] == [b"one", b"two", data]


def test_a_pack_of_a_killed_writer_goes_a_day_after_it_was_noticed(store, blobs):
    blobs.put(f"data/{'00' * 32}", b"left behind")
    blobs.age(5 * DAY, "data")
    store.delete([])
    assert "00" * 32 in blobs.names("data")
    blobs.age(DAY + 1, "gone")
    store.delete([])
    assert "00" * 32 not in blobs.names("data")


def test_a_writer_beside_a_removal_loses_nothing(blobs, tmp_path):
    """It knows chunks that are removed before its own index arrives."""
    data = big(tmp_path, 12 << 20)
    PackedStore(blobs).put([data])
    writer = PackedStore(blobs)
    assert len(writer._view.snapshot().objects()) == 1
    other = data + b"more"
    (tmp_path / "other").write_bytes(other)
    with writer._session() as session:
        name = session.put_file(tmp_path / "other", None, None)
        collector = PackedStore(blobs)
        assert collector.delete([digest.of(data)]) == 1
    assert PackedStore(blobs).get(name) == other
    blobs.age(DAY + 1, "gone")
    PackedStore(blobs).delete([])
    assert PackedStore(blobs).get(name) == other


def test_a_reader_goes_on_when_a_pack_is_written_anew(store, blobs):
    names = store.put([b"%d" % n * 1000 for n in range(10)])
    reader = PackedStore(blobs)
    assert reader.get(names[9]) == b"9" * 1000
    store.delete(names[:8])
    blobs.age(DAY + 1, "gone")
    store.delete([])
    assert reader.get(names[9]) == b"9" * 1000


def test_damage_is_not_copied_by_a_removal(store, blobs):
    keep, hurt, go = store.put([b"k" * 1000, b"h" * 1000, b"g" * 9000])
    place = store._reader.find(hurt)
    key = f"data/{place.pack}"
    blobs.blobs[key] = (turned(blobs.blobs[key][0], place.offset), 0.0)
    store.delete([go])
    assert store._reader.find(hurt).pack == place.pack
    assert store._reader.find(keep).pack != place.pack
    blobs.age(DAY + 1, "gone")
    store.delete([])
    assert store.get(keep) == b"k" * 1000


def test_many_small_packs_become_one_at_a_removal(blobs):
    names = [name for n in range(12) for name in PackedStore(blobs).put([b"%d" % n * 99])]
    store = PackedStore(blobs)
    store.delete(names[:1])
    assert len({store._reader.find(name).pack for name in names[1:]}) == 1
    assert [store.get(name) for name in names[1:]] == [b"%d" % n * 99 for n in range(1, 12)]


@pytest.mark.parametrize("url", ["file:", "s3:", "s3://"])
def test_a_url_that_names_no_place_is_refused(tmp_path, url):
    with pytest.raises(Invalid, match="names no"):
        open_store(url, tmp_path, config.load(tmp_path, {}))


def test_a_session_of_many_objects_writes_indexes_in_between(store, blobs, tmp_path, monkeypatch):
    monkeypatch.setattr("cauce.adapters.stores.packed.writing._ROOM", 100)
    monkeypatch.setattr("cauce.kernel.packs.index.MOST", 150)
    names = store.put([b"%d" % n for n in range(350)])
    assert len(blobs.names("index")) == 4
    assert PackedStore(blobs).has(names) == set(names)
    store.delete(names[:10])
    assert PackedStore(blobs).has(names) == set(names[10:])


def test_packs_end_at_their_size(store, blobs, tmp_path):
    items = [os.urandom(1 << 20) for _ in range(70)]
    names = store.put(items)
    sizes = sorted(len(data) for key, (data, _) in blobs.blobs.items() if key[:4] == "data")
    assert len(sizes) == 3
    assert sizes[-1] < 34 << 20
    assert [store.get(name) for name in names] == items


def test_garbage_in_the_folders_is_passed_over(store, blobs):
    blobs.put("index/readme.txt", b"not an index")
    blobs.put("gone/readme.txt", b"")
    (name,) = store.put([b"x"])
    assert store.delete([name]) == 1
    assert removal.GRACE == DAY
