"""A version's files in columns, so that a million of them are looked through at once.

A manifest never changes, so its columns are made once and kept in `.cauce/cache/files/` under the
version's id: a few arrays in one file that is mapped, not read, and that all processes share. The
folder is a convenience and may be deleted at any time; where it cannot be written, the columns stay
in memory.

    magic   8 bytes, `cauce-i1`
    header  8 bytes length (little endian), JSON: `parts` name -> [offset, bytes], and `groups`
    parts   each at a multiple of 8

| part | one for each file, in the order of the manifest |
|---|---|
| text | paths in UTF-8, a line feed after each; no path holds one |
| ends | where its path ends in `text`, int64 |
| sizes | bytes, int64 |
| folders | length of the folder in its path, with the slash, int32 |
| group | its split and class as a number of `groups`, int32 |
| algorithms, digests | number in `ALGORITHMS`, and 32 bytes of digest |
| order | numbers of the files by size, the smallest first, int32 |
"""

import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from cauce.kernel.digest import ALGORITHMS
from cauce.kernel.entities import Digest, Entry
from cauce.kernel.objects import beside
from cauce.rooms.data.browsing import columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cauce.kernel.workspace import Workspace

MAGIC = b"cauce-i1"
KEPT = 1 << 30
"""Bytes of columns that stay on the disk; what was made longest ago goes first."""

_NAMES = tuple(ALGORITHMS)
_TYPES = {
    "text": np.uint8,
    "ends": np.int64,
    "sizes": np.int64,
    "folders": np.int32,
    "group": np.int32,
    "algorithms": np.uint8,
    "digests": np.uint8,
    "order": np.int32,
}


class Index:
    """The columns of one version.

    Attributes:
        groups: Split and class by number, in the order of `group`.
    """

    def __init__(self, parts: Mapping[str, Any], groups: Sequence[tuple[str, str]]) -> None:
        self._parts = parts
        self.groups = groups

    def __len__(self) -> int:
        return len(self.sizes)

    def _column(self, name: str) -> "NDArray[Any]":
        return np.frombuffer(self._parts[name], _TYPES[name])

    @cached_property
    def text(self) -> "NDArray[np.uint8]":
        """All paths, a line feed after each."""
        return self._column("text")

    @cached_property
    def ends(self) -> "NDArray[np.int64]":
        """Where each path ends in `text`."""
        return self._column("ends")

    @cached_property
    def sizes(self) -> "NDArray[np.int64]":
        """Bytes of each file."""
        return self._column("sizes")

    @cached_property
    def folders(self) -> "NDArray[np.int32]":
        """Length of each path's folder, with its slash."""
        return self._column("folders")

    @cached_property
    def group(self) -> "NDArray[np.int32]":
        """Number of each file's split and class."""
        return self._column("group")

    @cached_property
    def order(self) -> "NDArray[np.int32]":
        """Numbers of the files, the smallest file first."""
        return self._column("order")

    def path(self, at: int) -> str:
        """Give a file's path."""
        return self.raw(at).decode()

    def raw(self, at: int) -> bytes:
        """Give a file's path in UTF-8; their order is the manifest's."""
        start = int(self.ends[at - 1]) + 1 if at else 0
        return self.text[start : int(self.ends[at])].tobytes()

    def digest(self, at: int) -> Digest:
        """Give a file's digest."""
        name = _NAMES[self._parts["algorithms"][at]]
        width = ALGORITHMS[name] // 2
        return Digest(f"{name}:{bytes(self._parts['digests'][32 * at : 32 * at + width]).hex()}")

    def entry(self, at: int) -> Entry:
        """Give a file as the manifest lists it."""
        return Entry(path=self.path(at), digest=self.digest(at), size=int(self.sizes[at]))

    def first(self, path: bytes, low: int = 0, high: int | None = None) -> int:
        """Find the first file whose path is not before this one."""
        high = len(self) if high is None else high
        while low < high:
            middle = (low + high) // 2
            if self.raw(middle) < path:
                low = middle + 1
            else:
                high = middle
        return low

    def below(self, prefix: str) -> tuple[int, int]:
        """Find the files whose path starts with a text: from the first, to before the second."""
        start = prefix.encode()
        low = self.first(start)
        # No UTF-8 text holds the byte 0xff, so this is after all that start so.
        return low, self.first(start + b"\xff", low)

    def alike(self, row: int) -> "NDArray[np.int64]":
        """Give the numbers of the files with the same bytes as one, itself among them."""
        words = self._column("digests").view(np.uint64).reshape(-1, 4)
        found = np.flatnonzero(words[:, 0] == words[row, 0])
        same: NDArray[np.int64] = found[(words[found] == words[row]).all(axis=1)]
        return same

    def folder(self, prefix: str) -> "tuple[NDArray[np.int64], list[tuple[str, int, int]]]":
        """Look into a folder.

        Args:
            prefix: The folder with its slash, empty for the top.

        Returns:
            Numbers of the files directly in it; its folders with the files and bytes below each.
        """
        low, high = self.below(prefix)
        length = len(prefix.encode())
        deeper = self.folders[low:high] > length
        found = []
        at = low
        while at < high and (ahead := np.argmax(deeper[at - low :])) < high - at:
            at += int(ahead)
            if not deeper[at - low]:
                break
            raw = self.raw(at)
            name = raw[: raw.index(b"/", length)]
            end = self.first(name + b"0", at, high)  # what follows the slash
            found.append((name.decode(), end - at, int(self.sizes[at:end].sum())))
            at = end
        return np.flatnonzero(~deeper) + low, found

    def __getitem__(self, path: str) -> int:
        """Find a file; raises `KeyError`."""
        wanted = path.encode()
        at = self.first(wanted)
        if at == len(self) or self.raw(at) != wanted:
            raise KeyError(path)
        return at

    def counts(self, rows: "NDArray[np.int64] | slice | None" = None) -> "NDArray[np.int64]":
        """Count files by group, of all or of some."""
        group = self.group if rows is None else self.group[rows]
        return np.bincount(group, minlength=len(self.groups))


def of(ws: "Workspace", version: Digest) -> Index:
    """Give the columns of a version, made at the first time.

    Raises:
        NotFound: The manifest is not in the store.
        Damaged: Its bytes are not what its name says, or are no manifest.
    """
    return ws.kept.get(("files", version), lambda: _open(ws, version))


def _open(ws: "Workspace", version: Digest) -> tuple[Index, int]:
    """Map the columns, or make them; and say how much memory they take."""
    place = _place(ws, version)
    found = _mapped(place) if place else None
    if found is None:
        parts, groups = columns.read(ws, version)
        if place is not None:
            with suppress(OSError):
                _write(place, parts, groups)
                _prune(place.parent)
                found = _mapped(place)
        if found is None:
            return Index(parts, groups), sum(len(part) for part in parts.values())
    return found, 1 << 12


def _place(ws: "Workspace", version: Digest) -> Path | None:
    if ws.root is None:
        return None
    return ws.root / ".cauce" / "cache" / "files" / version.partition(":")[2]


def _mapped(place: Path) -> Index | None:
    """Map a file of columns; None when there is none, or when it is not whole."""
    try:
        with place.open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return None
    if mapped[:8] != MAGIC:
        return None
    length = int.from_bytes(mapped[8:16], "little")
    try:
        header = msgspec.json.decode(mapped[16 : 16 + length], type=_Header)
    except msgspec.MsgspecError:
        return None
    if header.parts.keys() != _TYPES.keys() or header.size != len(mapped):
        return None
    parts = {name: mapped[at : at + size] for name, (at, size) in header.parts.items()}
    return Index(parts, header.groups)


class _Header(msgspec.Struct):
    parts: dict[str, tuple[int, int]]
    groups: list[tuple[str, str]]
    size: int = 0


def _write(place: Path, parts: Mapping[str, Any], groups: list[tuple[str, str]]) -> None:
    """Write columns beside their place, then rename."""
    header = _Header(parts={}, groups=groups)
    # Offsets have a fixed width in the header only once it is known: leave room for 20 digits each.
    room = 64 + len(msgspec.json.encode(groups)) + 64 * len(parts)
    at = _aligned(16 + room)
    for name, part in parts.items():
        header.parts[name] = (at, len(part))
        at = _aligned(at + len(part))
    header.size = at
    text = msgspec.json.encode(header)
    with beside(place) as file:
        file.write(MAGIC + len(text).to_bytes(8, "little") + text)
        for name, (start, _) in header.parts.items():
            file.seek(start)
            file.write(parts[name])
        file.truncate(at)


def _aligned(at: int) -> int:
    return -(-at // 8) * 8


def _prune(folder: Path) -> None:
    """Remove what is beyond `KEPT`; a process that has a file mapped keeps its bytes."""
    total = 0
    for _, size, name in sorted(_ages(folder), reverse=True):
        total += size
        if total > KEPT:
            with suppress(OSError):
                os.unlink(name)  # noqa: PTH108 - names of a scan


def _ages(folder: Path) -> Iterator[tuple[float, int, str]]:
    with os.scandir(folder) as found:
        for item in found:
            state = item.stat()
            yield state.st_mtime, state.st_size, item.path
