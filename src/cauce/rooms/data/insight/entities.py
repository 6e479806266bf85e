"""What the operations that tell people of versions return."""

from cauce.kernel.detector import Difference, Verdict
from cauce.kernel.entities import Digest, Entity, RunId
from cauce.rooms.data.entities import DatasetVersion, Share


class Changed(Entity, frozen=True):
    """A file that came or went.

    Attributes:
        path: Relative to the project, as DVC writes it.
        file: Path inside the version.
        digest: Name of its bytes.
        size: Bytes.
        split: Split that it belongs to, empty for none.
        label: Class that it has, empty for none.
    """

    path: str
    file: str = ""
    digest: Digest = Digest("")
    size: int = 0
    split: str = ""
    label: str = ""


class Modified(Entity, frozen=True):
    """A path with other bytes than before; a folder ends in `/` and is no file of its own.

    Attributes:
        path: Relative to the project, as DVC writes it.
        file: Path inside the version, empty for the folder itself.
        digest: Name of the bytes now.
        size: Bytes now.
        old_digest: Name of the bytes before.
        old_size: Bytes before.
        split: Split that it belongs to now.
        label: Class that it has now.
    """

    path: str
    file: str = ""
    digest: Digest = Digest("")
    size: int = 0
    old_digest: Digest = Digest("")
    old_size: int = 0
    split: str = ""
    label: str = ""


class OldNew(Entity, frozen=True):
    """A path before and after."""

    old: str
    new: str


class Renamed(Entity, frozen=True):
    """Bytes that are under another path.

    Attributes:
        path: Both paths relative to the project, as DVC writes them.
        old: Path inside the old version.
        new: Path inside the new version.
        digest: Name of the bytes.
        size: Bytes.
        split: Split that it belongs to now.
        label: Class that it has now.
    """

    path: OldNew
    old: str = ""
    new: str = ""
    digest: Digest = Digest("")
    size: int = 0
    split: str = ""
    label: str = ""


class Relabelled(Entity, frozen=True):
    """Bytes in both versions whose class is another one now.

    Attributes:
        path: Relative to the project.
        file: Path inside the new version.
        digest: Name of the bytes.
        size: Bytes.
        split: Split that it belongs to now.
        old: Class before.
        new: Class now.
    """

    path: str
    file: str
    digest: Digest
    size: int
    split: str
    old: str
    new: str


class DiffCounts(Entity, frozen=True):
    """How many files differ, whatever the lists hold.

    Attributes:
        added: Files whose path and bytes are new.
        deleted: Files that are gone.
        modified: Files that have other bytes.
        renamed: Files that are under another path; a file that changed its class folder is one.
        unchanged: Files with the same path and bytes.
        relabelled: Items whose class changed, by folder, annotation or column.
        labelled: Items that had no class and have one now.
        resplit: Items that moved to another split.
    """

    added: int
    deleted: int
    modified: int
    renamed: int
    unchanged: int
    relabelled: int = 0
    labelled: int = 0
    resplit: int = 0


class SliceCount(Entity, frozen=True):
    """Files of one slice in both versions.

    Attributes:
        by: What the slices are made of: `type`, `size`, or a column of the table of labels.
        slice: Which one.
        old: Files before.
        new: Files now.
    """

    by: str
    slice: str
    old: int
    new: int


class DatasetDiff(Entity, frozen=True, rename={"not_in_cache": "not in cache"}):
    """What differs between two versions, or two revisions of git.

    `added`, `deleted`, `modified`, `renamed` and `not in cache` have the form of `dvc diff --json`,
    with more keys a row; they hold as many rows as `limit` says, `counts` counts all.

    Attributes:
        modified: Paths with other bytes; the folder itself is one, as for DVC, with an empty
            `file`, and is not counted.
        not_in_cache: Paths whose objects are not here; filled where a work tree is compared.
        relabelled: Items whose class changed.
        counts: How many there are of each.
        old: The version before; None where the side is no numbered version.
        new: The version after; None likewise.
        size_old: Bytes before.
        size_new: Bytes after.
        balance_old: Files by split and class before.
        balance_new: And after.
        slices: Files by type, by size and by columns of the table of labels, side by side.
        labels: Where the classes came from.
        limit: Rows that each list may hold; 0: all.
        before: The revision of git, or the work tree, where `old` is no version.
        after: The same for `new`.
    """

    added: list[Changed]
    deleted: list[Changed]
    modified: list[Modified]
    renamed: list[Renamed]
    relabelled: list[Relabelled]
    counts: DiffCounts
    old: DatasetVersion | None
    new: DatasetVersion | None
    size_old: int
    size_new: int
    balance_old: list[Share]
    balance_new: list[Share]
    slices: list[SliceCount]
    not_in_cache: tuple[Changed, ...] = ()
    labels: str = "folders"
    limit: int = 0
    before: str = ""
    after: str = ""


class Bar(Entity, frozen=True):
    """How many rows fall in a range or category."""

    label: str
    count: int


class Statistic(Entity, frozen=True):
    """One column in figures.

    Attributes:
        what: What it measures, in words.
        type: `numeric`, `time` (seconds since 1970), `text` (characters), `categorical`, `empty`.
        rows: All rows, missing ones too.
        missing: Rows without a value, or with one that is no number.
        distinct: Different values.
        mean: Of numbers; None without any.
        deviation: Standard deviation; None without any.
        quantiles: Least, 5 %, 25 %, 50 %, 75 %, 95 %, greatest; empty without numbers.
        bars: Twelve ranges of equal width, or the dozen commonest categories and the rest.
    """

    name: str
    what: str
    type: str
    rows: int
    missing: int = 0
    distinct: int = 0
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    bars: tuple[Bar, ...] = ()


class Group(Entity, frozen=True):
    """Files of one kind, or one table, in figures.

    Attributes:
        name: `pictures`, `texts`, or a table's path.
        files: Files that could be measured.
        columns: What was measured.
    """

    name: str
    files: int
    columns: tuple[Statistic, ...]


class Fault(Entity, frozen=True):
    """A file that could not be looked into, and why."""

    path: str
    why: str


class VersionProfile(Entity, frozen=True):
    """What is in a version, in figures.

    Attributes:
        name: Data set.
        number: `v1`, `v2`…
        data: Version id.
        run: The run that computed it.
        at: When.
        files: Files of the version.
        size: Bytes.
        balance: Files by split and class.
        groups: Pictures, texts, and each table.
        words: The commonest words of all texts.
        vocabulary: Different words of all texts, of the commonest 2,000 of each.
        faults: How many files or rows could not be read.
        faulty: The first of them.
        computed: Files measured now.
        reused: Files whose features an earlier profile had.
        report: Version of kind `report` that holds this and the features.
    """

    name: str
    number: str
    data: Digest
    run: RunId
    at: float
    files: int
    size: int
    balance: tuple[Share, ...]
    groups: tuple[Group, ...]
    words: tuple[Bar, ...]
    vocabulary: int
    faults: int
    faulty: tuple[Fault, ...]
    computed: int
    reused: int
    report: Digest = Digest("")


class Moved(Entity, frozen=True):
    """How far one column moved from the old version to the new.

    Attributes:
        group: `pictures`, `texts`, `files` (classes, splits, types) or a table's path.
        name: The column.
        words: What happened, in words.
        difference: As the detector measures it: distance, p, PSI, bins of both.
    """

    group: str
    name: str
    words: str
    difference: Difference


class Shift(Entity, frozen=True):
    """What moved between two versions.

    Attributes:
        old: `name@v1`.
        new: `name@v2`.
        data: Id of the new version.
        reference: Id of the old version.
        split: The only split that was looked at, empty for all.
        outcome: `drifted` when any column did, `too-few` when none had enough rows.
        run: The run that found it.
        at: When.
        columns: Those that moved first, furthest first.
        only_old: Columns of tables that are gone.
        only_new: Columns of tables that came.
        faults: Tables that could not be read.
    """

    old: str
    new: str
    data: Digest
    reference: Digest
    split: str
    outcome: Verdict
    run: RunId
    at: float
    columns: tuple[Moved, ...]
    only_old: tuple[str, ...] = ()
    only_new: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    report: Digest = Digest("")
