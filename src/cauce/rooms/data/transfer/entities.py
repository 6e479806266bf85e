"""What transfers return."""

from typing import Literal

from cauce.kernel.entities import Entity
from cauce.rooms.data.entities import OutCheckout

CloudState = Literal["new", "deleted", "missing"]


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


class CloudStatus(Entity, frozen=True):
    """How one object stands between the store at hand and a remote.

    Attributes:
        path: File or folder that needs it, relative to the project.
        md5: Its sum, with `.dir` for the list of a folder's files.
        state: `new`: only here, a push brings it there; `deleted`: only there, a fetch brings it
            here; `missing`: in neither.
    """

    path: str
    md5: str
    state: CloudState
