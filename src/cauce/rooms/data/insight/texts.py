"""What a text looks like in figures, and a sketch by which texts that say the same are found."""

import re
import zlib
from collections import Counter

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from cauce.errors import Invalid

SUFFIXES = (".txt", ".text", ".md", ".rst", ".html", ".htm", ".xml", ".json", ".tex")
HASHES, SHINGLE = 64, 3
"""Numbers of a sketch; words that one of its shingles has."""

_MAX_BYTES = 64 << 20
_MOST_WORDS = 2000
_WORD = re.compile(r"\w+")
_PRIME = np.uint64((1 << 61) - 1)
_RANDOM = np.random.default_rng(20_250_101)
_FACTORS = _RANDOM.integers(1, 1 << 31, HASHES, dtype=np.uint64)
_SHIFTS = _RANDOM.integers(0, 1 << 31, HASHES, dtype=np.uint64)
_CHUNK = 4096


class Figures(Struct, frozen=True):
    """A text in figures.

    Attributes:
        characters: Code points.
        words: Runs of letters, digits and underscores.
        lines: Lines.
        distinct: Different words, in small letters.
        counts: The commonest 2,000 words with how often they occur.
        sketch: `(64,)` MinHash numbers; all ones for a text without words.
    """

    characters: int
    words: int
    lines: int
    distinct: int
    counts: dict[str, int]
    sketch: NDArray[np.uint32]


def measure(data: bytes) -> Figures:
    """Measure a text.

    Raises:
        Invalid: It is no UTF-8 or UTF-16 text, or too large.
    """
    if len(data) > _MAX_BYTES:
        raise Invalid(f"the text has more than {_MAX_BYTES >> 20} MiB")
    text = decode(data)
    words = _WORD.findall(text.lower())
    counts = Counter(words)
    return Figures(
        characters=len(text),
        words=len(words),
        lines=text.count("\n") + bool(text and not text.endswith("\n")),
        distinct=len(counts),
        counts=dict(counts.most_common(_MOST_WORDS)),
        sketch=sketch(words),
    )


def decode(data: bytes) -> str:
    """Read UTF-8, or UTF-16 with its mark; raises `Invalid` for anything else."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Invalid(f"not a text in UTF-8: byte {error.start} is {data[error.start]:#04x}") from (
            error
        )
    if "\0" in text:
        raise Invalid("not a text: it holds a zero byte")
    return text


def sketch(words: list[str]) -> NDArray[np.uint32]:
    """Sketch the set of a text's shingles by MinHash.

    Notes:
        The share of equal numbers of two sketches estimates the Jaccard index of their sets
        (A. Broder 1997, Compression and Complexity of Sequences, 21).
    """
    found = np.full(HASHES, 0xFFFFFFFF, np.uint32)
    if not words:
        return found
    known: dict[str, int] = {}
    codes = np.array(
        [known.get(word) or known.setdefault(word, zlib.crc32(word.encode())) for word in words],
        np.uint64,
    )
    shingles = codes[: max(1, len(codes) - SHINGLE + 1)].copy()
    for step in range(1, min(SHINGLE, len(codes))):
        shingles = shingles * np.uint64(0x9E3779B97F4A7C15) + codes[step : step + len(shingles)]
    shingles = np.unique(shingles >> np.uint64(32))
    for start in range(0, len(shingles), _CHUNK):
        part = shingles[start : start + _CHUNK, None]
        mixed = ((part * _FACTORS + _SHIFTS) % _PRIME) & np.uint64(0xFFFFFFFF)
        found = np.minimum(found, mixed.min(axis=0).astype(np.uint32))
    return found
