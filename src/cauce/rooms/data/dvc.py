"""The format `dvc` as this room uses it; the adapter is loaded when first asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, cast

from cauce.kernel import plugins
from cauce.kernel.entities import Digest

Level = Literal["system", "global", "repo", "local"]


class CloudFile(Protocol):
    """One file of a folder in a bucket that keeps versions; see the adapter."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def md5(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int | None: ...  # noqa: D102
    @property
    def cloud(self) -> Mapping[str, Mapping[str, str]]: ...  # noqa: D102


class Output(Protocol):
    """One path that a `.dvc` file or a stage names; see the adapter."""

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
    def cache(self) -> bool: ...  # noqa: D102
    @property
    def legacy(self) -> bool: ...  # noqa: D102
    @property
    def folder(self) -> bool: ...  # noqa: D102
    @property
    def algorithm(self) -> str: ...  # noqa: D102
    @property
    def digest(self) -> Digest: ...  # noqa: D102
    @property
    def remote(self) -> str: ...  # noqa: D102
    @property
    def push(self) -> bool: ...  # noqa: D102
    @property
    def cloud(self) -> Mapping[str, Mapping[str, str]]: ...  # noqa: D102
    @property
    def files(self) -> Sequence[CloudFile]: ...  # noqa: D102
    @property
    def stage(self) -> str: ...  # noqa: D102


class Repository(Protocol):
    """The repository that an import comes from; see the adapter."""

    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def rev(self) -> str: ...  # noqa: D102
    @property
    def rev_lock(self) -> str: ...  # noqa: D102
    @property
    def config(self) -> Any: ...  # noqa: D102
    @property
    def remote(self) -> Any: ...  # noqa: D102


class Dependency(Protocol):
    """Where imported data come from; see the adapter."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def md5(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int | None: ...  # noqa: D102
    @property
    def nfiles(self) -> int | None: ...  # noqa: D102
    @property
    def etag(self) -> str: ...  # noqa: D102
    @property
    def checksum(self) -> str: ...  # noqa: D102
    @property
    def version_id(self) -> str: ...  # noqa: D102
    @property
    def repo(self) -> Repository | None: ...  # noqa: D102


class DvcFile(Protocol):
    """What a `.dvc` file, or a `dvc.yaml` with its lock, says; see the adapter."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def outs(self) -> tuple[Output, ...]: ...  # noqa: D102
    @property
    def deps(self) -> tuple[Dependency, ...]: ...  # noqa: D102
    @property
    def frozen(self) -> bool: ...  # noqa: D102
    @property
    def md5(self) -> str: ...  # noqa: D102
    @property
    def wdir(self) -> str: ...  # noqa: D102
    @property
    def imported(self) -> bool: ...  # noqa: D102


class Ignore(Protocol):
    """The `.dvcignore` files of a project; see the adapter."""

    def __call__(self, path: str, *, folder: bool) -> bool: ...  # noqa: D102
    def above(self, path: str) -> bool: ...  # noqa: D102
    def quiet(self, folder: str) -> bool: ...  # noqa: D102
    def explain(self, path: str, *, folder: bool) -> tuple[str, int, str] | None: ...  # noqa: D102


class Document(Protocol):
    """The text of one config file; see the adapter."""

    def set(self, section: str, option: str, value: str) -> None: ...  # noqa: D102
    def unset(self, section: str, option: str) -> bool: ...  # noqa: D102
    def drop(self, section: str) -> list[str]: ...  # noqa: D102
    def rename(self, section: str, new: str) -> None: ...  # noqa: D102
    def values(self) -> dict[str, dict[str, str]]: ...  # noqa: D102


# Names that stay free where the adapter's classes are declared as functions.
_Out: TypeAlias = Output
_Dep: TypeAlias = Dependency
_Repo: TypeAlias = Repository


class Format(Protocol):
    """Functions of the adapter."""

    def create(self, root: Path, *, scm: bool) -> list[Path]: ...  # noqa: D102
    def find(self, root: Path) -> Iterator[Path]: ...  # noqa: D102
    def read(self, root: Path, path: Path) -> DvcFile: ...  # noqa: D102
    def read_text(self, text: str, place: str) -> DvcFile: ...  # noqa: D102
    def interpret(  # noqa: D102
        self, root: Path | None, place: str, reader: Callable[[str], str | None]
    ) -> DvcFile | None: ...
    def write(self, root: Path, path: Path, output: Output) -> None: ...  # noqa: D102
    def write_import(self, root: Path, path: Path, wanted: DvcFile) -> None: ...  # noqa: D102
    def accept(self, root: Path, path: Path, output: Output) -> None: ...  # noqa: D102
    def accept_stages(  # noqa: D102
        self, root: Path, place: str, outputs: Sequence[Output]
    ) -> None: ...
    def relocate(  # noqa: D102
        self, root: Path, old: Path, new: Path, output: Output, path: str
    ) -> None: ...
    def inside(self, root: Path, base: str, text: str, where: str) -> str: ...  # noqa: D102
    def dump(self, files: Mapping[str, str]) -> bytes: ...  # noqa: D102
    def parse(self, data: bytes) -> dict[str, str]: ...  # noqa: D102
    def name(self, data: bytes) -> Digest: ...  # noqa: D102
    def hide(self, root: Path, path: Path) -> Path | None: ...  # noqa: D102
    def unhide(self, root: Path, path: Path) -> Path | None: ...  # noqa: D102
    def stage(self, root: Path, paths: Sequence[Path]) -> None: ...  # noqa: D102
    def tracked(self, path: Path) -> bool: ...  # noqa: D102
    def versioned(self, root: Path) -> bool: ...  # noqa: D102
    def remotes(self, root: Path) -> tuple[str, dict[str, dict[str, str]]]: ...  # noqa: D102
    def edit(self, root: Path, level: Level) -> AbstractContextManager[Document]: ...  # noqa: D102
    def stored(  # noqa: D102
        self, root: Path, level: Level, section: str, option: str, value: str
    ) -> str: ...
    def levels(self, root: Path) -> dict[Level, Path]: ...  # noqa: D102
    def each(  # noqa: D102
        self, root: Path
    ) -> Iterator[tuple[Level, Path, dict[str, dict[str, str]]]]: ...
    def no_scm(self, root: Path) -> bool: ...  # noqa: D102
    def load(self, root: Path) -> dict[str, dict[str, str]]: ...  # noqa: D102
    def cache_dir(self, root: Path) -> Path: ...  # noqa: D102
    def locked(self, root: Path) -> AbstractContextManager[None]: ...  # noqa: D102
    def Ignore(  # noqa: D102, N802
        self, root: Path, text: Callable[[str], str | None] | None = None
    ) -> Ignore: ...
    def Output(  # noqa: D102, N802
        self,
        *,
        path: str,
        md5: str = "",
        size: int | None = None,
        nfiles: int | None = None,
        isexec: bool = False,
        cache: bool = True,
        legacy: bool = False,
        remote: str = "",
        push: bool = True,
        stage: str = "",
    ) -> Output: ...
    def Repository(  # noqa: D102, N802
        self,
        *,
        url: str,
        rev: str = "",
        rev_lock: str = "",
        config: Any = None,
        remote: Any = None,
    ) -> Repository: ...
    def Dependency(  # noqa: D102, N802
        self,
        *,
        path: str,
        md5: str = "",
        size: int | None = None,
        nfiles: int | None = None,
        etag: str = "",
        checksum: str = "",
        version_id: str = "",
        hash: str = "",
        repo: _Repo | None = None,
    ) -> Dependency: ...
    def DvcFile(  # noqa: D102, N802
        self,
        *,
        path: str,
        outs: tuple[_Out, ...],
        deps: tuple[_Dep, ...] = (),
        frozen: bool = False,
        wdir: str = "",
    ) -> DvcFile: ...


def load() -> Format:
    """Load the adapter."""
    return cast("Format", plugins.load("formats", "dvc"))
