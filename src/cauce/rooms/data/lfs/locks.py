"""Locks as rows: taken, listed, given back."""

from collections.abc import Sequence
from typing import Any

from cauce.errors import Conflict, Denied, Invalid, NotFound
from cauce.kernel import ids, manifest
from cauce.kernel.entities import Commit, Note
from cauce.kernel.workspace import Workspace
from cauce.rooms.data.lfs.entities import Lock, LockPage
from cauce.rooms.data.lfs.rows import LONGEST, check_text, tables

_COLUMNS = "id, path, owner, locked, repository, ref"


def take(ws: Workspace, path: str, repository: str, ref: str) -> Lock:
    """See `data.lock`."""
    if not path:
        raise Invalid("a lock needs a path", hint="relative to the repository")
    manifest.check_path(path)
    check_text("repository", repository)
    check_text("ref", ref)
    with tables(ws).transaction() as tx:
        found = tx.query(
            f"SELECT {_COLUMNS} FROM data_lfs_locks WHERE repository = ? AND path = ?",  # noqa: S608
            (repository, path),
        )
        if found:
            held = _lock(found[0])
            raise Conflict(
                f"{path} is locked by {held.owner}",
                hint=f"lock {held.id}: `cauce data unlock {path}` by its owner, or with --force",
            )
        made = Lock(
            id=ids.new_id(),
            path=path,
            owner=ws.agent,
            locked_at=tx.at,
            repository=repository,
            ref=ref,
        )
        tx.execute(
            f"INSERT INTO data_lfs_locks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608
            (made.id, path, made.owner, made.locked_at, repository, ref),
        )
        tx.apply(_noted(ws, "data.locked", made))
    return made


def release(ws: Workspace, path: str, id: str, repository: str, *, force: bool) -> Lock:
    """See `data.unlock`."""
    if bool(path) == bool(id):
        raise Invalid("unlock what?", hint="give the path, or the id of the lock")
    column, value = ("path", path) if path else ("id", id)
    with tables(ws).transaction() as tx:
        found = tx.query(
            f"SELECT {_COLUMNS} FROM data_lfs_locks"  # noqa: S608 - one of two columns
            f" WHERE repository = ? AND {column} = ?",
            (repository, value),
        )
        if not found:
            raise NotFound(
                f"no lock on {path[:200]}" if path else f"no lock {id[:100]}",
                hint="`cauce data locks` lists what is locked",
            )
        held = _lock(found[0])
        if held.owner != ws.agent and not force:
            raise Denied(f"{held.path} is locked by {held.owner}", hint="--force takes it anyway")
        tx.execute("DELETE FROM data_lfs_locks WHERE id = ?", (held.id,))
        tx.apply(_noted(ws, "data.unlocked", held))
    return held


def page(
    ws: Workspace, path: str, id: str, owner: str, repository: str, after: str, limit: int
) -> LockPage:
    """See `data.locks`."""
    where, args = ["repository = ?", "id > ?"], [repository, after]
    for column, value in (("path", path), ("id", id), ("owner", owner)):
        if value:
            where.append(f"{column} = ?")
            args.append(value)
    rows = tables(ws).query(
        f"SELECT {_COLUMNS} FROM data_lfs_locks WHERE {' AND '.join(where)}"  # noqa: S608
        " ORDER BY id LIMIT ?",
        (*args, max(0, limit) + 1),
    )
    found = [_lock(row) for row in rows[: max(0, limit)]]
    return LockPage(locks=found, next=found[-1].id if found and len(rows) > len(found) else "")


def _noted(ws: Workspace, kind: str, lock: Lock) -> Commit:
    data = {"path": lock.path, "owner": lock.owner, "repository": lock.repository}
    note = Note(kind=kind, subject=f"lock/{lock.path}"[:LONGEST], data=data)
    return Commit(notes=(note,), agent=ws.agent)


def _lock(row: Sequence[Any]) -> Lock:
    id, path, owner, locked, repository, ref = row
    return Lock(id=id, path=path, owner=owner, locked_at=locked, repository=repository, ref=ref)
