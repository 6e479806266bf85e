"""A config that says what DVC would not understand is refused, with file and line."""

from collections.abc import Sequence
from pathlib import Path

from cauce.adapters.formats.dvc import schema
from cauce.adapters.formats.dvc.config import Config, scan, text_of
from cauce.errors import Invalid


def check(merged: Config, files: Sequence[Path] = (), *, urls: bool = False) -> None:
    """Raise `Invalid` for the first section, option or value that DVC does not know.

    Args:
        merged: All levels together: a remote's url may be in another than its options.
        files: Where it was read from, to name the line.
        urls: Whether each remote must have a url: DVC would read nothing of a file without, but
            whoever only looks is told so by the remote that is used.
    """
    for section, options in merged.items():
        kind, name = schema.split(section)
        if kind not in schema.SECTIONS and not (name and kind in schema.NAMED):
            known = ", ".join([*schema.SECTIONS, "'remote \"name\"'"])
            raise Invalid(
                f"{_line(files, section, '')}there is no section [{section[:80]}]",
                hint=f"known: {known}",
            )
        if urls and kind == "remote" and options and "url" not in options:
            raise Invalid(
                f"[{section}] has no url",
                hint=f"cauce data remote add -f {name} URL",
            )
        kinds = schema.known(kind, options.get("url", ""))
        for option, value in options.items():
            fault = schema.fault(kinds, option, value)
            if fault:
                raise Invalid(
                    f"{_line(files, section, option)}[{section}] {option}: {fault}",
                    hint=f"known: {', '.join(kinds or ())}",
                )


def _line(files: Sequence[Path], section: str, option: str) -> str:
    """Name the file and line that says something last."""
    for path in reversed(files):
        for line in scan(text_of(path) or "", str(path)):
            if (line.section, line.option) == (section, option):
                return f"{path}:{line.number}: "
    return ""
