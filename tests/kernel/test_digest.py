import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cauce.errors import Invalid
from cauce.kernel import digest
from cauce.testing import strategies
from cauce.testing.store_suite import MALFORMED


class Slow(io.RawIOBase):
    """A stream that gives one byte at a time and cannot read into a buffer."""

    readinto = None

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(1)


@given(st.binary(max_size=5000))
def test_bytes_streams_and_files_have_one_name(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "bytes"
    file.write_bytes(data)
    expected = [f"{name}:{hashlib.new(name, data).hexdigest()}" for name in ("md5", "sha256")]
    assert [digest.of(data, "md5"), digest.of(data)] == expected
    assert digest.of_file(file, ("md5", "sha256")) == expected
    assert digest.of_stream(io.BytesIO(data), ("md5", "sha256")) == expected
    assert digest.of_stream(Slow(data), ("md5", "sha256")) == expected
    assert digest.of(memoryview(data)) == expected[1]


def test_a_stream_is_named_from_where_it_stands():
    stream = io.BytesIO(b"head and body")
    stream.read(9)
    assert digest.of_stream(stream) == [digest.of(b"body")]


def test_a_file_longer_than_the_buffer_is_read_whole(tmp_path):
    data = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(data)
    assert digest.of_file(tmp_path / "a") == [digest.of(data)]


@given(strategies.digests())
def test_a_digest_comes_apart_and_goes_together(name):
    algorithm, digits = digest.split(name)
    assert name.removesuffix(".dir") == f"{algorithm}:{digits}"
    assert len(digits) == digest.ALGORITHMS[algorithm]


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_digest_is_refused(name):
    with pytest.raises(Invalid, match="is not a digest"):
        digest.split(name)
    with pytest.raises(Invalid):
        digest.check([digest.of(b""), name])


@given(st.text(max_size=80))
def test_any_text_is_a_digest_or_refused(text):
    try:
        algorithm, digits = digest.split(text)
    except Invalid:
        return
    assert text.startswith(f"{algorithm}:{digits}")


def test_the_form_knows_every_algorithm():
    for algorithm in digest.ALGORITHMS:
        name = digest.of(b"", algorithm)
        assert digest.split(name) == (algorithm, name.partition(":")[2])


def test_an_unknown_algorithm_is_refused_with_those_known():
    with pytest.raises(Invalid, match="crc32") as caught:
        digest.of(b"", "crc32")
    assert "md5, sha256" in caught.value.hint


def test_the_suffix_of_a_directory_does_not_change_what_bytes_hash_to():
    plain = digest.of(b"[]", "md5")
    assert digest.same(f"{plain}.dir", plain)
    assert digest.same(plain, plain)
    assert not digest.same(plain, digest.of(b"{}", "md5"))


def test_short_names_are_for_people():
    assert digest.short("sha256:" + "ab" * 32) == "abababababab"
    assert digest.short("nonsense") == "nonsense"
