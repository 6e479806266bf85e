"""Files of the work tree: found, stamped and hashed, each read at most once."""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from cauce.errors import Conflict, Denied, Invalid, NotFound
from cauce.kernel import digest, manifest, progress
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc
from cauce.rooms.data.statcache import Stamp, StatCache

_CHUNK, _SMALL = 64, 1 << 18
_CLOSED = frozenset({".dvc", ".git", ".hg", ".cauce"})


class Found(NamedTuple):
    """What lies at an output's place.

    Attributes:
        folder: Whether it is a folder; None when nothing is there.
        files: Path relative to the output -> stamp; one file by itself has the path "".
        problems: What cannot be stored, path -> why.
        isexec: Whether a file by itself is executable by its owner.
    """

    folder: bool | None
    files: dict[str, Stamp]
    problems: dict[str, str]
    isexec: bool = False


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
    if _CLOSED & set(found.split("/")):
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
    try:
        own = place.lstat()
        found = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        gone = not place.is_symlink()
        return Found(None, {}, {} if gone else {"": "it is a broken link"})
    except OSError as error:
        return Found(None, {}, {"": str(error.strerror)})
    if stat.S_ISDIR(found.st_mode):
        if stat.S_ISLNK(own.st_mode):
            return Found(None, {}, {"": "it is a link to a folder"})
        files: dict[str, Stamp] = {}
        problems: dict[str, str] = {}
        _walk(root, path, files, problems)
        return Found(True, files, problems)
    if not stat.S_ISREG(found.st_mode):
        return Found(False, {}, {"": "it is no regular file"})
    return Found(False, {"": Stamp.of(found)}, {}, bool(found.st_mode & stat.S_IXUSR))


def _walk(root: Path, path: str, files: dict[str, Stamp], problems: dict[str, str]) -> None:
    """Fill `files` and `problems` with what lies in a folder."""
    ignored = dvc.load().Ignore(root)
    stack = [""]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(root / path / folder) as listing:
                items = list(listing)
        except OSError as error:
            problems[folder] = str(error.strerror)
            continue
        for item in items:
            rel = f"{folder}/{item.name}" if folder else item.name
            try:
                if item.is_dir(follow_symlinks=False):
                    if not ignored(join(path, rel), folder=True):
                        stack.append(rel)
                elif not ignored(join(path, rel), folder=False):
                    why = _look(item, rel, files)
                    if why:
                        problems[rel] = why
            except OSError as error:
                problems[rel] = "it is a broken link" if item.is_symlink() else str(error.strerror)


def _look(item: "os.DirEntry[str]", rel: str, files: dict[str, Stamp]) -> str:
    """Stamp one file, or say why it cannot be stored."""
    found = item.stat()
    if stat.S_ISREG(found.st_mode):
        files[rel] = Stamp.of(found)
        return ""
    if stat.S_ISDIR(found.st_mode):
        return "it is a link to a folder"
    return "it is no regular file"


def require_storable(path: str, found: Found) -> None:
    """Raise `Invalid` or `NotFound` when an output cannot be stored whole."""
    for rel, why in sorted(found.problems.items()):
        raise Invalid(
            f"{shown(path, rel)} cannot be stored: {why}",
            hint="remove it, put a copy in its place, or name it in .dvcignore",
        )
    if found.folder is None:
        raise NotFound(f"there is nothing at {path}", hint="check the path")
    if not found.files:
        raise Invalid(
            f"{path} holds no file", hint="check the path; an empty folder has no version"
        )
    for rel in found.files:
        if rel:
            manifest.check_path(rel)
        if rel.endswith((".dvc", "/.dvcignore")) or rel == ".dvcignore":
            raise Invalid(
                f"{join(path, rel)} lies inside the data",
                hint="a folder is versioned as one; move or remove that file",
            )


def sums(root: Path, path: str, found: Found) -> dict[str, str]:
    """Give the md5 of each file, hashing only those that changed since the last time.

    Raises:
        Conflict: A file changed while it was read.
        Denied: A file may not be read.
    """
    cache = StatCache.open(root, path)
    known: dict[str, str] = {}
    fresh: list[str] = []
    for rel, stamp in found.files.items():
        md5 = cache.get(rel, stamp)
        if md5 is None:
            fresh.append(rel)
        else:
            known[rel] = md5
    began = time.time_ns()
    for rel, md5 in _hash_all(root, path, fresh, found.files):
        known[rel] = md5
        cache.put(rel, found.files[rel], md5, began=began)
    cache.save()
    return known


def _hash_all(
    root: Path, path: str, rels: Sequence[str], stamps: dict[str, Stamp]
) -> Iterator[tuple[str, str]]:
    """Hash files in threads (hashing leaves Python's lock), largest first."""
    if not rels:
        return
    order = sorted(rels, key=lambda rel: -stamps[rel].size)
    parts = [order[start : start + _CHUNK] for start in range(0, len(order), _CHUNK)]

    def work(part: list[str]) -> list[tuple[str, str]]:
        return [(rel, _hash(str(root / join(path, rel)), stamps[rel])) for rel in part]

    done = 0
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1, len(parts))) as pool:
        for result in pool.map(work, parts):
            yield from result
            done += len(result)
            progress.report(f"hashing {path}", done, len(order))


def _hash(file: str, stamp: Stamp) -> str:
    """Hash one file; its stamp must be the same before and after."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise Denied(f"{file} may not be read", hint="change its mode or owner") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _changed(file) from error
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        before = Stamp.of(os.fstat(descriptor))
        if stamp.size < _SMALL:  # a quarter of the time of a buffer for streaming
            found = digest.of(stream.read(stamp.size + 1), "md5")
        else:
            found = digest.of_stream(stream, ("md5",))[0]
        after = Stamp.of(os.fstat(descriptor))
    if not stamp == before == after:
        raise _changed(file)
    return found.partition(":")[2]


def _changed(file: str) -> Conflict:
    return Conflict(
        f"{file} changed while it was read", hint="let its writer finish, then run it again"
    )
