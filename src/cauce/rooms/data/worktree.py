"""Files of the work tree: found, stamped and hashed, each read at most once."""

import hashlib
import os
import stat
import struct
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from cauce.errors import Conflict, Denied, Invalid, NotFound
from cauce.kernel import manifest, progress
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc, pace, statcache
from cauce.rooms.data.statcache import INODE, SUM, UNKNOWN, Rows, Stamp, Table

_SMALL, _REPORT = 1 << 18, 500
CLOSED = frozenset({".dvc", ".git", ".hg", ".cauce"})
"""Folders of tools; never data."""

_STAMP = struct.Struct("<4q")
_NAME, _SIZE = attrgetter("name"), attrgetter("stamp.size")


class Fresh(NamedTuple):
    """A file whose sum is not known.

    Attributes:
        rel: Path relative to the output.
        stamp: Its state when it was found.
        folder: Folder that it lies in, relative to the output.
        place: Its number among the files of that folder.
    """

    rel: str
    stamp: Stamp
    folder: str
    place: int


class Found:
    """What lies at an output's place.

    Attributes:
        folder: Whether it is a folder; None when nothing is there.
        folders: Folder relative to the output -> states of the files directly in it.
        unknown: How many files have no sum yet.
        problems: What cannot be stored, path -> why.
        executable: Files that their owner may execute; a file by itself has the path "".
        links: Files that are symbolic links.
        empty: Folders in which there is nothing.
        table: What was remembered of them.
    """

    def __init__(self, table: Table, folder: bool | None = None) -> None:
        """Start with nothing found."""
        self.table = table
        self.folder = folder
        self.folders: dict[str, Rows] = {}
        self.unknown = 0
        self.problems: dict[str, str] = {}
        self.executable: set[str] = set()
        self.links: set[str] = set()
        self.empty: list[str] = []
        self._young: list[Fresh] = []

    @property
    def isexec(self) -> bool:
        """Whether a file by itself is executable by its owner."""
        return self.folder is False and "" in self.executable

    @property
    def count(self) -> int:
        """Files."""
        return sum(map(len, self.folders.values()))

    @property
    def files(self) -> dict[str, Stamp]:
        """Path relative to the output -> stamp."""
        return {path: stamp for path, stamp, _ in statcache.paths(self.folders)}

    @property
    def same(self) -> bool:
        """Whether every file and folder is as it was remembered."""
        known = self.table.folders
        return len(self.folders) == len(known) and all(
            known.get(folder) is rows for folder, rows in self.folders.items()
        )

    def fresh(self) -> Iterator[Fresh]:
        """List the files whose sums are not known; they may be learned meanwhile."""
        for folder, rows in self.folders.items():
            if not self.unknown:
                return
            if rows.known():
                continue
            before = f"{folder}/" if folder else ""
            columns = zip(rows.list_names(), rows.list_stamps(), strict=True)
            for index, (name, stamp) in enumerate(columns):
                if rows.sums[index * SUM : (index + 1) * SUM] == UNKNOWN:
                    yield Fresh(before + name, stamp, folder, index)

    def learn(self, it: Fresh, md5: str, *, began: int) -> None:
        """Take the sum of a file; `began` is when reading began, nanoseconds since 1970."""
        sums = self.folders[it.folder].sums
        sums[it.place * SUM : (it.place + 1) * SUM] = bytes.fromhex(md5)
        self.unknown -= 1
        if not it.stamp.settled(began):
            self._young.append(it)

    def keep(self, tree: str | None = None, shape: bytes = b"") -> None:
        """Remember the sums, but for files so fresh that a later change would not show.

        Args:
            tree: What all of them together make; None: as before where nothing changed.
            shape: Shape of the store when it had all of their objects.
        """
        if tree is not None or not self.same:
            self.table.tree, self.table.shape = tree or "", shape
        kept = dict(self.folders)
        for folder in {it.folder for it in self._young}:
            rows = kept[folder]
            kept[folder] = Rows(rows.names, rows.stamps, bytearray(rows.sums))
        for it in self._young:
            kept[it.folder].sums[it.place * SUM : (it.place + 1) * SUM] = UNKNOWN
        self.table.save(kept)

    def sums(self) -> dict[str, str]:
        """Give path -> md5 of all files, sorted by path."""
        found: dict[str, str] = {}
        for folder, rows in self.folders.items():
            before = f"{folder}/" if folder else ""
            names = [before + name for name in rows.list_names()]
            found.update(zip(names, rows.list_sums(), strict=True))
        return dict(sorted(found.items()))


def locate(ws: Workspace, path: Path) -> str:
    """Give a path of the work tree relative to the project, POSIX.

    Raises:
        Invalid: It is outside the project, the project itself, or inside a tool's own folder.
    """
    root = ws.folder.resolve()
    place = Path(os.path.normpath(Path.cwd() / path))
    place = place.parent.resolve() / place.name
    if place == root or not place.is_relative_to(root):
        raise Invalid(
            f"{path} is not inside the project {root}",
            hint="data must lie in a folder of the project; copy or move it there",
        )
    found = place.relative_to(root).as_posix()
    if CLOSED & set(found.split("/")):
        raise Invalid(f"{path} is inside a tool's own folder", hint="give a folder of data")
    manifest.check_path(found)
    return found


def join(path: str, rel: str) -> str:
    """Give the path of an output's file relative to the project."""
    return f"{path}/{rel}" if rel else path


def shown(path: str, rel: str) -> str:
    """Give a path for people, also when its name is not UTF-8."""
    return join(path, rel).encode("utf-8", "replace").decode()


def scan(root: Path, path: str) -> Found:
    """Find the files of an output; ignored ones are left out.

    Links to files are followed, as DVC does. A link to a folder is a problem: DVC leaves it out
    without a word, and we would lose what is in it.
    """
    place = root / path
    found = Found(Table.open(root, path))
    try:
        own = place.lstat()
        state = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        if place.is_symlink():
            found.problems[""] = "it is a broken link"
        return found
    except OSError as error:  # a loop of links, or not allowed
        found.problems[""] = str(error.strerror)
        return found
    if stat.S_ISDIR(state.st_mode):
        if stat.S_ISLNK(own.st_mode):
            found.problems[""] = "it is a link to a folder"
            return found
        found.folder = True
        _walk(root, path, found)
        return found
    found.folder = False
    if not stat.S_ISREG(state.st_mode):
        found.problems[""] = "it is no regular file"
        return found
    if state.st_mode & stat.S_IXUSR:
        found.executable.add("")
    if stat.S_ISLNK(own.st_mode):
        found.links.add("")
    _compare(found, "", [""], array("q", Stamp.of(state)))
    return found


def _walk(root: Path, path: str, found: Found) -> None:
    """Fill in what lies in a folder."""
    ignored = dvc.load().Ignore(root)
    top = f"{root}/{path}"
    stack = [""]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(f"{top}/{folder}") as listing:
                items = sorted(listing, key=_NAME)
        except OSError as error:
            found.problems[folder] = str(error.strerror)
            continue
        asks = not ignored.quiet(join(path, folder))
        names: list[str] = []
        stamps = array("q")
        before = f"{folder}/" if folder else ""
        below = len(stack)
        for item in items:
            name = item.name
            try:
                if item.is_dir(follow_symlinks=False):
                    rel = before + name
                    if name not in CLOSED and not (asks and ignored(join(path, rel), folder=True)):
                        stack.append(rel)
                    continue
                if name in CLOSED or (asks and ignored(join(path, before + name), folder=False)):
                    continue
                state = item.stat()
            except OSError as error:
                why = "it is a broken link" if _is_broken(item) else str(error.strerror)
                found.problems[before + name] = why
                continue
            mode = state.st_mode
            if not stat.S_ISREG(mode):
                linked = (
                    "it is a link to a folder" if stat.S_ISDIR(mode) else "it is no regular file"
                )
                found.problems[before + name] = linked
                continue
            if mode & 0o100:
                found.executable.add(before + name)
            if item.is_symlink():
                found.links.add(before + name)
            names.append(name)
            stamps.extend(
                (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino & INODE)
            )
        if names:
            _compare(found, folder, names, stamps)
        elif len(stack) == below and not items and folder:
            found.empty.append(folder)


def _is_broken(item: "os.DirEntry[str]") -> bool:
    """Tell whether a link that cannot be followed leads nowhere."""
    try:
        os.stat(item.path)  # noqa: PTH116 - what went wrong before goes wrong again
    except FileNotFoundError:
        return item.is_symlink()
    except OSError:
        return False
    return False


def _compare(found: Found, folder: str, names: list[str], stamps: "array[int]") -> None:
    """Take the sums of one folder's files that are as they were remembered."""
    joined, packed = os.fsencode("/".join(names)), stamps.tobytes()
    known = found.table.folders.get(folder)
    if known is not None and known.stamps == packed and known.names == joined and known.known():
        found.folders[folder] = known
        return
    sums = bytearray(SUM * len(names))
    size = _STAMP.size
    at = {} if known is None else {name: n for n, name in enumerate(known.list_names())}
    for index, name in enumerate(names):
        old = at.get(name)
        if known is not None and old is not None:
            had = known.stamps[old * size : (old + 1) * size]
            if had == packed[index * size : (index + 1) * size]:
                sums[index * SUM : (index + 1) * SUM] = known.sums[old * SUM : (old + 1) * SUM]
    rows = found.folders[folder] = Rows(joined, packed, sums)
    if not rows.known():
        found.unknown += rows.list_sums().count("")


def require_storable(path: str, found: Found) -> None:
    """Raise `Invalid` or `NotFound` when an output cannot be stored whole."""
    for rel, why in sorted(found.problems.items()):
        raise Invalid(
            f"{shown(path, rel)} cannot be stored: {why}",
            hint="remove it, put a copy in its place, or name it in .dvcignore",
        )
    if found.folder is None:
        raise NotFound(f"there is nothing at {path}", hint="check the path")
    if not found.folders:
        raise Invalid(
            f"{path} holds no file", hint="check the path; an empty folder has no version"
        )
    for folder, rows in found.folders.items():
        before = f"{folder}/" if folder else ""
        names = rows.list_names()
        if manifest.odd(before + os.fsdecode(rows.names)) or _long(before, names):
            for name in names:
                manifest.check_path(before + name)
        if b".dvc" in rows.names:
            for name in names:
                if name.endswith(".dvc") or name == ".dvcignore":
                    raise Invalid(
                        f"{join(path, before + name)} lies inside the data",
                        hint="a folder is versioned as one; move or remove that file",
                    )


def _long(before: str, names: list[str]) -> bool:
    """Tell whether a path may be longer than a manifest allows."""
    return 4 * (len(before) + max(map(len, names))) > manifest.MAX_PATH


def sums(root: Path, path: str, found: Found) -> dict[str, str]:
    """Give the md5 of each file, hashing only those that changed since the last time.

    Raises:
        Conflict: A file changed while it was read.
        Denied: A file may not be read.
    """
    hash_fresh(root, path, found)
    return found.sums()


def hash_fresh(root: Path, path: str, found: Found) -> None:
    """Hash the files whose sums are not known, and remember them."""
    if found.unknown:
        began = time.time_ns()
        for it, md5 in _hash_all(root, path, found):
            found.learn(it, md5, began=began)
    if not found.same:
        found.keep()


def _hash_all(root: Path, path: str, found: Found) -> Iterator[tuple[Fresh, str]]:
    """Hash files, in threads where that is quicker (hashing leaves Python's lock)."""
    total = found.unknown

    def work(it: Fresh) -> tuple[Fresh, str]:
        return it, _hash(f"{root}/{join(path, it.rel)}", it.stamp)

    for done, result in enumerate(pace.each(work, found.fresh(), _SIZE), start=1):
        yield result
        if done % _REPORT == 0 or done == total:
            progress.report(f"hashing {path}", done, total)


def _hash(file: str, stamp: Stamp) -> str:
    """Hash one file; its stamp must be the same afterwards as when it was found."""
    with reading(file):
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if stamp.size < _SMALL:
            md5 = hashlib.md5(
                os.read(descriptor, stamp.size + 1), usedforsecurity=False
            ).hexdigest()
        else:
            state = hashlib.md5(usedforsecurity=False)
            buffer = bytearray(_SMALL)
            view = memoryview(buffer)
            while count := os.readv(descriptor, [buffer]):
                state.update(view[:count])
            md5 = state.hexdigest()
        after = Stamp.of(os.fstat(descriptor))
    finally:
        os.close(descriptor)
    if stamp != after:
        raise changed(file)
    return md5


@contextmanager
def reading(file: str) -> Iterator[None]:
    """Turn the system's refusals to read a file into errors that name it."""
    try:
        yield
    except PermissionError as error:
        name = error.filename or file
        raise Denied(f"{name} may not be read", hint="change its mode or owner") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise changed(str(error.filename or file)) from error


def changed(file: str) -> Conflict:
    """Make the error of a file that is not as it was found."""
    return Conflict(
        f"{file} changed while it was read", hint="let its writer finish, then run it again"
    )
