"""What the operations of this part return."""

from typing import Literal

from cauce.kernel.entities import Entity


class RemoteInfo(Entity, frozen=True):
    """A remote of the project.

    Attributes:
        name: In lower case.
        url: Address, or the absolute path of a folder.
        default: Whether it is meant where no remote is named.
        level: Level of the config that gives its url: `repo`, `local`, `global` or `system`.
    """

    name: str
    url: str
    default: bool = False
    level: str = "repo"


class Option(Entity, frozen=True):
    """One option of DVC's config.

    Attributes:
        name: `section.option`, `remote.NAME.option`.
        value: As it is written.
        level: Where it is set: `repo`, `local`, `global` or `system`.
        file: The config file.
    """

    name: str
    value: str
    level: str
    file: str


class Config(Entity, frozen=True):
    """Options of DVC's config, as they were asked for.

    Attributes:
        shown: `value`: one was asked for by name; `list`: several; `origin`: with their files;
            `nothing`: they were changed.
    """

    options: list[Option]
    shown: Literal["value", "list", "origin", "nothing"] = "list"


class CacheDir(Entity, frozen=True):
    """Where DVC's cache lies.

    Attributes:
        path: Absolute.
        level: Level of the config that says so, empty for the default.
    """

    path: str
    level: str = ""


class IgnoreMatch(Entity, frozen=True):
    """What `.dvcignore` says of a path.

    Attributes:
        path: As it was asked for.
        ignored: Whether DVC and Cauce pass it over.
        file: The `.dvcignore` that decides; empty for what is always ignored, and without pattern.
        line: Its line, 0 where there is none.
        pattern: What is written there.
    """

    path: str
    ignored: bool
    file: str = ""
    line: int = 0
    pattern: str = ""


class Moved(Entity, frozen=True):
    """Tracked data that have another place.

    Attributes:
        old: Place before, relative to the project.
        new: Place now.
        file: Its `.dvc` file now.
        version: `name@number` of the version that says so; empty when the catalogue has none.
    """

    old: str
    new: str
    file: str
    version: str = ""


class Removed(Entity, frozen=True):
    """A path that is no longer tracked.

    Attributes:
        path: The data.
        file: The `.dvc` file that is gone.
        kept: Whether the data are still in the work tree.
    """

    path: str
    file: str
    kept: bool


class Committed(Entity, frozen=True):
    """What a commit did to one output.

    Attributes:
        path: The data.
        file: The `.dvc` file, or `dvc.yaml`.
        md5: Its sum now.
        changed: Whether that is another than before.
        version: `name@number` in the catalogue, empty for what a stage makes.
    """

    path: str
    file: str
    md5: str
    changed: bool
    version: str = ""


class About(Entity, frozen=True):
    """What a report of a problem should say.

    Attributes:
        cauce: Version of Cauce.
        python: Version of Python.
        platform: System and machine.
        format: Format of DVC that is read and written.
        root: Project folder.
        cache: Folder of DVC's cache.
        cache_types: Kinds of links that the cache may use, in order.
        remotes: Kinds of the project's remotes.
        git: Whether the project lies in a git repository.
    """

    cauce: str
    python: str
    platform: str
    format: str
    root: str
    cache: str
    cache_types: list[str]
    remotes: list[str]
    git: bool
