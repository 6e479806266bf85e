"""Where a stream's files are: names to folders, segments and columns, the manifest that joins them.

A reader lists the folder first and reads the manifest second. Whatever a compaction deleted after
the listing is then in the manifest, and what is in the manifest is not read from its segment too:
nothing is lost or doubled, whenever the compaction is stopped.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from cauce.errors import Damaged, Invalid, Unsupported
from cauce.kernel import manifest
from cauce.kernel.entities import Entity
from cauce.kernel.telemetry.frames import Kind, Segment

FORMAT = 1
"""Number of the manifest's form; a reader refuses a later one."""

MANIFEST = "manifest.msgpack"
LOCK = "compact.lock"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID = f"[{_ALPHABET}]{{26}}"
_SEGMENT = re.compile(rf"({ID})\.seg")
_OWN = re.compile(rf"{re.escape(MANIFEST)}(\.tmp)?|{re.escape(LOCK)}|{ID}\.[a-z.]+")
_POSITION = re.compile(rf"({ID}):([0-9]{{1,15}})")


class KeySummary(Entity, frozen=True):
    """What one metric's points come to.

    Attributes:
        last: Value at the greatest step, the last written where several have it.
        min: Smallest finite value, NaN when there is none.
        max: Largest finite value, NaN when there is none.
        count: Points.
        first_step: Smallest step.
        last_step: Greatest step.
    """

    last: float
    min: float
    max: float
    count: int
    first_step: int
    last_step: int


class Rows(Struct, frozen=True, array_like=True):
    """Where the records of one segment are in a file of columns.

    Attributes:
        segment: Id of the segment.
        start: First row; for points, whose rows are sorted by key, 0.
        count: Records.
        last: When its last block was written.
    """

    segment: str
    start: int
    count: int
    last: float


class KeyRows(Struct, frozen=True, array_like=True):
    """One key of a file of points; its number is that of the record batch that holds it.

    Attributes:
        summary: What its points come to.
        level: Record batch of its first downsample in the file of levels.
        levels: Number of its downsamples.
    """

    key: str
    summary: KeySummary
    level: int = 0
    levels: int = 0


class Columns(Struct, frozen=True, array_like=True):
    """A file that compaction made.

    Attributes:
        id: Its name without the ending.
        kind: `records`: Parquet, `points`: Arrow.
        size: Bytes.
        rows: The segments it holds, sorted by id.
        keys: The metrics it holds, when its kind is `points`.
    """

    id: str
    kind: Kind
    size: int
    rows: tuple[Rows, ...]
    keys: tuple[KeyRows, ...] = ()

    @property
    def file(self) -> str:
        """Name of the file."""
        return f"{self.id}.parquet" if self.kind == "records" else f"{self.id}.arrow"

    @property
    def levels_file(self) -> str:
        """Name of the file of downsamples."""
        return f"{self.id}.levels.arrow"


class StreamManifest(Struct, frozen=True, array_like=True):
    """Which files of columns are valid; replaced whole by each compaction."""

    format: int = FORMAT
    columns: tuple[Columns, ...] = ()


class Place(NamedTuple):
    """Where the records of a segment are now.

    Attributes:
        segment: Id.
        path: Segment, or file of columns.
        columns: Of the file of columns; None when it is still a segment.
        rows: Of the segment in those columns.
        last: When it was last written to.
    """

    segment: str
    path: Path
    columns: Columns | None
    rows: Rows | None
    last: float


def check_name(name: str) -> None:
    """Raise `Invalid` unless a stream may have this name."""
    manifest.check_path(name)
    for part in name.split("/"):
        if part.startswith(".") or len(part.encode()) > 200 or _OWN.fullmatch(part):
            raise Invalid(
                f"{name[:200]!r} is not a name for a stream",
                hint="use words joined by '/', such as metrics/ID; no word starts with a dot",
            )


def folder(root: Path, name: str) -> Path:
    """Give the folder of a stream, which need not exist."""
    check_name(name)
    return root / name


def names(root: Path, prefix: str) -> list[str]:
    """List the streams below a root whose name starts with a prefix, sorted."""
    start = root / prefix.rpartition("/")[0]
    if prefix and ".." in Path(prefix).parts:
        raise Invalid(f"{prefix!r} is not the start of a stream's name")
    found = []
    for place, _, files in os.walk(start):
        if any(_SEGMENT.fullmatch(file) or file == MANIFEST for file in files):
            name = Path(place).relative_to(root).as_posix()
            if name.startswith(prefix):
                found.append(name)
    return sorted(found)


def segment_files(place: Path) -> dict[str, Path]:
    """List the segments of a stream's folder by id, sorted."""
    try:
        entries = sorted(os.listdir(place))  # noqa: PTH208 - names, ten thousand times
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found = {}
    for entry in entries:
        match = _SEGMENT.fullmatch(entry)
        if match:
            found[match[1]] = place / entry
    return found


def read_manifest(place: Path) -> StreamManifest:
    """Read a stream's manifest; empty when it was never compacted.

    Raises:
        Unsupported: A later version of Cauce wrote it.
        Damaged: It is not a manifest.
    """
    try:
        data = (place / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return StreamManifest()
    try:
        body = msgspec.msgpack.decode(data)
        form = body[0] if isinstance(body, list) and body else None
        if isinstance(form, int) and form > FORMAT:
            raise Unsupported(
                f"the stream has format {form}, this Cauce reads up to {FORMAT}",
                hint="upgrade Cauce",
            )
        found = msgspec.convert(body, StreamManifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Damaged(f"{place / MANIFEST} is not a stream's manifest: {error}") from error
    for columns in found.columns:
        if not re.fullmatch(ID, columns.id):
            raise Damaged(f"{place / MANIFEST} names {columns.id!r}, which is not an id")
    return found


def places(place: Path) -> dict[str, Place]:
    """Find every segment of a stream, in order of its id."""
    while True:
        segments = segment_files(place)
        found = {
            rows.segment: Place(rows.segment, place / columns.file, columns, rows, rows.last)
            for columns in read_manifest(place).columns
            for rows in columns.rows
        }
        try:
            for segment, path in segments.items():
                if segment not in found:
                    found[segment] = Place(segment, path, None, None, path.stat().st_mtime)
        except FileNotFoundError:
            continue  # compacted between the two looks: the manifest has it now
        return dict(sorted(found.items()))


def faults(place: Path) -> list[str]:
    """Read every segment of a stream and say what is damaged; a torn tail is not."""
    found = [f"{path.name} was set aside by a compaction" for path in place.glob("*.damaged")]
    try:
        known = places(place)
    except (Damaged, Unsupported) as error:
        return [*found, error.message]
    for one in known.values():
        if one.columns is not None:
            if not one.path.is_file():
                found.append(f"{one.path.name} is gone, but the manifest names it")
            continue
        try:
            with Segment(one.path) as segment:
                for _ in segment.decoded():
                    pass
        except FileNotFoundError:
            continue  # compacted meanwhile
        except Unsupported as error:
            found.append(error.message)
            continue
        if segment.fault and not segment.torn:
            found.append(f"{one.path.name}: {segment.fault}")
    return sorted(set(found))


def parse_position(position: str) -> tuple[str, int]:
    """Take a position apart into segment and index."""
    match = _POSITION.fullmatch(position)
    if match is None:
        raise Invalid(f"{position[:100]!r} is not a position in a stream")
    return match[1], int(match[2])


def id_time(id: str) -> float:
    """Read the seconds in an id made by `ids.new_id`; 0.0 when it is not one."""
    if not re.fullmatch(ID, id):
        return 0.0
    number = 0
    for char in id:
        number = number << 5 | _ALPHABET.index(char)
    return (number >> 80) / 1000
