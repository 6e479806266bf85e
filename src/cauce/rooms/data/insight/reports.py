"""Reports on versions: a run of their kind, edges, a manifest of kind `report`; found again."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from cauce.errors import Damaged, NotFound
from cauce.kernel import manifest, runs
from cauce.kernel.entities import Digest, Entry, Manifest, Run, Version
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.entities import DatasetVersion

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

KINDS = ("profile", "shift", "duplicates", "leakage", "bias")
"""Kinds of reports; their runs are of the kind `data-KIND`."""

_LOOKED = 1000
"""Runs of one kind and name that are looked at, newest first."""


def made(
    ws: Workspace, kind: str, version: DatasetVersion, params: Mapping[str, object] | None = None
) -> Run | None:
    """Find the newest run of a kind over a version, with these parameters where given."""
    asked = {"data": version.id, **(params or {})}
    for run in ws.catalog.runs(f"data-{kind}", name=version.name, status="finished", limit=_LOOKED):
        if all(run.params.get(key) == value for key, value in asked.items()):
            return run
    return None


def kept(
    ws: Workspace,
    kind: str,
    version: DatasetVersion,
    path: str,
    type: type[S],
    params: Mapping[str, object] | None = None,
) -> S | None:
    """Give what the newest report of a kind over a version says, None where there is none."""
    run = made(ws, kind, version, params)
    if run is None:
        return None
    report = version_of(ws, run)
    return replace(read(ws, report.id, path, type), report=report.id)


def facts(ws: Workspace, name: str) -> dict[Digest, tuple[str, ...]]:
    """Give what was found in a data set's versions, `bias reduced`; the newest of each kind.

    One query a kind, however many versions there are.
    """
    found: dict[Digest, dict[str, str]] = {}
    for kind in KINDS:
        for run in ws.catalog.runs(f"data-{kind}", name=name, status="finished", limit=_LOOKED):
            if run.outcome:
                found.setdefault(Digest(str(run.params.get("data"))), {}).setdefault(
                    kind, run.outcome
                )
    return {
        data: tuple(f"{kind} {word}" for kind, word in kinds.items())
        for data, kinds in found.items()
    }


def version_of(ws: Workspace, run: Run) -> Version:
    """Find the report that a run generated."""
    for edge in ws.catalog.edges(run=run.id):
        if edge.direction == "generated" and edge.role == "report":
            return ws.catalog.version(edge.version)
    raise NotFound(f"run {run.id} has no report", hint="run it again")


def read(ws: Workspace, version: Digest, path: str, type: type[T]) -> T:
    """Read a JSON file of a report.

    Raises:
        Damaged: The report lacks it, or it has another form.
    """
    data = ws.objects.get(manifest.entry(ws.manifest(version), path).digest)
    try:
        return msgspec.json.decode(data, type=type)
    except msgspec.DecodeError as error:
        raise Damaged(f"{path} of the report {version} has another form: {error}") from error


def keep(
    ws: Workspace,
    run: Run,
    files: Mapping[str, bytes],
    *,
    used: Sequence[tuple[Digest, str]],
) -> Version:
    """Store a report's files and commit its run: what it used, what it generated."""
    digests = ws.objects.put(list(files.values()))
    entries = tuple(
        Entry(path=path, digest=digest, size=len(data))
        for (path, data), digest in zip(files.items(), digests, strict=True)
    )
    kind = run.kind.removeprefix("data-")
    labels = {"report": kind, "data": str(run.params["data"])}
    if run.outcome:
        labels["outcome"] = run.outcome
    row = ws.put_manifest(
        Manifest(kind="report", entries=entries, labels=labels), f"{run.name}-{kind}"
    )
    ws.catalog.commit(runs.done(ws, run, used=used, generated=((row, "report"),)))
    return row


def encode(value: object) -> bytes:
    """Write a report as JSON that a person can read too."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1)
