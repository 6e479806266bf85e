"""What DVC's lists do not hold and a version of ours does: exec bits and empty folders.

Two labels of the manifest (docs/format.md, Data sets); DVC's own files stay as DVC writes them.
"""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from cauce.rooms.data.worktree import Found

EXECUTABLE, EMPTY = "executable", "empty"
ALL = "/"
"""Stands for every file; no path is written like this."""


def labels(found: Found) -> dict[str, str]:
    """Give the labels of a folder that was found."""
    made = {}
    if found.executable:
        whole = len(found.executable) == found.count
        made[EXECUTABLE] = ALL if whole else "\n".join(sorted(found.executable))
    if found.empty:
        made[EMPTY] = "\n".join(sorted(found.empty))
    return made


def marked(known: Mapping[str, str], key: str, every: Iterable[str]) -> set[str]:
    """Read a label: the paths that it names, out of all of them."""
    text = known.get(key, "")
    return set(every) if text == ALL else set(filter(None, text.split("\n")))


def differ(known: Mapping[str, str], found: Found) -> int:
    """Count the exec bits and empty folders that are not as a version's labels say."""
    had, has = known, labels(found)
    return sum(
        len(set(had.get(key, "").split("\n")) ^ set(has.get(key, "").split("\n")) - {""})
        for key in (EXECUTABLE, EMPTY)
        if had.get(key) != has.get(key)
    )


def restore(place: Path, known: Mapping[str, str], written: Mapping[str, str]) -> None:
    """Give what a checkout wrote its exec bits, and make the empty folders.

    Args:
        place: The output's folder.
        known: Labels of its version.
        written: Files that were written, by path relative to the output.
    """
    marked = known.get(EXECUTABLE, "")
    for rel in written if marked == ALL else [it for it in marked.split("\n") if it in written]:
        file = f"{place}/{rel}"
        state = os.lstat(file)
        # A link shares its mode with the object, which has to stay as it is.
        if stat.S_ISREG(state.st_mode) and state.st_nlink == 1:
            os.chmod(file, state.st_mode | stat.S_IXUSR)  # noqa: PTH101
    for rel in filter(None, known.get(EMPTY, "").split("\n")):
        target = place / rel
        if not target.is_symlink() and not target.exists():
            target.mkdir(parents=True)
