"""What DVC's files say, as values."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from cauce.kernel.entities import Digest

PIPELINE, LOCK = "dvc.yaml", "dvc.lock"

MD5, LEGACY = "md5", "md5-dos2unix"
"""Algorithms of DVC 3 and of DVC 2, whose sums do not see line ends."""


class CloudFile(Struct, frozen=True, kw_only=True):
    """One file of a folder that lies in a bucket under its own name.

    Attributes:
        path: Relative to the folder, POSIX.
        md5: Hex, empty when not said.
        cloud: Remote -> `etag` and `version_id` there.
    """

    path: str
    md5: str = ""
    size: int | None = None
    cloud: Mapping[str, Mapping[str, str]] = {}


class Repository(Struct, frozen=True, kw_only=True):
    """The repository that an import comes from.

    Attributes:
        url: Address, or a path on this machine.
        rev: Branch, tag or commit that was asked for; empty: the default branch.
        rev_lock: Commit that it was.
        config: Further config of that repository: a file's name, or sections.
        remote: Name of its remote, or options of one.
    """

    url: str
    rev: str = ""
    rev_lock: str = ""
    config: Any = None
    remote: Any = None


class Dependency(Struct, frozen=True, kw_only=True):
    """Where imported data come from, and what was seen there.

    Attributes:
        path: As written: an address, or a path relative to the file (or `repo`).
        md5: Sum of a local source, with `.dir` for a folder.
        etag: What an object store said.
        checksum: What an HTTP server or HDFS said.
        version_id: Version of the object in a bucket that keeps them.
        repo: The repository that it lies in.
        files: Files of a folder in a bucket that keeps versions.
        db: Query of a database, as written.
    """

    path: str = ""
    md5: str = ""
    size: int | None = None
    nfiles: int | None = None
    isexec: bool = False
    etag: str = ""
    checksum: str = ""
    version_id: str = ""
    hash: str = ""
    repo: Repository | None = None
    files: tuple[CloudFile, ...] = ()
    db: Any = None


class Output(Struct, frozen=True, kw_only=True):
    """One path that a `.dvc` file or a stage names.

    Attributes:
        path: Relative to the project, POSIX.
        md5: Hex of the sum, with `.dir` for a folder; empty before the first add.
        size: Bytes, None when not said.
        nfiles: Files of a folder, None when not said.
        isexec: Whether a file is executable by its owner.
        cache: Whether its bytes are kept in the cache.
        legacy: Whether version 2 of DVC wrote it, whose sums ignore line ends.
        remote: Remote that it is pushed to and pulled from; empty: the default one.
        push: Whether `push` may send it.
        persist: Whether a stage leaves it in place before it runs.
        cloud: Remote -> `etag` and `version_id` of a file in a bucket that keeps versions.
        files: Files of a folder in a bucket that keeps versions.
        stage: Stage of `dvc.yaml` that makes it; empty for a `.dvc` file.
    """

    path: str
    md5: str = ""
    size: int | None = None
    nfiles: int | None = None
    isexec: bool = False
    cache: bool = True
    legacy: bool = False
    desc: str = ""
    type: str = ""
    labels: tuple[str, ...] = ()
    meta: Any = None
    remote: str = ""
    push: bool = True
    persist: bool = False
    cloud: Mapping[str, Mapping[str, str]] = {}
    files: tuple[CloudFile, ...] = ()
    stage: str = ""

    @property
    def folder(self) -> bool:
        """Tell whether it is a folder."""
        return self.md5.endswith(".dir") or bool(self.files)

    @property
    def algorithm(self) -> str:
        """Name the algorithm of its sums."""
        return LEGACY if self.legacy else MD5

    @property
    def digest(self) -> Digest:
        """Name its object; empty before the first add."""
        return Digest(f"{self.algorithm}:{self.md5}" if self.md5 else "")


class DvcFile(Struct, frozen=True, kw_only=True):
    """What a `.dvc` file, or a `dvc.yaml` with its `dvc.lock`, says.

    Attributes:
        path: The file itself, relative to the project, POSIX.
        outs: Its outputs.
        deps: Where its data come from; none for data that were added.
        frozen: Whether it stays at what it is until it is asked to update.
        md5: Sum of an import's own text.
        wdir: Folder that paths are relative to, as written.
        desc: What it is, for people.
        meta: Anything that people noted.
    """

    path: str
    outs: tuple[Output, ...]
    deps: tuple[Dependency, ...] = ()
    frozen: bool = False
    md5: str = ""
    wdir: str = ""
    desc: str = ""
    meta: Any = None

    @property
    def imported(self) -> bool:
        """Tell whether the data come from a source that it names."""
        return bool(self.deps)
