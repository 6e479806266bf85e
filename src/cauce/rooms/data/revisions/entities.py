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
