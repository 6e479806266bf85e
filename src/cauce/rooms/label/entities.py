"""What the operations of `label` return."""

from typing import Literal

from cauce.kernel.entities import Digest, Entity, RunId

State = Literal["waiting", "leased", "done", "skipped"]


class Project(Entity, frozen=True):
    """A question about the items of a data set.

    Attributes:
        dataset: `name@number` that the items came from, or as it was given.
        version: Its version id.
        prefix: Folder of the data set that the items lie in.
        question: What annotators are asked.
        classes: What they may answer.
        created: When it was made.
        agent: Who made it.
    """

    name: str
    dataset: str
    version: Digest
    prefix: str
    question: str
    classes: tuple[str, ...]
    created: float
    agent: str


class Counts(Entity, frozen=True):
    """Tasks by state; a lease that ran out counts as waiting."""

    waiting: int = 0
    leased: int = 0
    done: int = 0
    skipped: int = 0


class ProjectSummary(Entity, frozen=True):
    """A project and how far it is.

    Attributes:
        counts: Tasks by state.
        labels: Done tasks by class; classes without one are there with 0.
        published: Number of the newest annotation set, empty before the first.
    """

    name: str
    question: str
    classes: tuple[str, ...]
    dataset: str
    version: Digest
    created: float
    counts: Counts
    labels: dict[str, int]
    published: str = ""


class Task(Entity, frozen=True):
    """One item that waits for a label, or has one.

    Attributes:
        item: Digest of the item's bytes.
        path: Where it lay in its data set, or the name of a new file.
        origin: Where it came from: version id of the data set, or id of the prediction.
        guess: What a model said, None when none did.
        confidence: How sure it was, 0 to 1.
        label: Its class, None before it is done.
        annotator: Who labelled it, or holds the lease.
        seconds: How long that took.
        lease_until: Until when it is kept for the annotator.
    """

    id: str
    project: str
    item: Digest
    path: str
    origin: str
    guess: str | None = None
    confidence: float | None = None
    state: State = "waiting"
    label: str | None = None
    annotator: str = ""
    seconds: float = 0.0
    lease_until: float | None = None


class SampleReport(Entity, frozen=True):
    """What sampling found.

    Attributes:
        looked: Predictions that were looked at.
        made: New tasks.
        known: Predictions that were tasks already.
        unusable: Records that are no image of the model's size.
        run: The run that made the tasks, None when there was none to make.
    """

    project: str
    deployment: str
    looked: int
    made: int
    known: int
    unusable: int
    run: RunId | None = None


class AnnotationVersion(Entity, frozen=True):
    """A published annotation set.

    Attributes:
        number: `v1`, `v2`…
        count: Labelled items.
        labels: Items by class.
        annotators: Who labelled.
        run: The labelling run that generated it.
    """

    name: str
    number: str
    id: Digest
    created: float
    count: int
    labels: dict[str, int]
    annotators: tuple[str, ...]
    message: str = ""
    run: RunId | None = None
