"""Runs side by side: what differs comes first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from cauce.kernel.entities import Run, Scalar
from cauce.rooms.track.course import same
from cauce.rooms.track.entities import Compared, Linked, RunComparison
from cauce.rooms.track.links import linked

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

Group = Literal["params", "metrics", "data", "code", "tags", "run"]
_ORDER: tuple[Group, ...] = ("params", "metrics", "data", "code", "tags", "run")


def compare(ws: "Workspace", runs: Sequence[Run]) -> RunComparison:
    """Compare runs fact by fact."""
    facts = [_facts(run, linked(ws, run.id, "used")) for run in runs]
    names: dict[tuple[Group, str], None] = {}
    for fact in facts:
        names |= dict.fromkeys(fact)
    rows = []
    for group, name in names:
        values = tuple(fact.get((group, name)) for fact in facts)
        rows.append(Compared(group=group, name=name, values=values, differs=not same(values)))
    rows.sort(key=lambda row: (not row.differs, _ORDER.index(row.group), row.name))
    return RunComparison(runs=tuple(runs), rows=tuple(rows))


def _facts(run: Run, used: Sequence[Linked]) -> dict[tuple[Group, str], Scalar]:
    """Lay a run's facts out flat."""
    facts: dict[tuple[Group, str], Scalar] = {}
    for key, param in run.params.items():
        facts["params", key] = param
    for key, metric in run.metrics.items():
        facts["metrics", key] = metric
    for link in used:
        numbered = [ref for ref in link.refs if ref.rpartition("@")[2].lstrip("v").isdigit()]
        facts["data", link.role or link.kind] = (
            numbered[0] if numbered else f"{link.name} {link.version[7:19]}"
        )
    if run.code is not None:
        facts["code", "commit"] = run.code.commit[:12] + ("+changes" if run.code.dirty else "")
        facts["code", "branch"] = run.code.branch
        facts["code", "command"] = " ".join(run.code.command)
    for key, tag in run.tags.items():
        if not key.startswith("cauce."):
            facts["tags", key] = tag
    facts["run", "status"] = run.status
    facts["run", "experiment"] = run.group
    facts["run", "seconds"] = None if run.ended is None else round(run.ended - run.started, 3)
    return facts
