"""From predictions to tasks: the ones that the model was least sure of."""

import math
from typing import Any

from cauce.errors import CauceError
from cauce.kernel import model, plugins, runs
from cauce.kernel.entities import Digest, Run, RunId
from cauce.kernel.workspace import Workspace
from cauce.rooms.label import tasks
from cauce.rooms.label.entities import SampleReport
from cauce.rooms.label.tasks import Item

_WINDOW, _FACTOR = 1000, 20
"""How far back sampling looks: so many predictions, or so many times the limit."""


def sample(ws: Workspace, project: str, deployment: str, limit: int) -> SampleReport:
    """See `label.sample`."""
    started = ws.now()
    name = deployment.partition("@")[0]
    ws.ref("deployment", name)
    tasks.project(ws, project)
    recent = ws.streams.tail(f"predictions/{name}", max(_WINDOW, _FACTOR * limit))
    usable = [record for record in recent if _complete(record)]
    seen = tasks.known(ws, project, "origin", [record["id"] for record in usable])
    fresh = [record for record in usable if record["id"] not in seen]
    fresh.sort(key=lambda record: (float(record["confidence"]), str(record["id"])))
    images = _Images(ws)
    found: dict[Digest, Item] = {}
    unusable = len(recent) - len(usable)
    for record in fresh:
        if len(found) >= limit:
            break
        item = images.item(record)
        if item is None:
            unusable += 1
        elif not tasks.known(ws, project, "item", [item.item]):
            found.setdefault(item.item, item)
    run = _record(ws, project, name, list(found.values()), started) if found else None
    return SampleReport(
        project=project,
        deployment=name,
        looked=len(recent),
        made=len(found),
        known=len(seen),
        unusable=unusable,
        run=run,
    )


def _complete(record: dict[str, Any]) -> bool:
    """Tell whether a record has what a task needs."""
    kinds = {"id": str, "deployment": str, "inputs": bytes, "label": str}
    sure = record.get("confidence")
    known = isinstance(sure, int | float) and math.isfinite(sure)
    return known and all(isinstance(record.get(key), kind) for key, kind in kinds.items())


class _Images:
    """Turns records into stored PNG objects, by the meaning of their model's input."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._meanings: dict[str, dict[str, Any] | None] = {}

    def item(self, record: dict[str, Any]) -> Item | None:
        """Store a record's image; None when it is none."""
        import numpy as np  # late: heavy, and only sampling needs it

        meaning = self._meaning(record["deployment"])
        if meaning is None:
            return None
        try:
            row = np.frombuffer(record["inputs"], dtype="<f4")
            png = plugins.load("formats", "image").encode(row, meaning)
        except ValueError:
            return None
        return Item(
            item=self._ws.objects.put([png])[0],
            size=len(png),
            path=f"{record['id']}.png",
            origin=record["id"],
            source=Digest(record["deployment"]),
            guess=record["label"],
            confidence=float(record["confidence"]),
        )

    def _meaning(self, deployment: str) -> dict[str, Any] | None:
        """Read what a deployment's input means, once; None when it cannot be known."""
        if deployment not in self._meanings:
            try:
                tree = self._ws.manifest(Digest(deployment))
                signature = model.read_signature(self._ws, tree)
                self._meanings[deployment] = model.meaning(signature)
            except CauceError:
                self._meanings[deployment] = None
        return self._meanings[deployment]


def _record(ws: Workspace, project: str, name: str, items: list[Item], started: float) -> RunId:
    """Commit the tasks and the run that made them."""
    run = Run(
        id=runs.new_id(),
        kind="sample",
        name=project,
        started=started,
        group=project,
        params={"deployment": name},
        metrics={"tasks": float(len(items))},
    )
    used = [(id, "predictions") for id in sorted({it.source for it in items})]
    with tasks.tables(ws).transaction() as tx:
        tasks.insert(tx, project, items)
        tx.apply(runs.done(ws, run, used=used))
    return run.id
