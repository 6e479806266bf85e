import json
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cauce.errors import Damaged, Invalid, Unsupported
from cauce.kernel import digest, manifest
from cauce.kernel.entities import Digest, Entry, Manifest
from cauce.testing import strategies

GOLDEN = Path(__file__).parents[1] / "golden" / "manifests"
NAME = digest.of(b"x")


def tree(*paths: str, **changes) -> Manifest:
    entries = tuple(Entry(path=path, digest=NAME, size=1) for path in paths)
    return Manifest(**{"kind": "dataset", "entries": entries, **changes})


@given(strategies.manifests_of())
def test_what_was_dumped_is_parsed_back_sorted(value):
    back = manifest.parse(manifest.dump(value))
    assert set(back.entries) == set(value.entries)
    assert [e.path for e in back.entries] == sorted(e.path for e in value.entries)
    assert (back.kind, back.labels) == (value.kind, value.labels)


@given(strategies.manifests_of(), st.randoms(use_true_random=False))
def test_the_version_ignores_the_order_that_files_and_labels_were_found_in(value, rng):
    entries, labels = list(value.entries), list(value.labels.items())
    rng.shuffle(entries)
    rng.shuffle(labels)
    other = Manifest(kind=value.kind, entries=tuple(entries), labels=dict(labels))
    assert manifest.version(other) == manifest.version(value)


@given(strategies.manifests_of(), strategies.manifests_of())
def test_different_manifests_have_different_versions(one, other):
    assume(manifest.parse(manifest.dump(one)) != manifest.parse(manifest.dump(other)))
    assert manifest.version(one) != manifest.version(other)


@given(strategies.manifests_of())
def test_the_bytes_are_what_the_json_of_the_standard_library_writes(value):
    data = manifest.dump(value)
    body = json.loads(data)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    assert text.encode() == data


@given(strategies.manifests_of(), st.randoms(use_true_random=False))
def test_another_spelling_of_the_same_json_is_refused(value, rng):
    data = manifest.dump(value)
    body = json.loads(data)
    keys = list(body)
    rng.shuffle(keys)
    for other in (
        json.dumps(body, ensure_ascii=False).encode(),
        json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode(),
        json.dumps({k: body[k] for k in keys}, ensure_ascii=False, separators=(",", ":")).encode(),
        json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-16"),
        b"\xef\xbb\xbf" + data,
        data + b"\n",
        b" " + data,
    ):
        if other != data:
            with pytest.raises(Damaged):
                manifest.parse(other)


@given(strategies.manifests_of(), st.data())
def test_a_truncated_or_changed_manifest_is_never_taken_for_the_same(value, data):
    whole = manifest.dump(value)
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    with pytest.raises(Damaged):
        manifest.parse(whole[:at])
    try:
        other = manifest.parse(changed)
    except (Damaged, Unsupported):
        return
    assert manifest.dump(other) == changed


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused_as_damaged(data):
    with pytest.raises((Damaged, Unsupported)):
        manifest.parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b"{}",
        b'{"cauce":1}',
        b'{"cauce":0,"entries":[],"kind":"a","labels":{}}',
        b'{"cauce":-1,"entries":[],"kind":"a","labels":{}}',
        b'{"cauce":1.0,"entries":[],"kind":"a","labels":{}}',
        b'{"cauce":true,"entries":[],"kind":"a","labels":{}}',
        b'{"cauce":"1","entries":[],"kind":"a","labels":{}}',
        b'{"cauce":"9","entries":[],"kind":"a","labels":{}}',
        b'{"cauce":1,"entries":null,"kind":"a","labels":{}}',
        b'{"cauce":1,"entries":[{}],"kind":"a","labels":{}}',
        b'{"cauce":1,"entries":[],"kind":"","labels":{}}',
        b'{"cauce":1,"entries":[],"kind":"A","labels":{}}',
        b'{"cauce":1,"entries":[],"kind":"a","labels":{"x":1}}',
        b'{"cauce":1,"entries":[],"kind":"a","labels":{"b":"","a":""}}',
        b'{"cauce":1,"entries":[],"kind":"a","labels":{"a":"","a":""}}',
        b'{"cauce":1,"entries":[],"kind":"a","labels":{"a":"\\ud800"}}',
        b'{"cauce":1,"entries":[],"kind":"a","labels":{"a":"\xff"}}',
        b'{"cauce":1,"entries":[],"kind":"a","labels":{},"more":1}',
        b'{"cauce":1,"cauce":1,"entries":[],"kind":"a","labels":{}}',
        b'{"cauce":1,"entries":' + b"[" * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'{"cauce":' + b"9" * 100_000 + b"}",
    ],
)
def test_what_is_no_manifest_is_damaged(data):
    with pytest.raises(Damaged):
        manifest.parse(data)


@pytest.mark.parametrize(
    "size", ["-1", "1.0", "1e3", "true", "null", '"1"', "9223372036854775808", "01"]
)
def test_a_wrong_size_is_damaged(size):
    body = b'{"cauce":1,"entries":[{"digest":"%s","path":"a","size":%s}],"kind":"a","labels":{}}'
    with pytest.raises(Damaged):
        manifest.parse(body % (NAME.encode(), size.encode()))


@pytest.mark.parametrize(
    "later",
    [
        b'{"cauce":2,"entries":[],"kind":"a","labels":{}}',
        b'{"cauce":2,"entries":{"new":"form"}}',
        b'{"cauce":99}',
    ],
)
def test_a_later_form_is_refused_with_words(later):
    with pytest.raises(Unsupported, match="reads up to 1") as caught:
        manifest.parse(later)
    assert "upgrade" in caught.value.hint


@given(strategies.paths())
def test_a_safe_path_stays_below_its_root(path):
    manifest.check_path(path)
    root = Path("/root/of/it")
    assert not Path(path).is_absolute()
    assert root in (root / path).parents
    assert (root / path).relative_to(root).as_posix() == path


@given(strategies.unsafe_paths())
def test_an_unsafe_path_is_refused(path):
    with pytest.raises(Invalid, match="not a safe relative path"):
        manifest.check_path(path)
    with pytest.raises(Invalid):
        manifest.dump(tree(path))


@given(st.text(max_size=30))
def test_a_path_is_safe_or_refused_and_never_escapes(path):
    try:
        manifest.check_path(path)
    except Invalid:
        return
    assert Path("/root") in Path("/root", path).parents
    assert ".." not in Path(path).parts


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (tree("a", "a"), "occurs twice"),
        (tree("a", "a-b", "a/b"), "'a' is both a file and a folder"),
        (tree("x/y/z", "x"), "'x' is both a file and a folder"),
        (tree(entries=(Entry(path="a", digest=Digest("md5:0"), size=1),)), "not a digest"),
        (tree(entries=(Entry(path="a", digest=NAME, size=-1),)), "has the size -1"),
        (tree(entries=(Entry(path="a", digest=NAME, size=True),)), "has the size True"),
        (tree(entries=(Entry(path="a", digest=NAME, size=1.0),)), "has the size 1.0"),
        (tree(entries=(Entry(path="a", digest=NAME, size=2**63),)), "bytes together"),
        (
            tree(entries=tuple(Entry(path=p, digest=NAME, size=2**62) for p in "abc")),
            "bytes together",
        ),
        (tree(kind=""), "'' is not a kind"),
        (tree(kind="data set"), "is not a kind"),
        (tree(kind="a\n"), "is not a kind"),
        (tree(labels={"a": "\ud800"}), "not a proper text"),
    ],
)
def test_a_manifest_that_could_not_be_read_back_is_not_written(value, message):
    with pytest.raises(Invalid, match=message):
        manifest.dump(value)


def test_the_row_of_a_version_counts_what_is_in_it():
    row = manifest.describe(tree("a", "b", labels={"k": "v"}), "cats", created=5.0)
    assert (row.name, row.kind, row.size, row.count) == ("cats", "dataset", 2, 2)
    assert (row.created, row.labels) == (5.0, {"k": "v"})
    assert row.id == manifest.version(tree("b", "a", labels={"k": "v"}))


def test_an_entry_is_found_by_its_path():
    assert manifest.entry(tree("a", "b"), "b").path == "b"
    with pytest.raises(Damaged, match="has no file c"):
        manifest.entry(tree("a", "b"), "c")


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.json")), ids=lambda file: file.stem)
def test_golden_manifests_keep_their_bytes_and_names(file):
    expected = msgspec.json.decode((GOLDEN / "NAMES").read_bytes(), type=dict[str, str])
    data = file.read_bytes()
    assert digest.of(data) == expected[file.stem]
    assert manifest.dump(manifest.parse(data)) == data


def test_a_large_manifest_is_sorted_by_code_points():
    names = ["b 1", "b-1", "b.txt", "b/10", "b/2", "A", "a", "é", "日", "😀"]
    shuffled = list(names)
    random.Random(1).shuffle(shuffled)
    read = manifest.parse(manifest.dump(tree(*shuffled)))
    assert [e.path for e in read.entries] == ["A", "a", *names[:5], *names[7:]]
