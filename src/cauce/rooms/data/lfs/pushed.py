"""What Git LFS pushed to which ref; a row keeps its object from collection."""

from collections.abc import Iterable
from pathlib import Path

from cauce.errors import Invalid
from cauce.kernel import gc
from cauce.kernel.entities import Commit, Digest, Note
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.lfs import format as formats
from cauce.rooms.data.lfs.entities import Forgotten
from cauce.rooms.data.lfs.rows import check_text, tables

_PART = 500
_SAMPLE = 20


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


def forget(
    ws: Workspace, repository: str, ref: str | None, keep: Path | None, *, apply: bool
) -> Forgotten:
    """See `data.lfs_forget`."""
    if ref is None and keep is None:
        raise Invalid("forget what?", hint="--ref REF, or --keep a clone with all its branches")
    named = set() if keep is None else {f"sha256:{it}" for it in formats.load().named(keep)}
    catalog = tables(ws)
    rows = catalog.query("SELECT repository, ref, object, size FROM data_lfs_pushed")
    going: list[tuple[str, Digest, int]] = []
    staying: set[str] = set()
    for its_repository, its_ref, name, size in rows:
        asked = its_repository == repository and ref in (None, its_ref)
        if asked and name not in named:
            going.append((its_ref, Digest(name), size))
        else:
            staying.add(name)
    sizes = {name: size for _, name, size in going}
    free = sizes.keys() - staying - gc.named_in_versions(ws)
    if apply and going:
        data = {"repository": repository, "ref": ref or "", "objects": len(sizes)}
        with catalog.transaction() as tx:
            for its_ref, name, _ in going:
                tx.execute(
                    "DELETE FROM data_lfs_pushed WHERE repository = ? AND ref = ? AND object = ?",
                    (repository, its_ref, name),
                )
            note = Note(kind="data.forgotten", subject="lfs", data=data)
            tx.apply(Commit(notes=(note,), agent=ws.agent))
    return Forgotten(
        applied=apply,
        objects=len(sizes),
        bytes=sum(sizes.values()),
        free=len(free),
        free_bytes=sum(sizes[name] for name in free),
        sample=tuple(sorted(free)[:_SAMPLE]),
    )
