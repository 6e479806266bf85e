"""What the room `watch` answers with."""

from typing import Literal

from cauce.kernel.detector import Bin, Verdict
from cauce.kernel.entities import Digest, Entity, RunId

Source = Literal["input", "output"]


class Column(Entity, frozen=True):
    """One watched column.

    Attributes:
        what: What it measures, for people.
        source: Whether it is made of what the model takes, or is what it says.
        type: How it is compared.
        rows: Rows counted in the reference.
        file: Path of its counts in the profile's manifest.
    """

    name: str
    what: str
    source: Source
    type: Literal["numeric", "categorical"]
    rows: int
    file: str


class Profile(Entity, frozen=True):
    """What traffic is compared with.

    Attributes:
        name: Deployment that it is for.
        id: Version of kind `profile`.
        deployment: Version whose model gave the outputs.
        data: Data set version that the rows came from.
        split: Folder of the rows that the inputs were counted on.
        outputs: Folder of the rows that the outputs were counted on.
        columns: Watched columns, in order.
        run: The run that made it.
        created: When.
    """

    name: str
    id: Digest
    deployment: Digest
    data: Digest
    split: str
    outputs: str
    columns: tuple[Column, ...]
    run: RunId
    created: float


class ColumnDrift(Entity, frozen=True):
    """One column of a check; the measures are those of `cauce.kernel.detector.Difference`.

    Attributes:
        drifted: Whether the verdict is `drifted`.
        distance: Kolmogorov-Smirnov distance, or total variation of a categorical column.
    """

    name: str
    what: str
    source: Source
    type: Literal["numeric", "categorical"]
    verdict: Verdict
    drifted: bool
    reference_rows: int
    rows: int
    distance: float
    p: float
    psi: float
    js: float
    wasserstein: float
    reference_median: float | None
    median: float | None
    bins: tuple[Bin, ...]


class Quality(Entity, frozen=True):
    """How often the deployment was right, where somebody has said what is true.

    Attributes:
        labelled: Predictions with feedback.
        total: Predictions of the deployment.
        coverage: labelled / total, 0 to 1.
        correct: Of the labelled ones.
        accuracy: correct / labelled.
        low: Lower end of its 95 % interval (Wilson).
        high: Upper end.
    """

    labelled: int
    total: int
    coverage: float
    correct: int
    accuracy: float
    low: float
    high: float


class DriftReport(Entity, frozen=True):
    """One check of a window of traffic against the reference.

    Attributes:
        run: The check.
        name: Deployment.
        at: When it was made.
        outcome: `drifted` when any column is, `too-few` when no column has enough rows.
        deployment: Version that was live.
        profile: Reference.
        start: The window is after this time; 0: from the first record.
        end: Time of its last record; `start` when it is empty.
        following: Where the next check begins.
        rows: Records that were read and understood.
        malformed: Records that were left out because a field is missing or wrong.
        foreign: Records whose outputs are another deployment's than the reference's, and are left
            out; their inputs count.
        inputs: Every watched column, those that moved furthest first.
        quality: Against feedback, None without any.
        report: Version of kind `report` that holds this.
        fault: Why only what the run itself says is here; empty when the report could be read.
    """

    run: RunId
    name: str
    at: float
    outcome: Verdict
    deployment: Digest
    profile: Digest
    start: float
    end: float
    following: float
    rows: int
    malformed: int
    foreign: int
    inputs: tuple[ColumnDrift, ...]
    quality: Quality | None = None
    report: Digest | None = None
    fault: str = ""
