"""What `ship` prints: a line a file."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.rooms.ship.entities import Written


@renders("ship.dockerfile")
def dockerfile(files: Sequence[Written]) -> Iterator[str]:
    """State and path."""
    for file in files:
        yield f"{file.state:<9}  {file.path}"


@renders("ship.ci")
def ci(files: Sequence[Written]) -> Iterator[str]:
    """State and path."""
    return dockerfile(files)
