"""The eight stages of the course, each a few operations as a person would call them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from cauce.errors import Unavailable
from cauce.faces.demo.material import Material, write
from cauce.faces.demo.screen import Screen, Stage
from cauce.faces.demo.thread import lines, thread
from cauce.faces.project import init
from cauce.kernel.workspace import Workspace, open_local

DATASET = "digits"
DEPLOYMENT = "prod"
QUEUE = "field"
FIRST = 150
"""Held-out scans that production sends before the scanner gets worse."""
BUDGET = 200
"""Least sure scans that are labelled."""
HOLDOUT = 0.25
"""Share of the new labels that the test set gets."""
ANNOTATOR = "user:annotator"
VERDICTS = {
    "better": "is better than",
    "cheaper": "is cheaper than",
    "same": "is no better than",
    "worse": "is worse than",
}


def make_project(root: Path, seed: int, screen: Screen) -> Material:
    """Stage 1: a new project with real scans as files."""
    with screen.stage("project") as stage:
        made = init(root, own_repository=True)
        _configure(root, seed)
        material = write(root, seed)
        total = sum(material.counts.values())
        stage.figure = f"{total:,} scans and {len(made.written)} files of the project in {root}"
        parts = ", ".join(f"{count} {part}" for part, count in material.counts.items())
        stage.lines = [f"{parts}; class {material.thin} is thin; seed {seed}"]
    return material


def version_data(ws: Workspace, screen: Screen) -> None:
    """Stage 2: the first version of the data."""
    with screen.stage("data") as stage:
        added = ws.data.add(ws.folder / DATASET)
        stage.figure = (
            f"{added.name}@{added.number}: {added.count:,} files, {added.size / 1e3:,.0f} kB"
        )
        stage.lines = [f"{DATASET}.dvc for git, the files' bytes in .dvc/cache"]


def train(ws: Workspace, screen: Screen) -> Any:
    """Stage 3: `python train.py` as a tracked run."""
    with screen.stage("train") as stage:
        stage.now("python train.py")
        run = ws.track.run(("python", "train.py"), data=(f"{DATASET}@main",), quiet=True)
        detail = ws.track.show(run.id)
        stage.figure = f"{run.name}: test accuracy {run.metrics['test/accuracy']:.4f}"
        points = sum(key.count for key in detail.keys)
        stage.lines = [
            f"{len(run.params)} parameters, {points} points of {len(detail.keys)} metrics, "
            f"code and data version recorded"
        ]
    return run


def register(ws: Workspace, run: Any, screen: Screen) -> None:
    """Stage 4: ONNX, its proof, version 1, an int8 variant, the gate."""
    with screen.stage("register") as stage:
        stage.now("exporting to ONNX and proving it")
        version = ws.models.register(run.id, name=DATASET)
        stage.now("making an int8 variant and measuring both")
        ws.models.optimise(f"{DATASET}@latest", data=f"{DATASET}@main")
        stage.now("asking the gate")
        result = ws.models.compare(
            f"{DATASET}@latest", f"{DATASET}@champion", data=f"{DATASET}@main"
        )
        ws.models.promote(f"{DATASET}@latest", message="first version")
        detail = ws.models.show(f"{DATASET}@latest")
        parity = detail.parity
        stage.figure = (
            f"{DATASET}@{version.number}: ONNX equals the native model within "
            f"{parity.recorded:.0e} on {parity.rows} real scans"
        )
        for variant in detail.variants:
            stage.lines += [
                measured("fp32", variant.base),
                measured(f"{variant.precision}, {variant.chosen.recipe}", variant.chosen),
            ]
        said = "passes" if result.passed else "fails"
        stage.lines.append(f"the gate says {result.verdict} and {said}: {result.reasons[0]}")


def measured(name: str, row: Any) -> str:
    """Write what was measured of one form of a model."""
    return f"{name}: accuracy {row.accuracy:.4f}, {row.size / 1e3:.1f} kB, {row.p50 * 1e3:.0f} µs"


def deploy(ws: Workspace, server: "Server", material: Material, screen: Screen) -> None:
    """Stage 5: a model server on loopback answers for held-out scans."""
    with screen.stage("serve") as stage:
        ws.serve.deploy(f"{DATASET}@champion", name=DEPLOYMENT)
        ws.watch.reference(DEPLOYMENT, data=f"{DATASET}@main")
        url = server.start()
        right = predict(ws, material, material.held[:FIRST], stage)
        detail = ws.serve.show(DEPLOYMENT)
        stage.figure = f"{share(right)} held-out scans right over HTTP"
        stage.lines = [f"{url}/v2/models/{DATASET}/infer, p50 {detail.latency.p50:.2f} ms a scan"]


def predict(ws: Workspace, material: Material, files: Sequence[Path], stage: Stage) -> list[bool]:
    """Send scans over HTTP; tell which answers are right, and remember what each shows."""
    right = []
    for start in range(0, len(files), 50):
        stage.now(f"predicting {start:,} of {len(files):,}")
        batch = tuple(files[start : start + 50])
        for path, answer in zip(batch, ws.serve.predict(DEPLOYMENT, batch), strict=True):
            right.append(answer.label == material.truth[path.name])
            material.truth[answer.id] = material.truth[path.name]
    return right


def share(right: Sequence[bool]) -> str:
    """Write the share of right answers."""
    return f"{sum(right) / len(right):.1%} of {len(right)}"


def degrade(ws: Workspace, material: Material, screen: Screen) -> None:
    """Stage 6: worse scans arrive, drift is found, the least sure ones are labelled."""
    with screen.stage("watch") as stage:
        before = ws.watch.check(DEPLOYMENT)
        right = predict(ws, material, material.field, stage)
        report = ws.watch.check(DEPLOYMENT)
        moved = sorted((row for row in report.inputs if row.drifted), key=lambda row: -row.distance)
        stage.figure = f"{report.outcome}: {share(right)} worse scans right"
        stage.lines = [
            f"the check before them said {before.outcome}; moved: "
            + ", ".join(f"{row.name} (D {row.distance:.2f})" for row in moved[:4])
        ]
    with screen.stage("label") as stage:
        ws.label.create(
            QUEUE,
            dataset=f"{DATASET}@main",
            classes=list("0123456789"),
            prefix="field/",
            question="Which digit is this?",
        )
        ws.label.sample(QUEUE, deployment=DEPLOYMENT, limit=BUDGET)
        done = answer(ws, material, stage)
        labels = ws.label.publish(QUEUE, message="least sure scans of the worse scanner")
        merged = ws.data.merge(DATASET, f"{QUEUE}@{labels.number}", holdout=HOLDOUT)
        stage.figure = f"{done} least sure scans labelled, {DATASET}@{merged.number} published"
        ws.label.create(
            "pool",
            dataset=f"{DATASET}@main",
            classes=list("0123456789"),
            question="Which digit is this?",
        )
        stage.lines = [
            f"by {ANNOTATOR}, through the operations that the page uses; {HOLDOUT:.0%} held out",
            "the queue pool waits for you: the scans that were never labelled",
        ]


def answer(ws: Workspace, material: Material, stage: Stage) -> int:
    """Answer every task as an annotator who sees the truth would."""
    done = 0
    while task := ws.label.next(QUEUE, annotator=ANNOTATOR):
        ws.label.submit(task.id, label=material.truth[task.origin], annotator=ANNOTATOR)
        done += 1
        stage.now(f"labelling: {done}")
    return done


def retrain(ws: Workspace, screen: Screen) -> None:
    """Stage 7: the trigger fires, a candidate is trained and the gate decides."""
    with screen.stage("flow") as stage:
        stage.now("the trigger fires")
        jobs = ws.flow.tick()
        ws.flow.work(once=True, quiet=True)
        pipeline = ws.flow.history("retrain")[0]
        comparison = ws.models.show(f"{DATASET}@latest").comparisons[0]
        live = ws.serve.show(DEPLOYMENT).live
        stage.figure = (
            f"the new model {VERDICTS[comparison.verdict]} the champion: "
            f"{comparison.champion.accuracy:.1%} → {comparison.candidate.accuracy:.1%} "
            f"on the same {comparison.n} held-out scans"
        )
        moved = "" if pipeline.outcome == "done" else "still "
        stage.lines = [
            f"{len(jobs)} job, {len(pipeline.steps)} steps; {DEPLOYMENT} {moved}serves {live.model}"
        ]
        if pipeline.outcome == "done":
            stage.lines.append(f"one command back: cauce serve rollback {DEPLOYMENT}")


def recheck(ws: Workspace, material: Material, screen: Screen) -> None:
    """Stage 9: the same scanner again, and the thread of one prediction."""
    with screen.stage("lineage") as stage:
        right = predict(ws, material, material.later, stage)
        report = ws.watch.check(DEPLOYMENT)
        last = ws.serve.predictions(DEPLOYMENT, limit=1)[0]
        graph = ws.lineage.show(f"prediction:{last.id}")
        stage.figure = f"{share(right)} new scans of the worse scanner right now"
        row = max(report.inputs, key=lambda row: row.distance)
        stage.lines = [
            f"against its reference: {report.outcome}, most in {row.name} (D {row.distance:.2f})",
            "the thread of the last of these predictions:",
            *lines(thread(graph)),
        ]
        stage.lines.append(f"all of it: cauce lineage show prediction:{last.id}")


def _configure(root: Path, seed: int) -> None:
    """Write the seed into config.yaml, as a person would."""
    path = root / "config.yaml"
    path.write_text(path.read_text().replace("seed: 0", f"seed: {seed}"))


class Server:
    """The model server of the demo's deployment, a process of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start it and wait until it answers; gives its address."""
        log = (self.root / ".cauce" / "serve.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cauce", "serve", "run", DEPLOYMENT],
                cwd=self.root,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        note = self.root / ".cauce" / "run" / f"serve-{DEPLOYMENT}.json"
        self.url = wait_for(lambda: self._announced(note), "the model server did not start")
        return self.url

    def _announced(self, note: Path) -> str:
        assert self._process is not None
        if self._process.poll() is not None:
            raise Unavailable(
                f"the model server ended with code {self._process.returncode}",
                hint=f"see {self.root / '.cauce' / 'serve.log'}",
            )
        if not note.is_file():
            return ""
        said = msgspec.json.decode(note.read_bytes())
        return str(said["url"]) if said["pid"] == self._process.pid else ""

    def stop(self) -> None:
        """Stop it gracefully."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def wait_for(ask: Callable[[], str], otherwise: str, seconds: float = 30.0) -> str:
    """Ask until there is an answer; raises `Unavailable` when time is up."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.05)
    raise Unavailable(otherwise)


@contextmanager
def opened(root: Path) -> Iterator[tuple[Workspace, Server]]:
    """Open the project and its server; both are closed at the end."""
    server = Server(root)
    try:
        with open_local(root) as ws:
            yield ws, server
    finally:
        server.stop()
