"""Recorded predictions read back, and what people say of them."""

import base64
import heapq
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cauce.errors import CauceError, Invalid, NotFound
from cauce.kernel import ids, model, plugins
from cauce.kernel.entities import Digest, Version
from cauce.rooms.serve import deployments
from cauce.rooms.serve.entities import Feedback, Latency, Prediction

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

STREAM = "predictions/"
FEEDBACK = "feedback/"
_WINDOW = 5000
_COUNTED = 1000


class Reader:
    """Turns records into predictions; reads each deployment version once."""

    def __init__(self, ws: "Workspace") -> None:
        self._ws = ws
        self._known: dict[str, tuple[Version, model.Signature] | None] = {}

    def read(self, record: dict[str, Any]) -> Prediction:
        """Describe a record, with its image when rows are images."""
        known = self._deployment(str(record.get("deployment", "")))
        scores = record.get("scores") or []
        return Prediction(
            id=str(record.get("id", "")),
            at=float(record.get("at", 0.0)),
            deployment=Digest(str(record.get("deployment", ""))),
            model=str(record.get("model", "")),
            label=str(record.get("label", "")),
            confidence=float(record.get("confidence", 0.0)),
            scores=dict(zip(known[1].classes, scores, strict=False)) if known else {},
            ms=float(record.get("ms", 0.0)),
            png=base64.b64encode(self._png(record, known)).decode(),
        )

    def _deployment(self, id: str) -> tuple[Version, model.Signature] | None:
        if id not in self._known:
            try:
                tree = self._ws.manifest(Digest(id))
                signature = model.read_signature(self._ws, tree)
                self._known[id] = self._ws.catalog.version(Digest(id)), signature
            except CauceError:  # collected or damaged since: the record still says the rest
                self._known[id] = None
        return self._known[id]

    def _png(self, record: dict[str, Any], known: tuple[Version, model.Signature] | None) -> bytes:
        inputs = record.get("inputs")
        if known is None or not isinstance(inputs, bytes) or len(inputs) % 4:
            return b""
        try:
            declared = model.meaning(known[1])
            encode = plugins.load("formats", "image").encode
            data: bytes = encode(np.frombuffer(inputs, "<f4"), declared)
        except CauceError:  # not an image, or the extra `images` is not installed
            return b""
        return data


def recent(
    ws: "Workspace", name: str, order: Literal["newest", "least-sure"], limit: int
) -> list[Prediction]:
    """Read predictions, the newest or the least sure of the newest 5,000 first."""
    if not 0 < limit <= _WINDOW:
        raise Invalid(f"limit {limit} is out of range", hint=f"1 to {_WINDOW}")
    if order == "newest":
        records = ws.streams.tail(STREAM + name, limit)[::-1]
    else:
        records = heapq.nsmallest(
            limit,
            ws.streams.tail(STREAM + name, _WINDOW),
            key=lambda record: float(record.get("confidence", 0.0)),
        )
    reader = Reader(ws)
    return [reader.read(record) for record in records]


def summary(ws: "Workspace", name: str) -> tuple[dict[str, int], Latency | None]:
    """Count the labels of the newest 1,000 predictions, and give their latency."""
    records = ws.streams.tail(STREAM + name, _COUNTED)
    labels = Counter(str(record.get("label", "")) for record in records)
    times = [float(record["ms"]) for record in records if "ms" in record]
    latency = None
    if times:
        p50, p95, p99 = (float(value) for value in np.percentile(times, [50, 95, 99]))
        latency = Latency(count=len(times), p50=p50, p95=p95, p99=p99)
    return dict(labels.most_common()), latency


def feedback(ws: "Workspace", prediction: str, label: str) -> Feedback:
    """Append what a prediction should have been to the stream `feedback/NAME`."""
    if not label.strip() or len(label) > 200:
        raise Invalid(f"{label[:50]!r} is not a label", hint="1 to 200 characters")
    for stream in ws.streams.names(STREAM):
        record = ws.streams.find(stream, prediction)
        if record is not None:
            name = stream.removeprefix(STREAM)
            said = Feedback(
                id=ids.new_id(),
                at=ws.now(),
                prediction=prediction,
                deployment=name,
                label=label.strip(),
                agent=ws.agent,
            )
            with ws.streams.writer(FEEDBACK + name) as writer:
                writer.append(
                    {
                        "id": said.id,
                        "at": said.at,
                        "prediction": said.prediction,
                        "label": said.label,
                        "agent": said.agent,
                    }
                )
            return said
    raise NotFound(
        f"no prediction {prediction[:60]!r}",
        hint="ids are in the replies and in `cauce serve predictions`",
    )


def check_deployment(ws: "Workspace", name: str) -> None:
    """Raise `NotFound` unless a deployment has this name."""
    known = deployments.names(ws)
    if name not in known:
        raise NotFound(f"no deployment {name!r}", hint=f"known: {', '.join(known) or 'none'}")
