"""What every object store must do; run it on yours by giving two fixtures.

class TestMine(StoreSuite):
    @pytest.fixture
    def store(self): ...

    @pytest.fixture
    def damage(self, store): ...    # a function that changes an object's stored bytes
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cauce.errors import Conflict, Damaged, Invalid, NotFound
from cauce.kernel import digest
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectStore

Damage = Callable[[Digest], None]

ABSENT = Digest("sha256:" + "0" * 64)
MALFORMED = (
    "",
    "sha256:",
    "sha256:00",
    "sha256:" + "0" * 63,
    "sha256:" + "0" * 65,
    "sha256:" + "G" * 64,
    "SHA256:" + "0" * 64,
    "sha256:" + "A" * 64,
    "sha256:" + "0" * 64 + ".dir",
    "sha256:" + "0" * 64 + "\n",
    "md5:" + "0" * 64,
    "md5:" + "0" * 32 + ".dir.dir",
    "sha1:" + "0" * 40,
    "sha256:../../../../etc/passwd",
    "md5:" + "0" * 32 + "/../x",
)


class StoreSuite:
    """Tests that a store passes, whatever it is made of."""

    @given(items=st.lists(st.binary(max_size=300), max_size=6))
    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,  # one store for all examples is what we want
            HealthCheck.differing_executors,  # the suite's classes share this function
            HealthCheck.too_slow,
        ],
    )
    def test_what_was_put_is_read_back(self, store: ObjectStore, items: list[bytes]) -> None:
        names = store.put(items)
        assert [store.get(name) for name in names] == items
        assert names == [Digest("sha256:" + hashlib.sha256(x).hexdigest()) for x in items]

    def test_put_twice_gives_the_same_names(self, store: ObjectStore) -> None:
        assert store.put([b"one", b"two", b"one"]) == store.put([b"one", b"two", b"one"])
        assert len(list(store.list())) == 2

    def test_put_names_bytes_by_the_algorithm_asked_for(self, store: ObjectStore) -> None:
        (name,) = store.put([b"hello"], algorithm="md5")
        assert name == "md5:5d41402abc4b2a76b9719d911017c592"
        assert store.get(name) == b"hello"

    def test_put_refuses_an_unknown_algorithm(self, store: ObjectStore) -> None:
        with pytest.raises(Invalid, match="crc32"):
            store.put([b"hello"], algorithm="crc32")

    def test_an_empty_object_is_an_object(self, store: ObjectStore, tmp_path: Path) -> None:
        (name,) = store.put([b""])
        store.fetch(name, tmp_path / "empty")
        with store.open(name) as stream:
            assert stream.read() == b""
        assert (store.get(name), store.size(name)) == (b"", 0)
        assert (tmp_path / "empty").read_bytes() == b""
        assert store.has([name]) == {name}

    def test_files_are_stored_under_sha256_when_no_name_is_given(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        big = bytes(range(256)) * 13_000
        (tmp_path / "big").write_bytes(big)
        (tmp_path / "small").write_bytes(b"small")
        names = store.put_files([tmp_path / "big", tmp_path / "small", tmp_path / "big"])
        assert names == [digest.of(big), digest.of(b"small"), digest.of(big)]
        assert store.get(names[0]) == big

    def test_files_keep_the_names_they_were_hashed_to(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_bytes(b"[]")
        md5 = digest.of(b"[]", "md5")
        wanted = [md5, Digest(f"{md5}.dir"), digest.of(b"[]")]
        assert store.put_files([tmp_path / "a"] * 3, digests=wanted) == wanted
        assert [store.get(name) for name in wanted] == [b"[]"] * 3
        assert {info.digest for info in store.list()} == set(wanted)

    def test_a_file_that_changed_since_it_was_hashed_is_a_conflict(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_bytes(b"after")
        for name in (digest.of(b"before"), digest.of(b"before", "md5")):
            with pytest.raises(Conflict, match="changed"):
                store.put_files([tmp_path / "a"], digests=[name])
        assert list(store.list()) == []

    def test_a_missing_file_takes_nothing_away(self, store: ObjectStore, tmp_path: Path) -> None:
        (tmp_path / "good").write_bytes(b"good")
        (name,) = store.put_files([tmp_path / "good"])
        with pytest.raises(FileNotFoundError):
            store.put_files([tmp_path / "good", tmp_path / "gone"])
        assert store.get(name) == b"good"

    def test_a_folder_is_no_file(self, store: ObjectStore, tmp_path: Path) -> None:
        with pytest.raises((Invalid, IsADirectoryError)):
            store.put_files([tmp_path])

    def test_the_numbers_of_files_and_names_must_agree(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_bytes(b"a")
        with pytest.raises(ValueError, match="argument 2"):
            store.put_files([tmp_path / "a"], digests=[])

    def test_what_is_not_there_is_not_found(self, store: ObjectStore, tmp_path: Path) -> None:
        store.put([b"other"])
        target = tmp_path / "target"
        target.write_bytes(b"untouched")
        for read in (store.get, store.open, store.size, lambda name: store.fetch(name, target)):
            with pytest.raises(NotFound, match="0000"):
                read(ABSENT)
        assert store.has([ABSENT]) == set()
        assert store.path(ABSENT) is None
        assert target.read_bytes() == b"untouched"
        assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["target"]

    @pytest.mark.parametrize("name", MALFORMED)
    def test_a_malformed_name_is_refused(
        self, store: ObjectStore, tmp_path: Path, name: str
    ) -> None:
        bad = Digest(name)
        (tmp_path / "a").write_bytes(b"a")
        for call in (
            lambda: store.get(bad),
            lambda: store.open(bad),
            lambda: store.size(bad),
            lambda: store.path(bad),
            lambda: store.has([bad]),
            lambda: store.delete([bad]),
            lambda: store.fetch(bad, tmp_path / "x"),
            lambda: store.put_files([tmp_path / "a"], digests=[bad]),
        ):
            with pytest.raises(Invalid):
                call()
        assert not (tmp_path / "x").exists()

    @pytest.mark.parametrize("start", [0, 1, 9, 10, 11])
    def test_a_stream_starts_where_it_was_asked_to(self, store: ObjectStore, start: int) -> None:
        (name,) = store.put([b"0123456789"])
        with store.open(name, start=start) as stream:
            assert stream.read(2) == b"0123456789"[start : start + 2]
            assert stream.read() == b"0123456789"[start + 2 :]

    def test_a_large_object_streams_whole(self, store: ObjectStore) -> None:
        data = bytes(range(251)) * 20_000
        (name,) = store.put([data])
        with store.open(name, start=7) as stream:
            read = b"".join(iter(lambda: stream.read(65_536), b""))
        assert read == data[7:]

    def test_fetch_makes_parents_and_replaces(self, store: ObjectStore, tmp_path: Path) -> None:
        first, second = store.put([b"first", b"second" * 100_000])
        target = tmp_path / "deep" / "er" / "file"
        store.fetch(first, target)
        assert target.read_bytes() == b"first"
        store.fetch(second, target)
        assert target.read_bytes() == b"second" * 100_000
        assert [file.name for file in target.parent.iterdir()] == ["file"]

    def test_a_fetched_file_can_be_edited_without_changing_the_object(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        (name,) = store.put([b"original"])
        store.fetch(name, tmp_path / "copy")
        with (tmp_path / "copy").open("ab") as stream:
            stream.write(b" changed")
        assert store.get(name) == b"original"

    def test_has_tells_those_that_are_there(self, store: ObjectStore) -> None:
        names = store.put([str(n).encode() for n in range(40)])
        assert store.has([*names[:30], ABSENT]) == set(names[:30])
        assert store.has(iter(names)) == set(names)
        assert store.has([]) == set()

    def test_size_is_that_of_the_bytes(self, store: ObjectStore) -> None:
        (name,) = store.put([b"x" * 12_345])
        assert store.size(name) == 12_345

    def test_a_path_leads_to_the_bytes(self, store: ObjectStore) -> None:
        (name,) = store.put([b"bytes"])
        path = store.path(name)
        assert path is None or path.read_bytes() == b"bytes"

    def test_list_gives_each_object_once(self, store: ObjectStore) -> None:
        sha, md5 = store.put([b"abc"]), store.put([b"defg"], algorithm="md5")
        listed = {info.digest: info.size for info in store.list()}
        assert listed == {sha[0]: 3, md5[0]: 4}
        assert [info.digest for info in store.list("md5")] == md5
        assert [info.digest for info in store.list("sha256")] == sha

    def test_delete_says_how_many_went(self, store: ObjectStore) -> None:
        names = store.put([b"a", b"b", b"c"])
        assert store.delete([*names[:2], ABSENT]) == 2
        assert store.has(names) == {names[2]}
        assert store.delete(names[:2]) == 0
        assert store.put([b"a"]) == names[:1]
        assert store.get(names[0]) == b"a"

    def test_delete_spares_what_was_stored_later(self, store: ObjectStore) -> None:
        names = store.put([b"a", b"b"])
        first = min(info.modified for info in store.list())
        last = max(info.modified for info in store.list())
        assert store.delete([*names, ABSENT], before=first - 1) == 0
        assert store.has(names) == set(names)
        assert store.delete([*names, ABSENT], before=last) == 2

    def test_damage_is_noticed_before_the_bytes_are_used(
        self, store: ObjectStore, damage: Damage, tmp_path: Path
    ) -> None:
        (name,) = store.put([b"the true bytes"])
        damage(name)
        with pytest.raises(Damaged, match=name):
            store.get(name)
        with pytest.raises(Damaged, match=name):
            store.fetch(name, tmp_path / "out")
        assert list(tmp_path.glob("out*")) == []

    def test_many_threads_may_put_the_same(self, store: ObjectStore) -> None:
        items = [f"{n}".encode() * 50 for n in range(60)]
        results: list[list[Digest]] = []
        threads = [
            threading.Thread(target=lambda: results.append(store.put(items))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 4
        assert [store.get(name) for name in results[0]] == items
        assert len(list(store.list())) == 60

    def test_closing_twice_is_harmless(self, store: ObjectStore) -> None:
        store.close()
        store.close()
