"""What the operations of `data` return."""

from typing import Literal

from cauce.kernel.entities import Digest, Entity, Entry, RunId

Kind = Literal["added", "modified", "deleted", "unreadable"]
CloudState = Literal["new", "deleted", "missing"]


class DatasetVersion(Entity, frozen=True):
    """A version of a data set, with its number.

    Attributes:
        name: Data set.
        number: `v1`, `v2`…
        id: Version id.
        created: When it was first committed.
        size: Bytes of all files.
        count: Files.
        message: Why it was made, as given.
        agent: Who made it.
        run: The run that generated it.
        facts: What was found in it, such as `bias reduced` or `leakage clean`; where a version is
            listed or looked into.
    """

    name: str
    number: str
    id: Digest
    created: float
    size: int
    count: int
    message: str = ""
    agent: str = ""
    run: RunId | None = None
    facts: tuple[str, ...] = ()


class DatasetSummary(Entity, frozen=True):
    """A data set in a list.

    Attributes:
        number: Number of the version that `main` points at.
        id: Its version id.
        files: Files of that version.
        size: Bytes of that version.
        created: When that version was made.
        versions: How many numbered versions there are.
    """

    name: str
    number: str
    id: Digest
    files: int
    size: int
    created: float
    versions: int


class Share(Entity, frozen=True):
    """How many files of a version have one class in one split.

    Attributes:
        split: `train`, `test`…, empty for none.
        label: The class, empty for none.
    """

    split: str
    label: str
    count: int


class Folder(Entity, frozen=True):
    """A folder of a version, with everything below it."""

    path: str
    files: int
    size: int


class DatasetPage(Entity, frozen=True):
    """A version as one looks into it.

    Attributes:
        balance: Files by split and class, of the whole version.
        folders: Folders directly below the prefix.
        entries: Files directly below the prefix, one page of them.
        next: What to pass as `after` for the next page; empty on the last.
    """

    version: DatasetVersion
    balance: list[Share]
    folders: list[Folder]
    entries: list[Entry]
    next: str = ""


class Change(Entity, frozen=True):
    """One file that differs from what its `.dvc` file says.

    Attributes:
        path: Relative to the project.
        change: `unreadable`: a broken link, a device, or not allowed to be read.
    """

    path: str
    change: Kind


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


class OutStatus(Entity, frozen=True):
    """How one tracked path stands.

    Attributes:
        path: The data, relative to the project.
        file: Its `.dvc` file.
        version: `name@number` that the `.dvc` file stands for, empty when the catalogue has none.
        sample: The first 20 changes, or all of them where that was asked for.
        missing: Objects that the `.dvc` file needs and the store lacks.
        modes: Exec bits and empty folders that are not as in the version; DVC knows of neither.
        cloud: What the cache and the remote do not both hold; empty unless it was asked for.
    """

    path: str
    file: str
    state: Literal["unchanged", "modified", "deleted"]
    version: str = ""
    unchanged: int = 0
    modified: int = 0
    added: int = 0
    deleted: int = 0
    sample: tuple[Change, ...] = ()
    missing: int = 0
    modes: int = 0
    cloud: tuple[CloudStatus, ...] = ()


class OutCheckout(Entity, frozen=True):
    """What a checkout did to one path.

    Attributes:
        version: `name@number`, when one was asked for.
        written: Files restored or replaced.
        removed: Files taken away; their bytes are in the store, unless force was given.
        unchanged: Files left alone because they were right.
        kept: Files that belong to no stored version and were left, at most 20.
        missing: Files that could not be restored, where that was allowed.
    """

    path: str
    version: str
    written: int = 0
    removed: int = 0
    unchanged: int = 0
    kept: tuple[str, ...] = ()
    missing: int = 0


class CheckoutReport(Entity, frozen=True):
    """What a checkout did."""

    outs: list[OutCheckout]


class Initialised(Entity, frozen=True):
    """What `init` made.

    Attributes:
        root: Project folder.
        git: Whether it lies in a git repository.
        made: Files that were made, relative to the project; empty when all were there.
    """

    root: str
    git: bool
    made: list[str]
