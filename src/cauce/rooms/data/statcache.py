"""What files were hashed to, so that unchanged ones are not read again.

One small file an output in `.cauce/stat/`: a convenience, never the truth. It may be deleted at any
time, and one that cannot be read is as good as none.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from cauce.kernel import digest

_FORMAT = 1
FINE, _COARSE = 20_000_000, 2_100_000_000
"""Nanoseconds that are longer than a tick of the clock that stamps files, by file system."""


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
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


class _Body(msgspec.Struct):
    format: int
    files: dict[str, tuple[Stamp, str]]


class StatCache:
    """Sums of the files of one output, by relative path."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._files = self._load()
        self._new: dict[str, tuple[Stamp, str]] = {}

    @classmethod
    def open(cls, root: Path, path: str) -> "StatCache":
        """Open the cache of an output of a project."""
        key = digest.of(path.encode(), "sha256").partition(":")[2][:32]
        return cls(root / ".cauce" / "stat" / key)

    def _load(self) -> dict[str, tuple[Stamp, str]]:
        try:
            body = msgspec.msgpack.decode(self._file.read_bytes(), type=_Body)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}
        return body.files if body.format == _FORMAT else {}

    def get(self, path: str, stamp: Stamp) -> str | None:
        """Give the md5 of a file that has not changed since it was hashed."""
        known = self._files.get(path)
        if known is None or known[0] != stamp:
            return None
        self._new[path] = known
        return known[1]

    def put(self, path: str, stamp: Stamp, md5: str, *, began: int) -> None:
        """Remember a sum, unless the file is so fresh that a change would not show.

        Args:
            path: Relative to the output.
            stamp: The same before and after the file was read.
            md5: Hex of its sum.
            began: When reading began, nanoseconds since 1970.

        Notes:
            A write in the same tick of the file system's clock leaves the stamp as it is. So a
            file counts only when its last change is older than a tick (at most 10 ms on Linux, 2 s
            on FAT, whose stamps are whole) was at that moment.
        """
        last = max(stamp.written, stamp.touched)
        margin = FINE if last % 1_000_000 else _COARSE
        if last + margin < began:
            self._new[path] = (stamp, md5)

    def trust(self, path: str, stamp: Stamp, md5: str) -> None:
        """Remember a sum whose stamp no later change of the file can have."""
        self._new[path] = (stamp, md5)

    def save(self) -> None:
        """Keep what was asked for or put since the cache was opened; the rest is gone."""
        if self._new == self._files:
            return
        body = msgspec.msgpack.encode(_Body(_FORMAT, self._new))
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}-{time.monotonic_ns()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(body)
            beside.replace(self._file)
        except OSError:
            # A full or read-only disk must not stop who only looks.
            with suppress(OSError):
                beside.unlink()
