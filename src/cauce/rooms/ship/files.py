"""Files of other tools, written once and then owned by the people who edit them.

A first line tells what the rest was when it was written, so that a file that nobody has touched
is renewed, and one that somebody has edited is never lost.
"""

import contextlib
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cauce.errors import Conflict, Invalid
from cauce.rooms.ship.entities import Written

_MARK = re.compile(r"(?:#|//) Written by Cauce, content ([0-9a-f]{12})\..*\n")


_LONGEST = 1 << 20
"""Bytes that are looked at of a file in the way; ours are far shorter."""


def write(root: Path, files: Mapping[str, str], *, force: bool) -> list[Written]:
    """Write all files, or none when one of them was edited.

    Args:
        root: Project folder; nothing outside of it is written, whatever links are in it.
        files: Text by path.
        force: Replace edited files too.

    Raises:
        Conflict: A file was edited, or was not written by Cauce.
        Invalid: A path leads out of the project, or to something that is no file.
    """
    plan = [(_inside(root, path), path, _stamped(path, text)) for path, text in files.items()]
    states: list[Written] = []
    for target, path, text in plan:
        known = _read(target, path)
        if known is None:
            states.append(Written(path=path, state="new"))
        elif known == text:
            states.append(Written(path=path, state="unchanged"))
        elif _untouched(known):
            states.append(Written(path=path, state="updated"))
        elif force:
            states.append(Written(path=path, state="replaced"))
        else:
            raise Conflict(
                f"{path} was edited, or was not written by Cauce; it stays as it is",
                hint="move it away, or overwrite it with --force",
            )
    for (target, _, text), written in zip(plan, states, strict=True):
        if written.state != "unchanged":
            _replace(target, text)
    return states


def _stamped(path: str, text: str) -> str:
    mark = "//" if path == "Jenkinsfile" else "#"
    return f"{mark} Written by Cauce, content {_sum(text)}. Edit it freely.\n{text}"


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _untouched(text: str) -> bool:
    """Tell whether a file still is what Cauce once wrote."""
    found = _MARK.match(text)
    return found is not None and found[1] == _sum(text[found.end() :])


def _inside(root: Path, path: str) -> Path:
    target = root / path
    if not target.parent.resolve().is_relative_to(root.resolve()):
        raise Invalid(f"{path} leads out of the project by a link", hint="remove the link")
    return target


def _read(target: Path, path: str) -> str | None:
    """Read a file that may not be there; what is no plain file is not ours to replace."""
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise Invalid(f"{path} cannot be written: it is a folder, link or device")
    with target.open("rb") as file:
        return file.read(_LONGEST).decode("utf-8", "replace")


def _replace(target: Path, text: str) -> None:
    """Write beside, then rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        Path(beside).chmod(mode)
        Path(beside).replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(beside).unlink()
        raise
