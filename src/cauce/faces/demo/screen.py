"""What the demo prints: progress while it works, then one line a stage with its figure."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cauce.kernel import progress


class Screen:
    """Lines on stdout; on a terminal also what is being done, on a line that is rewritten."""

    def __init__(self, stages: int) -> None:
        self.stages = stages
        self.begun = time.monotonic()
        self._number = 0
        self._live = sys.stdout.isatty()
        self._drawn = 0.0

    @contextmanager
    def stage(self, title: str) -> Iterator["Stage"]:
        """Show a stage: what it does while it runs, then its facts and seconds."""
        self._number += 1
        facts = Stage(self, f"{self._number}/{self.stages} {title}")
        token = progress.reporter.set(facts.report)
        begun = time.monotonic()
        facts.now("…")
        try:
            yield facts
        finally:
            progress.reporter.reset(token)
            self.clear()
        seconds = time.monotonic() - begun
        self.line(f"{facts.head:<14} {facts.figure}  ({seconds:.1f} s)")
        for text in facts.lines:
            self.line(f"{'':<14} {text}")

    def line(self, text: str = "") -> None:
        """Print a line that stays."""
        sys.stdout.write(text.rstrip() + "\n")
        sys.stdout.flush()

    def transient(self, text: str) -> None:
        """Show what is being done now; only where a person looks."""
        if self._live:
            sys.stdout.write(f"\r\033[2K{text[:110]}")
            sys.stdout.flush()

    def clear(self) -> None:
        """Take the transient line away."""
        if self._live:
            sys.stdout.write("\r\033[2K")
            sys.stdout.flush()

    def due(self) -> bool:
        """Tell whether enough time has passed to draw progress again."""
        moment = time.monotonic()
        if moment - self._drawn < 0.1:
            return False
        self._drawn = moment
        return True


class Stage:
    """One stage's facts.

    Attributes:
        head: Number and title.
        figure: The figure that matters.
        lines: Further facts, one a line.
    """

    def __init__(self, screen: Screen, head: str) -> None:
        self.head = head
        self.figure = ""
        self.lines: list[str] = []
        self._screen = screen

    def now(self, doing: str) -> None:
        """Say what is being done now."""
        self._screen.transient(f"{self.head:<14} {doing}")

    def report(self, what: str, done: int, total: int | None) -> None:
        """Show progress that an operation reports."""
        if self._screen.due():
            of = f" of {total:,}" if total else ""
            self.now(f"{what}: {done:,}{of}")
