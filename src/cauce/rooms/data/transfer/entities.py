"""What transfers return."""

from cauce.kernel.entities import Entity
from cauce.rooms.data.entities import OutCheckout


class Transfer(Entity, frozen=True):
    """What was moved between the store at hand and one remote.

    Attributes:
        remote: Its name.
        url: Where it is, without secrets.
        objects: Objects that were moved; a folder counts its files and the list of them.
        bytes: Their bytes.
        present: Objects that were there already.
        outs: Tracked paths that were looked at.
    """

    remote: str
    url: str
    objects: int
    bytes: int
    present: int
    outs: int


class PullReport(Entity, frozen=True):
    """What a pull brought, and what it did to the work tree."""

    fetched: list[Transfer]
    outs: list[OutCheckout]
