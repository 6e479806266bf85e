"""Files of a version, filtered, sorted and paged over its columns."""

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cauce.errors import Damaged, NotFound
from cauce.kernel import digest, manifest, publish
from cauce.kernel.entities import Commit, Digest, Entry, Manifest
from cauce.kernel.kept import Kept
from cauce.kernel.workspace import open_local
from cauce.rooms.data.browsing import columns, index, items
from cauce.rooms.data.browsing.items import Filter

MD5 = Digest("md5:" + "0" * 32)
part = st.text("aAbé0-. ", min_size=1, max_size=3).filter(lambda text: text.strip(". ") != "")
one_path = st.lists(part, min_size=1, max_size=4).map(lambda parts: "/".join(parts) + "~")
paths = st.lists(one_path, max_size=30, unique=True)


def tree(found, size=lambda path: len(path)):
    return Manifest(
        kind="dataset",
        entries=tuple(
            Entry(path=path, digest=digest.of(path.encode(), "md5"), size=size(path))
            for path in sorted(found)
        ),
    )


def store(ws, made, name="photos"):
    row = ws.put_manifest(made, name)
    publish.publish(ws, row, Commit(), prefix="v", aliases=("main",))
    return row.id


def made(ws, found, **options):
    return index.of(ws, store(ws, tree(found, **options)))


FILES = [
    "readme",
    *(f"train/{label}/{at:03d}.png" for label in "abc" for at in range(5)),
    *(f"test/{label}/{at:03d}.png" for label in "ab" for at in range(2)),
    "train/loose.txt",
]


@settings(max_examples=60)
@given(found=paths)
def test_columns_hold_what_the_manifest_does(found, tmp_path_factory):
    with open_local(project(tmp_path_factory)) as ws:
        version = ws.objects.put([manifest.dump(tree(found))])[0]
        read = index.of(ws, version)
        assert tuple(read.entry(at) for at in range(len(read))) == tree(found).entries
        folders = [columns.group_of(path) for path in sorted(found)]
        assert [read.groups[at] for at in read.group] == columns.placed(folders)
        again = index.Index(read._parts, read.groups)
        assert again.order.tolist() == sorted(range(len(found)), key=lambda at: int(read.sizes[at]))


def project(factory):
    root = factory.mktemp("columns")
    (root / "cauce.toml").write_text('project = "p"\n')
    return root


@settings(max_examples=40)
@given(found=paths, prefix=part, word=part.filter(lambda text: " " not in text))
def test_filters_find_what_a_plain_loop_does(found, prefix, word, tmp_path_factory):
    with open_local(project(tmp_path_factory)) as ws:
        read = index.of(ws, ws.objects.put([manifest.dump(tree(found))])[0])
        low, high = read.below(prefix)
        assert [read.path(at) for at in range(low, high)] == [
            path for path in sorted(found) if path.startswith(prefix)
        ]
        lower = str.maketrans("AB", "ab")
        assert [read.path(int(at)) for at in np.flatnonzero(items.containing(read, word))] == [
            path for path in sorted(found) if word.translate(lower) in path.translate(lower)
        ]


def test_pieces_are_cut_between_entries_wherever_they_end(ws, monkeypatch):
    names = ["x/" + str(at) + '"},{"digest":"'[: at % 14] + "],.png" for at in range(200)]
    version = store(ws, tree(names))
    for piece in (1, 7, 64, 1000):
        monkeypatch.setattr(columns, "_PIECE", piece)
        parts, _ = columns.read(ws, version)
        assert bytes(parts["text"]).decode().splitlines() == sorted(names)


def test_an_only_folder_is_the_class_unless_it_is_named_as_splits_are(ws):
    store(ws, tree(["cat/1.png", "dog/1.png", "readme"]), "plain")
    store(ws, tree(["train/1.png", "other/1.png"]), "splits")
    assert [(it.split, it.label) for it in ws.data.items("plain").items] == [
        ("", "cat"),
        ("", "dog"),
        ("", ""),
    ]
    assert [it.split for it in ws.data.items("splits").items] == ["other", "train"]


def test_pages_join_to_the_whole_in_every_order(ws):
    store(ws, tree(FILES, size=lambda path: len(path) * 7 % 11))
    for sort in ("path", "-path", "size", "-size", "random"):
        found = []
        while page := ws.data.items("photos", sort=sort, offset=len(found), limit=7).items:
            found += page
        assert sorted(item.path for item in found) == sorted(FILES)
        if sort != "random":
            by = (lambda item: item.size) if "size" in sort else (lambda item: item.path)
            assert [by(item) for item in found] == sorted(
                (by(item) for item in found), reverse=sort.startswith("-")
            )


def test_facets_count_what_matches_whatever_split_and_class_are_chosen(ws):
    store(ws, tree(FILES))
    page = ws.data.items("photos", text="00", label=("a",), split=("train",), facets=True)
    assert (page.total, page.bytes) == (5, 5 * len("train/a/000.png"))
    assert {(it.split, it.label): it.count for it in page.facets} == {
        ("train", "a"): 5,
        ("train", "b"): 5,
        ("train", "c"): 5,
        ("test", "a"): 2,
        ("test", "b"): 2,
    }
    assert ws.data.items("photos").facets == []


def test_a_file_is_shown_with_its_neighbours_among_those_that_match(ws):
    store(ws, tree(FILES))
    page = ws.data.items("photos", at="train/b/002.png", label=("b",), limit=3)
    assert [it.path for it in page.items] == [f"train/b/{at:03d}.png" for at in (1, 2, 3)]
    assert page.offset == 3
    with pytest.raises(NotFound, match="not among the files that match"):
        ws.data.items("photos", at="train/b/002.png", label=("a",))
    with pytest.raises(NotFound, match="no file"):
        ws.data.items("photos", at="train/b/nothing")


def test_a_page_beyond_the_end_is_empty_and_no_page_is_too_long(ws):
    store(ws, tree([f"{at:05d}" for at in range(1500)]))
    assert ws.data.items("photos", offset=5000).items == []
    assert len(ws.data.items("photos", limit=99999).items) == items.MOST
    assert ws.data.items("photos", offset=-5, limit=-1).offset == 0


def test_a_version_is_read_once_and_its_columns_outlive_the_process(ws, monkeypatch):
    version = store(ws, tree(FILES))
    ws.data.items("photos")
    monkeypatch.setattr(columns, "read", lambda *_: pytest.fail("read again"))
    ws.data.items("photos", text="train")
    with open_local(ws.folder) as later:
        assert later.data.items("photos").total == len(FILES)
    assert [it.name for it in (ws.folder / ".cauce/cache/files").iterdir()] == [version[7:]]


@pytest.mark.parametrize("damage", [b"", b"cauce-i1", b"cauce-i1" + b"\xff" * 64, None])
def test_columns_that_are_not_whole_are_made_again(ws, damage):
    version = store(ws, tree(FILES))
    index.of(ws, version)
    place = ws.folder / ".cauce/cache/files" / version[7:]
    place.write_bytes(place.read_bytes()[:-8] if damage is None else damage)
    with open_local(ws.folder) as later:
        assert later.data.items("photos").total == len(FILES)


def test_columns_stay_in_memory_where_nothing_can_be_written(ws):
    store(ws, tree(FILES))
    (ws.folder / ".cauce/cache").write_text("in the way")
    assert ws.data.items("photos").total == len(FILES)


def test_a_manifest_with_other_bytes_than_its_name_says_is_refused(ws):
    version = store(ws, tree(FILES))
    place = ws.objects.path(version)
    place.chmod(0o644)
    place.write_bytes(place.read_bytes().replace(b"train", b"brain"))
    with pytest.raises(Damaged, match="other bytes"):
        ws.data.items("photos")


@pytest.mark.parametrize(
    "text",
    [
        b'{"cauce":1,"entries":[{"digest":"md5:00","path":"a\\nb","size":1}],"kind":"dataset"}',
        b'{"cauce":1,"entries":[{"digest":"md5:00","path":"a","size":-1}],"kind":"dataset"}',
        b'{"cauce":1,"entries":[{"digest":"crc:00","path":"a","size":1}],"kind":"dataset"}',
        b'{"cauce":1,"entries":[{"digest":"md5:00","path":"a","size":1}',
        b'{"cauce":1,"entries":[nonsense],"kind":"dataset"}',
        b'{"cauce":1,"entries":[]}',
        b"not a manifest",
        b"",
    ],
)
def test_bytes_that_are_no_manifest_are_refused(ws, text):
    (version,) = ws.objects.put([text])
    with pytest.raises(Damaged):
        columns.read(ws, version)


def test_the_oldest_columns_go_first(ws, monkeypatch):
    monkeypatch.setattr(index, "KEPT", 5000)
    made = [store(ws, tree([f"{at}/{it}" for it in range(20)]), f"set{at}") for at in range(8)]
    for version in made:
        index.of(ws, version)
    left = {it.name for it in (ws.folder / ".cauce/cache/files").iterdir()}
    assert made[-1][7:] in left
    assert len(left) < len(made)


def test_folders_are_counted_with_all_below_them_like_by_a_plain_loop(ws):
    chance = random.Random(4)
    found = {
        "/".join(chance.choice(["a", "a-", "a.b", "b"]) for _ in range(chance.randint(1, 4))) + "~x"
        for _ in range(200)
    }
    read = made(ws, found)
    for prefix in ("", "a/", "a-/", "a/b/", "zz/"):
        rows, folders = read.folder(prefix)
        inside = [path[len(prefix) :] for path in sorted(found) if path.startswith(prefix)]
        assert [read.path(int(row)) for row in rows] == [
            prefix + it for it in inside if "/" not in it
        ]
        names = sorted({it.partition("/")[0] for it in inside if "/" in it})
        assert sorted(folders) == [
            (prefix + name, len(below), sum(len(prefix + it) for it in below))
            for name in names
            for below in [[it for it in inside if it.startswith(f"{name}/")]]
        ]


def test_kept_things_are_made_once_and_the_oldest_give_way():
    kept, asked = Kept(limit=10), []

    def make(name, size=4):
        return kept.get(name, lambda: (asked.append(name) or name, size))

    assert [make(name) for name in "abab"] == ["a", "b", "a", "b"]
    assert asked == ["a", "b"]
    make("a")
    make("c")
    make("a")
    make("b")
    assert asked == ["a", "b", "c", "b"]
    make("large", 11)
    make("large", 11)
    assert asked[-2:] == ["large", "large"]


def test_what_could_not_be_made_is_tried_again():
    kept = Kept()
    with pytest.raises(ZeroDivisionError):
        kept.get("x", lambda: (1 // 0, 1))
    assert kept.get("x", lambda: (5, 1)) == 5


def test_a_filter_of_everything_keeps_no_rows(ws):
    read = made(ws, FILES)
    assert items.match(read, Filter(), "path").rows is None
    assert items.match(read, Filter(text="zzz"), "path").total == 0


def keep(ws, files, name="photos"):
    entries = tuple(
        Entry(path=path, digest=ws.objects.put([data], algorithm="md5")[0], size=len(data))
        for path, data in sorted(files.items())
    )
    return store(ws, Manifest(kind="dataset", entries=entries), name)


def test_a_text_a_table_and_bytes_show_what_they_begin_with(ws):
    many = "".join(f"{at},{'x' * 300}\n" for at in range(100))
    files = {
        "a.txt": "é\n".encode() * 500,
        "b.csv": ("id,long\n" + many).encode(),
        "c.tsv": b"\xef\xbb\xbfone\ttwo\n1\t2\n",
        "d.jsonl": b'{"a": 1}\n\n{"b": [2, null], "a": null}\n',
        "e.bin": b"\0\1\2",
        "f": b"\xff\xfe\xfd",
        "g.jsonl": b'{"a": 1}\nnonsense\n',
    }
    keep(ws, files)
    seen = {path: ws.data.item("photos", path) for path in files}
    assert [seen[path].kind for path in files] == [
        "text", "table", "table", "table", "other", "other", "table",
    ]  # fmt: skip
    assert seen["a.txt"].text.split("\n") == ["é"] * 200
    assert not seen["a.txt"].whole
    assert (seen["b.csv"].columns, len(seen["b.csv"].rows)) == (("id", "long"), 50)
    assert (len(seen["b.csv"].rows[0][1]), seen["b.csv"].whole) == (200, False)
    assert (seen["c.tsv"].columns, seen["c.tsv"].rows) == (("one", "two"), (("1", "2"),))
    assert (seen["d.jsonl"].columns, seen["d.jsonl"].rows) == (
        ("a", "b"),
        (("1", ""), ("", "[2, None]")),
    )
    assert "line 2" in seen["g.jsonl"].fault


def test_a_parquet_file_shows_its_first_rows_and_how_many_there_are(ws, tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"n": list(range(90)), "s": ["x"] * 90}), tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    keep(ws, {"t.parquet": data, "cut.parquet": data[:100], "train/1/x.png": b"no picture"})
    view = ws.data.item("photos", "t.parquet")
    assert (view.facts, view.columns, len(view.rows)) == ({"rows": "90"}, ("n", "s"), 50)
    assert view.rows[49] == ("49", "x")
    assert ws.data.item("photos", "cut.parquet").fault
    broken = ws.data.item("photos", "train/1/x.png")
    assert (broken.kind, "not an image" in broken.fault) == ("image", True)


def test_a_file_knows_the_versions_it_changed_in_and_the_files_like_it(ws):
    keep(ws, {"a": b"1"})
    keep(ws, {"a": b"1", "b": b"1"})
    keep(ws, {"a": b"2", "b": b"1"})
    keep(ws, {"b": b"1"})
    view = ws.data.item("photos@v2", "a")
    assert (view.twins, view.twin_count) == (("b",), 1)
    assert [(it.number, it.change) for it in view.history] == [
        ("v4", "removed"),
        ("v3", "changed"),
        ("v1", "added"),
    ]
    with pytest.raises(NotFound, match="no file a"):
        ws.data.item("photos", "a")


def test_what_annotation_sets_say_is_found_by_bytes_and_in_this_set_by_path(ws):
    version = keep(ws, {"unlabelled/a.png": b"1", "b.png": b"2"})
    md5 = digest.of(b"1", "md5")
    rows = [
        {"item": md5, "path": "other.png", "label": "cat", "annotator": "user:ana", "at": 5.0},
        {"item": "sha256:" + "0" * 64, "path": "b.png", "label": "dog", "origin": version},
        {"item": "sha256:" + "1" * 64, "path": "b.png", "label": "not ours", "origin": "else"},
    ]
    text = json.dumps({"labels": rows}).encode()
    (name,) = ws.objects.put([text])
    made = Manifest(
        kind="annotations", entries=(Entry(path="labels.json", digest=name, size=len(text)),)
    )
    publish.publish(ws, ws.put_manifest(made, "unsure"), Commit(), prefix="v", aliases=("main",))
    said = ws.data.item("photos", "unlabelled/a.png").said
    assert [(it.annotations, it.label, it.annotator) for it in said] == [
        ("unsure", "cat", "user:ana")
    ]
    assert [it.label for it in ws.data.item("photos", "b.png").said] == ["dog"]
