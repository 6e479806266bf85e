"""The format `dvc` as this room uses it; the adapter is loaded when first asked for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, cast

from cauce.kernel import plugins
from cauce.kernel.entities import Digest


class Output(Protocol):
    """One path that a `.dvc` file names; see the adapter."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def md5(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int | None: ...  # noqa: D102
    @property
    def nfiles(self) -> int | None: ...  # noqa: D102
    @property
    def isexec(self) -> bool: ...  # noqa: D102
    @property
    def legacy(self) -> bool: ...  # noqa: D102
    @property
    def folder(self) -> bool: ...  # noqa: D102


class DvcFile(Protocol):
    """What a `.dvc` file says; see the adapter."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def outs(self) -> tuple[Output, ...]: ...  # noqa: D102


class Ignore(Protocol):
    """The `.dvcignore` files of a project; see the adapter."""

    def __call__(self, path: str, *, folder: bool) -> bool: ...  # noqa: D102
    def above(self, path: str) -> bool: ...  # noqa: D102


class Format(Protocol):
    """Functions of the adapter."""

    def create(self, root: Path, *, scm: bool) -> list[Path]: ...  # noqa: D102
    def find(self, root: Path) -> Iterator[Path]: ...  # noqa: D102
    def read(self, root: Path, path: Path) -> DvcFile: ...  # noqa: D102
    def read_text(self, text: str, place: str) -> DvcFile: ...  # noqa: D102
    def write(self, root: Path, path: Path, output: Output) -> None: ...  # noqa: D102
    def inside(self, root: Path, base: str, text: str, where: str) -> str: ...  # noqa: D102
    def dump(self, files: Mapping[str, str]) -> bytes: ...  # noqa: D102
    def parse(self, data: bytes) -> dict[str, str]: ...  # noqa: D102
    def name(self, data: bytes) -> Digest: ...  # noqa: D102
    def hide(self, root: Path, path: Path) -> Path | None: ...  # noqa: D102
    def tracked(self, path: Path) -> bool: ...  # noqa: D102
    def versioned(self, root: Path) -> bool: ...  # noqa: D102
    def locked(self, root: Path) -> AbstractContextManager[None]: ...  # noqa: D102
    def Ignore(  # noqa: D102, N802
        self, root: Path, text: Callable[[str], str | None] | None = None
    ) -> Ignore: ...
    def Output(  # noqa: D102, N802
        self,
        *,
        path: str,
        md5: str,
        size: int | None = None,
        nfiles: int | None = None,
        isexec: bool = False,
    ) -> Output: ...


def load() -> Format:
    """Load the adapter."""
    return cast("Format", plugins.load("formats", "dvc"))
