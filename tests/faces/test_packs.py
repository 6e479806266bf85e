"""Packs over HTTP: many objects a request, big ones without what the server has, all checked."""

import io
import json
import os
import random
import struct

import pytest

from cauce.adapters.stores.local import LocalStore
from cauce.errors import Conflict, Damaged
from cauce.kernel import digest, moving, plugins
from cauce.kernel.connection import Reply
from cauce.kernel.entities import Digest
from cauce.kernel.packs import chunks, message, pack, table

ABSENT = Digest("sha256:" + "0" * 64)


@pytest.fixture
def store(server, shared):
    opened = plugins.load("stores", "http")(server, shared.root, shared.settings)
    yield opened
    opened.close()


@pytest.fixture
def sent(store, monkeypatch):
    """What the client asks for: method, path and bytes of the body."""
    found = []
    whole = store._connection.send

    def send(method, path, body=None, **named):
        size = getattr(body, "length", None)
        found.append((method, path, len(body or b"") if size is None else size))
        return whole(method, path, body, **named)

    monkeypatch.setattr(store._connection, "send", send)
    return found


def paths(sent) -> list[str]:
    return [path.partition("sha256")[0].partition("md5")[0] for _, path, _ in sent]


def test_many_small_objects_travel_in_few_requests_both_ways(store, sent, shared, tmp_path):
    here = LocalStore(tmp_path / "here")
    names = here.put([b"%d" % n * 50 for n in range(3000)], algorithm="md5")
    arrived = []
    moving.move(here, store, names, trust=True, moved=lambda name, _: arrived.append(name))
    assert paths(sent) == ["/api/v1/packs/put"]
    assert sorted(arrived) == sorted(names)
    assert shared.objects.has(names) == set(names)
    sent.clear()
    other = LocalStore(tmp_path / "other")
    moving.move(store, other, names)
    assert paths(sent) == ["/api/v1/packs/get"]
    assert other.has(names) == set(names)


def test_a_list_of_a_folder_travels_in_a_pack_too(store, shared, tmp_path):
    (tmp_path / "list").write_bytes(b"[]")
    name = Digest(digest.of(b"[]", "md5") + ".dir")
    assert store.put_files([tmp_path / "list"], digests=[name]) == [name]
    assert shared.objects.get(name) == b"[]"
    assert [bytes(data) for _, data in store.read_many([name])] == [b"[]"]


def test_what_does_not_fit_into_one_answer_comes_in_the_next(store, sent):
    names = store.put([os.urandom(1 << 20) for _ in range(40)])
    sent.clear()
    given = dict(store.read_many([ABSENT, *names, ABSENT]))
    assert all(digest.of(given[name]) == name for name in names)
    assert given[ABSENT] is None
    assert len(sent) <= 4


def test_large_and_missing_objects_are_left_to_be_asked_for_alone(store):
    small, large = store.put([b"small", os.urandom((1 << 20) + 1)])
    other = Digest("md5:" + "1" * 32)
    given = dict(store.read_many([other, large, small, ABSENT]))
    assert {name: data is None for name, data in given.items()} == {
        other: True, large: True, small: False, ABSENT: True,
    }  # fmt: skip


def test_an_insertion_into_a_big_file_moves_what_is_new(store, sent, shared, tmp_path):
    data = random.Random(3).randbytes(12 << 20)
    file = tmp_path / "big"
    file.write_bytes(data)
    (first,) = store.put_files([file])
    assert sum(size for _, _, size in sent) > len(data)
    sent.clear()
    other = data[:5_000_000] + os.urandom(100_000) + data[5_000_000:]
    file.write_bytes(other)
    wanted = digest.of(other, "md5")
    assert store.put_files([file], digests=[wanted]) == [wanted]
    assert sum(size for _, _, size in sent) < 1_500_000
    assert shared.objects.get(wanted) == other
    assert shared.objects.get(first) == data


@pytest.mark.parametrize("hurt", [False, True])
@pytest.mark.parametrize("start", [0, 1, 3_000_000, 11_999_999])
def test_a_changed_big_file_is_read_from_the_old_one_where_it_is_the_same(
    store, shared, tmp_path, hurt, start, monkeypatch
):
    here = LocalStore(tmp_path / "here")
    source = random.Random(start + hurt)
    before = source.randbytes(12 << 20)
    after = before[: 7 << 20] + b"inserted" + before[7 << 20 :]
    old, new = here.put([before, after])
    moving.move(here, store, [old, new])
    here.delete([new])
    if hurt:
        path = here.path(old)
        path.chmod(0o644)
        path.write_bytes(bytes(9 << 20))
        path.chmod(0o444)
    received = []
    whole = Reply.chunks
    monkeypatch.setattr(
        Reply, "chunks", lambda self: (received.append(len(x)) or x for x in whole(self))
    )
    with moving.open_near(store, new, here, start=start) as stream:
        assert stream.read() == after[start:]
    assert hurt or sum(received) < 2 << 20


def test_chunks_that_are_not_known_are_said_to_be(ask, shared):
    (name,) = shared.objects.put([os.urandom(9 << 20)])
    assert ask("GET", f"/objects/{name}/chunks").status == 404
    assert ask("GET", f"/objects/{ABSENT}/chunks").status == 404
    assert ask("GET", "/objects/sha256:00/chunks").status == 422


def test_chunks_of_an_object_that_was_removed_are_sent_again(store, shared, tmp_path):
    data = random.Random(4).randbytes(9 << 20)
    file = tmp_path / "big"
    file.write_bytes(data)
    (first,) = store.put_files([file])
    shared.objects.delete([first])
    assert store.put_files([file], digests=[first]) == [first]
    assert shared.objects.get(first) == data


def test_chunks_of_an_object_that_was_damaged_are_not_believed(store, shared, tmp_path):
    data = random.Random(5).randbytes(9 << 20)
    file = tmp_path / "big"
    file.write_bytes(data)
    (first,) = store.put_files([file])
    path = shared.objects.path(first)
    path.chmod(0o644)
    path.write_bytes(bytes(1 << 20) + data[1 << 20 : 8 << 20] + bytes(1 << 20))
    path.chmod(0o444)
    other = data + b"more"
    file.write_bytes(other)
    assert store.put_files([file]) == [digest.of(other)]
    assert shared.objects.get(digest.of(other)) == other


def test_a_table_of_chunks_that_is_broken_costs_bytes_only(store, shared, tmp_path):
    file = tmp_path / "big"
    for seed in (8, 9):
        (shared.folder / ".cauce" / "chunks.db").write_bytes(b"no database" * 1000)
        file.write_bytes(random.Random(seed).randbytes(9 << 20))
        (name,) = store.put_files([file])
        assert shared.objects.size(name) == 9 << 20


def test_a_file_that_changes_while_it_is_sent_is_a_conflict(store, shared, tmp_path, monkeypatch):
    file = tmp_path / "big"
    file.write_bytes(random.Random(6).randbytes(9 << 20))
    before = chunks.listed

    def listed(stream, algorithm):
        found = before(stream, algorithm)
        file.write_bytes(random.Random(7).randbytes(9 << 20))
        return found

    monkeypatch.setattr(chunks, "listed", listed)
    with pytest.raises(Conflict, match="changed"):
        store.put_files([file])


def one(data: bytes, name: Digest | None = None) -> bytes:
    return message.dump([(name or digest.of(data), data)])


PACKED = {"content_type": message.BYTES}


def test_a_pack_whose_bytes_are_not_what_their_names_say_is_refused(ask, shared):
    name = digest.of(b"truth")
    answer = ask("POST", "/api/v1/packs/put", one(b"a lie", name), **PACKED)
    assert answer.status == 422
    assert name in answer.error["message"]
    assert shared.objects.has([name, digest.of(b"a lie")]) == set()


@pytest.mark.parametrize("cut", [0, 1, 8, 30, -1])
def test_a_pack_that_is_cut_off_is_refused(ask, cut):
    answer = ask("POST", "/api/v1/packs/put", one(b"data")[:cut], **PACKED)
    assert answer.status == 422


def test_chunks_in_a_pack_are_refused(ask):
    data = b"data"
    key = chunks.name(data) + b"\3"
    record = pack.record(key, 8, 4, size=4, form=table.WHOLE)
    body = pack.HEADER + data + record + pack.tail(1)
    assert ask("POST", "/api/v1/packs/put", body, **PACKED).status == 422


def test_a_pack_that_is_too_large_is_refused_before_it_is_read(ask, monkeypatch):
    monkeypatch.setattr("cauce.kernel.packs.message.LARGEST", 1000)
    assert ask("POST", "/api/v1/packs/put", one(bytes(2000)), **PACKED).status == 413


def lists(*parts: bytes, size: int | None = None) -> bytes:
    rows = b"".join(chunks.row(chunks.name(part), len(part)) for part in parts)
    return chunks.dump(sum(map(len, parts)) if size is None else size, rows)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"CLST",
        lists(b"a", size=5),
        struct.pack("<4sBBHQII", b"CLST", 1, 1, 0, 9, 0xFFFFFFFF, 0),
        lists(b"a")[:-1],
    ],
)
def test_a_list_that_lies_is_refused(ask, body):
    assert ask("POST", "/api/v1/packs/lacking", body).status == 422
    assert ask("PUT", f"/objects/{digest.of(b'a')}/chunks", body).status == 422


def test_the_server_says_which_chunks_it_lacks(ask):
    answer = ask("POST", "/api/v1/packs/lacking", lists(b"new", b"other", b"new"))
    assert json.loads(answer.body) == [0, 1]


@pytest.mark.parametrize(
    ("tail", "status"),
    [(b"\1abc", 201), (b"\1ab", 422), (b"\1abcd", 422), (b"\1abd", 422), (b"", 422), (b"\0", 409)],
)
def test_a_body_of_chunks_is_kept_when_it_is_what_the_name_says(ask, shared, tail, status):
    name = digest.of(b"abc")
    shared.objects.delete([name])
    answer = ask("PUT", f"/objects/{name}/chunks", lists(b"abc") + tail)
    assert answer.status == status
    assert (shared.objects.has([name]) == {name}) == (status == 201)


def test_a_chunk_that_occurs_again_is_sent_once(ask, shared):
    parts = [b"a" * 10, b"b", b"a" * 10]
    name = digest.of(b"".join(parts))
    body = lists(*parts) + b"\3" + parts[0] + parts[1]
    assert ask("PUT", f"/objects/{name}/chunks", body).status == 201
    assert shared.objects.get(name) == b"".join(parts)


def test_a_name_that_is_none_is_refused(ask):
    assert ask("PUT", "/objects/sha256:00/chunks", lists(b"abc") + b"\1abc").status == 422
    answer = ask("POST", "/api/v1/packs/get", {"digests": ["sha256:00"]})
    assert answer.status == 422


def test_a_server_that_answers_with_other_bytes_is_not_believed(store, monkeypatch):
    (name,) = store.put([b"truth"])

    def lies(_asked):
        return message.load(io.BytesIO(one(b"a lie", name)), len(one(b"a lie", name)))

    monkeypatch.setattr(store, "_pack_of", lies)
    with pytest.raises(Damaged):
        list(store.read_many([name]))
