"""What the room `ship` answers with."""

from typing import Literal

from cauce.kernel.entities import Entity


class Written(Entity, frozen=True):
    """A file that was written, or need not be.

    Attributes:
        path: In the project.
        state: `new`, `updated` (nobody had edited it), `replaced` (by force) or `unchanged`.
    """

    path: str
    state: Literal["new", "updated", "replaced", "unchanged"]
