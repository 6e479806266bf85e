"""The verbs of `watch`: whether traffic still is what the model was made for."""

from cauce.errors import Invalid
from cauce.kernel.entities import RunId
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.watch import checking
from cauce.rooms.watch import reference as references
from cauce.rooms.watch.entities import DriftReport, Profile


@operation(
    "watch.reference",
    role="writer",
    examples=("cauce watch reference prod --data digits@main",),
)
def reference(ws: Workspace, name: str = "prod", *, data: str, split: str = "train") -> Profile:
    """Count what a deployment's traffic shall be compared with.

    Args:
        name: Deployment.
        data: Data set version, `name@tag` or id.
        split: Folder whose rows stand for the inputs. The outputs are counted on `test/` where
            the data has it, because a model is surer of what it was trained on.

    Returns:
        The profile, now `profile/NAME@reference`. The same rows give the same version.

    Raises:
        NotFound: No such deployment, data or folder.
        Invalid: A file is not what the model's signature says, or the model is no classifier.
    """
    return references.make(ws, name, data=data, split=split.strip("/"))


@operation(
    "watch.check",
    role="writer",
    examples=("cauce watch check prod", "cauce watch check prod --last 500"),
)
def check(ws: Workspace, name: str = "prod", *, last: int = 0) -> DriftReport:
    """Compare a deployment's recorded traffic with its reference.

    Args:
        name: Deployment.
        last: Look at so many of the newest predictions; 0: at those since the last check.

    Returns:
        A report, kept. A window that is too small for a verdict is taken along by the next
        check; looking back with `last` moves nothing.

    Raises:
        NotFound: No such deployment, or it has no reference yet.
    """
    if last < 0:
        raise Invalid(f"the last {last} predictions cannot be read", hint="give 0 or more")
    return checking.check(ws, name, last=last)


@operation("watch.reports", examples=("cauce watch reports prod",))
def reports(ws: Workspace, name: str = "prod", *, limit: int = 50) -> list[DriftReport]:
    """List a deployment's checks, newest first.

    Args:
        name: The deployment.
        limit: Checks at most.

    Returns:
        The reports; one that cannot be read any more says so in `fault`, beside what its run says.
    """
    runs = ws.catalog.runs(checking.KIND, name=name, status="finished", limit=limit)
    return [checking.listed(ws, run) for run in runs]


@operation("watch.show", examples=("cauce watch show RUN",))
def show(ws: Workspace, run: str) -> DriftReport:
    """Show one check.

    Args:
        run: Its id, or a unique prefix of it.

    Raises:
        NotFound: No such run, or it is no check.
    """
    return checking.read(ws, ws.catalog.run(RunId(run)))
