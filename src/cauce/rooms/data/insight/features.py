"""Features of a version's files, one row a digest: computed once, kept for the next version.

A picture or a text that was measured for an earlier version is not read again; its row is taken
from that version's file of features.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cauce.errors import Damaged, Invalid
from cauce.kernel import plugins, progress
from cauce.kernel.entities import Digest, Entry
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.insight import texts

FORMAT = "1"
"""Number of the features' form: rows of another form are computed anew."""

PICTURE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm",
)  # fmt: skip
_BATCH, _THREADS = 512, 8

_SHARED = [pa.field("digest", pa.string()), pa.field("fault", pa.string())]
PICTURES = pa.schema(
    [
        *_SHARED,
        *(pa.field(name, pa.int32()) for name in ("width", "height")),
        *(pa.field(name, pa.string()) for name in ("mode", "format")),
        *(
            pa.field(name, pa.float32())
            for name in "brightness contrast sharpness entropy saturation warmth".split()
        ),
        pa.field("look", pa.uint64()),
        pa.field("thumb", pa.binary(64)),
    ],
    metadata={"cauce.features": FORMAT},
)
TEXTS = pa.schema(
    [
        *_SHARED,
        *(pa.field(name, pa.int64()) for name in ("characters", "words", "lines", "distinct")),
        pa.field("counts", pa.map_(pa.string(), pa.int32())),
        pa.field("sketch", pa.binary(4 * texts.HASHES)),
    ],
    metadata={"cauce.features": FORMAT},
)


KINDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "pictures": (PICTURES, PICTURE_SUFFIXES),
    "texts": (TEXTS, texts.SUFFIXES),
}
"""What can be measured file by file: name -> columns, suffixes."""


def of(
    ws: Workspace, entries: Iterable[Entry], kind: str, known: Any | None = None
) -> tuple[Any, int]:
    """Measure the files of one kind.

    Args:
        ws: Workspace.
        entries: Files of the version; those of other kinds are passed over.
        kind: `pictures` or `texts`.
        known: Features of an earlier version, None for none.

    Returns:
        A table with one row for each different digest, and how many of them were computed now. A
        file that cannot be measured has the reason in `fault` and nulls elsewhere.

    Raises:
        NotFound: An object is not in the store.
    """
    schema = KINDS[kind][0]
    wanted = list(dict.fromkeys(entry.digest for entry in files(entries, kind)))
    kept = schema.empty_table()
    if known is not None:
        kept = known.filter(pc.is_in(known["digest"], pa.array(wanted, pa.string())))
    have = set(kept["digest"].to_pylist())
    fresh = [digest for digest in wanted if digest not in have]
    parts = [kept, *_measured(ws, fresh, kind, schema)]
    return pa.concat_tables(parts), len(fresh)


def _measured(ws: Workspace, digests: Sequence[Digest], kind: str, schema: Any) -> Iterator[Any]:
    if not digests:
        return
    row = _row(ws, kind)
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(digests), _BATCH):
            part = digests[start : start + _BATCH]
            yield pa.Table.from_pylist(list(pool.map(row, part)), schema=schema)
            progress.report(f"measuring {kind}", start + len(part), len(digests))


def _row(ws: Workspace, kind: str) -> Callable[[Digest], dict[str, Any]]:
    """Give the function that measures one object; hostile bytes become a fault of their row."""
    measure = texts.measure if kind == "texts" else plugins.load("formats", "pictures").measure

    def row(digest: Digest) -> dict[str, Any]:
        try:
            found = measure(ws.objects.get(digest))
        except (Invalid, Damaged) as error:
            return {"digest": digest, "fault": error.message}
        made = {name: getattr(found, name) for name in found.__struct_fields__}
        if kind == "texts":
            made["sketch"] = made["sketch"].astype("<u4").tobytes()
            made["counts"] = list(made["counts"].items())
        return {"digest": digest, "fault": "", **made}

    return row


def dump(table: Any) -> bytes:
    """Give a table of features as the bytes of a Parquet file; the same rows, the same bytes."""
    out = io.BytesIO()
    pq.write_table(table.sort_by("digest"), out, compression="zstd")
    return out.getvalue()


def load(data: bytes, kind: str) -> Any | None:
    """Read a file of features; None when it is of another form and is to be computed anew."""
    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{kind}.parquet is no file of features: {error}") from error
    schema = KINDS[kind][0]
    same = (table.schema.metadata or {}).get(b"cauce.features") == FORMAT.encode()
    return table if same and table.schema.equals(schema) else None


def sound(table: Any) -> Any:
    """Keep the rows that could be measured."""
    return table.filter(pc.equal(table["fault"], ""))


def files(entries: Iterable[Entry], kind: str) -> list[Entry]:
    """Give the files of one kind, by their suffix."""
    return [entry for entry in entries if entry.path.lower().endswith(KINDS[kind][1])]


def by_file(entries: Sequence[Entry], table: Any, kind: str) -> tuple[list[Entry], Any]:
    """Give the measured files in their order, and a table with one row for each of them."""
    at = {digest: row for row, digest in enumerate(table["digest"].to_pylist())}
    here = [entry for entry in files(entries, kind) if entry.digest in at]
    rows = np.fromiter((at[entry.digest] for entry in here), np.int64, len(here))
    return here, table.take(pa.array(rows))
