"""scikit-learn's digits: 1,797 real scans of handwritten digits, 8 by 8 pixels.

Source: E. Alpaydin, C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository; the test part, as shipped by scikit-learn (`sklearn.datasets.load_digits`).
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

CLASSES = tuple("0123456789")


def scans() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Load all scans.

    Returns:
        `(1797, 8, 8)` images, 0 (paper) to 255 (ink), and `(1797,)` digits 0 to 9.
    """
    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    return images, bunch.target.astype(np.int64)


def worsen(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Make a scan as a worse scanner would: turned by 8 to 22 degrees, thinner strokes, noise.

    Args:
        image: `(8, 8)` scan, 0 to 255.
        rng: Where the turn, the strength of ink and the noise come from.

    Returns:
        `(8, 8)` scan, 0 to 255.
    """
    angle = float(rng.uniform(8, 22) * rng.choice((-1, 1)))
    large = Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC)
    turned = large.rotate(angle, Image.Resampling.BILINEAR).resize((8, 8), Image.Resampling.BOX)
    ink = (np.asarray(turned, np.float64) / 255) ** 1.3 * rng.uniform(0.85, 1.0)
    noisy = ink + rng.normal(0, 0.09, ink.shape)
    return np.asarray(np.clip(noisy, 0, 1) * 255, np.uint8)


def png(image: NDArray[np.uint8]) -> bytes:
    """Write a scan as a greyscale PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
