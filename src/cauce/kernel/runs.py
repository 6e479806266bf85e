"""Finding a run by what a person calls it."""

from typing import TYPE_CHECKING

from cauce.errors import NotFound
from cauce.kernel.entities import Run, RunId

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
