"""Packs, written and removed, killed anywhere: what was stored is whole, the rest is garbage."""

import random
import shutil
from pathlib import Path

import pytest

from cauce.adapters.stores.packed import PackedStore
from cauce.adapters.stores.packed.blobs import FolderBlobs
from cauce.errors import NotFound
from cauce.kernel import digest
from cauce.kernel.packs import chunks, pack
from cauce.testing import kill

POINTS = 30
BIG = random.Random(1).randbytes(9 << 20)
MORE = BIG[: 4 << 20] + b"inserted" + BIG[4 << 20 :]
SMALL = [b"%d" % n * 400 for n in range(20)]


def opened(folder: Path) -> PackedStore:
    return PackedStore(FolderBlobs(folder), kept=folder.parent / f"{folder.name}-kept")


def put_more(folder: Path) -> None:
    opened(folder).put([*SMALL[10:], MORE])


def remove_some(folder: Path) -> None:
    opened(folder).delete([digest.of(item) for item in (*SMALL[:8], BIG)])


def check(folder: Path, must: list[bytes], may: list[bytes]) -> bool:
    """Look at every promise; tells whether all that may be there is there."""
    store = opened(folder)
    for item in must:
        assert store.get(digest.of(item)) == item
    arrived = 0
    for item in may:
        try:
            assert store.get(digest.of(item)) == item
            arrived += 1
        except NotFound:
            pass
    listed = {info.digest for info in store.list()}
    assert listed <= {digest.of(item) for item in (*must, *may)}
    for blob in FolderBlobs(folder).list("data"):
        with (folder / "data" / blob.name).open("rb") as stream:
            assert pack.name(pack.read_table(stream, blob.size, blob.name)) == blob.name
    return arrived == len(may)


@pytest.fixture
def start(tmp_path):
    assert len(BIG) > chunks.WHOLE
    folder = tmp_path / "packs"
    opened(folder).put([*SMALL[:10], BIG])
    return folder


def copies(start: Path, events: list[str]):
    for n in [*kill.sample(len(events), POINTS, seed=5), len(events) + 1]:
        folder = start.parent / f"killed-{n}"
        shutil.copytree(start, folder)
        yield n, folder
        shutil.rmtree(folder)


@pytest.mark.slow
def test_a_killed_writer_leaves_what_was_there_and_garbage(start, tmp_path):
    shutil.copytree(start, tmp_path / "dry")
    events = kill.trace(lambda: put_more(tmp_path / "dry"))
    assert {"write", "fsync", "replace"} <= set(events)
    arrived = []
    for n, folder in copies(start, events):
        killed = kill.kill_at(lambda folder=folder: put_more(folder), n)
        assert killed == (n <= len(events))
        arrived.append(check(folder, [*SMALL[:10], BIG], [*SMALL[10:], MORE]))
        put_more(folder)
        assert check(folder, [*SMALL, BIG, MORE], [])
    assert arrived == sorted(arrived)
    assert (arrived[0], arrived[-1]) == (False, True)


@pytest.mark.slow
def test_a_killed_removal_keeps_what_stays(start, tmp_path):
    put_more(start)
    stays = [*SMALL[8:], MORE]
    shutil.copytree(start, tmp_path / "dry")
    events = kill.trace(lambda: remove_some(tmp_path / "dry"))
    assert {"write", "replace", "unlink"} <= set(events)
    for n, folder in copies(start, events):
        kill.kill_at(lambda folder=folder: remove_some(folder), n)
        check(folder, stays, [*SMALL[:8], BIG])
        remove_some(folder)
        assert check(folder, stays, [])
        assert opened(folder).has([digest.of(item) for item in (*SMALL[:8], BIG)]) == set()
