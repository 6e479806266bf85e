"""`.dvc/config` written: an option changes in its line, comments and spacing stay."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cauce.adapters.formats.dvc import checking, config, schema
from cauce.adapters.formats.dvc.config import Level
from cauce.adapters.formats.dvc.writing import replace
from cauce.errors import Invalid
from cauce.kernel import objects

_COMMENT = re.compile(r"\s+#.*\Z")
_REFERENCE = re.compile(r"%\([^)]*\)")


class Document:
    """The text of one config file, changed line by line.

    Sections and options are named in lower case, as `config.parse` gives them.
    """

    def __init__(self, text: str, where: str) -> None:
        self._lines = text.splitlines()
        self._where = where

    def text(self) -> str:
        """Give the text."""
        return "".join(f"{line}\n" for line in self._lines)

    def values(self) -> config.Config:
        """Give what it says."""
        return config.parse(self.text(), self._where)

    def set(self, section: str, option: str, value: str) -> None:
        """Set an option: in its line, else behind the others of its section.

        Raises:
            Invalid: The value cannot be written in one line, or DVC would read another.
        """
        if (
            any(ord(it) < 32 for it in value)
            or len(value.splitlines()) > 1
            or ("'''" in value and '"' in value)
        ):
            raise Invalid(f"{option}: {value[:80]!r} cannot be written", hint="give one plain line")
        if _REFERENCE.search(value):
            raise Invalid(
                f"{option}: DVC would look up the option that {value[:80]!r} names",
                hint="leave `%(` out",
            )
        block = self._block(section)
        if block is None:
            self._open(section)
            block = self._block(section)
        assert block is not None
        first, _, options = block
        if option in options:
            at = options[option]
            self._lines[at] = _changed(self._lines[at], value)
            return
        last = max(options.values(), default=first)
        indent = re.match(r"\s*", self._lines[last])[0] if options else "    "  # type: ignore[index]
        self._lines.insert(last + 1, f"{indent}{option} = {config.quoted(value)}")

    def unset(self, section: str, option: str) -> bool:
        """Take an option out, and its section when nothing is left; False when it was not there."""
        block = self._block(section)
        if block is None or option not in block[2]:
            return False
        del self._lines[block[2][option]]
        self._tidy(section)
        return True

    def drop(self, section: str) -> list[str]:
        """Take a section out, with the comment above it; gives its lines."""
        block = self._block(section)
        if block is None:
            return []
        first, end, _ = block
        first = self._above(first)
        cut = self._lines[first:end]
        del self._lines[first:end]
        return cut

    def rename(self, section: str, new: str) -> None:
        """Give a section another name; it moves behind the others of its kind, as in DVC."""
        cut = self.drop(section)
        if not cut:
            return
        at = next(index for index, line in enumerate(cut) if line.strip().startswith("["))
        cut[at] = config.heading(new)
        place = self._place(new)
        self._lines[place:place] = cut

    def _block(self, section: str) -> tuple[int, int, dict[str, int]] | None:
        """Find a section: its first line, the line behind its last, option -> line."""
        first, options = -1, {}
        for line in config.scan(self.text(), self._where):
            if line.section == section:
                if not line.option:
                    first = line.number - 1
                options[line.option] = line.number - 1
            elif first >= 0:
                return first, self._above(line.number - 1), _named(options)
        return (first, len(self._lines), _named(options)) if first >= 0 else None

    def _above(self, index: int) -> int:
        """Go up over the comment that belongs to a line."""
        while index and self._lines[index - 1].lstrip().startswith("#"):
            index -= 1
        return index

    def _open(self, section: str) -> None:
        """Start a section, with a blank line where the file has them."""
        place = self._place(section)
        spaced = any(
            line.strip().startswith("[") and index and not self._lines[index - 1].strip()
            for index, line in enumerate(self._lines)
        )
        new = [config.heading(section)]
        if spaced and place and self._lines[place - 1].strip():
            new.insert(0, "")
        if spaced and place < len(self._lines):
            new.append("")
        self._lines[place:place] = new

    def _place(self, section: str) -> int:
        """Find where a new section goes: plain ones first, then remotes, machines, databases."""
        rank = _rank(section)
        for line in config.scan(self.text(), self._where):
            if not line.option and _rank(line.section) > rank:
                return self._above(line.number - 1)
        return len(self._lines)

    def _tidy(self, section: str) -> None:
        """Drop a section without options, unless somebody commented in it."""
        block = self._block(section)
        if block is not None and not block[2]:
            first, end, _ = block
            if not any(line.strip() for line in self._lines[first + 1 : end]):
                self.drop(section)


def _named(options: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in options.items() if name}


def _rank(section: str) -> int:
    kind, name = schema.split(section)
    return 1 + schema.NAMED.index(kind) if name else 0


def _changed(line: str, value: str) -> str:
    """Put another value into a line; its indent and its comment stay."""
    head, _, tail = line.partition("=")
    blank = re.match(r"\s*", tail)[0]  # type: ignore[index]
    quoted = tail.lstrip()[:1] in {"'", '"'}
    comment = None if quoted else _COMMENT.search(tail)
    return f"{head}={blank or ' '}{config.quoted(value)}{comment[0] if comment else ''}"


@contextmanager
def edit(root: Path, level: Level) -> Iterator[Document]:
    """Change the config file of a level; it is written when DVC would understand all of it.

    The caller holds DVC's lock.

    Raises:
        Invalid: Something is said that DVC does not know; nothing was written.
    """
    path = config.levels(root)[level]
    before = config.text_of(path)
    document = Document(before or "", str(path))
    yield document
    text = document.text()
    if text == (before or ""):
        return
    read = {name: found for name, _, found in config.each(root)}
    read[level] = document.values()
    merged = config.merge(read[name] for name in config.LEVELS if name in read)
    checking.check(merged, urls=True)
    with objects.writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, text)


def stored(root: Path, level: Level, section: str, option: str, value: str) -> str:
    """Give a value as it is stored: a relative path is relative to the config file.

    Args:
        root: Project folder.
        level: Level that is written to.
        section: Section.
        option: Option.
        value: As a person types it, relative to the current folder.
    """
    kind, _ = schema.split(section)
    is_path = (kind == "remote" and option in schema.PATHS) or (kind, option) in {
        ("cache", "dir"),
        ("core", "site_cache_dir"),
    }
    if not is_path or re.match(r"\w+://", value) or os.path.isabs(os.path.expanduser(value)):  # noqa: PTH111, PTH117
        return value
    folder = config.levels(root)[level].parent
    return Path(os.path.relpath(Path.cwd() / value, folder)).as_posix()
