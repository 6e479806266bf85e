"""`.dvcignore`: which paths of a project DVC does not see, and where its `.dvc` files are."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cauce.adapters.formats.dvc.config import text_of
from cauce.adapters.formats.dvc.entities import PIPELINE
from cauce.errors import Invalid

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_ALWAYS = frozenset({".git", ".hg", ".dvc", ".cauce"})


class Ignore:
    """The `.dvcignore` files of a project; ask about a folder before what is in it.

    A path is also ignored when a folder above it is: whoever walks does not enter those, so the
    answer is about the path itself.
    """

    def __init__(self, root: Path, text: Callable[[str], str | None] | None = None) -> None:
        """Start with nothing read.

        Args:
            root: Project folder.
            text: Gives the text of a folder's `.dvcignore`, as of a revision that is not checked
                out; None: they are read from the disk.
        """
        self.root = root
        self._text = text or self._read
        self._specs: dict[str, GitIgnoreSpec | None] = {}

    def __call__(self, path: str, *, folder: bool) -> bool:
        """Tell whether a path is ignored.

        Args:
            path: Relative to the root, POSIX.
            folder: Whether it is a folder.
        """
        parent, _, base = path.rpartition("/")
        if base in _ALWAYS:
            return True
        while True:  # the deepest file that says something wins, as in git
            spec = self._spec(parent)
            if spec is not None:
                below = path[len(parent) + 1 :] if parent else path
                verdict = spec.check_file(below + "/" if folder else below).include
                if verdict is not None:
                    return bool(verdict)
            if not parent:
                return False
            parent = parent.rpartition("/")[0]

    def quiet(self, folder: str) -> bool:
        """Tell whether no pattern can say anything of what lies directly in a folder."""
        while self._spec(folder) is None:
            if not folder:
                return True
            folder = folder.rpartition("/")[0]
        return False

    def above(self, path: str) -> bool:
        """Tell whether a folder or any folder above it is ignored."""
        parts = path.split("/")
        return any(self("/".join(parts[:end]), folder=True) for end in range(1, len(parts) + 1))

    def explain(self, path: str, *, folder: bool) -> tuple[str, int, str] | None:
        """Name the pattern that decides about a path, or about a folder above it.

        Args:
            path: Relative to the root, POSIX.
            folder: Whether it is a folder.

        Returns:
            `.dvcignore` relative to the root, line, pattern; the file is empty and the line 0 where
            DVC always ignores it. None when no pattern says anything.
        """
        parts = path.split("/")
        found = None
        for end in range(1, len(parts) + 1):
            here = "/".join(parts[:end])
            inner = end < len(parts)
            found = self._reason(here, folder=inner or folder)
            if found is not None and not found[2].startswith("!"):
                return found
        return found

    def _reason(self, path: str, *, folder: bool) -> tuple[str, int, str] | None:
        """Name the pattern that decides about exactly this path."""
        parent, _, base = path.rpartition("/")
        if base in _ALWAYS:
            return "", 0, base if base == ".git" else f"{base}/"
        while True:
            spec = self._spec(parent)
            if spec is not None:
                below = path[len(parent) + 1 :] if parent else path
                index = spec.check_file(below + "/" if folder else below).index
                if index is not None:
                    number, pattern = _patterns(self._text(parent) or "")[index]
                    return f"{parent}/.dvcignore" if parent else ".dvcignore", number, pattern
            if not parent:
                return None
            parent = parent.rpartition("/")[0]

    def _spec(self, folder: str) -> "GitIgnoreSpec | None":
        """Read the patterns of one folder, once."""
        if folder not in self._specs:
            text = self._text(folder)
            self._specs[folder] = None if text is None else self._parse(folder, text)
        return self._specs[folder]

    def _read(self, folder: str) -> str | None:
        return text_of(self.root / folder / ".dvcignore")

    def _parse(self, folder: str, text: str) -> "GitIgnoreSpec | None":
        lines = [pattern for _, pattern in _patterns(text)]
        if not lines:
            return None
        from pathspec import GitIgnoreSpec  # late: most projects have no pattern

        try:
            return GitIgnoreSpec.from_lines(lines)
        except ValueError as error:
            raise Invalid(f"{self.root / folder}/.dvcignore: {error}") from error


def _patterns(text: str) -> list[tuple[int, str]]:
    """List the patterns of a file with their lines; DVC strips both ends."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def find(root: Path) -> Iterator[Path]:
    """Find the `.dvc` files and `dvc.yaml` of a project, in order of path.

    Ignored folders are not entered, nor are tracked folders, projects inside the project, or links.
    """
    ignored = Ignore(root)
    stages: set[str] = set()
    stack = [""]
    while stack:
        folder = stack.pop()
        below = []
        with os.scandir(root / folder) as listing:
            items = sorted(listing, key=lambda item: item.name)
        names = {item.name for item in items}
        if folder and any(item.name == ".dvc" and item.is_dir() for item in items):
            continue
        if PIPELINE in names:
            stages |= _made(root, f"{folder}/{PIPELINE}" if folder else PIPELINE)
        for item in items:
            path = f"{folder}/{item.name}" if folder else item.name
            if item.is_dir(follow_symlinks=False):
                tracked = f"{item.name}.dvc" in names or path in stages
                if not tracked and not ignored(path, folder=True):
                    below.append(path)
            elif (
                (item.name.endswith(".dvc") or item.name == PIPELINE)
                and _is_file(item)
                and not ignored(path, folder=False)
            ):
                yield root / path
        stack.extend(reversed(below))


def _is_file(item: "os.DirEntry[str]") -> bool:
    """Tell whether it is a file, or a link to one; a loop of links is none."""
    try:
        return item.is_file()
    except OSError:
        return False


def _made(root: Path, place: str) -> set[str]:
    """List what the stages of a `dvc.yaml` make; whoever reads it meets its mistakes."""
    from cauce.adapters.formats.dvc import files  # late: that module knows of YAML

    try:
        return {out.path for out in files.read(root, root / place).outs}
    except (Invalid, OSError):
        return set()
