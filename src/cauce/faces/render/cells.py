"""Helpers for renderers: aligned columns, sizes, times, short digests."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from cauce.faces.text import scalar
from cauce.kernel.digest import short

__all__ = ["ago", "bar", "columns", "short", "size", "spark", "when"]


def columns(
    head: Sequence[str], body: Sequence[Sequence[Any]], *, right: str = ""
) -> Iterator[str]:
    """Align cells in columns under a head.

    Args:
        head: One word a column.
        body: Rows; cells are written as text, control characters made visible.
        right: Names of the columns that are aligned to the right, with blanks between.
    """
    table = [list(head), *([scalar(cell) for cell in row] for row in body)]
    widths = [max(len(row[index]) for row in table) for index in range(len(head))]
    rights = set(right.split())
    for row in table:
        cells = [
            cell.rjust(width) if name in rights else cell.ljust(width)
            for name, cell, width in zip(head, row, widths, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def bar(share: float, *, width: int = 20) -> str:
    """Draw a share, 0 to 1, as a bar of eighths of a character; anything above 0 shows."""
    eighths = max(round(min(1.0, max(0.0, share)) * width * 8), int(share > 0))
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (" ▏▎▍▌▋▊▉"[rest] if rest else "")


def spark(counts: Sequence[int]) -> str:
    """Draw counts as bars side by side, a character each; blank where there is nothing."""
    most = max(counts, default=0)
    return "".join(" ▁▂▃▄▅▆▇█"[-(-count * 8 // most)] if count else " " for count in counts)


def size(count: int) -> str:
    """Write bytes for people: `1.4 MB`."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            return f"{value:.1f} {unit}"
    raise AssertionError("unreachable")


def when(at: float | None) -> str:
    """Write a time on the local clock, to the second; nothing for None."""
    if at is None:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def ago(at: float | None, *, now: float | None = None) -> str:
    """Write how long ago a time was: `5 min ago`; nothing for None."""
    if at is None:
        return ""
    seconds = (time.time() if now is None else now) - at
    if seconds < 1:
        return "now"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
