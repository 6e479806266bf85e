"""The contract of what writes files for other tools: CI systems and places to run a model.

Members live in `cauce.adapters.ci` and `cauce.adapters.targets`: modules with a function `files`.
"""

from typing import Protocol

from cauce.kernel.entities import Entity


class Facts(Entity, frozen=True):
    """What the files need to know of a project.

    Attributes:
        project: Its name: any text, not to be trusted with quoting.
        cauce: Version of Cauce that the files shall install.
        python: Version of Python, such as `3.12`.
        deployment: Deployment that an image serves.
        train: Command lines after `cauce` up to the gate, as arguments; empty without a flow.
        promote: Those after the gate.
    """

    project: str
    cauce: str
    python: str
    deployment: str
    train: tuple[tuple[str, ...], ...] = ()
    promote: tuple[tuple[str, ...], ...] = ()


def one_line(text: str) -> str:
    """Give a text on one line, without control characters; they have no place in a name."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


class Generator(Protocol):
    """Writes the files of one system."""

    def files(self, facts: Facts) -> dict[str, str]:
        """Give the text of each file by its path in the project.

        Whatever the facts hold, the result is one valid file that does what it says: names are
        quoted for the system, never pasted.
        """
        ...
