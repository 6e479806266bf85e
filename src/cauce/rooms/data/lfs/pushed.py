"""What Git LFS pushed to which ref; a row keeps its object from collection."""

from collections.abc import Iterable

from cauce.kernel.entities import Digest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.lfs.rows import check_text, tables

_PART = 500


def record(ws: Workspace, repository: str, ref: str, objects: Iterable[tuple[Digest, int]]) -> None:
    """Note that these objects belong to a ref, before they are sent.

    An object that never comes leaves a row that keeps nothing.
    """
    check_text("repository", repository)
    check_text("ref", ref)
    wanted = dict(objects)
    catalog = tables(ws)
    known: set[str] = set()
    for start in range(0, len(wanted), _PART):
        part = list(wanted)[start : start + _PART]
        marks = ", ".join("?" * len(part))
        rows = catalog.query(
            "SELECT object FROM data_lfs_pushed"  # noqa: S608 - marks only
            f" WHERE repository = ? AND ref = ? AND object IN ({marks})",
            (repository, ref, *part),
        )
        known.update(row[0] for row in rows)
    new = [(name, size) for name, size in wanted.items() if name not in known]
    if not new:
        return
    with catalog.transaction() as tx:
        for name, size in new:
            tx.execute(
                "INSERT INTO data_lfs_pushed (repository, ref, object, size, pushed)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (repository, ref, name, size, tx.at),
            )
