"""Faults that are planned, and must have happened."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from cauce.kernel.objects import ObjectStore
from cauce.kernel.wrappers import Around

T = TypeVar("T")


class FaultyStore(Around):
    """Fail as planned: `{"put": [None, OSError(28, "No space left on device")]}`.

    Each call of a method takes the next item of its plan; None lets it through, and so does a plan
    that is used up.
    """

    def __init__(
        self, inner: ObjectStore, plan: Mapping[str, Sequence[BaseException | None]]
    ) -> None:
        super().__init__(inner)
        unknown = [name for name in plan if not hasattr(ObjectStore, name)]
        assert not unknown, f"a store has no {unknown}"
        self._plan = {method: list(faults) for method, faults in plan.items()}

    def assert_spent(self) -> None:
        """Fail when a planned call did not come."""
        left = {method: faults for method, faults in self._plan.items() if faults}
        assert not left, f"planned but never reached: {left}"

    def _call(self, method: str, call: Callable[[], T]) -> T:
        faults = self._plan.get(method)
        fault = faults.pop(0) if faults else None
        if fault is not None:
            raise fault
        return call()
