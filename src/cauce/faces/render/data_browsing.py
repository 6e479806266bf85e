"""Files of versions as text."""

from collections.abc import Iterator

from cauce.faces.render import renders
from cauce.faces.render.cells import columns, size, when
from cauce.faces.text import scalar
from cauce.rooms.data.browsing.entities import ItemPage, ItemView


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


@renders("data.item")
def item(view: ItemView) -> Iterator[str]:
    """What it is, where else it is, what is said of it, then its beginning."""
    one = view.item
    yield f"{scalar(one.path)}  {size(one.size)}  {one.digest}"
    facts = ", ".join(f"{name} {scalar(value)}" for name, value in view.facts.items())
    yield f"{view.kind}{f': {facts}' if facts else ''}"
    if view.fault:
        yield f"it cannot be shown: {scalar(view.fault)}"
    if view.twin_count:
        yield f"same bytes: {', '.join(map(scalar, view.twins))} ({view.twin_count:,} files)"
    for seen in view.history:
        yield f"{seen.change} in {seen.number}, {when(seen.created)}"
    for said in view.said:
        yield f"{scalar(said.annotations)} says {scalar(said.label)} ({scalar(said.annotator)})"
    if view.text:
        yield ""
        yield from (scalar(line) for line in view.text.splitlines())
    if view.columns:
        yield ""
        yield from columns(view.columns, view.rows)
