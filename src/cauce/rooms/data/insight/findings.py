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


class Slice(Entity, frozen=True):
    """Files of a version that have one property in common.

    Attributes:
        by: The property: `class`, `split`, `split and class`, `type`, `size`, `resolution`,
            `light`, `length`, or a column of the table of labels.
        slice: Which one.
        count: Files.
        share: Of the files that have the property, 0 to 1.
        low: Lower end of the share's 95 % interval (Wilson).
        high: Upper end.
        thin: Whether there are too few to learn from or to judge by.
        old: Files of the version that it is held against; None without one.
        old_share: Their share.
        p_change: Chance of such a change of share by drawing alone, corrected for all slices.
        changed: Whether the share surely changed, by 2 % of all at least.
        judged: Files that the model was asked about; 0 without a model.
        wrong: Of these, how many it got wrong.
        error: wrong / judged.
        error_low: Lower end of the error's 95 % interval (Wilson).
        error_high: Upper end.
        p_error: Chance of such a difference from all other files, corrected for all slices.
        worse: Whether the model surely errs more here than elsewhere.
        better: Whether it surely errs less.
    """

    by: str
    slice: str
    count: int
    share: float
    low: float
    high: float
    thin: bool
    old: int | None = None
    old_share: float = 0.0
    p_change: float = 1.0
    changed: bool = False
    judged: int = 0
    wrong: int = 0
    error: float = 0.0
    error_low: float = 0.0
    error_high: float = 1.0
    p_error: float = 1.0
    worse: bool = False
    better: bool = False


class Bias(Entity, frozen=True):
    """Whom a version leaves out, what changed in that, and where a model fails.

    Attributes:
        name: Data set.
        number: `v1`, `v2`…
        data: Version id.
        against: `name@v1` that it is held against, empty for none.
        model: `name@2` of the model, empty for none.
        outcome: Without another version `even`, `thin` (a slice has too few files) or `uneven`
            (the model errs more on a slice). Against one: `reduced`, `increased` or `unchanged`.
        facts: What was found, one sentence each.
        evenness: How even the classes are, 1 for all equally many.
        evenness_old: The same of the other version; None without one.
        accuracy: Of the model over all files that it was asked about; None without one.
        slices: Thin and worse ones first, then those that changed.
        least: Files below which a slice is thin.
        run: The run that judged.
        at: When.
    """

    name: str
    number: str
    data: Digest
    against: str
    model: str
    outcome: str
    facts: tuple[str, ...]
    evenness: float
    evenness_old: float | None
    accuracy: float | None
    slices: tuple[Slice, ...]
    least: int
    run: RunId
    at: float
    report: Digest = Digest("")
