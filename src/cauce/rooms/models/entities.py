"""What the room `models` answers with."""

from typing import Literal

from cauce.kernel.entities import Digest, Entity, RunId
from cauce.kernel.model import Signature

Verdict = Literal["first", "better", "cheaper", "same", "worse"]


class Parity(Entity, frozen=True):
    """How well an exported model repeats the native one on the run's real samples.

    Attributes:
        passed: Whether both comparisons stay within the tolerance and every label is the same.
        rows: Samples compared.
        tolerance: Largest difference allowed; relative where the native number is beyond 1.
        recorded: Largest difference from the outputs that the training run recorded; None when
            there is no number: an output is missing, has another shape, or is NaN on one side.
        reloaded: The same from the native model, loaded again now.
        labels: Share of rows whose labels are the same in all three, 0 to 1.
        versions: Packages that took part.
        seconds: Time that conversion and proof took.
    """

    passed: bool
    rows: int
    tolerance: float
    recorded: float | None
    reloaded: float | None
    labels: float
    versions: dict[str, str]
    seconds: float


class Export(Entity, frozen=True):
    """A run's model as ONNX, with its proof.

    Attributes:
        id: Version of kind `export`: model.onnx, signature.json, parity.json.
        run: The export run.
        source: The training run.
        artifact: Version that holds the native model.
        size: Bytes of model.onnx.
    """

    id: Digest
    run: RunId
    source: RunId
    artifact: Digest
    size: int
    parity: Parity


class ModelVersion(Entity, frozen=True):
    """One registered version of a model, or a variant of one.

    Attributes:
        number: 1, 2, 3…
        variant: Empty, or what was made of it: `int8`.
        id: Version of kind `model`.
        created: When it was registered.
        size: Bytes of model.onnx.
        run: The training run that it comes from.
        framework: What it was trained with.
        aliases: Tags beside the number: `latest`, `champion`…
        accuracy: From its latest evaluation, None before the first.
        metrics: Last values that the training run logged.
    """

    name: str
    number: int
    variant: str
    id: Digest
    created: float
    size: int
    run: RunId
    framework: str
    aliases: tuple[str, ...]
    accuracy: float | None
    metrics: dict[str, float]


class ModelSummary(Entity, frozen=True):
    """A model in one line.

    Attributes:
        versions: How many numbers it has.
        champion: What `champion` points at, None when nothing was promoted.
        updated: When any of its refs moved last.
    """

    name: str
    versions: int
    latest: ModelVersion
    champion: ModelVersion | None
    updated: float


class Measured(Entity, frozen=True):
    """One way to run a model, measured beside the others in one process on this machine.

    Attributes:
        recipe: `float32`, or how it was quantised.
        size: Bytes of the file.
        accuracy: Share of the test rows that it gets right.
        agreement: Share of the test rows on which it says what the float32 model says.
        p50: Median time of one row, ms.
        p95: 95th percentile of the same, ms.
        throughput: Rows a second in batches of 32.
        error: Why it could not be made; its numbers are 0 then.
    """

    recipe: str
    size: int = 0
    accuracy: float = 0.0
    agreement: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    throughput: float = 0.0
    error: str = ""


class Variant(Entity, frozen=True):
    """A smaller model made of a registered one.

    Attributes:
        id: Version of kind `model`, ref `model/NAME@NUMBER-int8`.
        chosen: What was kept.
        base: The float32 model beside it.
        tried: Every recipe, kept or not.
        run: The optimise run.
        data: Data set version that calibration and test rows came from.
        calibration: Rows that it was calibrated with, from the training split.
        rows: Rows that it was judged by, from the test split.
    """

    name: str
    number: int
    precision: str
    id: Digest
    chosen: Measured
    base: Measured
    tried: tuple[Measured, ...]
    run: RunId
    data: Digest
    calibration: int
    rows: int


class ClassScore(Entity, frozen=True):
    """How one class fares.

    Attributes:
        count: Rows that are of this class.
        correct: Rows of it that were recognised.
        predicted: Rows that were taken for it.
        recall: correct / count, 0 when there is none.
        precision: correct / predicted, 0 when there is none.
    """

    label: str
    count: int
    correct: int
    predicted: int
    recall: float
    precision: float


class Evaluation(Entity, frozen=True):
    """A model version on one split of one data version.

    Attributes:
        model: `name@number`.
        version: Its id.
        dataset: `name@number` of the data, or its id.
        data: Its id.
        n: Rows.
        low: Lower end of the 95 % interval of the accuracy (Wilson).
        high: Upper end.
        confusion: Rows by true class (outer) and predicted class (inner), in the order of
            `classes`.
        run: The evaluation run.
        report: Version of kind `report` that holds this and the answer for each row.
        at: When it was done.
        seconds: Time that it took.
    """

    model: str
    version: Digest
    dataset: str
    data: Digest
    split: str
    n: int
    correct: int
    accuracy: float
    low: float
    high: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    run: RunId
    report: Digest
    at: float
    seconds: float


class Sample(Entity, frozen=True):
    """The answer for one row of an evaluation."""

    path: str
    digest: Digest
    truth: str
    label: str
    confidence: float


class Side(Entity, frozen=True):
    """One of the two models of a comparison.

    Attributes:
        model: `name@tag`, as given.
        version: Its id.
        accuracy: On the rows of the comparison.
        size: Bytes of model.onnx.
        p50: Median time of one row, ms, measured interleaved with the other.
        p95: 95th percentile of the same, ms.
    """

    model: str
    version: Digest
    accuracy: float
    size: int
    p50: float = 0.0
    p95: float = 0.0


class ClassChange(Entity, frozen=True):
    """One class under both models.

    Attributes:
        champion: Rows of it that the champion recognises.
        candidate: Rows of it that the candidate recognises.
        worse: Whether the loss exceeds the tolerance and is no chance (one-sided exact test,
            p < 0.05 over all classes together).
    """

    label: str
    count: int
    champion: int
    candidate: int
    worse: bool


class Comparison(Entity, frozen=True):
    """A candidate beside the champion, on the same rows.

    Attributes:
        champion: None when there is none yet; the verdict is `first` then.
        dataset: `name@number` of the data, or its id.
        n: Rows.
        difference: Accuracy of the candidate less that of the champion.
        low: Lower end of the 95 % interval of the difference (paired bootstrap).
        high: Upper end.
        p_value: Two-sided exact McNemar test of no difference.
        gained: Rows that only the candidate gets right.
        lost: Rows that only the champion gets right.
        passed: Whether a gate lets the candidate through: better, cheaper or first.
        reasons: Why the verdict is what it is, one sentence each.
        run: The compare run.
        at: When it was done.
    """

    candidate: Side
    champion: Side | None
    dataset: str
    data: Digest
    split: str
    n: int
    difference: float
    low: float
    high: float
    p_value: float
    gained: int
    lost: int
    classes: tuple[ClassChange, ...]
    verdict: Verdict
    passed: bool
    reasons: tuple[str, ...]
    run: RunId
    at: float


class ModelDetail(Entity, frozen=True):
    """All there is to know of one model version.

    Attributes:
        variants: What was made of it by `optimise`.
        evaluations: Newest first.
        comparisons: Those it took part in, newest first.
        card: Its model card, Markdown.
    """

    version: ModelVersion
    signature: Signature
    parity: Parity
    metrics: dict[str, float]
    variants: tuple[Variant, ...]
    evaluations: tuple[Evaluation, ...]
    comparisons: tuple[Comparison, ...]
    card: str


class Pulled(Entity, frozen=True):
    """What `pull` wrote.

    Attributes:
        target: The folder.
        files: Paths in it.
        size: Bytes of all files.
    """

    version: Digest
    target: str
    files: tuple[str, ...]
    size: int
