"""One after the other where files are in memory, in threads where a disk is waited for."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_PROBE = 64
_MANY_BYTES = 1 << 24
"""Bytes of a group of files from which hashing them is worth a thread of its own."""


def each(function: Callable[[T], R], items: Iterable[T], size: Callable[[T], int]) -> Iterator[R]:
    """Call a function for each item, in order.

    Threads cost more than they bring when small files come from memory: then the time goes to
    Python, which runs in one of them only. They help when a disk is waited for, and when large
    files are hashed. So a group of files is done alone, and its wait decides about the next.

    Args:
        function: What reads a file.
        items: What it is called with.
        size: Gives the bytes of a file.
    """
    todo = iter(items)
    waits = False
    while group := list(islice(todo, 16 * _PROBE if waits else _PROBE)):
        if len(group) > 1 and (waits or sum(map(size, group)) >= _MANY_BYTES):
            yield from _threads(function, group)
            waits = False
            continue
        clock, busy = time.perf_counter(), time.thread_time()
        for item in group:
            yield function(item)
        clock, busy = time.perf_counter() - clock, time.thread_time() - busy
        waits = clock > 4 * busy + 0.05


def _threads(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    from concurrent.futures import ThreadPoolExecutor  # late: 10 ms, and few need it

    with ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1), len(items))) as pool:
        yield from pool.map(function, items)
