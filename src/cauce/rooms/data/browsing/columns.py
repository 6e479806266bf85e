r"""A manifest read into columns, a piece at a time: never a million objects, never the whole text.

The canonical form (docs/format.md) lets a piece be cut off between two entries: `},{"digest":"`
stands nowhere else, because a quote inside a path is written `\"`. The bytes are held to the
version's id; what the id vouches for was checked when it was stored.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import msgspec
import numpy as np
from msgspec import Meta, Struct

from cauce.errors import Damaged
from cauce.kernel import digest, manifest
from cauce.kernel.digest import ALGORITHMS
from cauce.kernel.entities import Digest
from cauce.rooms.data.insight.labels import SPLITS

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_START = b'{"cauce":1,"entries":['
_BETWEEN = b'},{"digest":"'
_AFTER = b'],"kind":"'
_PIECE = 1 << 20
_NUMBERS = {name: number for number, name in enumerate(ALGORITHMS)}


class _Row(Struct):
    digest: str
    path: str
    size: Annotated[int, Meta(ge=0, le=2**63 - 1)]


_decoder = msgspec.json.Decoder(list[_Row])


def read(ws: "Workspace", version: Digest) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Read a manifest into the columns of `index`, and its groups.

    Raises:
        NotFound: The manifest is not in the store.
        Damaged: Its bytes are not what its name says, or are no manifest.
    """
    made = _Columns()
    with ws.objects.open(version) as stream:
        start = stream.read(len(_START))
        if start == _START:
            for rows in _pieces(stream, version):
                made.add(rows)
    if start != _START:
        # Another form: what is wrong with it is said, or it is read whole.
        made.add(manifest.parse(ws.objects.get(version)).entries)
    return made.parts(), made.groups()


def _pieces(stream: BinaryIO, version: Digest) -> Iterator[list[_Row]]:
    """Give the entries, some thousands at a time; raises `Damaged` at the end at the latest."""
    algorithm = version.partition(":")[0]
    state = digest.hasher(algorithm)
    state.update(_START)
    held, ended = b"", False
    while piece := stream.read(_PIECE):
        state.update(piece)
        if ended:
            continue
        held += piece
        at = held.rfind(_BETWEEN)
        end = held.find(_AFTER, max(0, at))
        if end >= 0:
            yield _rows(held[:end], version)
            held, ended = b"", True
        elif at >= 0:
            yield _rows(held[: at + 1], version)
            held = held[at + 2 :]
    if not digest.same(version, f"{algorithm}:{state.hexdigest()}"):
        raise Damaged(f"the object {version} has other bytes", hint="restore it from a remote")
    if not ended:
        raise Damaged(f"{version} is not a manifest in canonical form")


def _rows(text: bytes, version: Digest) -> list[_Row]:
    try:
        return _decoder.decode(b"[" + text + b"]")
    except msgspec.MsgspecError as error:
        raise Damaged(f"{version} is not a manifest: {error}") from error


class _Columns:
    """Columns that grow."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._digests = bytearray()
        self._algorithms = bytearray()
        self._arrays: dict[str, list[Any]] = {"ends": [], "sizes": [], "folders": [], "group": []}
        self._numbers: dict[tuple[str, str], int] = {}

    def add(self, rows: Any) -> None:
        """Take some entries."""
        if not rows:
            return
        text = "\n".join([row.path for row in rows]).encode() + b"\n"
        codes = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(codes == 10)
        if len(ends) != len(rows):
            raise Damaged("the manifest has a path with a line feed")
        self._arrays["ends"].append(ends + len(self._text))
        self._arrays["folders"].append(_folders(codes, ends))
        self._arrays["sizes"].append(np.array([row.size for row in rows], np.int64))
        self._arrays["group"].append(np.array([self._group(row.path) for row in rows], np.int32))
        self._text += text
        for row in rows:
            self._digest(row.digest)

    def _group(self, path: str) -> int:
        key = group_of(path)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers)
        return number

    def _digest(self, name: str) -> None:
        algorithm, _, hexes = name.partition(":")
        try:
            raw = bytes.fromhex(hexes)
            if 2 * len(raw) != ALGORITHMS[algorithm]:
                raise ValueError(algorithm)
        except (KeyError, ValueError) as error:
            raise Damaged(f"the manifest holds {name[:100]!r}, which is not a digest") from error
        self._digests += raw.ljust(32, b"\0")
        self._algorithms.append(_NUMBERS[algorithm])

    def parts(self) -> dict[str, Any]:
        """Give the columns as bytes."""
        parts: dict[str, Any] = {"text": self._text, "digests": self._digests}
        parts["algorithms"] = self._algorithms
        types = {"ends": np.int64, "sizes": np.int64, "folders": np.int32, "group": np.int32}
        for name, pieces in self._arrays.items():
            joined = np.concatenate(pieces or [np.empty(0)]).astype(types[name], copy=False)
            if name == "sizes":
                order = np.argsort(joined, kind="stable").astype(np.int32)
                parts["order"] = order.view(np.uint8)
            parts[name] = joined.view(np.uint8)
            pieces.clear()
        return parts

    def groups(self) -> list[tuple[str, str]]:
        """Give split and class by number."""
        return placed(list(self._numbers))


def group_of(path: str) -> tuple[str, str]:
    """Give the first two folders of a path, empty where there is none."""
    parts = path.split("/", 2)
    return (parts[0] if len(parts) > 1 else "", parts[1] if len(parts) > 2 else "")


def placed(folders: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Read split and class off a version's folders.

    `SPLIT/CLASS/…` where any file lies that deep; else the only folder is the class, unless one of
    them is named as splits are.
    """
    if any(second for _, second in folders) or any(first in SPLITS for first, _ in folders):
        return folders
    return [("", first) for first, _ in folders]


def _folders(codes: Any, ends: Any) -> Any:
    """Measure the folder of each path: up to its last slash, with it."""
    slashes = np.flatnonzero(codes == 47)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if not len(slashes):
        return np.zeros(len(ends), np.int32)
    last = slashes[np.maximum(np.searchsorted(slashes, ends) - 1, 0)]
    return np.where((last >= starts) & (last < ends), last + 1 - starts, 0).astype(np.int32)
