"""Files of a version that match, in an order, a page at a time."""

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from cauce.errors import NotFound
from cauce.rooms.data import versions
from cauce.rooms.data.browsing import index as indexes
from cauce.rooms.data.browsing.entities import Item, ItemPage, Sort
from cauce.rooms.data.browsing.index import Index
from cauce.rooms.data.entities import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cauce.kernel.entities import Digest
    from cauce.kernel.workspace import Workspace

MOST = 1000
"""Files of one page at most."""

_FACETS = 2000


class Filter(Struct, frozen=True):
    """Which files are looked for; empty parts let everything pass.

    Attributes:
        prefix: What a path starts with.
        text: Words that stand in a path, all of them, in any case of ASCII letters.
        split: First folders.
        label: Second folders.
    """

    prefix: str = ""
    text: str = ""
    split: tuple[str, ...] = ()
    label: tuple[str, ...] = ()


class Matches(Struct, frozen=True):
    """Files that match.

    Attributes:
        rows: Their numbers, in order; None: all of them in the manifest's order.
        total: How many.
        bytes: Their bytes together.
        counts: How many of each group match all but the choice of split and class.
    """

    rows: "NDArray[np.int32] | None"
    total: int
    bytes: int
    counts: "NDArray[np.int64]"


def find(
    ws: "Workspace",
    spec: str,
    wanted: Filter,
    *,
    sort: Sort = "path",
    offset: int = 0,
    at: str = "",
    limit: int = 100,
    facets: bool = False,
) -> ItemPage:
    """See `data.items`."""
    version = versions.find(ws, spec)
    index = indexes.of(ws, version.id)
    matches = _matches(ws, version.id, index, wanted, sort)
    offset = max(0, offset)
    limit = min(max(0, limit), MOST)
    if at:
        offset = max(0, place(index, matches, at) - limit // 2)
    end = min(matches.total, offset + limit)
    rows = range(offset, end) if matches.rows is None else matches.rows[offset:end].tolist()
    seen = np.flatnonzero(matches.counts)
    return ItemPage(
        version=version,
        total=matches.total,
        bytes=matches.bytes,
        offset=offset,
        items=[item(index, row) for row in rows],
        facets=_facets(index, matches.counts, seen) if facets else [],
        groups=len(seen),
    )


def item(index: Index, row: int) -> Item:
    """Give one file with its split and class."""
    split, label = index.groups[index.group[row]]
    return Item(
        path=index.path(row),
        digest=index.digest(row),
        size=int(index.sizes[row]),
        split=split,
        label=label,
    )


def place(index: Index, matches: Matches, path: str) -> int:
    """Find where a file stands among those that match; raises `NotFound` when it does not."""
    try:
        row = index[path]
    except KeyError as error:
        raise NotFound(f"no file {path} in this version") from error
    if matches.rows is None:
        return row
    found = np.flatnonzero(matches.rows == row)
    if not len(found):
        raise NotFound(f"{path} is not among the files that match")
    return int(found[0])


def _facets(index: Index, counts: "NDArray[np.int64]", seen: "NDArray[np.int64]") -> list[Share]:
    if len(seen) > _FACETS:
        seen = seen[np.argsort(-counts[seen], kind="stable")[:_FACETS]]
    return sorted(
        (
            Share(split=index.groups[at][0], label=index.groups[at][1], count=int(counts[at]))
            for at in seen
        ),
        key=lambda share: (share.split, share.label),
    )


def _matches(
    ws: "Workspace", version: "Digest", index: Index, wanted: Filter, sort: Sort
) -> Matches:
    """Find what matches; kept, because a page is followed by the next one."""

    def make() -> tuple[Matches, int]:
        found = match(index, wanted, sort)
        return found, 4096 + (0 if found.rows is None else found.rows.nbytes)

    return ws.kept.get(("matches", version, wanted, sort), make)


def match(index: Index, wanted: Filter, sort: Sort) -> Matches:
    """Find the files that match, in order."""
    n = len(index)
    mask = np.ones(n, bool)
    if wanted.prefix:
        low, high = index.below(wanted.prefix)
        mask[:low] = False
        mask[high:] = False
    for word in wanted.text.split():
        mask &= containing(index, word)
    counts = index.counts(mask)
    mask &= _chosen(index, wanted)
    order = _order(index, sort)
    everything = bool(mask.all())
    rows = None
    if order is not None:
        rows = order if everything else order[mask[order]]
    elif not everything:
        rows = np.flatnonzero(mask).astype(np.int32)
    return Matches(
        rows=rows,
        total=int(np.count_nonzero(mask)),
        bytes=int(index.sizes.sum(where=mask)),
        counts=counts,
    )


def _chosen(index: Index, wanted: Filter) -> Any:
    """Tell which files lie in the splits and classes asked for."""
    if not wanted.split and not wanted.label:
        return True
    splits, labels = set(wanted.split), set(wanted.label)
    fits = [
        (not splits or split in splits) and (not labels or label in labels)
        for split, label in index.groups
    ]
    return np.array(fits, bool)[index.group] if fits else True


def _order(index: Index, sort: Sort) -> "NDArray[np.int32] | None":
    """Give the numbers of all files in an order; None for the manifest's own."""
    n = len(index)
    if sort == "path":
        return None
    if sort == "-path":
        return np.arange(n - 1, -1, -1, dtype=np.int32)
    if sort == "random":
        # The same for everyone and for every page: a link shows what was seen.
        return np.random.default_rng(0).permutation(n).astype(np.int32)
    return index.order if sort == "size" else index.order[::-1]


def containing(index: Index, word: str) -> "NDArray[np.bool_]":
    """Tell which paths hold a text, in any case of ASCII letters."""
    codes = index.text
    found = np.zeros(len(index), bool)
    raw = word.encode()
    last = len(codes) - len(raw) + 1
    if b"\n" in raw or last <= 0:
        return found
    at: Any = None
    for step, code in enumerate(raw):
        other = ord(chr(code).swapcase()) if code < 128 else code
        here = codes[step : last + step] if at is None else codes[at + step]
        fits = here == code
        if other != code:
            fits |= here == other
        at = np.flatnonzero(fits) if at is None else at[fits]
    found[np.searchsorted(index.ends, at)] = True
    return found
