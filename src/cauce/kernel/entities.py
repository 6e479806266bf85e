"""The nouns of Cauce as frozen values; see docs/architecture.md for what each one is for.

Times are seconds since 1970-01-01 UTC as float. Digests are `algorithm:hex`
(`cauce.kernel.digest`).
All structs refuse unknown fields when they are decoded, so that a mistyped name is an error.
"""

from typing import Any, Literal, NewType

from msgspec import UNSET, Struct, UnsetType

Digest = NewType("Digest", str)
RunId = NewType("RunId", str)

Status = Literal["running", "finished", "failed", "killed"]
Direction = Literal["used", "generated"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
Scalar = str | int | float | bool | None


class Entity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """Base of all nouns: frozen, keyword-only, strict."""


class Entry(Entity, frozen=True):
    """One file of a manifest.

    Attributes:
        path: Relative POSIX path; no `..`, no leading slash, no backslash, valid UTF-8.
        digest: Name of the bytes.
        size: Bytes.
    """

    path: str
    digest: Digest
    size: int


class Manifest(Entity, frozen=True):
    """An immutable set of named objects; the digest of its canonical bytes is its version id.

    Attributes:
        kind: `dataset`, `annotations`, `artifact`, `model`, `deployment`, `profile`, `report`…
        entries: Files, sorted by path (code points).
        labels: Small facts as text; keys sorted in the canonical form.
    """

    kind: str
    entries: tuple[Entry, ...] = ()
    labels: dict[str, str] = {}


class Version(Entity, frozen=True):
    """What the catalogue knows of a manifest, so that lists need not read objects.

    Attributes:
        id: Digest of the manifest's canonical bytes.
        kind: Kind of the manifest.
        name: Readable name it was first stored under, e.g. `digits`.
        created: When it was first committed.
        size: Bytes of all entries.
        count: Number of entries.
        labels: Copy of the manifest's labels.
    """

    id: Digest
    kind: str
    name: str
    created: float = 0.0
    size: int = 0
    count: int = 0
    labels: dict[str, str] = {}


class Ref(Entity, frozen=True):
    """A name that points at a version: `kind/name@tag`."""

    kind: str
    name: str
    tag: str
    target: Digest
    moved: float = 0.0


class RefMove(Entity, frozen=True):
    """One row of the ref log.

    Attributes:
        seq: Number of the event that the move made.
        old: Target before, None when the ref was new.
        new: Target after, None when the ref was deleted.
        agent: Who moved it.
        message: Why, as given.
    """

    seq: int
    kind: str
    name: str
    tag: str
    old: Digest | None
    new: Digest | None
    at: float
    agent: str
    message: str = ""


class Code(Entity, frozen=True):
    """State of the code that a run ran.

    Attributes:
        commit: Git commit (hex), or empty outside a repository.
        branch: Branch name, or empty when detached.
        dirty: Whether tracked files differ from the commit.
        diff: Digest of the `git diff` text when dirty.
        entry: Path of the script relative to the repository.
        command: Command line, secrets removed.
    """

    commit: str = ""
    branch: str = ""
    dirty: bool = False
    diff: Digest | None = None
    entry: str = ""
    command: tuple[str, ...] = ()


class Run(Entity, frozen=True):
    """Something that happened.

    Attributes:
        id: Sortable by time (`cauce.kernel.ids.new_id`).
        kind: `train`, `add`, `labelling`, `merge`, `export`, `optimise`, `evaluation`, `compare`,
            `deploy`, `drift`, `pipeline`…
        name: Readable name; for training a generated one such as `tidal-weir-42`.
        status: Where it stands.
        agent: Who or what did it, `user:name` or `service:name`.
        started: When it began.
        ended: When it ended, None while it runs.
        group: Experiment, flow or label project it belongs to.
        parent: Run that started it.
        outcome: One word of the result that triggers can test (`drifted`, `steady`, `passed`,
            `better`, `worse`…), empty when none applies.
        params: Parameters by dotted name.
        metrics: Last value of each metric.
        tags: Free text by name.
        code: Code state, None when not captured.
        error: What went wrong, one line, when it failed.
    """

    id: RunId
    kind: str
    name: str = ""
    status: Status = "running"
    agent: str = ""
    started: float = 0.0
    ended: float | None = None
    group: str = ""
    parent: RunId | None = None
    outcome: str = ""
    params: dict[str, Scalar] = {}
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}
    code: Code | None = None
    error: str = ""


class Edge(Entity, frozen=True):
    """A run used or generated a version; append only.

    Attributes:
        role: What the version was to the run: `train`, `test`, `model`, `labels`…
    """

    run: RunId
    direction: Direction
    version: Digest
    role: str = ""


class Event(Entity, frozen=True):
    """A numbered row, written in the same transaction as its cause.

    Attributes:
        seq: 1, 2, 3… without gaps, in commit order.
        kind: `ref.moved`, `version.added`, `run.started`, `run.ended`, `job.queued`,
            `job.ended`, or a note's own kind.
        subject: `kind/name@tag` of a ref, `kind/name` of a version, run or job.
        data: ref.moved: old, new, message. version.added: version. run.*: run, status, outcome.
            job.*: job, state. A note: as noted.
    """

    seq: int
    at: float
    kind: str
    subject: str
    agent: str
    data: dict[str, Any] = {}


class Job(Entity, frozen=True):
    """Durable work: queued in a commit, leased by a worker, settled once.

    Attributes:
        id: Sortable by time.
        kind: Who can do it, e.g. `flow`.
        name: What it is called, e.g. the flow's name.
        key: At most one unsettled job per (kind, key); empty: no limit. Queueing a second is a
            no-op, not an error.
        payload: What to do.
        state: Where it stands.
        attempts: How often it was leased.
        max_attempts: After so many leases that ran out or failed, it is `failed`.
        run_after: Not before this time.
        lease_until: When the lease runs out, None when not leased.
        worker: Who holds or held the lease.
        result: What the worker said at the end.
        error: Last failure, one line.
    """

    id: str
    kind: str
    name: str = ""
    key: str = ""
    payload: dict[str, Any] = {}
    state: JobState = "queued"
    attempts: int = 0
    max_attempts: int = 3
    created: float = 0.0
    run_after: float = 0.0
    lease_until: float | None = None
    worker: str = ""
    result: dict[str, Any] = {}
    error: str = ""


class Move(Entity, frozen=True):
    """Ask for a ref to point at a version, or, with target None, to go away.

    Attributes:
        expect: What the ref must point at now: a version, None for "must not exist", or left out
            for "whatever it is".
    """

    kind: str
    name: str
    tag: str
    target: Digest | None
    expect: Digest | UnsetType | None = UNSET


class Advance(Entity, frozen=True):
    """Ask for a cursor to go forward to an event number; it must stand at `expect` now."""

    name: str
    seq: int
    expect: int


class Note(Entity, frozen=True):
    """An event that no other part of a commit would derive, e.g. a submitted label."""

    kind: str
    subject: str
    data: dict[str, Any] = {}


class Commit(Entity, frozen=True):
    """A transaction as a value: applied whole, here or on a server, or not at all.

    Attributes:
        versions: Rows for manifests whose objects are stored already; known ids are left alone.
        runs: New or changed runs. A run that has ended keeps its status; its tags may change.
        edges: Their versions must be known or come in the same commit.
        moves: Refs with what they must still point at.
        jobs: Work to queue.
        advances: Cursors to move.
        notes: Further events.
        agent: Who asks; fills empty agents.
        message: Why, for the ref log.
    """

    versions: tuple[Version, ...] = ()
    runs: tuple[Run, ...] = ()
    edges: tuple[Edge, ...] = ()
    moves: tuple[Move, ...] = ()
    jobs: tuple[Job, ...] = ()
    advances: tuple[Advance, ...] = ()
    notes: tuple[Note, ...] = ()
    agent: str = ""
    message: str = ""


class Receipt(Entity, frozen=True):
    """What a commit left behind.

    Attributes:
        seq: Number of the last event, or of the last before it when nothing changed.
        at: When it was applied.
    """

    seq: int
    at: float


class Node(Entity, frozen=True):
    """A point of a lineage graph: a run, a version, or the prediction it starts from.

    Attributes:
        id: Run id or version id.
        type: Which of the two.
        kind: Kind of the run or version.
        name: Its name.
        at: Start of the run, or creation of the version.
        agent: Who did the run; empty for versions.
        outcome: Of the run.
        refs: `name@tag` of the refs that point at the version now.
        depth: Steps from where the query started, 0 there, negative upstream.
    """

    id: str
    type: Literal["run", "version", "prediction"]
    kind: str
    name: str
    at: float
    agent: str = ""
    outcome: str = ""
    refs: tuple[str, ...] = ()
    depth: int = 0


class Graph(Entity, frozen=True):
    """A lineage graph; every edge joins two of its nodes.

    Attributes:
        truncated: Whether the limit of nodes cut it.
    """

    start: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    truncated: bool = False


class Point(Entity, frozen=True):
    """One value of one metric of a run, at a step of its clock.

    Attributes:
        key: Metric name, as the user wrote it.
        value: Any float; NaN and infinities are kept, not dropped.
        step: Training step, 0 or more; need not be unique or rising.
        at: Wall clock.
    """

    key: str
    value: float
    step: int = 0
    at: float = 0.0


class Series(Entity, frozen=True):
    """A metric read back, at most as many buckets as were asked for.

    Attributes:
        key: Metric name.
        steps: Step of each bucket's last point.
        values: Last value of each bucket.
        lows: Smallest finite value of each bucket (NaN when there is none).
        highs: Largest finite value of each bucket (NaN when there is none): spikes are kept.
        times: Wall clock of each bucket's last point.
        total: Points that the series has; more than `len(steps)` means that it is downsampled.
    """

    key: str
    steps: list[int]
    values: list[float]
    lows: list[float]
    highs: list[float]
    times: list[float]
    total: int
