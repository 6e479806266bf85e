"""What a version holds twice, and what its splits have in common."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import fft
from tests.rooms import folders

from cauce.adapters.formats import pictures
from cauce.rooms.data.insight import lookalikes, texts

PIL = pytest.importorskip("PIL.Image")


def photo(seed, size=(120, 90)):
    """A picture with structure: a few large blobs of colour."""
    rng = np.random.default_rng(seed)
    small = PIL.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    return small.resize(size, PIL.Resampling.BICUBIC)


def save(image, format="PNG", **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


@pytest.fixture
def photos(ws):
    files = {f"train/{seed % 2}/{seed}.png": save(photo(seed)) for seed in range(30)}
    files["train/0/copy.png"] = files["train/0/4.png"]
    files["test/1/smaller.jpg"] = save(photo(5).resize((64, 48)), "JPEG", quality=70)
    files["test/0/other.png"] = save(photo(6).point(lambda value: value * 0.8 + 20))
    files["test/0/own.png"] = save(photo(100))
    place = folders.write(ws.folder / "photos", files)
    ws.data.add(place)
    return place


def names(pairs):
    return {(it.kind, it.first, it.second) for it in pairs}


def test_copies_and_reworked_pictures_are_found_and_no_others(ws, photos):
    found = ws.data.duplicates("photos")
    assert names(found.pairs) == {
        ("exact", "train/0/4.png", "train/0/copy.png"),
        ("picture", "test/1/smaller.jpg", "train/1/5.png"),
        ("picture", "test/0/other.png", "train/0/6.png"),
    }
    assert (found.exact, found.near, found.groups) == (1, 2, 3)
    assert found.outcome == "repeated"


def test_the_same_picture_in_two_classes_is_a_contradiction(ws, photos):
    folders.write(photos, {"train/1/again.png": save(photo(4))})
    ws.data.add(photos)
    found = ws.data.duplicates("photos")
    assert found.outcome == "contradictory"
    assert found.contradictory == 1
    assert set(found.pairs[0].classes) == {"0", "1"}


def test_a_leak_is_counted_both_ways(ws, photos):
    found = ws.data.leakage("photos")
    assert found.outcome == "leaking"
    assert {(it.first, it.second, it.exact, it.near) for it in found.leaks} == {
        ("train", "test", 0, 2),
        ("test", "train", 0, 2),
    }
    assert next(it.share for it in found.leaks if it.second == "test") == pytest.approx(2 / 3)
    assert all(it.splits == ("test", "train") for it in found.pairs)


def test_splits_with_nothing_in_common_are_clean(ws):
    files = {f"{split}/x/{n}.png": save(photo(n + start))
             for split, start in (("train", 0), ("test", 50)) for n in range(5)}  # fmt: skip
    files["unlabelled/1.png"] = files["train/x/1.png"]
    ws.data.add(folders.write(ws.folder / "clean", files))
    assert ws.data.leakage("clean").outcome == "clean"


def test_one_split_has_nothing_to_leak_into(ws):
    ws.data.add(folders.write(ws.folder / "one", {"x/1.txt": b"one", "y/2.txt": b"one"}))
    assert ws.data.leakage("one").outcome == "one-split"


def test_a_text_with_a_word_changed_is_alike_and_another_text_is_not(ws):
    words = [f"word{n}" for n in range(120)]
    other = [*words[:60], "changed", *words[61:]]
    files = {
        "train/x/a.txt": " ".join(words).encode(),
        "test/x/b.txt": " ".join(other).encode(),
        "test/x/c.txt": " ".join(reversed(words)).encode(),
        "test/x/empty.txt": b"...",
        "train/x/empty.txt": b"!!!",
    }
    ws.data.add(folders.write(ws.folder / "texts", files))
    assert names(ws.data.leakage("texts").pairs) == {("text", "test/x/b.txt", "train/x/a.txt")}


def test_rows_of_the_test_table_that_the_training_table_has_leak(ws):
    head = b"a,b\n"
    train = head + b"".join(b"%d,%d\n" % (n, n * n) for n in range(50)) + b"1,1\n"
    test = b"b,a\n" + b"".join(b"%d,%d\n" % (n * n, n) for n in range(45, 55))
    ws.data.add(folders.write(ws.folder / "t", {"train.csv": train, "test.csv": test}))
    found = ws.data.leakage("t")
    assert {(it.first, it.second, it.rows) for it in found.leaks} == {
        ("train.csv", "test.csv", 5),
        ("test.csv", "train.csv", 5),
    }
    assert ws.data.duplicates("t").rows == 1


def test_a_search_is_made_once_and_limits_only_what_is_shown(ws, photos):
    first = ws.data.duplicates("photos")
    seq = ws.catalog.last_event()
    assert ws.data.duplicates("photos", limit=1).pairs == first.pairs[:1]
    assert ws.data.duplicates("photos") == first
    assert ws.catalog.last_event() == seq


def brute(looks, thumbs):
    found = set()
    for a in range(len(looks)):
        for b in range(a + 1, len(looks)):
            if int(looks[a]) and int(looks[b]):
                differ = (int(looks[a]) ^ int(looks[b])).bit_count()
                if differ <= lookalikes.DISTANCE:
                    found.add((a, b))
    return found


@given(
    st.lists(st.integers(1, (1 << 64) - 1), min_size=1, max_size=6),
    st.lists(
        st.tuples(st.integers(0, 5), st.sets(st.integers(0, 63), max_size=8)),
        min_size=1,
        max_size=20,
    ),
)
def test_bands_find_every_pair_that_comparing_all_with_all_finds(bases, changes):
    looks = []
    for base, flips in changes:
        look = bases[base % len(bases)]
        for bit in flips:
            look ^= 1 << bit
        looks.append(look)
    distinct = np.array(sorted(set(looks) - {0}), np.uint64)
    thumbs = np.tile(np.arange(64, dtype=np.uint8), (len(distinct), 1))
    found = lookalikes.pictures(distinct, thumbs)
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert pairs == brute(distinct, thumbs)


@given(st.integers(0, 1000))
def test_a_look_has_the_signs_of_the_lowest_cosine_waves(seed):
    image = photo(seed, (32, 32)).convert("L")
    pixels = np.asarray(image, np.float64)
    # scipy's transform, its own scale: the signs against the median are the same.
    waves = fft.dctn(pixels, norm=None)[:8, :8].ravel()
    signs = waves > np.median(waves[1:])
    signs[0] = False
    ours = pictures.measure(save(image)).look
    theirs = sum(1 << int(bit) for bit in np.flatnonzero(signs))
    assert (ours ^ theirs).bit_count() <= 2


@given(st.lists(st.integers(0, 300), min_size=4, max_size=150), st.integers(0, 60))
def test_sketches_estimate_the_jaccard_index_of_shingles(numbers, changed):
    words = [f"w{n}" for n in numbers]
    other = [*words[changed:], *(f"x{n}" for n in range(min(changed, len(words))))]

    def shingles(it):
        step = texts.SHINGLE
        return {tuple(it[i : i + step]) for i in range(max(1, len(it) - step + 1))}

    first, second = shingles(words), shingles(other)
    exact = len(first & second) / len(first | second)
    estimate = float((texts.sketch(words) == texts.sketch(other)).mean())
    assert abs(exact - estimate) < 0.35  # 5.6 standard deviations of 64 numbers
