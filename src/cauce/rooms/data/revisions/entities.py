"""What the operations on revisions, repositories and garbage return."""

from cauce.kernel.entities import Digest, Entity


class Collected(Entity, frozen=True):
    """What is not needed in one place.

    Attributes:
        place: `cache`, or the name of a remote.
        count: Objects that went, or would go.
        bytes: Their bytes.
        kept: Objects that stay.
        young: Of these, ones that nothing needs but that are younger than the grace period.
        sample: The first of those that went, or would go.
    """

    place: str
    count: int
    bytes: int
    kept: int
    young: int
    sample: tuple[Digest, ...] = ()


class Collection(Entity, frozen=True):
    """What a collection took out, or would take out.

    Attributes:
        applied: Whether anything was moved; False when it was only shown.
        id: What `data gc-undo` takes; empty when nothing was moved.
    """

    applied: bool
    id: str
    places: list[Collected]


class Restored(Entity, frozen=True):
    """What came back out of the trash.

    Attributes:
        id: The collection.
        count: Objects.
    """

    id: str
    count: int


class RepositoryEntry(Entity, frozen=True):
    """A file or folder of a repository, with the keys of `dvc ls --json`.

    Attributes:
        path: Relative to the folder that was listed.
        isout: Whether DVC's files name it, or a folder above it.
        size: Bytes, None where nobody wrote them down.
        md5: Sum of an output; None for what git holds.
    """

    path: str
    isout: bool
    isdir: bool
    isexec: bool
    size: int | None
    md5: str | None


class Gotten(Entity, frozen=True):
    """What was brought from elsewhere.

    Attributes:
        path: Where it lies now.
        files: How many files.
        url: Where it came from.
        rev_lock: Commit of the repository, empty where there is none.
        file: The `.dvc` file that remembers its source, empty for `get`.
        changed: Whether anything is other than before.
    """

    path: str
    files: int
    url: str
    rev_lock: str = ""
    file: str = ""
    changed: bool = True
