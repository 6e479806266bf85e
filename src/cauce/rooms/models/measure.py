"""Speed of several models in one process, turn by turn, so that a busy machine disturbs all alike.

A latency is never compared with one that was measured at another time or on another machine.
"""

import gc
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from cauce.kernel.model import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WARM = 20
_ROUNDS = 2000
_BATCH = 32
_BATCH_ROUNDS = 100


class Contender(Struct, frozen=True):
    """A loaded model and real rows for it.

    Attributes:
        name: Name of its input.
        rows: `(n, …)`; n ≥ 1.
    """

    session: Session
    name: str
    rows: "NDArray[np.float32]"


class Speed(Struct, frozen=True):
    """How fast a model is.

    Attributes:
        p50: Median time of one row, ms.
        p95: 95th percentile of the same, ms.
        throughput: Rows a second in batches of 32.
    """

    p50: float
    p95: float
    throughput: float


def interleaved(contenders: Sequence[Contender], *, seconds: float = 1.0) -> list[Speed]:
    """Time models in turn, in an order that changes every round.

    Args:
        contenders: Models whose rows stand for the same things in the same order.
        seconds: Time to spend at most, for all together; at least ten rounds are made.
    """
    singles = [
        [{one.name: one.rows[at : at + 1]} for at in range(min(len(one.rows), 64))]
        for one in contenders
    ]
    batches = [[{one.name: one.rows[np.arange(_BATCH) % len(one.rows)]}] for one in contenders]
    sessions = [one.session for one in contenders]
    times = _rounds(sessions, singles, _ROUNDS, seconds * 0.7)
    batched = _rounds(sessions, batches, _BATCH_ROUNDS, seconds * 0.3)
    found = []
    for single, many in zip(times, batched, strict=True):
        p50, p95 = np.percentile(single, [50, 95]) / 1e6
        found.append(Speed(float(p50), float(p95), _BATCH / float(np.median(many)) * 1e9))
    return found


def _rounds(
    sessions: Sequence[Session],
    feeds: "Sequence[Sequence[dict[str, NDArray[np.float32]]]]",
    rounds: int,
    seconds: float,
) -> list[list[int]]:
    """Run every session once a round; give nanoseconds by session."""
    for session, own in zip(sessions, feeds, strict=True):
        for turn in range(_WARM):
            session.run(own[turn % len(own)])
    times: list[list[int]] = [[] for _ in sessions]
    order = list(range(len(sessions)))
    clock = time.perf_counter_ns
    end = clock() + int(seconds * 1e9)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(rounds):
            for index in order:
                run, feed = sessions[index].run, feeds[index][turn % len(feeds[index])]
                before = clock()
                run(feed)
                times[index].append(clock() - before)
            order.append(order.pop(0))
            if turn >= 10 and clock() > end:
                break
    finally:
        if collecting:
            gc.enable()
    return times
