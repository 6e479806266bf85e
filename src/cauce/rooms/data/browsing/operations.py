"""Operations of `data` that look into versions."""

from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.browsing.entities import ItemPage, ItemView, Sort


@operation(
    "data.items",
    examples=(
        "cauce data items digits --label 3 --sort=-size",
        "cauce data items digits@v1 --prefix train/ --text 0007",
    ),
)
def items(
    ws: Workspace,
    spec: str,
    *,
    prefix: str = "",
    text: str = "",
    split: tuple[str, ...] = (),
    label: tuple[str, ...] = (),
    sort: Sort = "path",
    offset: int = 0,
    at: str = "",
    limit: int = 100,
    facets: bool = False,
) -> ItemPage:
    """List the files of a version that match, a page at a time.

    Args:
        spec: `name@version`, bare name or version id.
        prefix: What a path starts with.
        text: Words that a path holds, all of them.
        split: First folders to look into; any when none is given.
        label: Second folders to look into; any when none is given.
        sort: `path`, `size`, `-` before it for the other way round, or `random`.
        offset: Files to pass over.
        at: Path of a file to show with its neighbours, instead of `offset`.
        limit: Files at most, up to 1,000.
        facets: Count files by split and class too.

    Raises:
        NotFound: No such version, or no file `at` among those that match.
    """
    from cauce.rooms.data.browsing import items as finding  # late: needs numpy

    wanted = finding.Filter(prefix, text, tuple(split), tuple(label))
    return finding.find(
        ws, spec, wanted, sort=sort, offset=offset, at=at, limit=limit, facets=facets
    )


@operation("data.item", examples=("cauce data item digits train/3/0007.png",))
def item(ws: Workspace, spec: str, path: str) -> ItemView:
    """Look at one file of a version: its beginning, its history, what is said of it.

    Args:
        spec: `name@version`, bare name or version id.
        path: Its path in the version.

    Raises:
        NotFound: No such version or file.
    """
    from cauce.rooms.data.browsing import samples  # late: needs numpy

    return samples.show(ws, spec, path)
