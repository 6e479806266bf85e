"""What looking into a version returns."""

from typing import Literal

from cauce.kernel.entities import Digest, Entity
from cauce.rooms.data.entities import DatasetVersion, Share

Sort = Literal["path", "-path", "size", "-size", "random"]


class Item(Entity, frozen=True):
    """One file of a version.

    Attributes:
        split: First folder of its path, empty for files at the top.
        label: Second folder, empty when it lies directly in the split.
    """

    path: str
    digest: Digest
    size: int
    split: str = ""
    label: str = ""


class ItemPage(Entity, frozen=True):
    """A stretch of the files that match.

    Attributes:
        total: Files that match, all of them.
        bytes: Their bytes together.
        offset: Place of the first file here among them, from 0.
        facets: Files by split and class that match all but the choice of split and class; the
            largest, when there are too many.
        groups: Splits with their classes that match, in `facets` or not.
    """

    version: DatasetVersion
    total: int
    bytes: int
    offset: int
    items: list[Item]
    facets: list[Share]
    groups: int


class Seen(Entity, frozen=True):
    """A version in which a path came, changed or went.

    Attributes:
        number: `v1`, `v2`…
        created: When the version was made.
        digest: Its bytes there, empty where it is not.
        size: Bytes there.
    """

    number: str
    created: float
    digest: str
    size: int
    change: Literal["added", "changed", "removed", ""] = ""


class Said(Entity, frozen=True):
    """What an annotation set says of a file.

    Attributes:
        annotations: Name of the set, whose newest version was read.
        at: When it was said, 0 where that is not known.
    """

    annotations: str
    label: str
    annotator: str = ""
    at: float = 0.0


class ItemView(Entity, frozen=True):
    """One file of a version, looked at.

    Attributes:
        kind: What it was taken for, by its name and its first bytes.
        facts: What its header says: `width`, `height`, `format`, `mode`, `frames`; `rows`.
        fault: Why it cannot be shown, empty when it can.
        text: Its first lines, when it is a text.
        columns: Names of a table's columns.
        rows: Its first rows, long cells cut.
        whole: Whether `text` or `rows` is all of it.
        twins: Paths of files of this version with the same bytes, at most ten.
        twin_count: How many there are.
        history: Versions in which this path came, changed or went, the newest first.
        history_whole: Whether all versions were looked at.
        said: What annotation sets say of it.
    """

    version: DatasetVersion
    item: Item
    kind: Literal["image", "text", "table", "other"]
    facts: dict[str, str]
    fault: str = ""
    text: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    whole: bool = True
    twins: tuple[str, ...] = ()
    twin_count: int = 0
    history: tuple[Seen, ...] = ()
    history_whole: bool = True
    said: tuple[Said, ...] = ()
