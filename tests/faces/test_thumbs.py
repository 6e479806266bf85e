"""Small pictures over HTTP, of bytes that nobody vouches for."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.faces.conftest import Ask

from cauce.adapters.formats import thumbnail
from cauce.errors import Invalid


def picture(size=(400, 300), mode="RGB", form="PNG", **options):
    out = io.BytesIO()
    Image.new(mode, size, options.pop("color", 0)).save(out, form, **options)
    return out.getvalue()


def opened(made):
    return Image.open(io.BytesIO(made.data))


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "LA"),
        ("PNG", "I;16"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("BMP", "RGB"),
        ("GIF", "P"),
        ("WEBP", "RGB"),
        ("TIFF", "I;16"),
        ("TIFF", "F"),
        ("PPM", "RGB"),
    ],
)
def test_every_format_and_mode_becomes_a_small_picture_of_its_shape(form, mode):
    made = thumbnail.make(picture(mode=mode, form=form), 96)
    assert opened(made).size == (96, 72)
    assert made.type == ("image/png" if mode in ("RGBA", "LA") else "image/jpeg")


def test_a_tiny_picture_keeps_its_size_and_its_pixels():
    values = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")
    made = thumbnail.make(out.getvalue(), 192)
    assert made.type == "image/png"
    assert np.array_equal(np.asarray(opened(made)), values)


def test_a_picture_is_turned_as_its_camera_was_held_and_says_nothing_else():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    made = thumbnail.make(picture((400, 100), form="JPEG", exif=exif), 96)
    assert opened(made).size == (24, 96)
    assert not opened(made).getexif()


def test_deep_greys_are_spread_over_what_is_there():
    values = np.linspace(1000, 1100, 10000).reshape(100, 100).astype(np.uint16)
    out = io.BytesIO()
    Image.fromarray(values).save(out, "PNG")
    shown = np.asarray(opened(thumbnail.make(out.getvalue(), 96)))
    assert shown.min() < 10
    assert shown.max() > 245


def bomb(width, height):
    """A PNG file of a few bytes that says that it is large."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        bomb(50_000, 50_000),
        bomb(1 << 30, 1 << 30),
        picture()[:-40],
        picture(form="JPEG")[:300],
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\0" * 1000,
    ],
    ids=["empty", "head", "bomb", "bomb2", "cut", "cut-jpeg", "svg", "eps", "zeros"],
)
def test_hostile_bytes_are_refused(data):
    with pytest.raises(Invalid):
        thumbnail.make(data, 96)


whole = picture((40, 30), form="PNG"), picture((40, 30), form="JPEG"), picture((40, 30), form="GIF")


@given(base=st.sampled_from(whole), at=st.integers(0, 2000), new=st.binary(max_size=8))
def test_damage_anywhere_gives_a_picture_or_a_refusal_and_nothing_else(base, at, new):
    at %= len(base)
    try:
        made = thumbnail.make(base[:at] + new + base[at + len(new) :], 96)
    except Invalid:
        return
    assert max(opened(made).size) <= 96


def put(ask: Ask, data: bytes) -> str:
    stored = ask("POST", "/api/v1/objects/put", {"items": [base64.b64encode(data).decode()]})
    return stored.json()[0]


def test_a_small_picture_is_kept_for_ever_and_asked_for_once(ask: Ask):
    digest = put(ask, picture())
    answer = ask("GET", f"/objects/{digest}/thumb/96")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in answer.headers["cache-control"]
    again = ask("GET", f"/objects/{digest}/thumb/96", None, if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    other = ask("GET", f"/objects/{digest}/thumb/192", None, if_none_match=answer.headers["etag"])
    assert other.status == 200


def test_what_is_no_picture_or_not_there_is_told_apart(ask: Ask):
    assert ask("GET", f"/objects/{put(ask, b'text')}/thumb/96").status == 422
    assert ask("GET", f"/objects/{put(ask, picture())}/thumb/97").status == 422
    assert ask("GET", f"/objects/sha256:{'0' * 64}/thumb/96").status == 404
    assert ask("GET", "/objects/nonsense/thumb/96").status == 422
