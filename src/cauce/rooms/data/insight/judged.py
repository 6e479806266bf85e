"""What a registered model said of a version's files, read from the evaluations in the catalogue."""

import msgspec
from msgspec import Struct

from cauce.errors import Damaged, NotFound
from cauce.kernel import manifest
from cauce.kernel.entities import Digest, Manifest, Version
from cauce.kernel.workspace import Workspace

SAMPLES = "samples.json"


class Sample(Struct, frozen=True):
    """The answer for one file."""

    path: str
    digest: str
    truth: str
    label: str


class Judged(Struct, frozen=True):
    """A model's answers for files of a version.

    Attributes:
        model: Its version.
        reports: Evaluations that they came from.
        wrong: Path -> whether the answer was wrong.
    """

    model: Version
    reports: tuple[Digest, ...]
    wrong: dict[str, bool]


def by(ws: Workspace, tree: Manifest, spec: str, data: str) -> Judged:
    """Find what a model said of a version's files, in any of its evaluations.

    An answer for the same bytes at the same path counts whatever version it was given on.

    Raises:
        NotFound: There is no such model, or it was never evaluated on any of these files.
    """
    model = ws.find("model", spec)
    here = {(entry.path, entry.digest) for entry in tree.entries}
    wrong: dict[str, bool] = {}
    used = []
    for report in _reports(ws, model.id):
        rows = [it for it in _samples(ws, report) if (it.path, it.digest) in here]
        rows = [it for it in rows if it.path not in wrong]
        if rows:
            wrong |= {it.path: it.truth != it.label for it in rows}
            used.append(report)
    if not wrong:
        raise NotFound(
            f"the model {spec} was evaluated on none of the files of {data}",
            hint=f"cauce models evaluate {spec} --data {data}",
        )
    return Judged(model, tuple(used), wrong)


def _reports(ws: Workspace, model: Digest) -> list[Digest]:
    """List the reports of a model's evaluations, newest first."""
    found = []
    for edge in reversed(ws.catalog.edges(version=model)):
        if edge.direction != "used" or edge.role != "model":
            continue
        run = ws.catalog.run(edge.run)
        if run.kind == "evaluation" and run.status == "finished":
            found += [
                it.version
                for it in ws.catalog.edges(run=run.id)
                if it.direction == "generated" and it.role == "report"
            ]
    return list(dict.fromkeys(found))


def _samples(ws: Workspace, report: Digest) -> list[Sample]:
    entry = manifest.entry(ws.manifest(report), SAMPLES)
    try:
        return msgspec.json.decode(ws.objects.get(entry.digest), type=list[Sample])
    except msgspec.DecodeError as error:
        raise Damaged(f"{SAMPLES} of the report {report} has another form: {error}") from error
