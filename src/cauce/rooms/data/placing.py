"""Objects into the work tree, as `cache.type` says: reflink, hard link, symbolic link or copy."""

import errno
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cauce.errors import Conflict, Invalid
from cauce.kernel.entities import Digest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc

KINDS = ("reflink", "hardlink", "symlink", "copy")
_FICLONE = 0x40049409
_STALE = 24 * 3600.0
_RANGE = 1 << 30
_CANNOT = {
    errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY,
    errno.EINVAL, errno.EACCES,
}  # fmt: skip
_BLOCKED = {errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST}


def kinds(root: Path) -> list[str]:
    """Read `cache.type`: the ways to try, in order.

    Raises:
        Invalid: It names another way.
    """
    text = dvc.load().load(root).get("cache", {}).get("type", "")
    found = [word.strip() for word in text.strip("[]").split(",") if word.strip()]
    for word in found:
        if word not in KINDS:
            raise Invalid(
                f"cache.type = {text!r} in .dvc/config", hint=f"known: {', '.join(KINDS)}"
            )
    return found or ["reflink", "copy"]


@contextmanager
def scratch(root: Path) -> Iterator[str]:
    """Make a folder to write in first; what a killed checkout left long ago goes."""
    beside = root / ".cauce" / "tmp"
    beside.mkdir(parents=True, exist_ok=True)
    for left in beside.glob("checkout-*"):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - _STALE:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix="checkout-", dir=beside) as folder:
        yield folder


class Placer:
    """Puts objects in their places, each whole or not at all."""

    def __init__(
        self, ws: Workspace, folder: str, sources: Mapping[Digest, str], ways: Sequence[str]
    ) -> None:
        """Start.

        Args:
            ws: Workspace.
            folder: Where files are written first.
            sources: Files of objects; an object without one is fetched.
            ways: What to try, in order; `copy` is the last resort.
        """
        self._ws, self._folder, self._sources = ws, folder, sources
        self._ways = [*ways, "copy"]
        self._made: dict[str, bool] = {}
        self._number = 0

    def put(self, name: Digest, place: str, *, free: bool, own: bool = False) -> None:
        """Put one object in its place.

        Args:
            name: The object.
            place: Where to.
            free: Nothing was there when the plan was made.
            own: It must be a file of its own, whatever `cache.type` says.

        Raises:
            Conflict: Something is in the way.
        """
        source = self._sources.get(name)
        folder = place.rpartition("/")[0]
        try:
            new = self._folder_of(folder)
            if source is None:
                beside = self._beside()
                self._ws.objects.fetch(name, Path(beside))
                self._move(beside, place)
                return
            while True:
                way = "copy" if own else self._ways[0]
                try:
                    self._bring(way, source, place, free=free or new)
                except OSError as error:
                    if way == "copy" or error.errno not in _CANNOT:
                        raise
                    del self._ways[0]
                else:
                    return
        except OSError as error:
            if error.errno not in _BLOCKED:
                raise
            raise Conflict(
                f"{place} cannot be written: {error.strerror}",
                hint="a file that came meanwhile, or an ignored one, is in its way; move it",
            ) from error

    def fresh(self, place: str) -> bool:
        """Tell whether the folder of a place was made here, so that nobody's file is in it."""
        return self._folder_of(place.rpartition("/")[0])

    def _folder_of(self, folder: str) -> bool:
        if folder not in self._made:
            try:
                os.mkdir(folder)  # noqa: PTH102 - once a folder, beside 100,000 files
            except FileExistsError:
                self._made[folder] = False
            except FileNotFoundError:
                self._folder_of(folder.rpartition("/")[0])
                return self._folder_of(folder)
            else:
                self._made[folder] = True
        return self._made[folder]

    def _beside(self) -> str:
        self._number += 1
        return f"{self._folder}/{self._number}"

    def _bring(self, way: str, source: str, place: str, *, free: bool) -> None:
        if way in {"hardlink", "symlink"}:
            target = place if free else self._beside()
            if way == "hardlink":
                os.link(source, target)
            else:
                os.symlink(os.path.abspath(source), target)  # noqa: PTH100, PTH211
            if not free:
                self._move(target, place)
            return
        beside = self._beside()
        reader = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            writer = os.open(beside, flags, 0o666)
            try:
                if way == "reflink":
                    fcntl.ioctl(writer, _FICLONE, reader)
                else:
                    _copy(reader, writer)
            finally:
                os.close(writer)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(beside)  # noqa: PTH108
            raise
        finally:
            os.close(reader)
        self._move(beside, place)

    def _move(self, beside: str, place: str) -> None:
        """Rename a file to its place; empty folders give way."""
        try:
            os.replace(beside, place)  # noqa: PTH105
        except IsADirectoryError:
            for folder, _, _ in os.walk(place, topdown=False):
                Path(folder).rmdir()
            os.replace(beside, place)  # noqa: PTH105
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._across(Path(beside), Path(place))

    def _across(self, beside: Path, place: Path) -> None:
        """Bring a file to another disk that is mounted in the work tree."""
        last = place.with_name(f".cauce-{os.urandom(8).hex()}.tmp")
        try:
            if beside.is_symlink():
                last.symlink_to(beside.readlink())
            else:
                shutil.copyfile(beside, last)
            last.replace(place)
        finally:
            last.unlink(missing_ok=True)


def _copy(reader: int, writer: int) -> None:
    """Copy inside the kernel; where the file systems cannot, by hand."""
    left = os.fstat(reader).st_size
    done = 0
    while left > done:
        try:
            count = os.copy_file_range(reader, writer, min(left - done, _RANGE))
        except OSError as error:
            if done or error.errno not in _CANNOT:
                raise
            while data := os.read(reader, 1 << 20):
                view = memoryview(data)
                while view:
                    view = view[os.write(writer, view) :]
            return
        if not count:
            break
        done += count


def linked(state: os.stat_result) -> bool:
    """Tell whether a file is more than one name, so that its mode is an object's too."""
    return stat.S_ISREG(state.st_mode) and state.st_nlink > 1
