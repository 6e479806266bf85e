"""Columns that a person can read, made of rows that only a model can.

Sixty-four histograms of single pixels would find drift, and nobody could say what has happened.
Six figures of an image can be named, move with what goes wrong with cameras, lamps and scanners,
and cost less than the model.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from cauce.kernel.model import Meaning, Signature

Floats = NDArray[np.float64]

IMAGE = {
    "brightness": "mean of the pixels, 0 black to 1 white",
    "contrast": "standard deviation of the pixels",
    "ink": "share of the pixels on the white half of the scale",
    "sharpness": "mean difference of a pixel from its four neighbours' mean",
    "entropy": "variety of 16 grey levels, bits; noise raises it, a blank page has 0",
    "slant": "how far what is drawn leans, -1 to 1; turning moves it",
}

ROW = {
    "mean": "mean of the row's values",
    "deviation": "standard deviation of the row's values",
    "least": "least value of the row",
    "greatest": "greatest value of the row",
    "zeros": "share of values that are 0",
}

_MOST_COLUMNS = 32
_LEVELS = 16


class Watched(Struct, frozen=True):
    """What is watched of a model's inputs.

    Attributes:
        width: Values of one row.
        names: Column -> what it measures.
        meaning: How a row is an image, None when it is just a row.
    """

    width: int
    names: dict[str, str]
    meaning: Meaning | None


def watched(signature: Signature) -> Watched:
    """Choose the columns for a model: of an image, each value of a short row, or a long row's sum.

    Args:
        signature: Its first input is what is watched; axes after the first must be fixed.
    """
    first = signature.inputs[0]
    width = 1
    for size in first.shape[1:]:
        width *= max(1, size)
    if first.meaning is not None:
        return Watched(width, IMAGE, first.meaning)
    if width <= _MOST_COLUMNS:
        names = {f"x{number}": f"value {number} of the row" for number in range(width)}
        return Watched(width, names, None)
    return Watched(width, ROW, None)


def columns(rows: NDArray[np.float32], chosen: Watched) -> dict[str, Floats]:
    """Compute the watched columns.

    Args:
        rows: `(n, width)`.

    Returns:
        `(n,)` a column; NaN where a row holds a value that is not finite.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        values = rows.astype(np.float64)
        broken = ~np.isfinite(values).all(axis=1)
        if chosen.meaning is None and chosen.names is not ROW:
            return dict(zip(chosen.names, values.T, strict=True))
        values[broken] = 0
        found = _of_images(values, chosen.meaning) if chosen.meaning else _of_rows(values)
    for column in found.values():
        column[broken] = np.nan
    return found


def _of_rows(values: Floats) -> dict[str, Floats]:
    return {
        "mean": values.mean(axis=1),
        "deviation": values.std(axis=1),
        "least": values.min(axis=1),
        "greatest": values.max(axis=1),
        "zeros": (values == 0).mean(axis=1),
    }


def _of_images(values: Floats, meaning: Meaning) -> dict[str, Floats]:
    low, high = meaning.scale
    grey = (values - low) / (high - low)
    if meaning.mode == "RGB":
        grey = grey.reshape(len(grey), -1, 3) @ np.array([0.299, 0.587, 0.114])
    image = grey.reshape(len(grey), meaning.height, meaning.width)
    flat = image.reshape(len(grey), -1)
    return {
        "brightness": flat.mean(axis=1),
        "contrast": flat.std(axis=1),
        "ink": (flat > 0.5).mean(axis=1),
        "sharpness": _sharpness(image),
        "entropy": _entropy(flat),
        "slant": _slant(image),
    }


def _sharpness(image: Floats) -> Floats:
    """Mean size of the discrete Laplacian; an image without an inside has none."""
    if min(image.shape[1:]) < 3:
        return np.zeros(len(image))
    around = image[:, :-2, 1:-1] + image[:, 2:, 1:-1] + image[:, 1:-1, :-2] + image[:, 1:-1, 2:]
    sharp: Floats = np.abs(image[:, 1:-1, 1:-1] - around / 4).mean(axis=(1, 2))
    return sharp


def _entropy(flat: Floats) -> Floats:
    """Shannon entropy of the grey levels of each image, bits, 0 to 4."""
    levels = np.clip(flat * _LEVELS, 0, _LEVELS - 1).astype(np.int64)
    offset = np.arange(len(flat))[:, None] * _LEVELS
    counts = np.bincount((levels + offset).ravel(), minlength=len(flat) * _LEVELS)
    shares = counts.reshape(len(flat), _LEVELS) / flat.shape[1]
    entropy: Floats = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)
    return entropy + 0.0


def _slant(image: Floats) -> Floats:
    """Correlation of the two axes, weighted by how far each pixel is from black."""
    weight = np.clip(image, 0, None)
    total = weight.sum(axis=(1, 2))
    weight = weight / np.where(total > 0, total, 1)[:, None, None]
    across, down = np.arange(image.shape[2]), np.arange(image.shape[1])
    x, y = weight.sum(axis=1), weight.sum(axis=2)
    middle_x, middle_y = x @ across, y @ down
    spread_x = x @ across**2 - middle_x**2
    spread_y = y @ down**2 - middle_y**2
    both = np.einsum("nij,i,j->n", weight, down, across) - middle_x * middle_y
    scale = np.sqrt(np.clip(spread_x * spread_y, 0, None))
    slant: Floats = np.divide(both, scale, out=np.zeros(len(image)), where=scale > 1e-12)
    return np.clip(slant, -1, 1)
