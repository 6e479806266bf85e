"""What a picture looks like in figures, whether two look alike, and many on one sheet.

A file is opened by its header first: what declares more pixels than `MAX_PIXELS` is refused before
anything is unpacked.
"""

import io
import math
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cauce.errors import Invalid

MAX_PIXELS = 89_000_000
"""Pixels that a file may declare; Pillow itself warns of a little more and refuses twice that."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_MAX_BYTES = 512 << 20
_LONGEST = 128
_SIDE, _LOW, _THUMB = 32, 8, 8
_FLAT = 1.0
"""Deviation in grey levels below which a picture has nothing to recognise it by."""

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError,
           OverflowError, MemoryError, TypeError, Image.DecompressionBombError,
           Image.DecompressionBombWarning)  # fmt: skip

_COSINES = np.array(
    [[math.cos(math.pi * k * (2 * n + 1) / (2 * _SIDE)) for n in range(_SIDE)] for k in range(_LOW)]
)
_BITS = (np.uint64(1) << np.arange(64, dtype=np.uint64)).astype(np.uint64)


class Figures(Struct, frozen=True):
    """A picture in figures; those of its pixels are taken at 128 to 255 pixels where it is larger.

    Attributes:
        width: Pixels.
        height: Pixels.
        mode: As the file has it: `L`, `RGB`, `P`, `RGBA`…
        format: `PNG`, `JPEG`…
        brightness: Mean of the grey pixels, 0 black to 1 white.
        contrast: Standard deviation of the grey pixels, 0 to 0.5.
        sharpness: Mean difference of a pixel from its four neighbours' mean, 0 to 1.
        entropy: Variety of the 256 grey levels, bits, 0 to 8.
        saturation: Mean distance of a pixel's strongest from its weakest colour, 0 grey to 1.
        warmth: Mean of red less mean of blue, -1 to 1.
        look: 64 bits that pictures which look alike share most of; 0 for a flat picture.
        thumb: 64 grey levels, 8 by 8.
    """

    width: int
    height: int
    mode: str
    format: str
    brightness: float
    contrast: float
    sharpness: float
    entropy: float
    saturation: float
    warmth: float
    look: int
    thumb: bytes


def measure(data: bytes) -> Figures:
    """Measure a picture.

    Raises:
        Invalid: It is no picture that can be read, is cut off, or is too large.

    Notes:
        `look` is the perceptual hash of C. Zauner 2010: the signs of the 63 lowest cosine
        frequencies of 32 by 32 grey levels against their median.
    """
    image, size, mode, format = _open(data)
    grey = image.convert("L")
    levels = np.asarray(grey, np.float32)
    counts = np.asarray(grey.histogram(), np.float64)
    shares = counts / counts.sum()
    scale = np.arange(256) / 255.0
    brightness = float(shares @ scale)
    contrast = math.sqrt(max(0.0, float(shares @ scale**2) - brightness**2))
    seen = shares[shares > 0]
    saturation, warmth = _colour(image)
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float64)
    return Figures(
        width=size[0],
        height=size[1],
        mode=mode,
        format=format,
        brightness=brightness,
        contrast=contrast,
        sharpness=_sharpness(levels),
        entropy=max(0.0, float(-(seen * np.log2(seen)).sum())),
        saturation=saturation,
        warmth=warmth,
        look=_look(small),
        thumb=grey.resize((_THUMB, _THUMB), Image.Resampling.BOX).tobytes(),
    )


def _open(data: bytes) -> tuple[Image.Image, tuple[int, int], str, str]:
    """Open, check and decode a picture, scaled down where it is large."""
    if len(data) > _MAX_BYTES:
        raise Invalid(f"the picture has more than {_MAX_BYTES >> 20} MiB")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            size, mode, format = image.size, image.mode, image.format or ""
            if size[0] * size[1] > MAX_PIXELS or not size[0] * size[1]:
                raise Invalid(f"the picture declares {size[0]} by {size[1]} pixels")
            if format == "JPEG":
                image.draft(None, (_LONGEST, _LONGEST))
            made = image.convert("L" if mode in {"1", "L"} else "RGB") if mode != "I;16" else (
                image.point(lambda value: value / 256).convert("L")
            )  # fmt: skip
            factor = max(1, max(made.size) // _LONGEST)
            return (made.reduce(factor) if factor > 1 else made), size, mode, format
    except Invalid:
        raise
    except _BROKEN as error:
        raise Invalid(f"not a picture that can be read: {' '.join(str(error).split())}") from error


def _colour(image: Image.Image) -> tuple[float, float]:
    if image.mode == "L":
        return 0.0, 0.0
    small = np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32) / 255
    spread = small.max(axis=2) - small.min(axis=2)
    return float(spread.mean()), float(small[:, :, 0].mean() - small[:, :, 2].mean())


def _sharpness(levels: NDArray[np.float32]) -> float:
    """Mean size of the discrete Laplacian; a picture without an inside has none."""
    if min(levels.shape) < 3:
        return 0.0
    around = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    return float(np.abs(levels[1:-1, 1:-1] - around / 4).mean()) / 255


def _look(small: NDArray[np.float64]) -> int:
    if small.std() < _FLAT:
        return 0
    waves = (_COSINES @ small @ _COSINES.T).ravel()
    signs = waves > np.median(waves[1:])
    signs[0] = False
    return int(_BITS[signs].sum()) or 1


class Tile(Struct, frozen=True):
    """One picture of a sheet: how to read it, and a mark in its corner."""

    read: Callable[[], bytes]
    mark: str = ""


_GAP, _MARGIN, _HEAD = 4, 110, 26
_BACK, _INK, _FAINT, _NEW = (250, 250, 248), (30, 34, 40), (205, 205, 200), (24, 120, 92)


def sheet(rows: Sequence[tuple[str, Sequence[Tile]]], *, title: str, side: int = 72) -> bytes:
    """Draw pictures on one sheet, a row a class; gives a PNG file.

    Args:
        rows: Title of the row and its pictures; a picture that cannot be read is a crossed box.
        title: Line above all.
        side: Pixels that the longer side of each picture gets.
    """
    most = max((len(tiles) for _, tiles in rows), default=0)
    width = max(_MARGIN + most * (side + _GAP) + _GAP, 360)
    made = Image.new("RGB", (width, _HEAD + len(rows) * (side + _GAP) + _GAP), _BACK)
    draw = ImageDraw.Draw(made)
    font = ImageFont.load_default()
    draw.text((_GAP * 2, 7), _plain(title), fill=_INK, font=font)
    for number, (name, tiles) in enumerate(rows):
        top = _HEAD + number * (side + _GAP)
        draw.text((_GAP * 2, top + side // 2 - 6), _plain(name)[:17], fill=_INK, font=font)
        for place, tile in enumerate(tiles):
            left = _MARGIN + place * (side + _GAP)
            _put(made, draw, tile, (left, top), side)
    out = io.BytesIO()
    made.save(out, "PNG", optimize=True)
    return out.getvalue()


def _put(made: Image.Image, draw: Any, tile: Tile, at: tuple[int, int], side: int) -> None:
    left, top = at
    box = (left, top, left + side - 1, top + side - 1)
    try:
        image, _, _, _ = _open(tile.read())
    except Invalid:
        draw.rectangle(box, outline=_FAINT)
        draw.line(box, fill=_FAINT)
        return
    scale = side / max(image.size)
    size = (max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale)))
    way = Image.Resampling.NEAREST if scale > 3 else Image.Resampling.LANCZOS
    made.paste(image.convert("RGB").resize(size, way), (left, top))
    if tile.mark:
        draw.rectangle((left - 1, top - 1, left + size[0], top + size[1]), outline=_NEW, width=2)


def _plain(text: str) -> str:
    """Keep what the built-in font can draw."""
    return text.encode("latin-1", "replace").decode("latin-1")


def rgb(data: bytes) -> NDArray[np.uint8]:
    """Decode a whole picture to `(height, width, 3)`, or `(height, width)` when it is grey.

    Raises:
        Invalid: As `measure`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.size[0] * image.size[1] > MAX_PIXELS:
                raise Invalid(f"the picture declares {image.size[0]} by {image.size[1]} pixels")
            return np.asarray(image.convert("L" if image.mode in {"1", "L"} else "RGB"))
    except Invalid:
        raise
    except _BROKEN as error:
        raise Invalid(f"not a picture that can be read: {' '.join(str(error).split())}") from error
