"""Images as rows of numbers and back, as a signature's meaning declares it.

A meaning is `{"kind": "image", "height": 8, "width": 8, "mode": "L", "scale": [0, 255]}`: mode `L`
(grey) or `RGB`; black becomes the scale's first number and white its second. Serving, evaluation
and training go through the same function, so that none of them sees other numbers.
"""

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cauce.errors import Invalid

_FORMATS = ("PNG", "JPEG", "BMP")
_MODES = {"1", "L", "P", "RGB"}
_MAX_BYTES = 64 << 20
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def decode(data: bytes, meaning: Mapping[str, Any]) -> NDArray[np.float32]:
    """Read an image file into one row.

    Args:
        data: Bytes of a PNG, JPEG or BMP file.
        meaning: Size, mode and scale that the model was trained with.

    Returns:
        `(height * width [* 3],)` row by row, from the scale's first to its second number.

    Raises:
        Invalid: It is not such an image, is damaged, or has another size.
    """
    height, width, mode, low, high = _parts(meaning)
    if len(data) > _MAX_BYTES:
        raise Invalid(f"the image has more than {_MAX_BYTES >> 20} MiB")
    try:
        # The header is read first: nothing is unpacked unless the size is the declared one.
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.size != (width, height):
                raise Invalid(
                    f"the image is {image.size[0]}x{image.size[1]} pixels, "
                    f"the model takes {width}x{height}",
                    hint="scale it as the training images were scaled",
                )
            if image.mode not in _MODES or "transparency" in image.info:
                raise Invalid(
                    f"images of mode {image.mode} are not taken, or this one is transparent",
                    hint="save it as grey or RGB with 8 bits a channel and no alpha",
                )
            pixels = np.asarray(image.convert(mode), dtype=np.float32)
    except Invalid:
        raise
    except _BROKEN as error:
        raise Invalid(f"not an image that can be read: {error}") from error
    row: NDArray[np.float32] = pixels.reshape(-1)
    if (low, high) != (0.0, 255.0):
        row = (row * np.float32((high - low) / 255.0) + np.float32(low)).astype(np.float32)
    return row


def encode(row: NDArray[Any], meaning: Mapping[str, Any]) -> bytes:
    """Write one row as a PNG file; numbers beyond the scale are clipped, NaN becomes black.

    Raises:
        Invalid: The row has another number of values than the image.
    """
    height, width, mode, low, high = _parts(meaning)
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    if row.size != height * width * (3 if mode == "RGB" else 1):
        raise Invalid(f"the row has {row.size} values, the image {height}x{width} {mode}")
    span = (np.asarray(row, dtype=np.float64) - low) * (255.0 / (high - low))
    pixels = np.clip(np.rint(np.nan_to_num(span)), 0, 255).astype(np.uint8).reshape(shape)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def _parts(meaning: Mapping[str, Any]) -> tuple[int, int, str, float, float]:
    """Take a meaning apart, checked."""
    try:
        height, width = int(meaning["height"]), int(meaning["width"])
        mode = str(meaning.get("mode", "L"))
        low, high = (float(edge) for edge in meaning.get("scale", (0, 255)))
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(f"the signature's image meaning is malformed: {error!r}") from error
    if height < 1 or width < 1 or height * width > 1 << 26:
        raise Invalid(f"an image of {width}x{height} pixels is not taken")
    if mode not in {"L", "RGB"} or not low < high:
        raise Invalid(f"mode {mode!r} and scale [{low}, {high}] are not taken", hint="L or RGB")
    return height, width, mode, low, high
