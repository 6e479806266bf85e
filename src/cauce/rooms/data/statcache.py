"""What files were hashed to, so that unchanged ones are not read again.

One file an output in `.cauce/stat/`: a convenience, never the truth. It may be deleted at any
time, and one that cannot be read is as good as none. States are kept folder by folder, packed: a
folder in which nothing changed is recognised by comparing two strings of bytes, and a million files
fit into a hundred megabytes.
"""

import os
import time
from array import array
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from cauce.kernel import digest

_FORMAT = 2
FINE, _COARSE = 20_000_000, 2_100_000_000
"""Nanoseconds that are longer than a tick of the clock that stamps files, by file system."""

SUM = 16
UNKNOWN = bytes(SUM)
"""Stands for the sum of a file that was not hashed, or was too fresh to be trusted later."""

INODE = (1 << 63) - 1


class Stamp(NamedTuple):
    """What changes when a file's bytes change.

    Attributes:
        size: Bytes.
        written: Last change of the bytes, nanoseconds.
        touched: Last change of the inode, nanoseconds; no program can set it back.
        inode: Number of the inode.
    """

    size: int
    written: int
    touched: int
    inode: int

    @classmethod
    def of(cls, found: os.stat_result) -> "Stamp":
        """Take it from what `stat` said."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino & INODE)

    def settled(self, began: int) -> bool:
        """Tell whether any later change will show, for a file that was read from `began` on.

        Args:
            began: Nanoseconds since 1970.

        Notes:
            A write in the same tick of the file system's clock leaves the stamp as it is. So a
            file counts only when its last change is older than a tick (at most 10 ms on Linux, 2 s
            on FAT, whose stamps are whole) was at that moment.
        """
        last = max(self.written, self.touched)
        return last + (FINE if last % 1_000_000 else _COARSE) < began


class Rows(msgspec.Struct, array_like=True):
    """States of the files that lie directly in one folder, in order of name.

    Attributes:
        names: Their names, joined by `/`.
        stamps: Four signed numbers of 64 bits a file: the fields of `Stamp`.
        sums: Sixteen bytes a file: its md5, or `UNKNOWN`.
    """

    names: bytes
    stamps: bytes
    sums: bytearray

    @classmethod
    def of(cls, files: Mapping[str, tuple[Stamp, str]]) -> "Rows":
        """Pack stamps and sums by name."""
        names = sorted(files)
        stamps = array("q")
        for name in names:
            stamps.extend(files[name][0])
        sums = bytearray.fromhex("".join(files[name][1] for name in names))
        return cls(os.fsencode("/".join(names)), stamps.tobytes(), sums)

    def __len__(self) -> int:
        return len(self.sums) // SUM

    def list_names(self) -> list[str]:
        """Give the names."""
        return os.fsdecode(self.names).split("/")

    def list_stamps(self) -> list[Stamp]:
        """Give the stamps, in the order of the names."""
        numbers = iter(array("q", self.stamps))
        return list(map(Stamp._make, zip(numbers, numbers, numbers, numbers, strict=True)))

    def sizes(self) -> "array[int]":
        """Give the sizes, in the order of the names."""
        return array("q", self.stamps)[::4]

    def list_sums(self) -> list[str]:
        """Give the sums in hex, in the order of the names; empty where unknown."""
        text = self.sums.hex()
        whole = [text[at : at + 32] for at in range(0, len(text), 32)]
        return whole if self.known() else ["" if sum == _NONE else sum for sum in whole]

    def known(self) -> bool:
        """Tell whether all sums are known."""
        if UNKNOWN not in self.sums:
            return True
        return all(self.sums[at : at + SUM] != UNKNOWN for at in range(0, len(self.sums), SUM))


_NONE = UNKNOWN.hex()


class _Body(msgspec.Struct, array_like=True):
    format: int
    tree: str
    shape: bytes
    folders: dict[str, Rows]


class Table:
    """States of all files of one output.

    Attributes:
        folders: Folder relative to the output -> states; a file by itself lies in the folder "" and
            has the name "".
        tree: Hex of the `.dir` object that all of the files together make, empty when not known.
        shape: Shape of the store (`Files.shape`) when it had all of their objects.
    """

    def __init__(self, file: Path) -> None:
        """Read a table; one that cannot be read is empty."""
        self._file = file
        try:
            body = msgspec.msgpack.decode(file.read_bytes(), type=_Body)
            found = body if body.format == _FORMAT and _sound(body) else None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            found = None
        self.folders: dict[str, Rows] = found.folders if found else {}
        self.tree = found.tree if found else ""
        self.shape = found.shape if found else b""

    @classmethod
    def open(cls, root: Path, path: str) -> "Table":
        """Open the table of an output of a project."""
        key = digest.of(os.fsencode(path), "sha256").partition(":")[2][:32]
        return cls(root / ".cauce" / "stat" / key)

    def save(self, folders: dict[str, Rows]) -> None:
        """Keep states from now on; a full or read-only disk must not stop who only looks."""
        self.folders = {name: rows for name, rows in folders.items() if _utf8(name)}
        body = msgspec.msgpack.encode(_Body(_FORMAT, self.tree, self.shape, self.folders))
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}-{time.monotonic_ns()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(body)
            beside.replace(self._file)
        except OSError:
            with suppress(OSError):
                beside.unlink()


def _utf8(name: str) -> bool:
    """Tell whether a name can be written as text; others are looked at anew each time."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sound(body: _Body) -> bool:
    """Tell whether the columns of all folders have one length."""
    return all(
        len(rows.stamps) == 2 * len(rows.sums)
        and len(rows.sums) % SUM == 0
        and rows.names.count(b"/") == max(0, len(rows) - 1)
        for rows in body.folders.values()
    )


def paths(folders: dict[str, Rows]) -> Iterator[tuple[str, Stamp, str]]:
    """List path, stamp and sum of all files, folder by folder."""
    for folder, rows in folders.items():
        before = f"{folder}/" if folder else ""
        columns = (rows.list_names(), rows.list_stamps(), rows.list_sums())
        for name, stamp, md5 in zip(*columns, strict=True):
            yield before + name, stamp, md5
