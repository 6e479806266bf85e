"""What is in a version, in figures: right, computed once, and hostile files only counted."""

import io
import json
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from tests.rooms import folders

from cauce.adapters.formats import pictures
from cauce.errors import Invalid
from cauce.rooms.data.insight import statistics, texts

PIL = pytest.importorskip("PIL.Image")


def png(pixels):
    out = io.BytesIO()
    PIL.fromarray(np.asarray(pixels, np.uint8)).save(out, "PNG")
    return out.getvalue()


def noise(seed, shape=(24, 32, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def bomb(width, height):
    """A PNG file of a few bytes that declares any size."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


@pytest.fixture
def photos(ws):
    files = {f"train/{n % 3}/{n}.png": png(noise(n)) for n in range(12)}
    place = folders.write(ws.folder / "photos", files)
    ws.data.add(place)
    return place


def group(profile, name):
    found = next(it for it in profile.groups if it.name == name)
    return {column.name: column for column in found.columns}


def test_a_profile_counts_every_picture_and_says_its_size(ws, photos):
    found = ws.data.profile("photos")
    columns = group(found, "pictures")
    assert found.groups[0].files == found.computed == 12
    assert columns["width"].quantiles == (32.0,) * 7
    assert columns["height"].quantiles == (24.0,) * 7
    assert [(bar.label, bar.count) for bar in columns["mode"].bars] == [("RGB", 12)]
    assert found.faults == 0


def test_a_profile_is_made_once_and_hangs_on_the_version(ws, photos):
    first = ws.data.profile("photos")
    seq = ws.catalog.last_event()
    assert ws.data.profile("photos@v1") == first
    assert ws.catalog.last_event() == seq
    run = ws.catalog.run(first.run)
    edges = {(edge.direction, edge.version) for edge in ws.catalog.edges(run=run.id)}
    assert edges == {("used", first.data), ("generated", first.report)}
    assert ws.catalog.version(first.report).kind == "report"


def test_the_next_version_measures_only_what_is_new(ws, photos):
    ws.data.profile("photos")
    folders.write(photos, {"train/0/new.png": png(noise(99)), "train/1/again.png": png(noise(1))})
    (photos / "train/2/2.png").unlink()
    ws.data.add(photos)
    found = ws.data.profile("photos")
    assert (found.number, found.files, found.computed) == ("v2", 13, 1)
    assert found.groups[0].files == 13


def test_what_was_reused_is_what_would_have_been_computed(ws, photos):
    ws.data.profile("photos")
    folders.write(photos, {"train/0/new.png": png(noise(99))})
    ws.data.add(photos)
    reused = ws.data.profile("photos")
    ws.data.add(photos, name="fresh")
    fresh = ws.data.profile("fresh")
    assert (reused.computed, fresh.computed) == (1, 13)
    assert reused.groups == fresh.groups


HOSTILE = {
    "cut.png": png(noise(1))[:300],
    "bomb.png": bomb(100_000, 100_000),
    "lying.png": bomb(64, 64),
    "empty.png": b"",
    "words.jpg": b"not a picture at all",
    "tail.gif": b"GIF89a\xff\xff\xff\xff",
    "bytes.txt": b"\xff\xfa\x00\x01",
    "zero.txt": b"a\0b",
    "broken.csv": b"a,b\n1,2\n3\n4,5,6\n7,8\n",
    "nothing.csv": b"",
    "odd.parquet": b"PAR1PAR1",
    "odd.jsonl": b'{"a": 1}\n{"a": [}\n',
}


def test_hostile_files_are_counted_and_named_and_stop_nothing(ws):
    place = folders.write(ws.folder / "odd", {**HOSTILE, "good.png": png(noise(5))})
    ws.data.add(place)
    found = ws.data.profile("odd")
    assert {it.path for it in found.faulty} == set(HOSTILE)
    assert found.faults == len(HOSTILE)
    assert group(found, "pictures")["width"].rows == 1
    assert group(found, "broken.csv")["a"].quantiles[0] == 1.0
    assert group(found, "broken.csv")["a"].rows == 2


@pytest.mark.parametrize("side", [9_450, 12_000, 100_000])
def test_a_bomb_is_refused_before_it_is_unpacked(side):
    with pytest.raises(Invalid, match="pixels"):
        pictures.measure(bomb(side, side))


@given(st.binary(max_size=300))
def test_no_bytes_crash_a_measure(data):
    for measure in (pictures.measure, texts.measure):
        for prefix in (b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"\xff\xd8\xff\xe0", b"P6 "):
            with suppress(Invalid):
                measure(prefix + data)


@given(
    st_numpy.arrays(
        np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 255)
    )
)
def test_the_figures_of_a_grey_picture_are_those_that_numpy_gives(pixels):
    found = pictures.measure(png(pixels))
    assert (found.height, found.width) == pixels.shape
    assert found.brightness == pytest.approx(pixels.mean() / 255, abs=1e-6)
    assert found.contrast == pytest.approx(pixels.std() / 255, abs=1e-6)
    _, counts = np.unique(pixels, return_counts=True)
    shares = counts / counts.sum()
    assert found.entropy == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-6)
    assert found.saturation == found.warmth == 0


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60))
def test_the_quantiles_of_a_column_are_those_that_numpy_gives(values):
    column = np.array(values)
    found = statistics.numeric("x", "", column)
    assert found.quantiles[3] == pytest.approx(np.median(column))
    assert (found.quantiles[0], found.quantiles[6]) == (column.min(), column.max())
    assert sum(bar.count for bar in found.bars) == len(values)
    assert found.mean == pytest.approx(column.mean())


@given(st.lists(st.one_of(st.none(), st.floats(-5, 5), st.just(float("nan"))), max_size=30))
def test_what_is_missing_is_counted_and_changes_no_figure(values):
    given_values = [value for value in values if value is not None]
    column = np.array(given_values, np.float64)
    found = statistics.numeric("x", "", column, missing=len(values) - len(given_values))
    finite = column[np.isfinite(column)]
    assert (found.rows, found.missing) == (len(values), len(values) - len(finite))
    assert (found.mean is None) == (not len(finite))


def test_a_table_says_types_missing_values_and_categories(ws):
    rows = ["age,city,note,seen"]
    rows += [f"{n},{'Lyon' if n % 3 else ''},text number {n},2024-01-{n % 28 + 1:02}"
             for n in range(200)]  # fmt: skip
    folders.write(ws.folder / "people.csv", {"": "\n".join(rows).encode()})
    ws.data.add(ws.folder / "people.csv")
    columns = group(ws.data.profile("people.csv"), "people.csv")
    assert {name: it.type for name, it in columns.items()} == {
        "age": "numeric", "city": "categorical", "note": "text", "seen": "time",
    }  # fmt: skip
    assert columns["age"].quantiles[3] == 99.5
    assert (columns["city"].rows, columns["city"].missing) == (200, 67)
    assert columns["city"].bars[0].count == 133


def test_texts_have_lengths_and_one_vocabulary(ws):
    place = folders.write(
        ws.folder / "reviews", {"a.txt": b"Good, good book\n", "b.txt": "très bon".encode()}
    )
    ws.data.add(place)
    found = ws.data.profile("reviews")
    assert group(found, "texts")["words"].quantiles[-1] == 3
    assert [(it.label, it.count) for it in found.words] == [
        ("good", 2), ("book", 1), ("bon", 1), ("très", 1),
    ] or found.vocabulary == 4  # fmt: skip
    assert found.words[0].label == "good"


def test_a_profile_reads_back_as_json(ws, photos):
    found = ws.data.profile("photos")
    tree = ws.manifest(found.report)
    entry = next(it for it in tree.entries if it.path == "profile.json")
    assert json.loads(ws.objects.get(entry.digest))["files"] == 12
    assert {it.path for it in tree.entries} == {"pictures.parquet", "profile.json"}
