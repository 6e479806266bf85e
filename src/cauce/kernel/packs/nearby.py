"""A big object out of what files at hand hold of it, and ranges of it from afar."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from msgspec import Struct

from cauce.kernel.packs import chunks
from cauce.kernel.packs.chunks import ChunkList

_SPAN = 16 << 20


class At(Struct, frozen=True):
    """A chunk that a file of this machine should hold.

    Attributes:
        path: The file.
        start: First byte in it.
    """

    path: Path
    start: int


def held(known: ChunkList, path: Path) -> dict[bytes, At]:
    """Tell where the chunks of an object are in its file."""
    starts = (np.cumsum(known.lengths, dtype=np.int64) - known.lengths).tolist()
    pairs = zip(known.names, starts, strict=True)
    return {name.tobytes(): At(path, start) for name, start in pairs}


def read(at: At, name: bytes, length: int) -> bytes | None:
    """Read a chunk from a file; None when the file holds other bytes by now."""
    with suppress(OSError), at.path.open("rb", buffering=0) as stream:
        stream.seek(at.start)
        data = stream.read(length)
        if chunks.name(data) == name:
            return data
    return None


def pieces(
    known: ChunkList,
    here: Mapping[bytes, At],
    far: Callable[[int, int], Iterator[bytes]],
    *,
    start: int = 0,
) -> Iterator[bytes]:
    """Read an object, piece by piece.

    Args:
        known: Its chunks.
        here: Where some of them are on this machine.
        far: Reads the object from one byte to another, elsewhere.
        start: First byte that is wanted.
    """
    asked = end = start  # what is to be read elsewhere
    at = 0
    for row, length in zip(known.names, known.lengths.tolist(), strict=True):
        begins, at = at, at + length
        if at <= start:
            continue
        name = row.tobytes()
        data = read(here[name], name, length) if name in here else None
        if data is None:
            end = at
            if end - asked >= _SPAN:
                yield from far(asked, end)
                asked = end
            continue
        if asked < end:
            yield from far(asked, end)
        yield data[max(0, start - begins) :]
        asked = end = at
    if asked < end:
        yield from far(asked, end)
