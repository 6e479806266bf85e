"""Profiles of several columns, counted batch by batch in constant memory."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cauce.kernel.detector import Detector

_BUFFER = 1 << 16


class Counter:
    """Counts columns; rows are buffered so that the pivot is the median of many.

    Args:
        detector: Which profiles to make.
        like: Profiles of the reference by column, to count in the same buckets.
    """

    def __init__(self, detector: Detector, like: Mapping[str, Any] | None = None) -> None:
        self._detector = detector
        self._like = like or {}
        self._waiting: dict[str, list[Any]] = {}
        self._sizes: dict[str, int] = {}
        self._profiles: dict[str, Any] = {}

    def add(self, name: str, values: "NDArray[Any] | Sequence[str]") -> None:
        """Take rows of one column."""
        if not len(values):
            return
        self._waiting.setdefault(name, []).append(values)
        self._sizes[name] = self._sizes.get(name, 0) + len(values)
        if self._sizes[name] >= _BUFFER:
            self._count(name)

    def profiles(self, types: Mapping[str, str]) -> dict[str, Any]:
        """Give the profiles of these columns, by name and type; one without rows is empty."""
        for name, type in types.items():
            if self._waiting.get(name):
                self._count(name)
            elif name not in self._profiles:
                empty: Any = np.empty(0) if type == "numeric" else ()
                self._profiles[name] = self._detector.profile(empty, like=self._like.get(name))
        return {name: self._profiles[name] for name in types}

    def _count(self, name: str) -> None:
        parts = self._waiting.pop(name)
        self._sizes[name] = 0
        values: Any = (
            np.concatenate(parts)
            if isinstance(parts[0], np.ndarray)
            else [value for part in parts for value in part]
        )
        known = self._profiles.get(name)
        fresh = self._detector.profile(values, like=known or self._like.get(name))
        self._profiles[name] = fresh if known is None else self._detector.merge(known, fresh)
