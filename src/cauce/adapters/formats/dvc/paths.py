"""Paths that others wrote: kept inside the project."""

import os
import posixpath
from pathlib import Path

from cauce.errors import Invalid
from cauce.kernel import manifest

_CLOSED = frozenset({".dvc", ".git", ".hg", ".cauce"})


def inside(root: Path | None, base: str, text: str, where: str) -> str:
    """Give a path relative to the project, or refuse one that leaves it, also through a link.

    Args:
        root: Project folder; None: the disk is not looked at for links that lead out.
        base: Folder that the path is relative to, itself relative to the project.
        text: The path as written.
        where: What to name in the error.
    """
    path = posixpath.normpath(posixpath.join(base, text)) if text else ""
    hint = "data must lie inside the project; add a copy of it"
    if not text or path in {".", ".."} or path.startswith(("/", "../")):
        raise Invalid(f"{where}: {text[:200]!r} leaves the project", hint=hint)
    manifest.check_path(path)
    if _CLOSED & set(path.split("/")):
        raise Invalid(f"{where}: {path[:200]!r} is inside a tool's own folder", hint=hint)
    if root is not None and not _within(str(root), path.rpartition("/")[0]):
        raise Invalid(f"{where}: {path[:200]!r} leaves the project through a link", hint=hint)
    return path


def _within(root: str, folder: str) -> bool:
    """Tell whether a folder is inside the project when all links are followed.

    Text, not paths: a project may have thousands of files that name data.
    """
    place = root
    for part in folder.split("/") if folder else ():
        place = f"{place}/{part}"
        if os.path.islink(place):  # noqa: PTH114 - as above
            base = os.path.realpath(root)
            return f"{os.path.realpath(f'{root}/{folder}')}/".startswith(f"{base}/")
    return True
