"""`.gitignore`: data that we version is kept out of git, as DVC does it."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cauce.adapters.formats.dvc import config
from cauce.adapters.formats.dvc.writing import replace

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
    line = _line(path.name) + "\n"
    with file.open("ab") as out:
        out.write((b"" if before.endswith(b"\n") or not before else b"\n") + line.encode())
    return file


def unhide(root: Path, path: Path) -> Path | None:
    """Take the line of a path out of the `.gitignore` beside it; an empty file goes.

    Returns:
        The `.gitignore` that was changed or removed, or None.
    """
    file = path.parent / ".gitignore"
    if config.no_scm(root) or not file.is_file():
        return None
    lines = file.read_bytes().splitlines(keepends=True)
    own = {_line(path.name).encode(), f"/{path.name}".encode()}
    kept = [line for line in lines if line.rstrip(b"\r\n") not in own]
    if len(kept) == len(lines):
        return None
    if any(line.strip() for line in kept):
        replace(file, b"".join(kept).decode("utf-8", "surrogateescape"))
    else:
        file.unlink()
    return file


def stage(root: Path, paths: Sequence[Path]) -> None:
    """Let git take what changed, where the config says `core.autostage`.

    Args:
        root: Project folder.
        paths: DVC's files, also removed ones; the `.gitignore` beside each is taken too. Data are
            passed over: git ignores them.
    """
    if config.load(root).get("core", {}).get("autostage", "").lower() != "true":
        return
    files = {path for path in paths if path.name.endswith((".dvc", ".yaml", ".lock"))}
    files |= {path.parent / "dvc.lock" for path in files if path.name == "dvc.yaml"}
    files |= {path.parent / ".gitignore" for path in paths}
    for file in sorted(files):
        _git(root, "add", "-A", "--", str(file))


def _line(name: str) -> str:
    """Write a name as git's pattern for it alone; a blank at its end would be cut otherwise."""
    escaped = _SPECIAL.sub(r"\\\1", name)
    stem = escaped.rstrip(" ")
    return "/" + stem + "\\ " * (len(escaped) - len(stem))
