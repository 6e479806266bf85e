"""What the room `serve` answers with."""

from cauce.kernel.entities import Digest, Entity


class Deployment(Entity, frozen=True):
    """A model version under a name that a server answers to.

    Attributes:
        name: The deployment, e.g. `prod`.
        number: 1, 2, 3…; the same model deployed again keeps its number.
        id: Version of kind `deployment`.
        model: `name@number` of the model or variant.
        version: Its version id.
        live: Whether `deployment/NAME@live` points here.
        moved: When it went live last, or was made.
        agent: Who did that.
        message: Why, as given.
    """

    name: str
    number: int
    id: Digest
    model: str
    version: Digest
    live: bool
    moved: float
    agent: str
    message: str


class DeploymentSummary(Entity, frozen=True):
    """A deployment in one line.

    Attributes:
        live: What it runs.
        versions: How many numbers it has.
        url: Address of a server on this machine that answers, empty when none does.
    """

    name: str
    live: Deployment
    versions: int
    url: str


class ServerState(Entity, frozen=True):
    """A model server of this project, as it wrote itself down.

    Attributes:
        url: Where it listens.
        pid: Its process.
        started: When it began to listen.
    """

    name: str
    url: str
    pid: int
    started: float


class Latency(Entity, frozen=True):
    """Time from the last byte of a request to the reply, ms.

    Attributes:
        count: Requests that it stands on.
    """

    count: int
    p50: float
    p95: float
    p99: float


class Prediction(Entity, frozen=True):
    """One recorded answer.

    Attributes:
        id: As the reply gave it; `cauce lineage show prediction:ID` follows it.
        at: When.
        deployment: Version id of the deployment.
        model: `name@number` of the model.
        label: Answer.
        confidence: Of the answer, 0 to 1.
        scores: Class -> probability.
        ms: Time that the server took, ms.
        png: The image as base64, empty when rows are no images.
        source: File that was sent, empty when unknown.
    """

    id: str
    at: float
    deployment: Digest
    model: str
    label: str
    confidence: float
    scores: dict[str, float]
    ms: float
    png: str = ""
    source: str = ""


class Feedback(Entity, frozen=True):
    """What somebody says that a prediction should have been."""

    id: str
    at: float
    prediction: str
    deployment: str
    label: str
    agent: str


class DeploymentDetail(Entity, frozen=True):
    """All there is to know of a deployment.

    Attributes:
        live: What it runs.
        history: What it ran, newest first; the first is live.
        servers: Servers on this machine that answer now.
        predictions: Requests that those servers answered since they started.
        labels: Answers among the newest 1,000 recorded predictions, by label.
        latency: From the servers; of the newest 1,000 records when none answers; None when there
            is neither.
        recent: The newest predictions.
    """

    live: Deployment
    history: tuple[Deployment, ...]
    servers: tuple[ServerState, ...]
    predictions: int
    labels: dict[str, int]
    latency: Latency | None
    recent: tuple[Prediction, ...]
