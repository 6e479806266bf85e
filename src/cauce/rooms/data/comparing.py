"""Looking into a version."""

from msgspec.structs import replace

from cauce.kernel.workspace import Workspace
from cauce.rooms.data import versions
from cauce.rooms.data.entities import DatasetPage, Folder, Share
from cauce.rooms.data.insight import reports


def show(ws: Workspace, spec: str, prefix: str, after: str, limit: int) -> DatasetPage:
    """See `data.show`."""
    from cauce.rooms.data.browsing import index  # late: needs numpy

    version = versions.find(ws, spec)
    found = index.of(ws, version.id)
    start = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    here, folders = found.folder(start)
    here = here[here >= found.first(f"{after}\0".encode())] if after else here
    limit = max(0, limit)
    entries = [found.entry(row) for row in here[:limit].tolist()]
    return DatasetPage(
        version=replace(version, facts=reports.facts(ws, version.name).get(version.id, ())),
        balance=[
            Share(split=split, label=label, count=count)
            for (split, label), count in sorted(
                zip(found.groups, found.counts().tolist(), strict=True)
            )
        ],
        folders=[Folder(path=path, files=count, size=size) for path, count, size in folders],
        entries=entries,
        next=entries[-1].path if 0 < limit < len(here) else "",
    )
