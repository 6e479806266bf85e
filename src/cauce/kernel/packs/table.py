"""Records of packs and indexes: where the bytes of an object or a chunk lie."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from cauce.errors import Damaged, Unsupported
from cauce.kernel import digest as names
from cauce.kernel.entities import Digest

Table = npt.NDArray[np.void]
"""Records, dtype `RECORD`."""

RECORD = np.dtype(
    [
        ("key", "u1", (32,)),
        ("size", "<u8"),
        ("offset", "<u4"),
        ("length", "<u4"),
        ("pack", "<u4"),
        ("kind", "u1"),
        ("form", "u1"),
        ("zero", "<u2"),
    ]
)
SHA256, MD5, MD5_DIR, CHUNK = range(4)
WHOLE, LIST = range(2)

_DIGITS = {SHA256: 64, MD5: 32, MD5_DIR: 32}
_BEFORE = {SHA256: "sha256:", MD5: "md5:", MD5_DIR: "md5:"}
_AFTER = {SHA256: "", MD5: "", MD5_DIR: ".dir"}


def key(name: str) -> bytes:
    """Give a digest as 32 bytes and its kind, as one key of 33 bytes; `Invalid` if malformed."""
    algorithm, digits = names.split(name)
    if algorithm == names.LEGACY:
        raise Unsupported(
            f"{name} is an object of version 2 of DVC, which packs do not hold",
            hint="use a remote of layout plain, or `dvc cache migrate --dvc-files`",
        )
    if algorithm == "sha256":
        return bytes.fromhex(digits) + b"\0"
    return bytes.fromhex(digits).ljust(32, b"\0") + (b"\2" if name.endswith(".dir") else b"\1")


def keys(wanted: Iterable[str]) -> npt.NDArray[np.uint8]:
    """Give digests as rows of 33 bytes, ready to be looked up."""
    return rows(map(key, wanted))


def rows(given: Iterable[bytes]) -> npt.NDArray[np.uint8]:
    """Give keys of 33 bytes as rows."""
    return np.frombuffer(b"".join(given), np.uint8).reshape(-1, 33)


def digests(table: Table) -> list[Digest]:
    """Name the objects of records; chunks among them have no digest and must not be given."""
    digits = np.ascontiguousarray(table["key"]).tobytes().hex()
    return [
        Digest(f"{_BEFORE[kind]}{digits[start : start + _DIGITS[kind]]}{_AFTER[kind]}")
        for start, kind in zip(range(0, len(digits), 64), table["kind"].tolist(), strict=True)
    ]


def read(data: bytes | memoryview, where: str) -> Table:
    """Read records and refuse those that cannot be true of any pack."""
    if len(data) % RECORD.itemsize:
        raise refusal(where, "its table is cut off")
    table = np.frombuffer(data, RECORD)
    kind, form = table["kind"], table["form"]
    short = (kind == MD5) | (kind == MD5_DIR)
    lies = (
        (kind > CHUNK)
        | (form > LIST)
        | (table["zero"] != 0)
        | ((form == WHOLE) & (table["size"] != table["length"]))
        | ((form == LIST) & (kind == CHUNK))
        | (short & table["key"][:, 16:].any(axis=1))
    )
    if lies.any():
        raise refusal(where, f"its record {int(lies.argmax())} is of no known form")
    return table


def refusal(where: str, why: str) -> Damaged:
    """Say that bytes are no pack, index or list of chunks."""
    return Damaged(f"{where} is damaged: {why}", hint="nothing of it was used")


class Lookup:
    """Records found by their keys; of several for one key, the first is found.

    Attributes:
        table: Records, as they were given.
        dates: For each record when it was stored; that of one that is found is the latest of all
            with its key.
        order: Numbers of the records that can be found, each key once.
    """

    def __init__(self, table: Table, dates: npt.NDArray[np.float64]) -> None:
        self.table, self.dates = table, dates
        first = _starts(table["key"])
        self.order: npt.NDArray[np.uint32] = np.argsort(first, kind="stable").astype(np.uint32)
        self._first = first[self.order]
        self._drop_repeated()

    def _drop_repeated(self) -> None:
        """Find one record a key: of several, the first, under the latest of their dates."""
        same = self._first[1:] == self._first[:-1]
        if not same.any():
            return
        twice = np.zeros(len(self.order), bool)
        twice[1:] |= same
        twice[:-1] |= same
        keep = np.ones(len(self.order), bool)
        places: dict[bytes, int] = {}
        for place in np.flatnonzero(twice).tolist():
            number = int(self.order[place])
            found = self.table[number]
            first = places.setdefault(found["key"].tobytes() + bytes([found["kind"]]), number)
            if first != number:
                keep[place] = False
                self.dates[first] = max(self.dates[first], self.dates[number])
        self.order, self._first = self.order[keep], self._first[keep]

    def find(self, wanted: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Give the number of each key's record, -1 for those that are not there."""
        found = np.full(len(wanted), -1, np.int64)
        if not len(self.order) or not len(wanted):
            return found
        places = np.searchsorted(self._first, _starts(wanted[:, :32]))
        open_: npt.NDArray[np.int64] = np.arange(len(wanted))
        while len(open_):
            at = places[open_]
            inside = at < len(self.order)
            open_, at = open_[inside], at[inside]
            begins = self._first[at] == _starts(wanted[open_, :32])
            open_, at = open_[begins], at[begins]
            number = self.order[at]
            record = self.table[number]
            right = (record["key"] == wanted[open_, :32]).all(axis=1)
            right &= record["kind"] == wanted[open_, 32]
            found[open_[right]] = number[right]
            open_ = open_[~right]
            places[open_] += 1
        return found


def _starts(key_rows: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Give the first eight bytes of keys as numbers that sort as the bytes do."""
    return np.ascontiguousarray(key_rows[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
