"""What the room writes down: reports as manifests, and reading them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from cauce.errors import Damaged
from cauce.kernel import manifest
from cauce.kernel.entities import Digest, Entry, Manifest, Run, RunId, Version

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

T = TypeVar("T")


def store(
    ws: "Workspace", kind: str, name: str, files: Mapping[str, bytes], labels: Mapping[str, str]
) -> Version:
    """Store files and their manifest; the row is ready for a commit."""
    digests = ws.objects.put(list(files.values()))
    entries = tuple(
        Entry(path=path, digest=found, size=len(data))
        for (path, data), found in zip(files.items(), digests, strict=True)
    )
    return ws.put_manifest(Manifest(kind=kind, entries=entries, labels=dict(labels)), name)


def read(ws: "Workspace", tree: Manifest, path: str, type: type[T]) -> T:
    """Read a JSON file of a version.

    Raises:
        Damaged: The version lacks it, or it has another form.
    """
    data = ws.objects.get(manifest.entry(tree, path).digest)
    try:
        return msgspec.json.decode(data, type=type)
    except msgspec.DecodeError as error:
        raise Damaged(f"{path} has not the form expected: {error}") from error


def runs_over(
    ws: "Workspace", version: Digest, kind: str, roles: Sequence[str], *, limit: int = 50
) -> list[Run]:
    """List the runs of a kind that used a version in one of these roles, newest first."""
    found = [
        edge.run
        for edge in ws.catalog.edges(version=version)
        if edge.direction == "used" and edge.role in roles
    ]
    runs: list[Run] = []
    for id in sorted(set(found), reverse=True):
        run = ws.catalog.run(id)
        if run.kind == kind and run.status == "finished":
            runs.append(run)
        if len(runs) == limit:
            break
    return runs


def generated(ws: "Workspace", run: RunId, role: str) -> Iterator[Version]:
    """Read what a run generated in a role, the last first."""
    for edge in reversed(ws.catalog.edges(run=run)):
        if edge.direction == "generated" and edge.role == role:
            yield ws.catalog.version(edge.version)
