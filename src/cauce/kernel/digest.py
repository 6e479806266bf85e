"""Names of bytes: `algorithm:hex`, several algorithms from one read.

DVC names the bytes of a directory manifest with a suffix, `md5:hex.dir`; it is kept as part of the
name, because the object's file carries it too.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from cauce.errors import Invalid
from cauce.kernel.entities import Digest

ALGORITHMS = {"md5": 32, "sha256": 64}
"""Algorithms and the number of their hex digits, as in `_FORM`. md5 names bytes for DVC, it is no
protection."""

LEGACY = "md5-dos2unix"
"""Algorithm of DVC 2, which is read and never written anew: md5 of text without its CR."""

_CHUNK = 1 << 20
_FORM = re.compile(r"(?:md5(?:-dos2unix)?:[0-9a-f]{32}(?:\.dir)?|sha256:[0-9a-f]{64})\Z")


class Hasher(Protocol):
    """The part of `hashlib`'s objects that is used here."""

    @property
    def name(self) -> str: ...  # noqa: D102
    def update(self, data: bytes | bytearray | memoryview, /) -> None: ...  # noqa: D102
    def digest(self) -> bytes: ...  # noqa: D102
    def hexdigest(self) -> str: ...  # noqa: D102


def hasher(algorithm: str) -> Hasher:
    """Make a new hash object of a known algorithm."""
    if algorithm == LEGACY:
        from cauce.kernel.dos2unix import Dos2Unix  # late: only data of DVC 2 need it

        return Dos2Unix()
    if algorithm not in ALGORITHMS:
        raise Invalid(f"no digest algorithm {algorithm!r}", hint=f"known: {', '.join(ALGORITHMS)}")
    return hashlib.new(algorithm, usedforsecurity=False)


def of(data: bytes | memoryview, algorithm: str = "sha256") -> Digest:
    """Name bytes in memory."""
    state = hasher(algorithm)
    state.update(data)
    return Digest(f"{algorithm}:{state.hexdigest()}")


def of_stream(stream: BinaryIO, algorithms: Sequence[str] = ("sha256",)) -> list[Digest]:
    """Name the rest of a stream under several algorithms, reading it once."""
    states = [hasher(algorithm) for algorithm in algorithms]
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    readinto = getattr(stream, "readinto", None)
    while True:
        if readinto is not None:
            count = readinto(buffer)
            chunk: bytes | memoryview = view[:count]
        else:
            chunk = stream.read(_CHUNK)
            count = len(chunk)
        if not count:
            break
        for state in states:
            state.update(chunk)
    return [
        Digest(f"{algorithm}:{state.hexdigest()}")
        for algorithm, state in zip(algorithms, states, strict=True)
    ]


def of_file(path: Path, algorithms: Sequence[str] = ("sha256",)) -> list[Digest]:
    """Name a file's bytes under several algorithms, reading it once."""
    with path.open("rb", buffering=0) as stream:
        return of_stream(stream, algorithms)


def split(digest: str) -> tuple[str, str]:
    """Take a digest apart into algorithm and hex, without the suffix `.dir`.

    Raises:
        Invalid: It is not `algorithm:hex` with a known algorithm and its number of digits.
    """
    if not _FORM.match(digest):
        raise Invalid(
            f"{digest[:100]!r} is not a digest",
            hint="write algorithm:hex in lower case, e.g. sha256: and 64 hex digits",
        )
    algorithm, _, digits = digest.partition(":")
    return algorithm, digits.removesuffix(".dir")


def same(wanted: str, found: str) -> bool:
    """Compare a name with what bytes hash to; `.dir` says what bytes mean, not what they are."""
    return wanted.removesuffix(".dir") == found


def check(digests: Iterable[str]) -> None:
    """Raise `Invalid` unless each is a well-formed digest."""
    for digest in digests:
        split(digest)


def short(digest: str) -> str:
    """Give the first twelve hex digits, for people."""
    return digest.partition(":")[2][:12] or digest[:12]
