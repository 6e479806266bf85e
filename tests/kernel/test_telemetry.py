"""Streams: what is appended is read back, in order, before, while and after it is compacted."""

import math
import os
import struct
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from subprocess import run as run_process

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cauce.errors import Damaged, Invalid, NotFound, Unsupported
from cauce.kernel import ids
from cauce.kernel.entities import Point
from cauce.kernel.telemetry import Streams, frames, layout, output, series
from cauce.kernel.telemetry.columns import ROW_GROUP

NAME = "predictions/prod"
RUN = "metrics/run"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | texts
values = st.recursive(
    scalars | st.binary(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
records = st.dictionaries(
    st.sampled_from(["id", "at", "label", "_x", ""]) | texts, values, max_size=5
)
floats = st.floats(width=64)
steps = st.integers(-(2**40), 2**40) | st.integers(0, 5)
points = st.tuples(st.sampled_from(["a", "b/c", "é"]), floats, steps, st.floats(0, 2e9))


@contextmanager
def fresh():
    """Streams in a folder of their own, for tests that hypothesis repeats."""
    with tempfile.TemporaryDirectory() as folder:
        streams = Streams(Path(folder))
        try:
            yield streams, Path(folder)
        finally:
            streams.close()


def plain(value):
    """A form in which NaN equals itself and -0.0 is not 0.0."""
    return msgspec.msgpack.encode(value)


def content(streams, name=NAME):
    return [record for _, record in streams.read(name)]


def segments(folder, name=NAME):
    return sorted((folder / name).glob("*.seg"))


def write(streams, records, name=NAME):
    with streams.writer(name) as writer:
        writer.append_many(records)


@given(st.lists(st.lists(records, max_size=5), max_size=4), st.integers(0, 4))
@settings(max_examples=30, deadline=None)
def test_records_are_read_as_they_were_written_whatever_is_compacted(batches, compacted):
    with fresh() as (streams, _):
        for number, batch in enumerate(batches):
            write(streams, batch)
            if number < compacted:
                streams.compact(NAME)
        whole = [record for batch in batches for record in batch]
        assert [plain(r) for r in content(streams)] == [plain(r) for r in whole]
        assert streams.count(NAME) == len(whole)
        assert streams.check() == []


@given(st.lists(st.lists(records, min_size=1, max_size=4), max_size=4))
@settings(max_examples=25, deadline=None)
def test_positions_stay_valid_across_compactions(batches):
    with fresh() as (streams, _):
        for batch in batches:
            write(streams, batch)
        before = list(streams.read(NAME))
        streams.compact(NAME)
        after = list(streams.read(NAME))
        assert [position for position, _ in before] == [position for position, _ in after]
        for number, (position, _) in enumerate(before):
            rest = [plain(r) for _, r in streams.read(NAME, after=position)]
            assert rest == [plain(r) for _, r in before[number + 1 :]]
            assert rest == [plain(r) for _, r in streams.read(NAME, skip=number + 1)]


def test_a_limit_and_a_skip_cut_a_long_stream_anywhere(tmp_path):
    streams = Streams(tmp_path)
    for start in range(0, 3000, 1000):
        with streams.writer(NAME) as writer:
            for n in range(start, start + 1000):
                writer.append({"n": n})
                if n % 7 == 0:
                    writer.flush()
    for _ in range(2):
        for skip, limit in ((0, 5), (999, 2), (1500, 1000), (2999, 9), (3000, 1), (7, 0)):
            found = [r["n"] for _, r in streams.read(NAME, skip=skip, limit=limit)]
            assert found == list(range(skip, min(skip + limit, 3000)))
        assert [r["n"] for r in streams.tail(NAME, 10)] == list(range(2990, 3000))
        streams.compact(NAME)
    streams.close()


def test_many_compactions_are_merged_and_keep_every_record_once(tmp_path):
    streams = Streams(tmp_path)
    for n in range(20):
        write(streams, [{"n": n, "x": "y" if n % 2 else n}])
        streams.compact(NAME)
    assert content(streams) == [{"n": n, "x": "y" if n % 2 else n} for n in range(20)]
    assert len(list((tmp_path / NAME).glob("*.parquet"))) <= 9
    streams.close()


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_a_torn_tail_hides_nothing_but_itself(data):
    first = data.draw(st.lists(records, min_size=1, max_size=3))
    torn = data.draw(records)
    later = data.draw(st.lists(records, min_size=1, max_size=2))
    with fresh() as (streams, folder):
        with streams.writer(NAME) as writer:
            writer.append_many(first)
            writer.flush()
            (segment,) = segments(folder)
            whole = segment.stat().st_size
            writer.append(torn)
        write(streams, later)
        end = segment.stat().st_size
        cut = data.draw(st.integers(whole, end - 1))
        os.truncate(segment, cut)
        expected = [plain(r) for r in [*first, *later]]
        assert [plain(r) for r in content(streams)] == expected
        assert streams.check() == []
        streams.compact(NAME)
        assert [plain(r) for r in content(streams)] == expected


def test_every_byte_of_a_segment_may_be_the_last(tmp_path):
    streams = Streams(tmp_path)
    with streams.writer(NAME) as writer:
        for n in range(3):
            writer.append({"n": n})
            writer.flush()
    (segment,) = segments(tmp_path)
    data = segment.read_bytes()
    ends = []
    with frames.Segment(segment) as opened:
        ends = [block.offset + block.length for block in opened.blocks()]
    for cut in range(len(data) + 1):
        segment.write_bytes(data[:cut])
        assert content(streams) == [{"n": n} for n, end in enumerate(ends) if end <= cut]
    streams.close()


def test_zeros_at_the_end_are_a_torn_tail_too(tmp_path):
    streams = Streams(tmp_path)
    write(streams, [{"n": 1}])
    (segment,) = segments(tmp_path)
    with segment.open("ab") as file:
        file.write(bytes(4096))
    assert content(streams) == [{"n": 1}]
    assert streams.check() == []
    streams.close()


@given(st.integers(0, 10**6), st.integers(1, 255))
@settings(max_examples=30, deadline=None)
def test_a_changed_byte_is_noticed_and_the_file_is_not_thrown_away(place, change):
    with fresh() as (streams, folder):
        with streams.writer(NAME) as writer:
            for n in range(4):
                writer.append({"n": n})
                writer.flush()
        write(streams, [{"n": 99}])
        segment = segments(folder)[0]
        data = bytearray(segment.read_bytes())
        data[place % len(data)] ^= change
        segment.write_bytes(data)
        try:
            found = [record["n"] for record in content(streams)]
        except Unsupported:
            assert place % len(data) == 4  # the format's number
            return
        assert found[-1] == 99
        assert found[:-1] == list(range(len(found) - 1))
        streams.compact(NAME)
        assert [record["n"] for record in content(streams)] == found
        if place % len(data) >= 8 and len(found) < 4:  # more than the last block is missing
            assert list((folder / NAME).glob("*.damaged"))


@given(st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_hostile_bytes_in_a_segment_are_no_records_and_no_crash(junk):
    with fresh() as (streams, folder):
        place = folder / NAME
        place.mkdir(parents=True)
        for kind in ("records", "points"):
            (place / f"{ids.new_id()}.seg").write_bytes(frames.header(kind) + junk)
        (place / f"{ids.new_id()}.seg").write_bytes(junk)
        write(streams, [{"n": 1}])
        assert content(streams) == [{"n": 1}]
        assert streams.tail(NAME, 5) == [{"n": 1}]
        streams.keys(NAME)
        streams.compact(NAME)
        assert content(streams) == [{"n": 1}]


@given(st.binary(max_size=60) | values.map(msgspec.msgpack.encode), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_block_with_a_right_checksum_and_wrong_content_is_damaged(payload, count):
    with fresh() as (streams, folder):
        place = folder / NAME
        place.mkdir(parents=True)
        for kind in ("records", "points"):
            block = frames.block_header(payload, 1.0, count) + payload
            (place / f"{ids.new_id()}.seg").write_bytes(frames.header(kind) + block)
        write(streams, [{"n": 1}])
        found = content(streams)
        assert found[-1] == {"n": 1}
        for one in found:
            assert isinstance(one, dict)
        streams.keys(NAME)
        streams.compact(NAME)
        assert [plain(r) for r in content(streams)] == [plain(r) for r in found]


def test_a_stride_that_would_fill_the_memory_is_refused(tmp_path):
    payload = msgspec.msgpack.encode([("k", (0, 0), bytes(8), bytes(8) * 2)])
    place = tmp_path / NAME
    place.mkdir(parents=True)
    data = frames.header("points") + frames.block_header(payload, 1.0, 1) + payload
    (place / f"{ids.new_id()}.seg").write_bytes(data)
    streams = Streams(tmp_path)
    assert streams.keys(NAME) == {}
    assert len(streams.check()) == 1
    streams.close()


def test_a_segment_of_a_later_version_is_refused_with_words(tmp_path):
    place = tmp_path / NAME
    place.mkdir(parents=True)
    (place / f"{ids.new_id()}.seg").write_bytes(struct.pack("<4sBBH", b"CSEG", 9, 0, 0))
    streams = Streams(tmp_path)
    with pytest.raises(Unsupported, match="format 9"):
        content(streams)
    assert "format 9" in streams.check()[0]
    streams.close()


@given(st.binary(max_size=100) | values.map(msgspec.msgpack.encode))
@settings(max_examples=50, deadline=None)
def test_a_hostile_manifest_is_damaged_not_a_crash(junk):
    with fresh() as (streams, folder):
        write(streams, [{"n": 1}])
        (folder / NAME / layout.MANIFEST).write_bytes(junk)
        try:
            found = content(streams)
        except (Damaged, Unsupported):
            assert streams.check()
        else:
            assert found == [{"n": 1}]


def test_a_manifest_cannot_name_files_outside_its_folder(tmp_path):
    place = tmp_path / NAME
    place.mkdir(parents=True)
    rows = (layout.Rows(ids.new_id(), 0, 1, 1.0),)
    hostile = layout.Columns("../../etc/passwd", "records", 0, rows)
    body = layout.StreamManifest(columns=(hostile,))
    (place / layout.MANIFEST).write_bytes(msgspec.msgpack.encode(body))
    streams = Streams(tmp_path)
    with pytest.raises(Damaged, match="not an id"):
        content(streams)
    streams.close()


def test_columns_that_are_gone_or_no_columns_are_damage_with_words(tmp_path):
    streams = Streams(tmp_path)
    write(streams, [{"id": ids.new_id()}])
    streams.log(RUN, [Point(key="a", value=1.0)])
    streams.release(RUN)
    for name in (NAME, RUN):
        streams.compact(name)
        (file,) = [p for p in (tmp_path / name).iterdir() if p.suffix in {".parquet", ".arrow"}]
        file.write_bytes(b"nothing of that kind, but long enough to be looked into")
        with pytest.raises(Damaged, match=file.name):
            content(streams, name)
        file.unlink()
        with pytest.raises(Damaged, match="is gone"):
            content(streams, name)
        assert "is gone" in " ".join(streams.check())
    with pytest.raises(Damaged, match="is gone"):
        streams.series(RUN, "a")
    with pytest.raises(Damaged, match="is gone"):
        streams.find(NAME, ids.new_id())
    streams.close()


@pytest.mark.parametrize(
    "name",
    ["", "../x", "/etc", "a/../../b", "a//b", ".hidden", "a/.b", "a\\b", "a\0", "a/",
     "x" * 300, "metrics/manifest.msgpack", f"a/{'0' * 26}.seg", "compact.lock"],
)  # fmt: skip
def test_a_name_that_could_leave_or_harm_the_folder_is_refused(tmp_path, name):
    streams = Streams(tmp_path / "root")
    for use in (streams.writer, streams.points, streams.compact, streams.keys):
        with pytest.raises(Invalid):
            use(name)
    with pytest.raises(Invalid):
        list(streams.read(name))
    assert list(tmp_path.iterdir()) == []
    streams.close()


def test_names_list_streams_and_streams_below_streams(tmp_path):
    streams = Streams(tmp_path)
    for name in ("a", "a/b", "a/b/c", "b"):
        write(streams, [{"n": name}], name)
    streams.compact("a/b")
    with streams.writer("empty") as writer:
        writer.flush()
    assert streams.names() == ["a", "a/b", "a/b/c", "b"]
    assert streams.names("a/b") == ["a/b", "a/b/c"]
    assert streams.names("nothing/there") == []
    assert content(streams, "a") == [{"n": "a"}]
    with pytest.raises(Invalid):
        streams.names("../")
    streams.close()


@pytest.mark.parametrize(
    "record",
    [[1], "x", None, {"a": object()}, {"a": 2**64}, {"a": "\ud800"}, {"x": {"y": [1, object()]}}],
)
def test_a_record_that_cannot_be_stored_leaves_the_others_alone(tmp_path, record):
    streams = Streams(tmp_path)
    with streams.writer(NAME) as writer:
        writer.append({"n": 1})
        with pytest.raises(Invalid):
            writer.append(record)
        writer.append({"n": 2})
    assert content(streams) == [{"n": 1}, {"n": 2}]
    streams.close()


@pytest.mark.parametrize(
    "point",
    [("", 1.0, 0), (3, 1.0, 0), ("k", "x", 0), ("k", None, 0), ("k", 1.0, 1.5), ("k", 1.0, "1"),
     ("k", 1.0, 2**62), ("k", [1], 0), ("k" * 501, 1.0, 0), ("\ud800", 1.0, 0)],
)  # fmt: skip
def test_a_point_that_cannot_be_stored_leaves_the_others_alone(tmp_path, point):
    streams = Streams(tmp_path)
    with streams.points(RUN) as writer:
        writer.append("k", 1.0, 0)
        with pytest.raises(Invalid):
            writer.append(*point)
        writer.append("k", np.float32(2), np.int64(1))
    assert streams.series(RUN, "k").values == [1.0, 2.0]
    streams.close()


def test_a_closed_writer_takes_nothing(tmp_path):
    streams = Streams(tmp_path)
    with streams.writer(NAME) as writer, streams.points(RUN) as other:
        writer.append({"n": 1})
        other.append("k", 1.0)
    with pytest.raises(ValueError, match="closed"):
        writer.append({"n": 2})
    with pytest.raises(ValueError, match="closed"):
        other.append("k", 1.0)
    writer.close()
    streams.close()
    assert content(Streams(tmp_path)) == [{"n": 1}]


def test_a_record_reaches_the_disk_by_itself_and_at_the_end_of_the_program(tmp_path):
    streams = Streams(tmp_path)
    writer = streams.writer(NAME)
    writer.append({"n": 1})
    deadline = time.monotonic() + 30
    while not content(streams) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert content(streams) == [{"n": 1}]
    code = (
        "import sys; from pathlib import Path; from cauce.kernel.telemetry import Streams\n"
        "s = Streams(Path(sys.argv[1])); s.writer('at/exit').append({'n': 2})"
    )
    run_process([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert content(streams, "at/exit") == [{"n": 2}]
    streams.close()


def test_appending_needs_neither_numpy_nor_pyarrow(tmp_path):
    code = (
        "import sys; from pathlib import Path; from cauce.kernel.telemetry import Streams\n"
        "s = Streams(Path(sys.argv[1]))\n"
        "with s.writer('a') as w: w.append({'n': 1})\n"
        "with s.points('b') as p: p.append('k', 1.0)\n"
        "assert [r for _, r in s.read('a')] == [{'n': 1}]\n"
        "assert s.tail('a', 1) and list(s.since('a', 0)) and s.find('a', 'x') is None\n"
        "assert not {'numpy', 'pyarrow'} & set(sys.modules)"
    )
    run_process([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_a_failed_write_loses_nothing_and_hides_nothing(tmp_path, monkeypatch):
    streams = Streams(tmp_path)
    writer = streams.writer(NAME)
    writer.append({"n": 0})
    writer.flush()
    real = os.writev

    def full(fd, parts):
        real(fd, [bytes(parts[0])[:7]])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "FLUSH_SECONDS", 60.0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", full)
        writer.append({"n": 1})
        with pytest.raises(OSError, match="No space"):
            writer.flush()
    writer.append({"n": 2})
    writer.close()
    assert content(streams) == [{"n": n} for n in range(3)]
    assert streams.check() == []
    streams.close()


def test_hundreds_appended_at_once_are_as_good_as_one_by_one(tmp_path, monkeypatch):
    streams = Streams(tmp_path)
    many = [{"n": n} for n in range(1000)]
    with streams.writer(NAME) as writer:
        writer.append({"n": -1})
        writer.append_many(iter(many[:600]))
        with pytest.raises(Invalid):
            writer.append_many([*many[600:900], {"n": object()}, {"n": "never"}])
        with pytest.raises(Invalid):
            writer.append_many(["no record"] * 300)

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(output, "FLUSH_SECONDS", 60.0)
        with monkeypatch.context() as patched:
            patched.setattr(os, "writev", full)
            with pytest.raises(OSError, match="No space"):
                writer.append_many([{"n": n} for n in range(900, 900 + 256)])
    assert content(streams) == [{"n": n} for n in range(-1, 900 + 256)]
    with pytest.raises(ValueError, match="closed"):
        writer.append_many(many)
    streams.close()


def test_writers_of_several_threads_and_segments_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "SEGMENT_BYTES", 20_000)
    streams = Streams(tmp_path)
    shared = streams.writer(NAME)
    own = [streams.writer(NAME) for _ in range(2)]

    def work(number):
        for n in range(2000):
            shared.append({"t": number, "n": n})
            if number < 2:
                own[number].append({"t": number + 10, "n": n})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    seen = -1
    while any(thread.is_alive() for thread in threads):
        streams.compact(NAME)
        count = streams.count(NAME)
        assert count >= seen
        seen = count
    for writer in (shared, *own):
        writer.close()
    streams.compact(NAME)
    found = content(streams)
    by_thread = {}
    for record in found:
        by_thread.setdefault(record["t"], []).append(record["n"])
    assert {t: sorted(ns) for t, ns in by_thread.items()} == {
        t: list(range(2000)) for t in (0, 1, 2, 3, 10, 11)
    }
    assert by_thread[10] == list(range(2000))
    assert segments(tmp_path) == []
    streams.close()


def test_a_forked_child_writes_a_segment_of_its_own(tmp_path):
    streams = Streams(tmp_path)
    writer = streams.writer(NAME)
    writer.append({"who": "parent", "n": 0})
    child = os.fork()
    if child == 0:
        writer.append({"who": "child", "n": 1})
        writer.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    writer.append({"who": "parent", "n": 2})
    writer.close()
    assert sorted(r["n"] for r in content(streams)) == [0, 1, 2]
    assert len(segments(tmp_path)) == 2
    streams.close()


def test_a_live_writers_segment_is_left_alone(tmp_path):
    streams = Streams(tmp_path)
    writer = streams.writer(NAME)
    writer.append({"n": 0})
    writer.flush()
    write(streams, [{"n": 1}])
    done = Streams(tmp_path).compact(NAME)
    assert (done.segments, done.records) == (1, 1)
    assert len(segments(tmp_path)) == 1
    writer.append({"n": 2})
    writer.close()
    assert [r["n"] for r in content(streams)] == [0, 2, 1]
    streams.compact(NAME)
    assert [r["n"] for r in content(streams)] == [0, 2, 1]
    streams.close()


def test_a_reader_that_is_inside_when_files_go_loses_nothing(tmp_path):
    streams = Streams(tmp_path)
    for start in range(0, 40, 10):
        write(streams, [{"n": n} for n in range(start, start + 10)])
    reader = streams.read(NAME)
    found = [next(reader)[1]["n"] for _ in range(15)]
    streams.compact(NAME)
    for n in range(40, 60):
        write(streams, [{"n": n}])
        streams.compact(NAME)
    found += [record["n"] for _, record in reader]
    assert found == list(range(40))
    streams.close()


def test_find_looks_where_an_id_can_be(tmp_path):
    streams = Streams(tmp_path)
    known = []
    for _ in range(3):
        batch = [ids.new_id() for _ in range(50)]
        write(streams, [{"id": id, "n": n} for n, id in enumerate(batch)])
        known.append(batch)
    for _ in range(2):
        for batch in known:
            assert streams.find(NAME, batch[7]) == {"id": batch[7], "n": 7}
        assert streams.find(NAME, ids.new_id()) is None
        assert streams.find(NAME, "0" * 26) is None
        assert streams.find(NAME, "no id of ours") is None
        assert streams.find("not/there", known[0][0]) is None
        streams.compact(NAME)
    write(streams, [{"id": 5}, {"id": "word"}])
    streams.compact(NAME)
    assert streams.find(NAME, "word") == {"id": "word"}
    streams.close()


def test_find_in_a_large_file_reads_the_right_row_group(tmp_path):
    streams = Streams(tmp_path)
    known = sorted(ids.new_id() for _ in range(ROW_GROUP * 2 + 10))
    write(streams, [{"id": id, "n": n} for n, id in enumerate(known)])
    streams.compact(NAME)
    for n in (0, ROW_GROUP - 1, ROW_GROUP, ROW_GROUP + 1, len(known) - 1):
        assert streams.find(NAME, known[n]) == {"id": known[n], "n": n}
    assert [r["n"] for r in streams.tail(NAME, 3)] == [len(known) - 3 + i for i in range(3)]
    streams.close()


def test_tail_and_since_go_by_the_records_own_time_over_all_writers(tmp_path):
    streams = Streams(tmp_path)
    one, two = streams.writer(NAME), streams.writer(NAME)
    for n in range(100):
        (one if n % 2 else two).append({"at": 1000.0 + n, "n": n})
    one.close()
    two.close()
    for _ in range(2):
        assert [r["n"] for r in streams.tail(NAME, 5)] == [95, 96, 97, 98, 99]
        assert sorted(r["n"] for r in streams.since(NAME, 1090.0)) == list(range(90, 100))
        assert streams.tail(NAME, 0) == []
        assert len(streams.tail(NAME, 500)) == 100
        streams.compact(NAME)
    streams.close()


def test_a_record_without_a_time_has_that_of_its_writing(tmp_path):
    streams = Streams(tmp_path)
    write(streams, [{"n": 1}, {"n": 2, "at": math.nan}, {"n": 3, "at": "noon"}])
    for _ in range(2):
        assert [r["n"] for r in streams.tail(NAME, 9)] == [1, 2, 3]
        assert len(list(streams.since(NAME, 1.0))) == 3
        assert list(streams.since(NAME, 1e11)) == []
        streams.compact(NAME)
    streams.close()


def test_columns_are_parquet_that_others_read(tmp_path):
    streams = Streams(tmp_path)
    rows = [
        {"id": ids.new_id(), "at": 1.5, "ok": True, "n": 1, "x": 1, "mixed": 1, "scores": [0.5]},
        {"id": ids.new_id(), "at": 2.5, "ok": None, "n": 2, "x": 1.5, "mixed": "a"},
    ]
    write(streams, rows)
    streams.compact(NAME)
    (file,) = (tmp_path / NAME).glob("*.parquet")
    table = pq.read_table(file)
    assert table.column("id").to_pylist() == [row["id"] for row in rows]
    assert table.column("ok").to_pylist() == [True, None]
    assert table.column("x").to_pylist() == [1.0, 1.5]
    assert {"mixed", "scores"}.isdisjoint(table.column_names)
    assert table.column("_index").to_pylist() == [0, 1]
    assert content(streams) == rows
    streams.close()


# Points


def log(streams, batch):
    with streams.points(RUN) as writer:
        for key, value, step, at in batch:
            writer.append(key, value, step, at)


def expected(batches, key, start=None, end=None):
    """The series as the definition has it: by step, then in order of writing."""
    mine = [p for batch in batches for p in batch if p[0] == key]
    mine.sort(key=lambda p: p[2])
    return [p for p in mine if (start is None or p[2] >= start) and (end is None or p[2] <= end)]


def same(one, other):
    return plain(one) == plain(other)


@given(
    st.lists(st.lists(points, max_size=12), max_size=4),
    st.integers(0, 4),
    st.integers(1, 8),
    st.none() | st.integers(0, 5),
    st.none() | st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_a_series_is_ordered_and_keeps_every_extreme(batches, compacted, most, start, end):
    with fresh() as (streams, _):
        for number, batch in enumerate(batches):
            log(streams, batch)
            if number < compacted:
                streams.compact(RUN)
        keys = {p[0] for batch in batches for p in batch}
        assert set(streams.keys(RUN)) == keys
        for key in keys:
            raw = expected(batches, key, start, end)
            whole = streams.series(RUN, key, points=10_000, start=start, end=end)
            assert same(whole.values, [p[1] for p in raw])
            assert whole.steps == [p[2] for p in raw]
            assert whole.times == [p[3] for p in raw]
            cut = streams.series(RUN, key, points=most, start=start, end=end)
            assert len(cut.steps) <= most
            assert cut.total == len(raw)
            finite = [p[1] for p in raw if math.isfinite(p[1])]
            assert min(filter(math.isfinite, cut.lows), default=None) == min(finite, default=None)
            assert max(filter(math.isfinite, cut.highs), default=None) == max(finite, default=None)
            if raw:
                assert same(cut.values[-1], raw[-1][1])
                assert cut.steps[-1] == raw[-1][2]
        with pytest.raises(NotFound):
            streams.series(RUN, "no such key")


@given(
    st.lists(st.lists(points, min_size=1, max_size=12), min_size=1, max_size=4),
    st.integers(1, 6),
)
@settings(max_examples=25, deadline=None)
def test_compaction_changes_no_series_and_no_summary(batches, most):
    with fresh() as (streams, _):
        for batch in batches:
            log(streams, batch)
        keys = streams.keys(RUN)
        before = [streams.series(RUN, key, points=most) for key in keys]
        raw = list(streams.read(RUN))
        streams.compact(RUN)
        assert same(list(streams.keys(RUN).items()), list(keys.items()))
        assert same([streams.series(RUN, key, points=most) for key in keys], before)
        assert same(list(streams.read(RUN)), raw)


def test_points_of_two_writers_at_once_come_in_one_order(tmp_path):
    streams = Streams(tmp_path)
    one, two = streams.points(RUN), streams.points(RUN)
    for step in range(1000):
        one.append("k", step, step, 1.0)
        two.append("k", step + 0.5, step, 1.0)
        if step == 0:
            one.flush()
            two.flush()
    two.close()
    streams.compact(RUN)  # the later segment is in columns, the earlier one still open
    one.flush()
    mixed = streams.series(RUN, "k", points=5000)
    summary = streams.keys(RUN)
    one.close()
    streams.compact(RUN)
    assert streams.series(RUN, "k", points=5000) == mixed
    assert streams.keys(RUN) == summary
    assert mixed.values[:4] == [0.0, 0.5, 1.0, 1.5]
    assert summary["k"].last == 999.5
    streams.close()


@pytest.mark.parametrize("count", [1, 7, 8, 257, 4097, 50_000])
def test_levels_give_the_very_buckets_of_the_points(count):
    random = np.random.default_rng(count)
    values = random.standard_normal(count)
    values[random.integers(0, count, 5)] = [np.nan, np.inf, -np.inf, 1e9, -1e9]
    whole = series.Points(np.arange(count), values, np.arange(count) * 0.5)
    none = series.Points(np.empty(0, np.int64), np.empty(0), np.empty(0))
    cut = count * 2 // 3
    old = series.Points._make(column[:cut] for column in whole)
    new = series.Points._make(column[cut:] for column in whole)
    for span in ((0, count), (count // 3, count - count // 5), (count - 1, count), (5, 5)):
        for most in (1, 2, 100, 1200):
            slow = series.downsample(none, [], whole, span, most)
            fast = series.downsample(whole, series.pyramid(whole), none, span, most)
            split = series.downsample(old, series.pyramid(old), new, span, most)
            for a, b, c in zip(slow, fast, split, strict=True):
                np.testing.assert_array_equal(a, b)
                np.testing.assert_array_equal(a, c)


def test_a_spike_among_a_million_points_is_seen(tmp_path):
    streams = Streams(tmp_path)
    with streams.points(RUN) as writer:
        for step in range(1_000_000):
            writer.append("loss", 1e6 if step == 654_321 else 1.0, step, 1.0)
    before = streams.series(RUN, "loss")
    streams.compact(RUN)
    after = streams.series(RUN, "loss")
    assert after == before
    assert max(after.highs) == 1e6
    assert max(after.values) == 1.0
    zoomed = streams.series(RUN, "loss", start=654_000, end=654_999)
    assert (zoomed.total, len(zoomed.steps)) == (1000, 1000)
    assert zoomed.values[321] == 1e6
    streams.close()


def test_points_are_arrow_that_others_read(tmp_path):
    streams = Streams(tmp_path)
    log(streams, [("b", 2.0, 1, 5.0), ("a", math.nan, 3, 6.0), ("a", 1.0, 2, 7.0)])
    streams.compact(RUN)
    (file,) = [p for p in (tmp_path / RUN).glob("*.arrow") if ".levels" not in p.name]
    table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    assert table.column("key").to_pylist() == ["a", "a", "b"]
    assert table.column("step").to_pylist() == [2, 3, 1]
    assert table.column("index").to_pylist() == [2, 1, 0]
    streams.close()


def test_shared_writers_stay_open_for_a_while_and_no_longer(tmp_path, monkeypatch):
    streams = Streams(tmp_path)
    for n in range(100):
        for _ in range(2):
            assert streams.log(f"metrics/{n % 70}", [Point(key="k", value=n, step=n)]) == 1
    files = [len(list((tmp_path / "metrics" / str(n)).glob("*.seg"))) for n in range(70)]
    assert sum(files) == 100
    streams.put("metrics/0", [{"a": 1}])
    streams.release("metrics/0")
    assert streams.compact("metrics/0").records == 5
    streams.close()


def test_what_a_killed_writer_left_beside_is_swept(tmp_path):
    streams = Streams(tmp_path)
    write(streams, [{"n": 1}])
    place = tmp_path / NAME
    id = ids.new_id()
    for ending in ("parquet", "arrow", "levels.arrow"):
        (place / f"{id}.{ending}").write_bytes(b"half")
    young, old = place / f"{ids.new_id()}.tmp", place / f"{ids.new_id()}.tmp"
    young.write_bytes(b"")
    old.write_bytes(b"")
    os.utime(old, (1, 1))
    (place / "notes.txt").write_text("mine")
    streams.compact(NAME)
    left = {p.name for p in place.iterdir()}
    assert {"notes.txt", young.name} <= left
    assert not {old.name, f"{id}.parquet", f"{id}.arrow", f"{id}.levels.arrow"} & left
    assert content(streams) == [{"n": 1}]
    streams.close()


def odd_points():
    """More points than make a block, of several keys, with every kind of value and step."""
    kinds = [0.5, math.nan, math.inf, -0.0, 1e300]
    return [
        Point(key=f"k{n % 3}", value=kinds[n % 5], step=(n * 7919) % 600, at=1000.0 + n)
        for n in range(5000)
    ]


def everything(streams, name):
    """All series of a stream, as text: NaN equals NaN there."""
    return [repr(streams.series(name, key, points=10_000)) for key in sorted(streams.keys(name))]


def test_points_in_batches_are_what_they_are_one_by_one(tmp_path):
    streams = Streams(tmp_path)
    points = odd_points()
    with streams.points("one") as writer:
        for point in points:
            writer.append(point.key, point.value, point.step, point.at)
    with streams.points("many") as writer:
        assert writer.append_many(points) == len(points)
    assert everything(streams, "many") == everything(streams, "one")
    streams.close()


@pytest.mark.parametrize(
    "bad",
    [
        Point(key="k", value="0.5x"),
        Point(key="", value=1.0),
        Point(key="k", value=1.0, step=1 << 62),
        Point(key="k", value=1.0, step=0.5),
        Point(key=["k"], value=1.0),
    ],
)
def test_a_bad_point_in_a_batch_is_named_and_those_before_it_are_kept(tmp_path, bad):
    streams = Streams(tmp_path)
    good = [Point(key="k", value=float(n), step=n, at=1.0) for n in range(600)]
    with streams.points("s") as writer, pytest.raises(Invalid):
        writer.append_many([*good[:500], bad, *good[500:]])
    assert streams.series("s", "k", points=1000).steps == list(range(500))
    streams.close()


def test_numbers_of_other_types_are_taken_in_batches_too(tmp_path):
    streams = Streams(tmp_path)
    with streams.points("s") as writer:
        writer.append_many(
            [Point(key="k", value=np.float32(n), step=np.int64(n)) for n in range(500)]
        )
    assert streams.series("s", "k", points=1000).values == [float(n) for n in range(500)]
    streams.close()
