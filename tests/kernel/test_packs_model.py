"""Two writers, a collector and a day that passes, in any order: nothing that was stored is lost."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from tests.contracts.packed import Counted

from cauce.adapters.stores.packed import PackedStore, removal
from cauce.errors import NotFound
from cauce.kernel import digest
from cauce.kernel.packs import chunks

DAY = 24 * 3600.0
SEEDS = st.integers(0, 5)


def item(seed: int, *, big: bool) -> bytes:
    """Small objects, or big ones that have chunks in common."""
    if not big:
        return random.Random(seed).randbytes(100 + seed)
    base = random.Random(99).randbytes(400_000)
    return base[: 50_000 * seed] + bytes([seed]) + base[50_000 * seed :]


class Packs(RuleBasedStateMachine):
    """What the stores hold is what a dictionary holds."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(chunks, "WHOLE", 100_000)
        self.patch.setattr(removal, "_MANY_INDEXES", 5)
        self.patch.setattr(removal, "_MANY_SMALL", 3)
        self.folder = TemporaryDirectory(prefix="cauce-packs-")
        self.model: dict[str, bytes] = {}
        self.slow = None

    @initialize()
    def begin(self) -> None:
        self.blobs = Counted()
        self.stores = [
            PackedStore(self.blobs),
            PackedStore(self.blobs, kept=Path(self.folder.name)),
        ]

    @rule(who=st.integers(0, 1), seeds=st.lists(SEEDS, max_size=3), big=st.booleans())
    def put(self, who: int, seeds: list[int], big: bool) -> None:
        items = [item(seed, big=big) for seed in seeds]
        self.model.update(zip(self.stores[who].put(items), items, strict=True))

    @rule(who=st.integers(0, 1), seed=SEEDS, big=st.booleans())
    def delete(self, who: int, seed: int, big: bool) -> None:
        name = digest.of(item(seed, big=big))
        assert self.stores[who].delete([name]) == (name in self.model)
        self.model.pop(name, None)

    @rule(who=st.integers(0, 1), seed=SEEDS, big=st.booleans())
    def restore(self, who: int, seed: int, big: bool) -> None:
        data = item(seed, big=big)
        name = digest.of(data)
        if self.stores[who].restore([name]):
            assert name not in self.model
            self.model[name] = data

    @precondition(lambda self: self.slow is None)
    @rule(who=st.integers(0, 1))
    def a_day_passes(self, who: int) -> None:
        self.blobs.age(DAY + 1, "gone")
        self.stores[who].delete([])

    @precondition(lambda self: self.slow is None)
    @rule(who=st.integers(0, 1), seed=SEEDS)
    def begin_slowly(self, who: int, seed: int) -> None:
        """A writer that has looked, and whose index comes later."""
        session = self.stores[who]._session()
        data = item(seed, big=True)
        session.put(data, digest.of(data), None)
        self.slow = session, data

    @precondition(lambda self: self.slow is not None)
    @rule()
    def end_slowly(self) -> None:
        (session, data), self.slow = self.slow, None
        with session:
            pass
        self.model[digest.of(data)] = data

    @invariant()
    def everything_is_there(self) -> None:
        if not hasattr(self, "stores"):
            return
        fresh = PackedStore(self.blobs)
        assert {info.digest for info in fresh.list()} == set(self.model)
        for store in (fresh, *self.stores):
            assert store.has(self.model) == set(self.model)
        for name, data in self.model.items():
            assert fresh.get(name) == data

    def teardown(self) -> None:
        if self.slow is not None:
            self.slow[0].__exit__(KeyboardInterrupt, None, None)
        for store in getattr(self, "stores", ()):
            with pytest.raises(NotFound):
                store.get(digest.of(b"never stored"))
        self.patch.undo()
        self.folder.cleanup()


TestPacks = pytest.mark.slow(Packs.TestCase)
TestPacks.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
