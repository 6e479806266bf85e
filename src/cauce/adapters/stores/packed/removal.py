"""Removal from packs: indexes without what is gone, packs written anew, old ones a day later.

Safe beside writers and readers, and when killed anywhere; docs/format.md says why.
"""

import time
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from cauce.adapters.stores.packed.blobs import Blobs
from cauce.adapters.stores.packed.reading import Ranges, Reader
from cauce.adapters.stores.packed.snapshot import Builder, Numbers, Snapshot
from cauce.adapters.stores.packed.view import View
from cauce.adapters.stores.packed.writing import Session
from cauce.errors import Damaged, NotFound
from cauce.kernel import digest as names
from cauce.kernel.packs import chunks, index, pack, table
from cauce.kernel.packs.index import Index, Row
from cauce.kernel.packs.table import LIST

GRACE = 24 * 3600.0
"""Seconds between the moment when no index names a pack any more, and its removal."""

_SMALL = 8 << 20
_MANY_SMALL = 8
"""So many packs of fewer bytes are made one."""

_MANY_INDEXES, _SMALL_INDEX = 32, 16_384
"""So many indexes of fewer records are made one."""

Marks = npt.NDArray[np.bool_]


def remove(
    blobs: Blobs,
    view: View,
    reader: Reader,
    keys: npt.NDArray[np.uint8],
    before: float | None,
) -> int:
    """Remove objects, and the chunks that no other needs; give how many objects went."""
    snapshot = view.snapshot()
    numbers = snapshot.find(keys)
    gone = np.unique(numbers[numbers >= 0])
    if before is not None:
        gone = gone[snapshot.lookup.dates[gone] <= before]
    if len(gone):
        write_anew(blobs, view, reader, snapshot, _staying(snapshot, reader, gone))
    sweep(blobs, view)
    return len(gone)


def _staying(snapshot: Snapshot, reader: Reader, gone: Numbers) -> Marks:
    """Mark the records that stay: objects that are not removed, and the chunks that they need."""
    records = snapshot.lookup.table
    stay: Marks = np.zeros(len(records), bool)
    stay[snapshot.objects()] = True
    stay[gone] = False
    lists = np.flatnonzero(stay & (records["form"] == LIST))
    for _, data in reader.parts(snapshot, lists):
        needed = snapshot.find(chunks.parse(data, "a list of chunks").keys())
        stay[needed[needed >= 0]] = True
    return stay


def write_anew(blobs: Blobs, view: View, reader: Reader, snapshot: Snapshot, stay: Marks) -> None:
    """Write indexes of the records that stay, and remove all indexes of the snapshot.

    Packs of which less than half stays, and small ones where there are many, are written anew.
    """
    moving = stay & _poor(snapshot, stay)[snapshot.lookup.table["pack"]]
    with Session(blobs, view, reader.bytes_at) as session:
        unmoved = list(_move(reader, snapshot, np.flatnonzero(moving), session))
    kept = np.concatenate([np.flatnonzero(stay & ~moving), np.array(unmoved, np.int64)])
    written = {*session.written, *_write_indexes(blobs, view, snapshot, kept)}
    blobs.delete([f"index/{name}" for name in snapshot.parts if name not in written])
    for name in sorted(snapshot.named - view.snapshot().named):
        blobs.put(f"gone/{name}", b"")


def restore(blobs: Blobs, view: View, reader: Reader, keys: npt.NDArray[np.uint8]) -> int:
    """List removed objects again whose packs are still there; give how many came back.

    The tables of all packs are read, two requests each.
    """
    snapshot = view.snapshot()
    wanted = np.unique(keys[snapshot.find(keys) < 0], axis=0)
    found = _all_packs(blobs)
    numbers = found.find(wanted)
    numbers = numbers[numbers >= 0]
    come: list[Numbers] = []
    for number, place in zip(numbers.tolist(), found.places(numbers), strict=True):
        needed = np.array([number], np.int64)
        if place.form == LIST:
            parts = chunks.parse(reader.bytes_at(place), "a list of chunks").keys()
            missing = parts[snapshot.find(parts) < 0]
            needed = np.concatenate([found.find(missing), needed])
        if (needed >= 0).all():
            come.append(needed)
    if come:
        with Session(blobs, view, reader.bytes_at) as session:
            every = np.concatenate(come)
            for number, place in zip(every.tolist(), found.places(every), strict=True):
                session.list_at(_key(found.lookup.table[number]), place)
    return len(come)


def _all_packs(blobs: Blobs) -> Snapshot:
    """Give what all packs hold by their own tables, as if there were an index for each."""
    found: list[tuple[str, float, Index]] = []
    for blob in blobs.list("data"):
        source = Ranges(blobs, f"data/{blob.name}")
        with suppress(Damaged, NotFound):
            held = pack.read_table(source, blob.size, f"the pack {blob.name} of {blobs.url}")
            rows = (Row(name=blob.name, size=blob.size),)
            found.append((blob.name, blob.modified, Index(rows=rows, table=held)))
    builder = Builder(sum(len(one.table) for _, _, one in found))
    for one in found:
        builder.add(*one)
    return builder.done()


def _poor(snapshot: Snapshot, stay: Marks) -> Marks:
    """Mark the packs that are worth writing anew."""
    records = snapshot.lookup.table[stay]
    sizes = np.array([size for _, size in snapshot.packs], np.float64)
    live = np.bincount(records["pack"], records["length"], minlength=len(sizes))
    poor: Marks = (live > 0) & (live < sizes / 2)
    small = (live > 0) & (sizes < _SMALL)
    return poor | small if small.sum() >= _MANY_SMALL else poor


def _move(reader: Reader, snapshot: Snapshot, numbers: Numbers, session: Session) -> Iterator[int]:
    """Copy entries to new packs under their old dates; give those that are damaged, which stay."""
    for number, data in reader.parts(snapshot, numbers):
        record = snapshot.lookup.table[number]
        key = _key(record)
        if record["form"] != LIST and not _true(key, data):
            yield number
            continue
        date = float(snapshot.lookup.dates[number])
        session.append(key, data, size=int(record["size"]), form=int(record["form"]), date=date)


def _key(record: np.void) -> bytes:
    key: bytes = record["key"].tobytes() + bytes([record["kind"]])
    return key


def _true(key: bytes, data: bytes | memoryview) -> bool:
    """Tell whether bytes are what their key says."""
    algorithm, length = ("md5", 16) if key[32] in {table.MD5, table.MD5_DIR} else ("sha256", 32)
    state = names.hasher(algorithm)
    state.update(data)
    return state.digest() == key[:length]


def _write_indexes(blobs: Blobs, view: View, snapshot: Snapshot, numbers: Numbers) -> list[str]:
    """Write indexes that list records where they are, with their dates; give their names."""
    records, dates = snapshot.lookup.table[numbers], snapshot.lookup.dates[numbers]
    written = []
    for start in range(0, len(records), index.MOST):
        part = records[start : start + index.MOST]
        pairs = np.stack([part["pack"].astype(np.float64), dates[start : start + index.MOST]])
        unique, places = np.unique(pairs, axis=1, return_inverse=True)
        part["pack"] = places.reshape(-1)
        rows = [
            Row(name=snapshot.packs[int(pack)][0], size=snapshot.packs[int(pack)][1], date=date)
            for pack, date in unique.T.tolist()
        ]
        data = index.dump(rows, part.tobytes())
        name = index.name(data)
        blobs.put(f"index/{name}", data)
        view.add(name, data)
        written.append(name)
    return written


def join(blobs: Blobs, view: View) -> None:
    """Make one index of many small ones, so that a new reader need not ask for each."""
    if len(_small(view.known())) < _MANY_INDEXES:
        return
    latest = view.snapshot()
    small = _small(latest)
    if len(small) < _MANY_INDEXES:
        return
    builder = Builder(sum(len(latest.parts[name].table) for name in small), latest.packs)
    for name in small:
        builder.keep(name, latest.parts[name].modified, latest.parts[name])
    joined = builder.done()
    every = joined.lookup.order.astype(np.int64)
    written = _write_indexes(blobs, view, joined, every)
    blobs.delete([f"index/{name}" for name in small if name not in written])
    view.snapshot()


def _small(snapshot: Snapshot) -> list[str]:
    return [name for name, part in snapshot.parts.items() if len(part.table) < _SMALL_INDEX]


def sweep(blobs: Blobs, view: View) -> None:
    """Remove packs that no index has named for a day, and mark those that none names now."""
    marks = {blob.name: blob.modified for blob in blobs.list("gone")}
    named = view.snapshot().named
    before = time.time() - GRACE
    old: list[str] = []
    for blob in blobs.list("data"):
        if blob.name in named:
            continue
        if blob.name not in marks:
            blobs.put(f"gone/{blob.name}", b"")
        elif marks[blob.name] <= before:
            old.append(blob.name)
    blobs.delete([f"data/{name}" for name in old])
    blobs.delete([f"gone/{name}" for name in marks if name in named or name in old])
