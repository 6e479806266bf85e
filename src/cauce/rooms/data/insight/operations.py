"""Operations of `data` that tell people of versions: what differs, what to mind."""

from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.insight import differing
from cauce.rooms.data.insight.entities import DatasetDiff, VersionProfile


@operation(
    "data.diff",
    examples=(
        "cauce data diff digits@v1 digits@v2",
        "cauce data diff reviews@v1 reviews --labels labels.csv:sentiment",
    ),
)
def diff(
    ws: Workspace, old: str, new: str, *, labels: str = "folders", limit: int = 200
) -> DatasetDiff:
    """Compare two versions by their paths, sums and classes; no picture is read.

    Args:
        old: `name@version` before.
        new: `name@version` after.
        labels: Where classes come from: folders, annotations:NAME@v1, or FILE:COLUMN of a table.
        limit: Rows that each list may hold; 0: all.

    Returns:
        What came, went, changed, moved and was relabelled; the keys of `dvc diff --json` among it.

    Raises:
        NotFound: A version, or what `labels` names, does not exist.
    """
    return differing.diff(ws, old, new, labels=labels, limit=limit)


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
