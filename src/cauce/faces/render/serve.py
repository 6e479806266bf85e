"""What `serve` prints: a line a deployment or prediction."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import ago, columns, short
from cauce.faces.text import scalar
from cauce.rooms.serve.entities import (
    Deployment,
    DeploymentDetail,
    DeploymentSummary,
    Feedback,
    Prediction,
    ServerState,
)


@renders("serve.ls")
def ls(found: Sequence[DeploymentSummary]) -> Iterator[str]:
    """One deployment a line."""
    if not found:
        yield "no deployments: cauce serve deploy MODEL"
        return
    body = [
        (item.name, item.live.model, item.versions, ago(item.live.moved), item.url or "not running")
        for item in found
    ]
    yield from columns(("name", "runs", "versions", "since", "answers at"), body, right="versions")


@renders("serve.deploy")
@renders("serve.rollback")
def deploy(found: Deployment) -> Iterator[str]:
    """What is live now."""
    yield scalar(f"{found.name} runs {found.model} (version {found.number}, {short(found.id)})")


@renders("serve.show")
def show(found: DeploymentDetail) -> Iterator[str]:
    """What it runs, how fast, what it said, what it ran before."""
    yield from deploy(found.live)
    if found.servers:
        for server in found.servers:
            yield scalar(f"answers at {server.url} since {ago(server.started)}, pid {server.pid}")
        yield f"{found.predictions} rows answered since"
    else:
        yield scalar(f"not running: cauce serve run {found.live.name}")
    if found.latency is not None:
        yield (
            f"latency p50 {found.latency.p50:.3g} ms, p95 {found.latency.p95:.3g} ms, "
            f"p99 {found.latency.p99:.3g} ms over {found.latency.count} requests"
        )
    if found.labels:
        counts = ", ".join(f"{label} {count}" for label, count in found.labels.items())
        yield scalar(f"last answers: {counts}")
    yield ""
    body = [
        (item.model, item.number, ago(item.moved), item.agent, item.message)
        for item in found.history
    ]
    yield from columns(("ran", "version", "from", "by", "why"), body, right="version")
    if found.recent:
        yield ""
        yield from predictions(found.recent)


@renders("serve.predict")
@renders("serve.predictions")
def predictions(found: Sequence[Prediction]) -> Iterator[str]:
    """One prediction a line."""
    if not found:
        yield "no predictions yet"
        return
    named = any(item.source for item in found)
    body = [
        (
            *((item.source,) if named else ()),
            item.label,
            f"{item.confidence:.1%}",
            item.model,
            ago(item.at),
            item.id,
        )
        for item in found
    ]
    head = (*(("file",) if named else ()), "label", "sure", "model", "when", "prediction")
    yield from columns(head, body, right="sure")


@renders("serve.feedback")
def feedback(found: Feedback) -> Iterator[str]:
    """What was noted."""
    yield scalar(f"{found.prediction} should have been {found.label}")


@renders("serve.run")
def run(found: ServerState) -> Iterator[str]:
    """What ended."""
    yield scalar(f"{found.name} is no longer served at {found.url}")
