"""What the searches for duplicates, leakage and bias return."""

from cauce.kernel.entities import Digest, Entity, RunId
from cauce.rooms.data.insight.entities import Fault


class Twins(Entity, frozen=True):
    """Two files, or two tables, that hold the same or nearly so.

    Attributes:
        kind: `exact` (the same bytes), `picture` (look alike), `text` (say the same), `rows`
            (tables with equal rows).
        first: Path of one.
        second: Path of the other.
        alike: How much, 0 to 1: correlation of pictures, share of common words of texts, share of
            the second table's rows.
        splits: Splits of both.
        classes: Classes of both; two that differ are a contradiction.
        digests: Names of the bytes of both.
    """

    kind: str
    first: str
    second: str
    alike: float
    splits: tuple[str, str]
    classes: tuple[str, str]
    digests: tuple[Digest, Digest]


class Duplicates(Entity, frozen=True):
    """What a version holds more than once.

    Attributes:
        name: Data set.
        number: `v1`, `v2`…
        data: Version id.
        outcome: `unique`, `repeated` or `contradictory` (alike, but of different classes).
        files: Files of the version.
        exact: Files whose bytes another file has too, the first of each not counted.
        near: Pairs that are alike without being the same.
        rows: Rows of tables that occur again in the same table.
        contradictory: Pairs whose classes differ.
        groups: Groups of files that hang together by any of these.
        pairs: The pairs, contradictory ones first, then the most alike; as many as the limit says.
        truncated: Whether there are more pairs than were looked for.
        faults: Files that could not be compared.
        run: The run that searched.
        at: When.
    """

    name: str
    number: str
    data: Digest
    outcome: str
    files: int
    exact: int
    near: int
    rows: int
    contradictory: int
    groups: int
    pairs: tuple[Twins, ...]
    truncated: bool
    faults: tuple[Fault, ...]
    run: RunId
    at: float
    report: Digest = Digest("")


class Leak(Entity, frozen=True):
    """What two splits have in common.

    Attributes:
        first: One split.
        second: The other.
        exact: Files of the second whose bytes the first has too.
        near: Further files of the second that are like one of the first.
        rows: Rows of the second's tables that a table of the first has too.
        files: Files of the second, or rows where it is a table.
        share: Of the second that the first knows, 0 to 1.
    """

    first: str
    second: str
    exact: int
    near: int
    rows: int
    files: int
    share: float


class Leakage(Entity, frozen=True):
    """What the splits of a version have in common.

    Attributes:
        name: Data set.
        number: `v1`, `v2`…
        data: Version id.
        outcome: `clean` or `leaking`; `one-split` where there is nothing to compare.
        leaks: Both ways for each two splits that have anything in common.
        pairs: The pairs, as many as the limit says.
        found: How many pairs there are.
        truncated: Whether there are more pairs than were looked for.
        run: The run that searched.
        at: When.
    """

    name: str
    number: str
    data: Digest
    outcome: str
    leaks: tuple[Leak, ...]
    pairs: tuple[Twins, ...]
    found: int
    truncated: bool
    run: RunId
    at: float
    report: Digest = Digest("")
