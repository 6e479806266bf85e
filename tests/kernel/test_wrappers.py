import os

import pytest

from cauce.adapters.stores.local import LocalStore
from cauce.adapters.stores.memory import MemoryStore
from cauce.errors import Damaged, Denied, NotFound, Unavailable
from cauce.kernel import digest
from cauce.kernel.wrappers import Cache, Retry, Routed, Verified
from cauce.testing.faults import FaultyStore

AWAY = Unavailable("the store is away")


def retry(inner, waits, **options):
    return Retry(inner, sleep=waits.append, **options)


def test_a_store_that_comes_back_is_asked_until_it_does():
    waits = []
    faulty = FaultyStore(MemoryStore(), {"put": [AWAY, TimeoutError(), ConnectionResetError()]})
    (name,) = retry(faulty, waits).put([b"x"])
    faulty.assert_spent()
    assert faulty.get(name) == b"x"
    assert len(waits) == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda store, name, path: store.get(name),
        lambda store, name, path: store.open(name).close(),
        lambda store, name, path: store.fetch(name, path / "x"),
        lambda store, name, path: store.has([name]),
        lambda store, name, path: store.size(name),
        lambda store, name, path: store.path(name),
        lambda store, name, path: list(store.list()),
        lambda store, name, path: store.put_files([path / "a"]),
        lambda store, name, path: store.delete([name]),
    ],
    ids="get open fetch has size path list put_files delete".split(),
)
def test_every_call_is_tried_again(request, tmp_path, call):
    method = request.node.callspec.id
    (tmp_path / "a").write_bytes(b"a")
    inner = MemoryStore()
    (name,) = inner.put([b"x"])
    faulty = FaultyStore(inner, {method: [AWAY, None]})
    call(retry(faulty, []), name, tmp_path)
    faulty.assert_spent()


def test_a_store_that_stays_away_is_given_up():
    waits = []
    faulty = FaultyStore(MemoryStore(), {"get": [AWAY] * 9})
    with pytest.raises(Unavailable, match="away"):
        retry(faulty, waits, attempts=4).get(digest.of(b"x"))
    assert len(waits) == 3
    with pytest.raises(AssertionError, match="never reached"):
        faulty.assert_spent()


@pytest.mark.parametrize("error", [NotFound("no"), Damaged("bad"), Denied("no"), OSError(28, "")])
def test_what_will_not_change_is_not_tried_again(error):
    faulty = FaultyStore(MemoryStore(), {"get": [error, None]})
    with pytest.raises(type(error)):
        retry(faulty, []).get(digest.of(b"x"))
    with pytest.raises(AssertionError):
        faulty.assert_spent()


def test_waits_grow_to_a_bound_and_differ():
    waits = []
    for _ in range(40):
        faulty = FaultyStore(MemoryStore(), {"size": [AWAY] * 5})
        with pytest.raises(Unavailable):
            retry(faulty, waits, attempts=5, first=1.0, longest=4.0).size(digest.of(b""))
    for attempt, bound in enumerate((1.0, 2.0, 4.0, 4.0)):
        these = waits[attempt::4]
        assert max(these) <= bound
        assert max(these) > bound / 2
        assert len(set(these)) > 30


def test_a_fault_needs_a_method_that_exists():
    with pytest.raises(AssertionError, match="putt"):
        FaultyStore(MemoryStore(), {"putt": [AWAY]})


@pytest.fixture
def far():
    return MemoryStore()


@pytest.fixture
def near(tmp_path):
    return LocalStore(tmp_path / "near")


def test_a_cache_asks_afar_once(far, near, tmp_path):
    (name,) = far.put([b"x" * 100])
    faulty = FaultyStore(far, {"fetch": [None, AWAY], "get": [AWAY], "open": [AWAY]})
    cache = Cache(faulty, near, limit=1000)
    assert [cache.get(name) for _ in range(3)] == [b"x" * 100] * 3
    with cache.open(name, start=90) as stream:
        assert stream.read() == b"x" * 10
    cache.fetch(name, tmp_path / "out")
    path = cache.path(name)
    assert path is not None
    assert path.read_bytes() == b"x" * 100
    with pytest.raises(AssertionError, match="fetch"):
        faulty.assert_spent()


def test_a_directory_of_dvc_is_cached_under_its_own_name(far, near, tmp_path):
    (tmp_path / "d").write_bytes(b"[]")
    name = digest.of(b"[]", "md5") + ".dir"
    far.put_files([tmp_path / "d"], digests=[name])
    assert Cache(far, near, limit=1000).get(name) == b"[]"
    assert near.has([name]) == {name}


def test_the_least_recently_used_leaves_first(far, near):
    names = far.put([bytes([n]) * 100 for n in range(5)])
    cache = Cache(far, near, limit=350)
    for n, name in enumerate(names[:3]):
        cache.get(name)
        os.utime(near.path(name), (n + 1, n + 1))
    cache.get(names[0])  # used again
    cache.get(names[3])
    assert near.has(names) == {names[0], names[2], names[3]}
    assert [cache.get(name) for name in names] == [bytes([n]) * 100 for n in range(5)]


def test_a_cache_stays_within_its_limit_but_for_one_object(far, near):
    cache = Cache(far, near, limit=1000)
    for _ in range(50):
        (name,) = cache.put([os.urandom(90)])
        assert sum(info.size for info in near.list()) <= 1000
        assert far.has([name]) == {name}
    (big,) = far.put([b"big" * 1000])
    assert cache.get(big) == b"big" * 1000
    assert [info.digest for info in near.list()] == [big]
    cache.put([b"small"])
    assert near.has([big]) == set()


def test_two_caches_may_share_a_near_store(far, near):
    one, other = Cache(far, near, limit=500), Cache(far, near, limit=500)
    names = far.put([bytes([n]) * 100 for n in range(12)])
    for name in names:
        assert one.get(name) == other.get(name)
    assert sum(info.size for info in near.list()) <= 600


def test_an_object_that_leaves_while_it_is_asked_for_comes_from_afar(far, near):
    (name,) = far.put([b"x"])
    gone = FaultyStore(near, {"get": [NotFound("it has just left")]})
    assert Cache(far, gone, limit=10).get(name) == b"x"
    gone.assert_spent()


def test_damage_near_is_healed_from_afar(far, near):
    (name,) = far.put([b"right"])
    cache = Cache(far, near, limit=1000)
    cache.get(name)
    file = near.path(name)
    file.chmod(0o644)
    file.write_bytes(b"wrong")
    file.chmod(0o444)
    assert cache.get(name) == b"right"
    assert cache.get(name) == b"right"
    assert near.get(name) == b"right"


def test_the_far_store_decides_what_exists(far, near):
    cache = Cache(far, near, limit=1000)
    (name,) = cache.put([b"x"])
    assert near.has([name]) == {name}
    cache.delete([name])
    assert near.has([name]) == set()
    with pytest.raises(NotFound):
        cache.get(name)


def test_a_store_that_lies_is_found_out(tmp_path):
    class Lying(MemoryStore):
        def put(self, items, *, algorithm="sha256"):
            return super().put([item + b"!" for item in items], algorithm=algorithm)

        def fetch(self, digest, target):
            target.write_bytes(b"something")

    store = Verified(Lying())
    with pytest.raises(Damaged, match="took"):
        store.put([b"x"])
    with pytest.raises(Damaged):
        store.fetch(digest.of(b"x"), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_routed_store_keeps_each_algorithm_in_its_place(far, near):
    store = Routed({"md5": near}, far)
    (md5,) = store.put([b"a"], algorithm="md5")
    (sha,) = store.put([b"a"])
    assert [info.digest for info in near.list()] == [md5]
    assert [info.digest for info in far.list()] == [sha]
    far.put([b"in the wrong place"], algorithm="md5")
    assert {info.digest for info in store.list()} == {md5, sha}
    assert store.path(md5) == near.path(md5)


def test_a_routed_store_puts_mixed_names_in_the_order_given(far, near, tmp_path):
    for n in range(6):
        (tmp_path / f"{n}").write_bytes(bytes([n]))
    paths = [tmp_path / f"{n}" for n in range(6)]
    names = [digest.of(bytes([n]), "md5" if n % 2 else "sha256") for n in range(6)]
    store = Routed({"md5": near}, far)
    assert store.put_files(paths, digests=names) == names
    assert {info.digest for info in near.list()} == set(names[1::2])
    assert store.delete(names[:3]) == 3
