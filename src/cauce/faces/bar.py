"""A progress bar on stderr, drawn only where a person looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cauce.kernel import progress

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """Draws what `kernel.progress` reports; rich is imported at the first report."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def report(self, what: str, done: int, total: int | None) -> None:
        """Draw how far one piece of work is."""
        if self._progress is None:
            self._progress = _start()
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)

    def stop(self) -> None:
        """Wipe the bar, so that only the result stays on the screen."""
        if self._progress is not None:
            self._progress.stop()


def _start() -> "Progress":
    from rich.console import Console  # late: costs 50 ms, and most commands are short
    from rich.progress import Progress

    started = Progress(
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # what goes to stdout must arrive there
        redirect_stderr=False,
    )
    started.start()
    return started


@contextmanager
def shown() -> Iterator[None]:
    """Show progress while the body runs, when stderr is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    bar = Bar()
    token = progress.reporter.set(bar.report)
    try:
        yield
    finally:
        progress.reporter.reset(token)
        bar.stop()
