"""A model card: Markdown with front matter, filled from what the catalogue knows."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cauce.kernel.entities import Run, Version
from cauce.kernel.model import Signature
from cauce.rooms.models.entities import Parity

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace


def data_of(ws: "Workspace", run: Run) -> list[tuple[str, Version, list[str]]]:
    """List the data set versions that a run used: role, version, refs that point at it."""
    found = []
    for edge in ws.catalog.edges(run=run.id):
        if edge.direction != "used":
            continue
        version = ws.catalog.version(edge.version)
        if version.kind == "dataset":
            refs = ws.catalog.refs_to([version.id])
            tags = sorted(f"{ref.name}@{ref.tag}" for ref in refs if ref.kind == "dataset")
            found.append((edge.role, version, tags))
    return found


def write(
    ws: "Workspace", name: str, run: Run, signature: Signature, parity: Parity, framework: str
) -> str:
    """Write the card of a model that is about to be registered."""
    data = data_of(ws, run)
    front = {
        "model": name,
        "framework": framework,
        "format": "onnx",
        "run": run.id,
        "data": [version.id for _, version, _ in data],
        "metrics": run.metrics,
    }
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", ""]
    when = datetime.fromtimestamp(run.ended or run.started, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines += [
        f"# {name}",
        "",
        f"Trained by {run.agent or 'nobody named'} on {when} in the run "
        f"{run.name or run.id} (`{run.id}`), with {framework}, served as ONNX.",
        "",
        "## Input and output",
        "",
    ]
    lines += _interface(signature)
    lines += ["", "## Data", ""]
    lines += [
        f"- {role}: {', '.join(tags) or version.name} ({version.count} files, `{version.id}`)"
        for role, version, tags in data
    ] or ["- the run recorded no data set"]
    lines += ["", "## Parameters", ""]
    lines += [f"- {key}: {value}" for key, value in sorted(run.params.items())] or ["- none logged"]
    lines += ["", "## Results", ""]
    lines += [f"- {key}: {value:.6g}" for key, value in sorted(run.metrics.items())] or [
        "- none logged"
    ]
    lines += [
        "",
        "## Proof",
        "",
        f"On {parity.rows} real samples the ONNX model repeats the native one: largest difference "
        f"{_number(parity.recorded)} from the recorded outputs and {_number(parity.reloaded)} "
        f"from the model loaded again (allowed: {parity.tolerance:g}), labels equal on "
        f"{parity.labels:.1%}.",
        "",
    ]
    return "\n".join(lines)


def _interface(signature: Signature) -> Iterator[str]:
    """Say what the model takes and gives, a tensor a line."""
    for what, tensors in (("takes", signature.inputs), ("gives", signature.outputs)):
        for tensor in tensors:
            means = ""
            if tensor.meaning is not None:
                means = f", an image of {tensor.meaning.width}x{tensor.meaning.height} pixels, "
                means += f"mode {tensor.meaning.mode}"
            yield f"- {what} `{tensor.name}`: {tensor.dtype} {list(tensor.shape)}{means}"
    if signature.classes:
        yield f"- classes: {', '.join(signature.classes)}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2g}"
