"""Small pictures of pictures, made of bytes that nobody vouches for.

Only formats without scripts are read. The header is read first, and nothing is unpacked that has
more pixels than a photograph; a JPEG file is read at the scale that is needed.
"""

import io
import struct
import zlib

import numpy as np
from msgspec import Struct
from PIL import Image, ImageOps

from cauce.errors import Invalid

MAX_BYTES = 64 << 20
MAX_PIXELS = 40_000_000
"""Of a picture that is unpacked whole: 160 MB at four bytes each."""

_MAX_JPEG = 170_000_000
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_DEEP = ("I;16", "I;16B", "I;16L", "I", "F")
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    MemoryError,
    OverflowError,
    ArithmeticError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Warning,  # where they are errors; of metadata, which is not shown
)


class Facts(Struct, frozen=True):
    """What a picture's header says.

    Attributes:
        format: `PNG`, `JPEG`…
        mode: Pillow's name of the channels: `L`, `RGB`, `RGBA`, `I;16`…
        frames: Pictures in the file.
    """

    width: int
    height: int
    format: str
    mode: str
    frames: int = 1


class Thumbnail(Struct, frozen=True):
    """A small picture as a file.

    Attributes:
        type: Its media type, `image/jpeg` or `image/png`.
    """

    data: bytes
    type: str


def facts(data: bytes) -> Facts:
    """Read a picture's header; raises `Invalid` when it is none that can be shown."""
    with _open(data) as image:
        return Facts(
            width=image.size[0],
            height=image.size[1],
            format=str(image.format),
            mode=image.mode,
            frames=int(getattr(image, "n_frames", 1)),
        )


def make(data: bytes, edge: int) -> Thumbnail:
    """Make a small picture.

    Args:
        data: Bytes of a PNG, JPEG, BMP, GIF, WebP, TIFF or PPM file.
        edge: Longest edge in pixels; a picture that is smaller keeps its size.

    Raises:
        Invalid: It is no such picture, is damaged, or is too large to be unpacked.
    """
    with _open(data) as image:
        try:
            return _written(_small(image, edge))
        except _BROKEN as error:
            raise Invalid(f"not an image that can be read: {error}") from error


def _open(data: bytes) -> Image.Image:
    if len(data) > MAX_BYTES:
        raise Invalid(f"the image has more than {MAX_BYTES >> 20} MiB")
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except _BROKEN as error:
        raise Invalid(f"not an image that can be read: {error}") from error
    width, height = image.size
    most = _MAX_JPEG if image.format == "JPEG" else MAX_PIXELS
    if width * height > most:
        raise Invalid(f"the image has {width}x{height} pixels", hint=f"at most {most:,}")
    return image


def _small(image: Image.Image, edge: int) -> Image.Image:
    """Unpack, turn as the camera was held, bring to eight bits, shrink."""
    image.draft("RGB", (edge, edge))
    if image.size[0] * image.size[1] > MAX_PIXELS:
        raise ValueError(f"{image.size[0]}x{image.size[1]} pixels at the smallest scale")
    if image.mode in _DEEP:
        image = _eight_bits(image)
    # A hand-held camera's turn is in the metadata; shrunk first, so that less is turned.
    image.thumbnail((edge, edge), Image.Resampling.BILINEAR, reducing_gap=2.0)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Spread deep greys over what is there, as viewers of microscope and X-ray pictures do."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    spread = (values - low) * (255.0 / (high - low) if high > low else 0.0)
    return Image.fromarray(spread.astype(np.uint8))


def _written(image: Image.Image) -> Thumbnail:
    """Write a file: exact where it is tiny or transparent, else with a loss nobody sees."""
    out = io.BytesIO()
    # No metadata goes along: places and names of cameras stay with the original.
    image.info = {}
    if image.mode == "RGBA" or max(image.size) <= 64:
        image.save(out, "PNG", compress_level=3)
        return Thumbnail(out.getvalue(), "image/png")
    image.save(out, "JPEG", quality=80)
    return Thumbnail(out.getvalue(), "image/jpeg")
