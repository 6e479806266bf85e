"""Looking at versions, comparing them, and merging labels into them."""

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms import folders

from cauce.errors import Damaged, Invalid, NotFound
from cauce.kernel import digest, publish
from cauce.kernel.entities import Commit, Entry, Manifest
from cauce.rooms.data import merging
from cauce.rooms.data.entities import Share
from cauce.rooms.data.merging import Label

DIGITS = {
    "train/1/a.png": b"one",
    "train/2/b.png": b"two",
    "unlabelled/e.png": b"who knows",
    "unlabelled/f.png": b"not me",
    "readme": b"digits",
}


@pytest.fixture
def digits(ws):
    """A small data set with one version."""
    place = folders.write(ws.folder / "digits", DIGITS)
    ws.data.add(place, message="first")
    return place


def annotate(ws, labels, name="unsure"):
    """Publish labels the way that docs/format.md describes, without the room that makes them."""
    rows = [{"item": item, "path": path, "label": label} for item, path, label in labels]
    data = json.dumps({"format": 1, "labels": rows}).encode()
    entries = [Entry(path="labels.json", digest=ws.objects.put([data])[0], size=len(data))]
    tree = Manifest(kind="annotations", entries=tuple(entries))
    row = ws.put_manifest(tree, name)
    return publish.publish(ws, row, Commit(), prefix="v", aliases=("main",))


def md5(data):
    return digest.of(data, "md5")


def paths(ws, spec="digits@main"):
    tree = ws.manifest(ws.data.show(spec).version.id)
    return {entry.path: ws.objects.get(entry.digest) for entry in tree.entries}


def test_the_balance_counts_every_file_once_by_split_and_class(ws, digits):
    assert ws.data.show("digits").balance == [
        Share(split="", label="", count=1),
        Share(split="train", label="1", count=1),
        Share(split="train", label="2", count=1),
        Share(split="unlabelled", label="", count=2),
    ]


def test_a_folder_shows_its_folders_with_all_below_and_its_own_files(ws, digits):
    top = ws.data.show("digits@v1")
    assert [(it.path, it.files, it.size) for it in top.folders] == [
        ("train", 2, 6),
        ("unlabelled", 2, 15),
    ]
    assert [it.path for it in top.entries] == ["readme"]
    assert [it.path for it in ws.data.show("digits", prefix="train").folders] == [
        "train/1",
        "train/2",
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_files_join_to_the_whole(ws, digits, limit):
    found, after = [], ""
    while True:
        page = ws.data.show("digits", prefix="unlabelled/", after=after, limit=limit)
        found += [it.path for it in page.entries]
        after = page.next
        if not after:
            break
    assert found == ["unlabelled/e.png", "unlabelled/f.png"]


def test_lists_show_the_newest_version_first_with_who_and_why(ws, digits):
    (digits / "readme").write_bytes(b"more digits")
    ws.data.add(digits, message="second")
    assert [(it.number, it.message, it.agent) for it in ws.data.versions("digits")] == [
        ("v2", "second", "user:test"),
        ("v1", "first", "user:test"),
    ]
    assert [it.number for it in ws.data.versions("digits", limit=1)] == ["v2"]
    (only,) = ws.data.ls()
    assert (only.name, only.number, only.versions, only.files) == ("digits", "v2", 2, 5)
    with pytest.raises(NotFound, match="no data set cats"):
        ws.data.versions("cats")


# merge


def test_labelled_items_are_filed_under_their_class_and_taken_out_of_unlabelled(ws, digits):
    annotate(ws, [(md5(b"who knows"), "unlabelled/e.png", "2")])
    version = ws.data.merge("digits", "unsure@v1")
    assert version.number == "v2"
    assert paths(ws) == {
        "readme": b"digits",
        "train/1/a.png": b"one",
        "train/2/b.png": b"two",
        "train/2/e.png": b"who knows",
        "unlabelled/f.png": b"not me",
    }


def test_the_merge_run_used_the_old_version_and_the_labels(ws, digits):
    labels = annotate(ws, [(md5(b"who knows"), "unlabelled/e.png", "2")])
    old = ws.ref("dataset", "digits").target
    version = ws.data.merge("digits", "unsure")
    run = ws.catalog.run(version.run)
    used = {
        (edge.version, edge.role)
        for edge in ws.catalog.edges(run=run.id)
        if edge.direction == "used"
    }
    assert run.kind == "merge"
    assert used == {(old, "data"), (labels.target, "labels")}


def test_items_of_predictions_are_stored_under_their_md5_too(ws, digits):
    item = ws.objects.put([b"a picture"])[0]
    annotate(ws, [(item, "01abc.png", "1")])
    version = ws.data.merge("digits", "unsure")
    tree = ws.manifest(version.id)
    assert next(it for it in tree.entries if it.path == "train/1/01abc.png").digest == md5(
        b"a picture"
    )
    assert paths(ws)["train/1/01abc.png"] == b"a picture"


def test_a_merged_version_can_be_checked_out_without_having_had_its_files(ws, digits):
    item = ws.objects.put([b"a picture"])[0]
    annotate(ws, [(item, "01abc.png", "1")])
    ws.data.merge("digits", "unsure")
    assert ws.data.status()[0].version == "digits@v1"  # the work tree was left alone
    ws.data.checkout((digits,), version="main")
    assert folders.read(digits) == paths(ws)
    assert ws.data.status()[0].version == "digits@v2"
    assert ws.data.add(digits).number == "v2"


def test_a_merge_needs_no_file_of_the_work_tree(ws, digits):
    shutil.rmtree(digits)
    annotate(ws, [(md5(b"who knows"), "unlabelled/e.png", "2")])
    assert ws.data.merge("digits", "unsure").number == "v2"


def test_merging_the_same_labels_again_gives_the_same_version_and_no_event(ws, digits):
    annotate(ws, [(md5(b"who knows"), "unlabelled/e.png", "2")])
    first = ws.data.merge("digits", "unsure")
    seq = ws.catalog.last_event()
    assert ws.data.merge("digits", "unsure") == first
    assert ws.catalog.last_event() == seq


def test_a_corrected_label_moves_the_item_to_its_new_class(ws, digits):
    annotate(ws, [(md5(b"who knows"), "unlabelled/e.png", "2")])
    ws.data.merge("digits", "unsure")
    annotate(ws, [(md5(b"who knows"), "unlabelled/e.png", "1")])
    ws.data.merge("digits", "unsure")
    assert "train/2/e.png" not in paths(ws)
    assert paths(ws)["train/1/e.png"] == b"who knows"


def test_an_item_whose_name_is_taken_gets_another_and_is_still_moved_later(ws, digits):
    annotate(ws, [(md5(b"who knows"), "unlabelled/b.png", "2")])
    ws.data.merge("digits", "unsure")
    (place,) = [path for path, data in paths(ws).items() if data == b"who knows"]
    assert place.startswith("train/2/b-")
    assert paths(ws)["train/2/b.png"] == b"two"
    annotate(ws, [(md5(b"who knows"), "unlabelled/b.png", "1")])
    ws.data.merge("digits", "unsure")
    (place,) = [path for path, data in paths(ws).items() if data == b"who knows"]
    assert place == "train/1/b.png"


def test_the_same_picture_in_the_test_split_stays_there(ws, digits):
    folders.write(digits, {"test/2/e.png": b"who knows"})
    ws.data.add(digits)
    annotate(ws, [(md5(b"who knows"), "unlabelled/e.png", "2")])
    ws.data.merge("digits", "unsure")
    assert paths(ws)["test/2/e.png"] == b"who knows"
    assert "train/2/e.png" not in paths(ws)


def filed_by_holdout(shares):
    """File eighty items by merges with these shares, one after the other; gives folder sets."""
    entries = [
        Entry(path=f"unlabelled/{n}.png", digest=md5(str(n).encode()), size=1) for n in range(80)
    ]
    tree = Manifest(kind="dataset", entries=tuple(entries))
    rows = [(Label(item=it.digest, path=it.path, label="1"), it) for it in entries]
    for share in shares:
        filing = merging.Filing(holdout=share)
        tree = Manifest(kind="dataset", entries=tuple(merging.apply(tree, rows, filing)))
    return [it.path.partition("/")[0] for it in tree.entries]


def test_a_share_of_the_labels_is_held_out():
    held = filed_by_holdout([0.25]).count("test")
    assert 10 <= held <= 30


def test_an_item_is_never_on_both_sides_when_the_share_changes():
    filed = filed_by_holdout([0.5, 0.1])
    assert len(filed) == 80
    assert filed.count("test") == filed_by_holdout([0.1]).count("test")


def test_what_is_held_out_stays_so_where_nothing_more_is_held_out():
    assert filed_by_holdout([0.5, 0.0]) == filed_by_holdout([0.5])


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_holdout_that_is_no_share_is_refused(ws, digits, share):
    annotate(ws, [(md5(b"who knows"), "unlabelled/e.png", "1")])
    with pytest.raises(Invalid, match="share"):
        ws.data.merge("digits", "unsure", holdout=share)


@pytest.mark.parametrize(
    ("into", "label"),
    [
        ("train", "1"),
        ("../{label}", "1"),
        ("{label}", ".."),
        ("x/{label}/y", "../.."),
        ("{label}", ""),
    ],
)
def test_a_place_that_leaves_the_data_set_is_refused(ws, digits, into, label):
    annotate(ws, [(md5(b"who knows"), "unlabelled/e.png", label)])
    with pytest.raises(Invalid):
        ws.data.merge("digits", "unsure", into=into)
    assert ws.data.ls()[0].number == "v1"


@pytest.mark.parametrize("text", [b"", b"[]", b'{"labels": [{"item": 5}]}', b'{"labels": {}}'])
def test_a_malformed_annotation_set_is_damaged(ws, digits, text):
    entry = Entry(path="labels.json", digest=ws.objects.put([text])[0], size=len(text))
    row = ws.put_manifest(Manifest(kind="annotations", entries=(entry,)), "bad")
    publish.publish(ws, row, Commit(), prefix="v", aliases=("main",))
    with pytest.raises(Damaged, match=r"labels\.json"):
        ws.data.merge("digits", "bad")


def test_labels_whose_items_are_gone_change_nothing(ws, digits):
    annotate(ws, [(digest.of(b"gone"), "x.png", "1")])
    with pytest.raises(NotFound):
        ws.data.merge("digits", "unsure")
    assert ws.data.ls()[0].number == "v1"


ITEMS = [f"unlabelled/{name}.png" for name in "abcd"]


@given(
    st.lists(st.tuples(st.sampled_from(range(4)), st.sampled_from("123")), max_size=8),
    st.sampled_from(["train/{label}", "{label}", "x/{label}/y"]),
)
def test_a_merge_loses_no_item_and_files_each_where_its_last_label_says(labels, into):
    entries = [Entry(path=path, digest=md5(path.encode()), size=1) for path in ITEMS]
    tree = Manifest(kind="dataset", entries=tuple(entries))
    rows = [
        (Label(item=entries[i].digest, path=ITEMS[i], label=label), entries[i])
        for i, label in labels
    ]
    merged = merging.apply(tree, rows, merging.Filing(into))
    assert sorted(it.digest for it in merged) == sorted(it.digest for it in entries)
    last = {ITEMS[i]: label for i, label in labels}
    for it in merged:
        path = next(path for path in ITEMS if md5(path.encode()) == it.digest)
        if path in last:
            base = path.rpartition("/")[2]
            assert it.path == f"{into.replace('{label}', last[path])}/{base}"
        else:
            assert it.path == path
