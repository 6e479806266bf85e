"""Verbs of serving: deploy, run, roll back, predict, look at predictions, say what was wrong."""

from pathlib import Path
from typing import Literal

import orjson

from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.serve import answers, client, deployments, running
from cauce.rooms.serve.entities import (
    Deployment,
    DeploymentDetail,
    DeploymentSummary,
    Feedback,
    Latency,
    Prediction,
    ServerState,
)


@operation("serve.deploy", role="writer", examples=("cauce serve deploy digits@champion",))
def deploy(ws: Workspace, model: str, *, name: str = "prod", variant: str = "") -> Deployment:
    """Let a model version go live under a name; running servers follow within a second.

    The stored model is verified, loaded and run once before.

    Args:
        model: Model version, `name@number` or `name@alias`.
        name: The deployment.
        variant: Variant of the model to run, e.g. `int8`.

    Raises:
        NotFound: There is no such model or variant.
        Damaged: The stored model is not what its name says.
        Conflict: Somebody else moved the deployment at the same time.
    """
    return deployments.deploy(ws, model, name, variant)


@operation("serve.rollback", role="writer", examples=("cauce serve rollback prod",))
def rollback(ws: Workspace, name: str = "prod") -> Deployment:
    """Let what ran before go live again; once more goes one further back.

    Args:
        name: The deployment.

    Raises:
        NotFound: It has run nothing else yet.
    """
    return deployments.rollback(ws, name)


@operation("serve.ls", examples=("cauce serve ls",))
def ls(ws: Workspace) -> list[DeploymentSummary]:
    """List the deployments, what they run, and where they answer on this machine."""
    found = []
    for name in deployments.names(ws):
        server = running.find(ws, name)
        found.append(
            DeploymentSummary(
                name=name,
                live=deployments.live(ws, name),
                versions=deployments.count(ws, name),
                url=server.url if server else "",
            )
        )
    return found


@operation("serve.show", examples=("cauce serve show prod",))
def show(ws: Workspace, name: str = "prod") -> DeploymentDetail:
    """Show what a deployment runs and ran, how fast it answers, and what it said last.

    Args:
        name: The deployment.
    """
    live = deployments.live(ws, name)
    server = running.find(ws, name)
    labels, latency = answers.summary(ws, name)
    predictions = 0
    if server is not None:
        _, body = running.ask(server.url, "GET", f"/v2/models/{name}/stats")
        counted = orjson.loads(body)["model_stats"][0]
        predictions = counted["inference_count"]
        if counted["execution_count"]:
            latency = Latency(count=counted["execution_count"], **counted["latency_ms"])
    return DeploymentDetail(
        live=live,
        history=tuple(deployments.history(ws, name)),
        servers=(server,) if server else (),
        predictions=predictions,
        labels=labels,
        latency=latency,
        recent=tuple(answers.recent(ws, name, "newest", 10)),
    )


@operation("serve.run", role="writer", local=True, examples=("cauce serve run prod --port 8801",))
def run(
    ws: Workspace, name: str = "prod", *, host: str = "127.0.0.1", port: int = 0
) -> ServerState:
    """Serve a deployment over the Open Inference Protocol until it is interrupted.

    It follows `deployment/NAME@live` while it runs; no request is lost when that moves. SIGTERM
    and Ctrl-C answer what is under way first.

    Args:
        name: The deployment.
        host: Address to listen on; beyond loopback, requests need a token.
        port: Port to listen on; 0 takes any free one.

    Raises:
        Conflict: A server on this machine serves it already.
        Denied: It would listen beyond loopback and there is no token.
    """
    return running.run(ws, name, host, port)


@operation(
    "serve.predict",
    role="writer",
    local=True,
    examples=("cauce serve predict prod scan1.png scan2.png",),
)
def predict(ws: Workspace, name: str, files: tuple[Path, ...]) -> list[Prediction]:
    """Send image files to the running server of a deployment.

    Args:
        name: The deployment.
        files: Images of the size that the model takes.

    Raises:
        NotFound: No server answers, or a file cannot be read.
        Invalid: A file is no image of the size that the model takes.
    """
    return client.predict(ws, name, files)


@operation("serve.predictions", examples=("cauce serve predictions prod --order least-sure",))
def predictions(
    ws: Workspace,
    name: str = "prod",
    *,
    order: Literal["newest", "least-sure"] = "newest",
    limit: int = 50,
) -> list[Prediction]:
    """List recorded predictions, with their images.

    Args:
        name: The deployment.
        order: Newest first, or the least sure of the newest 5,000 first.
        limit: How many at most.
    """
    answers.check_deployment(ws, name)
    return answers.recent(ws, name, order, limit)


@operation(
    "serve.feedback",
    role="writer",
    examples=("cauce serve feedback 01jdz3m9c4e8v4tqk2x7wz5n6r --label 7",),
)
def feedback(ws: Workspace, prediction: str, *, label: str) -> Feedback:
    """Say what a prediction should have been.

    Args:
        prediction: Its id, from the reply or from `cauce serve predictions`.
        label: The true label.

    Raises:
        NotFound: No prediction has this id.
    """
    return answers.feedback(ws, prediction, label)
