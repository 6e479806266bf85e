"""Things that are dear to make and cannot change, kept in memory up to a limit."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

LIMIT = 128 << 20


class Kept:
    """Keeps what was asked for last, by key; each thing is made once, however many wait for it.

    Attributes:
        limit: Bytes of all things, as those who make them say.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}
        self._things: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable, make: Callable[[], tuple[T, int]]) -> T:
        """Give the thing of a key.

        Args:
            key: Says what it is, whole: things of the same key are the same.
            make: Makes it and says how many bytes it takes. What it raises is not kept.
        """
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
                found: T = self._things[key][0]
                return found
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._things:
                    found = self._things[key][0]
                    return found  # noqa: RET504 - the type is said above
            try:
                thing, size = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            self._keep(key, thing, size)
            return thing

    def _keep(self, key: Hashable, thing: Any, size: int) -> None:
        if size > self.limit:
            return
        with self._lock:
            if key in self._things:
                return
            self._things[key] = (thing, size)
            self._size += size
            while self._size > self.limit:
                _, (_, gone) = self._things.popitem(last=False)
                self._size -= gone
