"""Operations of `data` that tell people of versions: what differs, what to mind."""

from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.insight import differing
from cauce.rooms.data.insight.entities import DatasetDiff, Shift, VersionProfile
from cauce.rooms.data.insight.findings import Bias, Duplicates, Leakage
from cauce.rooms.data.revisions import reporting


@operation(
    "data.diff",
    at_home=reporting.needs_files,
    examples=(
        "cauce data diff",
        "cauce data diff main~1 main --targets digits",
        "cauce data diff digits@v1 digits@v2",
        "cauce data diff reviews@v1 reviews --labels labels.csv:sentiment",
    ),
)
def diff(
    ws: Workspace,
    old: str = "HEAD",
    new: str | None = None,
    *,
    targets: tuple[str, ...] = (),
    hide_missing: bool = False,
    labels: str = "folders",
    limit: int | None = None,
) -> DatasetDiff:
    """Compare two versions or git revisions by their paths, sums and classes.

    Args:
        old: What was before: `name@version`, or a revision of git.
        new: What is after, of the same kind; not given: the work tree.
        targets: Only what is at or below these paths; for revisions and the work tree.
        hide_missing: Do not list objects that the store lacks.
        labels: Where classes come from: folders, annotations:NAME@v1, or FILE:COLUMN of a table;
            for versions.
        limit: Rows that each list may hold; 0: all; default: 200 between versions, else all.

    Returns:
        What came, went, changed, moved and was relabelled; the keys of `dvc diff --json` among it.

    Raises:
        NotFound: A version, a revision, a target, or what `labels` names, does not exist.
    """
    if reporting.needs_files({"old": old, "new": new}):
        return reporting.diff(
            ws, old, new, targets=targets, hide_missing=hide_missing, limit=limit or 0
        )
    assert new is not None
    return differing.diff(ws, old, new, labels=labels, limit=200 if limit is None else limit)


@operation("data.profile", role="writer", examples=("cauce data profile digits@v2",))
def profile(ws: Workspace, spec: str) -> VersionProfile:
    """Measure what is in a version: pictures, texts, tables; kept, and computed once.

    Args:
        spec: `name@version`, bare name or version id.

    Returns:
        Statistics by kind of file. Files that an earlier version had are not read again. What
        cannot be read is counted and named.
    """
    from cauce.rooms.data.insight import profiling  # late: needs numpy and pyarrow

    return profiling.profile(ws, spec)


@operation(
    "data.shift",
    role="writer",
    examples=(
        "cauce data shift digits@v1 digits@v2",
        "cauce data shift digits@v1 digits@v2 --split train",
    ),
)
def shift(ws: Workspace, old: str, new: str, *, split: str = "") -> Shift:
    """Tell which statistics moved between two versions; the verdict stays with the new one.

    Args:
        old: `name@version` before.
        new: `name@version` after.
        split: Only files of this split; empty: all.

    Returns:
        Distances of every column of pictures, texts, tables and files, those that moved first.

    Notes:
        A column has moved when its Kolmogorov-Smirnov distance (total variation for categories)
        is beyond `watch.distance` and its p value below `watch.alpha` shared among all columns.
    """
    from cauce.rooms.data.insight import shifting  # late: needs numpy and pyarrow

    return shifting.shift(ws, old, new, split)


@operation(
    "data.duplicates",
    role="writer",
    examples=("cauce data duplicates photos@v2", "cauce data duplicates photos --limit 0"),
)
def duplicates(
    ws: Workspace, spec: str, *, labels: str = "folders", limit: int = 100
) -> Duplicates:
    """Find files that are the same or alike; the finding stays with the version.

    Args:
        spec: `name@version`, bare name or version id.
        labels: Where classes come from: folders, annotations:NAME@v1, or FILE:COLUMN of a table.
        limit: Pairs to give; 0: all that the report holds.

    Returns:
        Pairs of the same bytes, pictures that look alike, texts that say the same, rows that occur
        twice; those whose classes differ first.

    Notes:
        Pictures are alike when 58 of 64 bits of their perceptual hashes agree and their thumbnails
        correlate by 0.985; texts when they share four fifths of their three-word shingles.
    """
    from cauce.rooms.data.insight import searching  # late: needs numpy and pyarrow

    return searching.duplicates(ws, spec, labels, limit)


@operation("data.leakage", role="writer", examples=("cauce data leakage digits@v2",))
def leakage(ws: Workspace, spec: str, *, labels: str = "folders", limit: int = 100) -> Leakage:
    """Find what the splits of a version have in common; the finding stays with it.

    Args:
        spec: `name@version`, bare name or version id.
        labels: Where splits come from: folders, or FILE:COLUMN of a table that has a split column.
        limit: Pairs to give; 0: all that the report holds.

    Returns:
        For each two splits how many files of one the other knows, and the pairs.
    """
    from cauce.rooms.data.insight import searching  # late: needs numpy and pyarrow

    return searching.leakage(ws, spec, labels, limit)


@operation(
    "data.bias",
    role="writer",
    examples=(
        "cauce data bias digits@v2",
        "cauce data bias digits@v2 --against digits@v1 --model digits@champion",
    ),
)
def bias(
    ws: Workspace,
    spec: str,
    *,
    against: str = "",
    model: str = "",
    labels: str = "folders",
    least: int = 30,
) -> Bias:
    """Tell which slices of a version are thin, which changed, and where a model fails.

    Args:
        spec: `name@version`, bare name or version id.
        against: Version to hold it against, to see whether bias was reduced.
        model: Model whose evaluations tell where it errs, `name@champion`.
        labels: Where classes come from: folders, annotations:NAME@v1, or FILE:COLUMN of a table,
            whose other columns make slices too.
        least: Files below which a slice is thin.

    Returns:
        The verdict, which stays with the version, and every slice with its intervals.

    Raises:
        NotFound: The model was evaluated on none of these files.

    Notes:
        A slice is also thin with less than a fifth of the files of the middle slice beside it.
        Intervals are Wilson's, 95 %. Shares and errors are compared by Fisher's exact test, its p
        values corrected for the number of slices (Holm). Versions that have files in common are
        no independent draws, which makes the test of change careful.
    """
    from cauce.rooms.data.insight import biasing  # late: needs numpy and pyarrow

    return biasing.bias(ws, spec, against=against, model=model, source=labels, least=least)
