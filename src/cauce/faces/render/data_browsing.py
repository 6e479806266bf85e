"""Files of versions as text."""

from collections.abc import Iterator

from cauce.faces.render import renders
from cauce.faces.render.cells import size
from cauce.faces.text import scalar
from cauce.rooms.data.browsing.entities import ItemPage


@renders("data.items")
def items(page: ItemPage) -> Iterator[str]:
    """Size and path, one file a line, then how many there are."""
    for item in page.items:
        yield f"{item.size:>12,}  {scalar(item.path)}"
    last = page.offset + len(page.items)
    of = f"{page.total:,} files, {size(page.bytes)}"
    if not page.items:
        yield f"nothing here; {of} match"
    elif len(page.items) < page.total:
        yield f"{page.offset + 1:,} to {last:,} of {of}"
    else:
        yield of
    for share in page.facets:
        folder = "/".join(filter(None, (share.split, share.label))) or "."
        yield f"{share.count:>12,}  {scalar(folder)}"
