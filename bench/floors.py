"""The least that versioning has to do: `python bench/floors.py STEP ROOT`.

The simplest loops that move the same bytes, in this language: one pass of copy and md5 into a
folder of objects, `copy_file_range`, `os.link`, `scandir` and `stat` beside one table of states.
No lock, no flush, no renaming, no verification.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator

TABLE = "CREATE TABLE state (path TEXT PRIMARY KEY, size INT, mtime INT, inode INT, md5 TEXT)"


def walk(folder: str, before: str = "") -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as items:
        for item in items:
            if item.is_dir(follow_symlinks=False):
                yield from walk(item.path, f"{before}{item.name}/")
            else:
                yield before + item.name, item.stat(follow_symlinks=False)


def take(source: str, cache: str) -> str:
    """Store a file in one pass; a large one goes to a temporary name first."""
    state = hashlib.md5()
    reader = os.open(source, os.O_RDONLY)
    data = os.read(reader, 1 << 20)
    state.update(data)
    if len(data) < 1 << 20:
        target = f"{cache}/{state.hexdigest()[:2]}/{state.hexdigest()[2:]}"
        writer = os.open(target, os.O_WRONLY | os.O_CREAT, 0o444)
        os.write(writer, data)
    else:
        temporary = f"{cache}/temporary"
        writer = os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o444)
        while data:
            os.write(writer, data)
            data = os.read(reader, 1 << 20)
            state.update(data)
        os.rename(temporary, f"{cache}/{state.hexdigest()[:2]}/{state.hexdigest()[2:]}")
    os.close(reader)
    os.close(writer)
    return state.hexdigest()


def add(root: str) -> None:
    """Store what is new by size, time and inode; write the list and the table."""
    cache, first = f"{root}/cache", not os.path.exists(f"{root}/state")
    if first:
        for number in range(256):
            os.makedirs(f"{cache}/{number:02x}")
    base = sqlite3.connect(f"{root}/state")
    if first:
        base.execute(TABLE)
    known = {row[0]: row[1:] for row in base.execute("SELECT * FROM state")}
    rows, fresh = [], []
    for path, stat in walk(f"{root}/set"):
        seen = known.get(path)
        stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        if seen is None or seen[:3] != stamp:
            md5 = take(f"{root}/set/{path}", cache)
            fresh.append((path, *stamp, md5))
        else:
            md5 = seen[3]
        rows.append({"md5": md5, "relpath": path})
    with base:
        base.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?)", fresh)
    rows.sort(key=lambda row: row["relpath"])
    with open(f"{root}/dir", "w") as out:
        out.write(json.dumps(rows, sort_keys=True))


def status(root: str) -> None:
    """Look at every file beside one table of states."""
    base = sqlite3.connect(f"{root}/state")
    known = {row[0]: row[1:] for row in base.execute("SELECT path, size, mtime, inode FROM state")}
    changed = 0
    for path, stat in walk(f"{root}/set"):
        if known.get(path) != (stat.st_size, stat.st_mtime_ns, stat.st_ino):
            changed += 1
    print(changed)


def copy(source: str, target: str) -> None:
    reader = os.open(source, os.O_RDONLY)
    writer = os.open(target, os.O_WRONLY | os.O_CREAT, 0o644)
    while os.copy_file_range(reader, writer, 1 << 30):
        pass
    os.close(reader)
    os.close(writer)


def restore(root: str, bring: Callable[[str, str], object]) -> None:
    with open(f"{root}/dir") as file:
        rows = json.load(file)
    made = set()
    for row in rows:
        folder = row["relpath"].rpartition("/")[0]
        if folder not in made:
            os.makedirs(f"{root}/set/{folder}", exist_ok=True)
            made.add(folder)
        bring(f"{root}/cache/{row['md5'][:2]}/{row['md5'][2:]}", f"{root}/set/{row['relpath']}")


def move(root: str, source: str, target: str) -> None:
    """Copy the objects that the list names and the target lacks; the list comes last."""
    with open(f"{root}/dir") as file:
        names = {row["md5"] for row in json.load(file)}
    there = set()
    for number in range(256):
        os.makedirs(f"{target}/{number:02x}", exist_ok=True)
        there.update(f"{number:02x}{name}" for name in os.listdir(f"{target}/{number:02x}"))
    for name in names - there:
        copy(f"{source}/{name[:2]}/{name[2:]}", f"{target}/{name[:2]}/{name[2:]}")
    shutil.copyfile(f"{root}/dir", f"{target}/dir")


def push(root: str) -> None:
    move(root, f"{root}/cache", f"{root}/remote")


def pull(root: str) -> None:
    move(root, f"{root}/remote", f"{root}/cache")
    restore(root, copy)


STEPS = {
    "add": add,
    "status": status,
    "checkout": lambda root: restore(root, copy),
    "link": lambda root: restore(root, os.link),
    "push": push,
    "pull": pull,
}

if __name__ == "__main__":
    STEPS[sys.argv[1]](sys.argv[2])
