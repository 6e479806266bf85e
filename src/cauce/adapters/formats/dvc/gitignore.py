"""`.gitignore`: data that we version is kept out of git, as DVC does it."""

import re
import subprocess
from pathlib import Path

from cauce.adapters.formats.dvc import config

_SPECIAL = re.compile(r"([\\\[\]!*#?])")


def _git(folder: Path, *arguments: str) -> int:
    """Run git quietly and give its exit code; 128 also where git is not installed."""
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode
    except FileNotFoundError:
        return 128


def versioned(root: Path) -> bool:
    """Tell whether a folder lies in a git work tree."""
    return _git(root, "rev-parse", "--is-inside-work-tree") == 0


def tracked(path: Path) -> bool:
    """Tell whether git tracks a file, or a file below a folder."""
    return _git(path.parent, "ls-files", "--error-unmatch", "--", path.name) == 0


def hide(root: Path, path: Path) -> Path | None:
    """Name a path in the `.gitignore` beside it, unless git ignores it already.

    Args:
        root: Project folder; nothing happens when its config says `core.no_scm`.
        path: The data, a file or folder.

    Returns:
        The `.gitignore` that was changed, or None.
    """
    if config.no_scm(root) or _git(path.parent, "check-ignore", "-q", "--", path.name) != 1:
        return None
    file = path.parent / ".gitignore"
    try:
        before = file.read_bytes()
    except FileNotFoundError:
        before = b""
    line = "/" + _SPECIAL.sub(r"\\\1", path.name) + "\n"
    with file.open("ab") as out:
        out.write((b"" if before.endswith(b"\n") or not before else b"\n") + line.encode())
    return file
