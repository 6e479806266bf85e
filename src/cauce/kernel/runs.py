"""Runs: found by what a person calls them, and written down when they are done."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cauce.errors import NotFound
from cauce.kernel import ids
from cauce.kernel.entities import Commit, Digest, Edge, Run, RunId, Version

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

TRAIN = "train"
"""Kind of the runs that people name; a name means one of these first."""


def find(ws: "Workspace", spec: str, *, finished: bool = False) -> Run:
    """Find a run by id, unique prefix of one, name, or `latest` for the newest training run.

    Args:
        ws: Workspace.
        spec: What the run is called.
        finished: Whether `latest` means the newest that finished.

    Raises:
        NotFound: There is none; the hint names the newest ones.
    """
    if spec == "latest":
        newest = ws.catalog.runs(TRAIN, status="finished" if finished else None, limit=1)
        if not newest:
            raise NotFound(
                "no training run has finished" if finished else "nothing was trained yet",
                hint="cauce track run -- python train.py",
            )
        return newest[0]
    for kind in (TRAIN, None):
        named = ws.catalog.runs(kind, name=spec, limit=1) if spec else []
        if named:
            return named[0]
    try:
        return ws.catalog.run(RunId(spec))
    except NotFound as error:
        known = [run.name or run.id for run in ws.catalog.runs(TRAIN, limit=5)]
        raise NotFound(
            f"no run {spec[:100]!r}", hint=f"newest: {', '.join(known) or 'none'}"
        ) from error


def new_id() -> RunId:
    """Make the id of a run that is about to happen, so that reports can name it."""
    return RunId(ids.new_id())


def done(
    ws: "Workspace",
    run: Run,
    *,
    used: Iterable[tuple[Digest, str]] = (),
    generated: Iterable[tuple[Version, str]] = (),
    message: str = "",
) -> Commit:
    """Put a run that has just finished, what it used and what it generated into one transaction.

    Args:
        ws: Workspace.
        run: Its start is set; its end becomes now, its agent whoever asks unless it names one.
        used: Versions with their roles.
        generated: New versions with their roles.
        message: Why, for the ref log.
    """
    ended = replace(run, status="finished", ended=ws.now(), agent=run.agent or ws.agent)
    made = list(generated)
    edges = [Edge(run=run.id, direction="used", version=id, role=role) for id, role in used]
    edges += [
        Edge(run=run.id, direction="generated", version=version.id, role=role)
        for version, role in made
    ]
    return Commit(
        runs=(ended,),
        versions=tuple(version for version, _ in made),
        edges=tuple(edges),
        agent=ws.agent,
        message=message,
    )
