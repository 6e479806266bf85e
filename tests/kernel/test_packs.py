"""Packs, indexes and lists of chunks: what was written is read back, what lies is refused."""

import hashlib
import io
import os
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cauce.errors import CauceError, Damaged, Unsupported
from cauce.kernel import digest
from cauce.kernel.packs import chunks, index, pack, table
from cauce.kernel.packs.index import Row
from cauce.kernel.packs.table import CHUNK, LIST, RECORD, WHOLE, Lookup

ENTRIES = st.lists(st.binary(max_size=200), min_size=1, max_size=12)
FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def build(folder: Path, entries: list[bytes]) -> tuple[str, bytes]:
    path = folder / f"{os.urandom(8).hex()}.pack"
    writer = pack.Writer(path)
    for data in entries:
        writer.add(table.key(digest.of(data)), data, size=len(data), form=WHOLE)
    name, size = writer.end(flush=False)
    data = path.read_bytes()
    assert size == len(data)
    return name, data


def read(data: bytes) -> Any:
    return pack.read_table(io.BytesIO(data), len(data), "the pack")


@given(entries=ENTRIES)
@FEW
def test_a_pack_gives_back_what_was_put_in_it(tmp_path, entries):
    name, data = build(tmp_path, entries)
    found = read(data)
    assert [part for _, part in pack.entries(io.BytesIO(data), found)] == entries
    assert table.digests(found) == [digest.of(part) for part in entries]
    assert pack.name(found) == name


@given(entries=ENTRIES, cut=st.data())
@FEW
def test_a_pack_that_is_cut_off_is_refused(tmp_path, entries, cut):
    _, data = build(tmp_path, entries)
    short = data[: cut.draw(st.integers(0, len(data) - 1))]
    with pytest.raises(Damaged, match="the pack is damaged"):
        read(short)


@given(entries=ENTRIES, change=st.data())
@FEW
def test_a_changed_pack_is_refused_or_its_change_is_in_bytes_that_are_hashed(
    tmp_path, entries, change
):
    name, data = build(tmp_path, entries)
    at = change.draw(st.integers(0, len(data) - 1))
    other = bytearray(data)
    other[at] ^= change.draw(st.integers(1, 255))
    try:
        found = read(bytes(other))
    except (Damaged, Unsupported):
        return
    parts = [part for _, part in pack.entries(io.BytesIO(bytes(other)), found)]
    true = [digest.of(part) for part in parts] == table.digests(found)
    assert not (true and pack.name(found) == name) or parts == entries


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("offset", 9),
        ("offset", 0),
        ("offset", (1 << 32) - 1),
        ("length", 0),
        ("length", (1 << 32) - 1),
        ("size", 1 << 63),
        ("kind", 4),
        ("kind", 255),
        ("form", 2),
        ("form", LIST),
        ("pack", 1),
        ("zero", 1),
    ],
)
def test_a_record_that_lies_is_refused(tmp_path, field, value):
    _, data = build(tmp_path, [b"one", b"two"])
    records = np.frombuffer(data[-8 - 2 * RECORD.itemsize : -8], RECORD).copy()
    records[1][field] = value
    if field == "form" and value == LIST:
        records[1]["kind"] = CHUNK
    with pytest.raises(Damaged):
        read(data[: -8 - 2 * RECORD.itemsize] + records.tobytes() + data[-8:])


def test_entries_that_overlap_are_refused(tmp_path):
    _, data = build(tmp_path, [b"four", b"four"])
    records = np.frombuffer(data[-8 - 2 * RECORD.itemsize : -8], RECORD).copy()
    records["offset"] = 8
    records["length"] = records["size"] = 8
    with pytest.raises(Damaged, match="do not follow each other"):
        read(data[: -8 - 2 * RECORD.itemsize] + records.tobytes() + data[-8:])


@pytest.mark.parametrize("count", [0, 3, 1 << 20, (1 << 32) - 1])
def test_a_count_that_lies_takes_no_memory_and_is_refused(tmp_path, count):
    _, data = build(tmp_path, [b"one", b"two"])
    with pytest.raises(Damaged):
        read(data[:-8] + struct.pack("<I4s", count, b"KAPC"))


def test_a_later_format_is_named_as_such(tmp_path):
    _, data = build(tmp_path, [b"one"])
    with pytest.raises(Unsupported, match="format 2"):
        read(data[:4] + b"\2" + data[5:])


@given(data=st.binary(max_size=300))
@FEW
def test_any_bytes_are_read_or_refused(data):
    for reader in (read, lambda x: index.parse(x, "it"), lambda x: chunks.parse(x, "it")):
        for given_ in (
            data,
            b"CPAK\1\0\0\0" + data,
            b"CIDX\1\0\0\0" + data,
            b"CLST\1\1\0\0" + data,
        ):
            try:
                reader(given_)
            except CauceError:
                continue


names_ = st.binary(min_size=32, max_size=32)


@st.composite
def indexes(draw: st.DrawFn) -> tuple[list[Row], bytes]:
    rows = [
        Row(name=name.hex(), size=draw(st.integers(5000, 2**40)), date=draw(st.floats(0, 4e9)))
        for name in draw(st.lists(names_, min_size=1, max_size=4))
    ]
    records = b"".join(
        pack.record(
            key + bytes([draw(st.sampled_from([0, 3]))]),
            draw(st.integers(8, 2000)),
            length,
            size=length,
            form=WHOLE,
            row=draw(st.integers(0, len(rows) - 1)),
        )
        for key in draw(st.lists(names_, max_size=20))
        for length in [draw(st.integers(0, 2000))]
    )
    return rows, records


@given(made=indexes())
@FEW
def test_an_index_gives_back_what_was_put_in_it(made):
    rows, records = made
    found = index.parse(index.dump(rows, records), "it")
    assert found.rows == tuple(rows)
    assert found.table.tobytes() == records


@given(made=indexes(), cut=st.data())
@FEW
def test_an_index_that_is_cut_off_is_refused(made, cut):
    data = index.dump(*made)
    with pytest.raises(Damaged):
        index.parse(data[: cut.draw(st.integers(0, len(data) - 1))], "it")


@pytest.mark.parametrize(
    ("offset", "length", "row", "date"),
    [
        (7, 1, 0, 0.0),
        (8, 985, 0, 0.0),
        ((1 << 32) - 1, (1 << 32) - 1, 0, 0.0),
        (8, 1, 1, 0.0),
        (8, 1, 0, float("nan")),
        (8, 1, 0, -1.0),
    ],
)
def test_an_index_that_points_outside_is_refused(offset, length, row, date):
    record = pack.record(bytes(33), offset, length, size=length, form=WHOLE, row=row)
    with pytest.raises(Damaged):
        index.parse(index.dump([Row(name="00" * 32, size=1000, date=date)], record), "it")


def test_counts_beyond_the_file_are_refused_before_memory_is_taken():
    with pytest.raises(Damaged, match="counts"):
        index.parse(struct.pack("<4sB3xII", b"CIDX", 1, 0xFFFFFFFF, 0xFFFFFFFF), "it")
    with pytest.raises(Damaged, match="counts"):
        chunks.parse(struct.pack("<4sBBHQII", b"CLST", 1, 1, 0, 9, 0xFFFFFFFF, 0), "it")


@given(lengths=st.lists(st.integers(1, 1 << 20), min_size=1, max_size=20))
@FEW
def test_a_list_of_chunks_gives_back_what_was_put_in_it(lengths):
    named = [(hashlib.sha256(b"%d" % n).digest(), length) for n, length in enumerate(lengths)]
    data = chunks.dump(sum(lengths), b"".join(chunks.row(*one) for one in named))
    found = chunks.parse(data, "it", size=sum(lengths))
    assert list(zip(map(bytes, found.names), found.lengths.tolist(), strict=True)) == named
    for other in (sum(lengths) + 1, 0):
        with pytest.raises(Damaged, match="add up"):
            chunks.parse(data, "it", size=other)


@pytest.mark.parametrize("length", [0, (1 << 20) + 1, (1 << 32) - 1])
def test_a_chunk_of_an_impossible_length_is_refused(length):
    with pytest.raises(Damaged, match="impossible length"):
        chunks.parse(chunks.dump(length, chunks.row(bytes(32), length)), "it")


def test_the_cuts_are_those_of_the_format():
    """Other cuts would have nothing in common with what is stored: this must never change."""
    data = random.Random(1).randbytes(8 << 20)
    cuts = [len(piece) for piece in chunks.cut(io.BytesIO(data))]
    assert sum(cuts) == len(data)
    assert hashlib.sha256(repr(cuts).encode()).hexdigest()[:16] == "f797ea9bfbc9d766"
    assert cuts[:4] == [278914, 292048, 305716, 477575]
    zeros = [len(piece) for piece in chunks.cut(io.BytesIO(bytes(3 << 20)))]
    assert zeros == [1 << 20] * 3


@given(seed=st.integers(0, 1 << 30), at=st.integers(0, 6 << 20), count=st.integers(1, 300_000))
@settings(max_examples=6, deadline=None)
def test_an_insertion_changes_the_chunks_that_it_touches_only(seed, at, count):
    source = random.Random(seed)
    before = source.randbytes(6 << 20)
    after = before[:at] + source.randbytes(count) + before[at:]
    old = {chunks.name(piece) for piece in chunks.cut(io.BytesIO(before))}
    new = [len(p) for p in chunks.cut(io.BytesIO(after)) if chunks.name(p) not in old]
    assert sum(new) <= count + 4 * chunks.LONGEST


@given(kept=st.lists(names_, max_size=30), others=st.lists(names_, max_size=10))
@FEW
def test_records_are_found_by_their_keys_and_nothing_else_is(kept, others):
    kinds = [n % 2 * 3 for n in range(len(kept))]
    keys = [name + bytes([kind]) for name, kind in zip(kept, kinds, strict=True)]
    records = [pack.record(key, 8 + n, 1, size=1, form=WHOLE) for n, key in enumerate(keys)]
    found = table.read(b"".join(records), "it")
    look = Lookup(found, np.ones(len(found)))
    asked = [*keys, *(name + b"\0" for name in others)]
    for key, number in zip(asked, look.find(table.rows(asked)).tolist(), strict=True):
        if key in keys:
            assert look.table[number]["offset"] == 8 + keys.index(key)
        else:
            assert number == -1
    assert len(look.order) == len(set(keys))


def test_keys_with_one_start_are_told_apart():
    keys = [b"\1" * 8 + bytes([n]) * 24 + b"\0" for n in range(50)]
    records = b"".join(pack.record(key, 8 + n, 1, size=1, form=WHOLE) for n, key in enumerate(keys))
    twice = table.read(records, "it")
    dates = np.concatenate([np.full(50, 1.0), np.full(50, 9.0)])
    look = Lookup(np.concatenate([twice, twice]), dates)
    places = look.find(table.rows(keys))
    assert look.table[places]["offset"].tolist() == list(range(8, 58))
    assert look.dates[places].tolist() == [9.0] * 50
