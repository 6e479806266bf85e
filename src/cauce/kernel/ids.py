"""Ids that sort by time, and readable names for runs."""

import os
import re
import time

from cauce.errors import Invalid

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)
_FIRST = (
    "amber ancient autumn bold brisk bright calm clear coastal cold crystal curved deep distant "
    "early eager even fair fast fresh gentle glacial golden grand green hidden high hollow late "
    "level light lively lone long lucid mellow misty narrow nimble northern opal open pale plain "
    "quiet rapid rising round sandy serene sharp silent silver slow smooth southern steady still "
    "stony summer sunlit swift tidal tranquil upper vivid warm western wide wild windy winter"
).split()
_SECOND = (
    "arroyo bank basin bay beck bend bight bourn branch bridge brook canal canyon cascade channel "
    "course cove creek current dam delta dike drift eddy estuary fall fen fjord flood ford fork "
    "gorge gully harbour haven inlet island jetty lagoon lake leat levee lock marsh meadow mere "
    "mill mouth oxbow pond pool quay rapids reach reed reef rill riffle river shoal shore sluice "
    "spring strait strand stream surge swale tarn tide torrent vale wade wadi wake wash wave weir"
).split()


def new_id() -> str:
    """Make a 26-character id: 48 bits of milliseconds, then 80 random bits (ULID, lower case).

    Ids of one process and millisecond sort at random among themselves.
    """
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    pairs = _PAIRS  # a server makes one for every prediction: two letters a step
    return "".join([pairs[number >> shift & 1023] for shift in _SHIFTS])


def readable(seed: str) -> str:
    """Make a name such as `tidal-weir-42` from an id; the same id gives the same name."""
    import random  # late: most commands name no run

    rng = random.Random(seed)  # noqa: S311 - a name, not a secret
    return f"{rng.choice(_FIRST)}-{rng.choice(_SECOND)}-{rng.randint(1, 99)}"


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


def check_name(what: str, name: str) -> None:
    """Raise `Invalid` unless a name that a person chose fits a ref, a path and an address.

    Args:
        what: What is named, for the error: `model`, `deployment`.
        name: The name.
    """
    if not _NAME.match(name):
        raise Invalid(
            f"{name[:120]!r} cannot name a {what}",
            hint="use letters, digits, dot, dash and underscore, at most 100, no dash first",
        )
