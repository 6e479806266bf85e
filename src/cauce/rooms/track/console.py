"""A run's console: lines in a stream, captured from a command's output."""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from cauce.errors import Invalid
from cauce.kernel.entities import Run
from cauce.rooms.track.course import console_of
from cauce.rooms.track.entities import LogLine, LogPage

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

LONGEST = 10_000
"""Characters of a line; a longer one is cut into several."""

Name = Literal["out", "err"]
_MOST = 10_000


def append(ws: "Workspace", run: Run, lines: Sequence[LogLine]) -> int:
    """Append lines to a run's console."""
    now = time.time()
    return ws.streams.put(console_of(run.id), _records(lines, now))


def _records(lines: Iterable[LogLine], now: float) -> Iterator[dict[str, Any]]:
    for line in lines:
        for start in range(0, max(len(line.text), 1), LONGEST):
            text = line.text[start : start + LONGEST]
            yield {"at": line.at or now, "stream": line.stream, "text": text}


def count(ws: "Workspace", run: str) -> int:
    """Count the lines that are kept."""
    return ws.streams.count(console_of(run))


def page(ws: "Workspace", run: Run, *, after: int, limit: int) -> LogPage:
    """Read lines after so many."""
    if after < 0 or not 1 <= limit <= _MOST:
        raise Invalid(f"lines after {after}, at most {limit}", hint=f"limit is 1 to {_MOST}")
    found = ws.streams.read(console_of(run.id), skip=after, limit=limit)
    lines = tuple(_line(record) for _, record in found)
    return LogPage(lines=lines, next=after + len(lines), ended=run.status != "running")


def _line(record: dict[str, Any]) -> LogLine:
    at = record.get("at")
    return LogLine(
        text=str(record.get("text", "")),
        stream="err" if record.get("stream") == "err" else "out",
        at=float(at) if isinstance(at, int | float) else 0.0,
    )


class Splitter:
    """Cuts the bytes that a command writes into lines.

    Of a line that was written over with carriage returns, as progress bars do, the last state is
    kept. Bytes that are not UTF-8 become the replacement character.
    """

    def __init__(self, stream: Name) -> None:
        self._stream: Name = stream
        self._rest = b""

    def feed(self, data: bytes) -> list[LogLine]:
        """Take more bytes and give the lines that they end."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST * 4:
            whole.append(self._rest)
            self._rest = b""
        return [self._line(line) for line in whole]

    def end(self) -> list[LogLine]:
        """Give what follows the last line end."""
        rest, self._rest = self._rest, b""
        return [self._line(rest)] if rest else []

    def _line(self, data: bytes) -> LogLine:
        text = data.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
        return LogLine(text=_ANSI.sub("", text), stream=self._stream, at=time.time())


_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
