"""What terminals print for data's part `transfer`."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import size
from cauce.faces.text import scalar
from cauce.rooms.data.entities import CloudStatus
from cauce.rooms.data.transfer.entities import PullReport, Transfer


def _row(moved: Transfer, verb: str, to: str) -> str:
    there = f", {moved.present:,} were there" if moved.present else ""
    if not moved.outs:
        return f"nothing is tracked, so nothing was {verb}"
    if not moved.objects:
        return f"nothing to do: all {moved.present:,} objects are {to} already"
    return f"{moved.objects:,} objects {verb}, {size(moved.bytes)}{there}"


@renders("data.push")
def push(moved: Sequence[Transfer]) -> Iterator[str]:
    """One line a remote."""
    for one in moved:
        yield f"{scalar(one.remote)}: {_row(one, 'pushed', 'there')}"


@renders("data.fetch")
def fetch(moved: Sequence[Transfer]) -> Iterator[str]:
    """One line a remote."""
    for one in moved:
        yield f"{scalar(one.remote)}: {_row(one, 'fetched', 'here')}"


@renders("data.pull")
def pull(report: PullReport) -> Iterator[str]:
    """What was fetched, and what was restored."""
    yield from fetch(report.fetched)
    for out in report.outs:
        if out.written or out.removed:
            yield f"  {scalar(out.path)}: {out.written:,} written, {out.removed:,} removed"


@renders("data.remote_status")
def remote_status(rows: Sequence[CloudStatus]) -> Iterator[str]:
    """One object a line."""
    if not rows:
        yield "the cache and the remote hold the same"
    for row in rows:
        yield f"{row.state:8} {scalar(row.path)}"
