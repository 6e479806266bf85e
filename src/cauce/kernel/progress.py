"""Progress of long work, reported to whoever shows it; silent when nobody does."""

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
Report = Callable[[str, int, int | None], None]
"""Called with what is done, how much, and of how much (None: unknown)."""

reporter: ContextVar[Report | None] = ContextVar("reporter", default=None)


def report(what: str, done: int, total: int | None = None) -> None:
    """Say how far the current work is."""
    current = reporter.get()
    if current is not None:
        current(what, done, total)


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Iterate and report after each item."""
    for done, item in enumerate(items, start=1):
        yield item
        report(what, done, total)
