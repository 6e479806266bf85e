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
