"""The format `lfs` as this room uses it; the adapter is loaded when first asked for."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

from cauce.kernel import plugins


class Pointer(Protocol):
    """What git holds instead of a file; see the adapter."""

    @property
    def oid(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102


class Blob(Protocol):
    """One path of a commit; see the adapter."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def file(self) -> bool: ...  # noqa: D102
    @property
    def isexec(self) -> bool: ...  # noqa: D102


class Format(Protocol):
    """Functions of the adapter."""

    LONGEST: int

    def top(self, folder: Path) -> Path: ...  # noqa: D102
    def commit(self, folder: Path, revision: str) -> tuple[str, str]: ...  # noqa: D102
    def tree(self, folder: Path, commit: str, prefix: str) -> Sequence[Blob]: ...  # noqa: D102
    def read(self, folder: Path, ids: Iterable[str]) -> Iterator[bytes]: ...  # noqa: D102
    def parse(self, data: bytes) -> Pointer | None: ...  # noqa: D102
    def attribute(self, folder: Path, revision: str, paths: Sequence[str]) -> set[str]: ...  # noqa: D102
    def storage(self, folder: Path) -> Path: ...  # noqa: D102
    def named(self, folder: Path) -> set[str]: ...  # noqa: D102
    def address(self, folder: Path, remote: str = "origin") -> str: ...  # noqa: D102


def load() -> Format:
    """Load the adapter."""
    return cast("Format", plugins.load("formats", "lfs"))
