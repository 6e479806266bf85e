"""The verbs of `ship`: the files by which other tools build, check and run the project."""

import shlex
import sys
from importlib.metadata import version

from cauce.kernel import plugins
from cauce.kernel.generator import Facts, Generator
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.ship import files
from cauce.rooms.ship.entities import Written

Commands = tuple[tuple[str, ...], ...]

_PYTHONS = ((3, 11), (3, 13))
"""Oldest and newest Python that the files may ask for."""


@operation("ship.dockerfile", role="writer", local=True, examples=("cauce ship dockerfile",))
def dockerfile(ws: Workspace, *, deployment: str = "prod", force: bool = False) -> list[Written]:
    """Write Dockerfile and .dockerignore for the model server.

    Args:
        deployment: What the image serves.
        force: Overwrite files that somebody has edited.

    Raises:
        Conflict: A file was edited, or was not written by Cauce.
    """
    target: Generator = plugins.load("targets", "docker")
    return files.write(ws.folder, target.files(_facts(ws, deployment)), force=force)


@operation(
    "ship.ci",
    role="writer",
    local=True,
    examples=("cauce ship ci", "cauce ship ci gitlab", "cauce ship ci jenkins"),
)
def ci(ws: Workspace, system: str = "github", *, force: bool = False) -> list[Written]:
    """Write the pipeline of a CI system: check, train up to the gate, promote.

    Args:
        system: `github`, `gitlab`, `jenkins`, or an installed adapter.
        force: Overwrite a file that somebody has edited.

    Returns:
        What was written. The steps are those of the first flow in cauce.toml that has a gate,
        or of the first one; without a flow the pipeline only checks.

    Raises:
        NotFound: No adapter for that system.
        Conflict: The file was edited, or was not written by Cauce.
        Invalid: A flow in cauce.toml is not one.
    """
    generator: Generator = plugins.load("ci", system)
    return files.write(ws.folder, generator.files(_facts(ws, "prod")), force=force)


def _facts(ws: Workspace, deployment: str) -> Facts:
    low, high = _PYTHONS
    major, minor = min(max(sys.version_info[:2], low), high)
    train, promote = _steps(ws)
    return Facts(
        project=ws.project,
        cauce=version("cauce"),
        python=f"{major}.{minor}",
        deployment=deployment,
        train=train,
        promote=promote,
    )


def _steps(ws: Workspace) -> tuple[Commands, Commands]:
    """Split the steps of the project's flow after its gate; data that lies in git is fetched."""
    flows: list[Commands] = [
        tuple(tuple(shlex.split(step)) for step in summary.flow.steps)
        for summary in ws.call("flow.ls")
    ]
    steps = next((found for found in flows if any("--gate" in step for step in found)), None)
    steps = steps if steps is not None else (flows or [()])[0]
    if steps and not any(step[:2] == ("data", "checkout") for step in steps):
        steps = (("data", "checkout"), *steps)
    gates = [number for number, step in enumerate(steps, 1) if "--gate" in step]
    cut = gates[0] if gates else len(steps)
    return steps[:cut], steps[cut:]
