"""Projects and tasks as rows: made, leased, answered."""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import sql
from cauce.kernel.entities import Commit, Digest, Note
from cauce.kernel.ids import new_id
from cauce.kernel.workspace import Workspace
from cauce.rooms.label.entities import Counts, Project, State, Task

LEASE = 600.0
"""Seconds for which a task is kept for an annotator."""

UNSURE = 2.0
"""Priority of a task without a guess: after all that have one."""

_PROJECT = "name, dataset, version, prefix, question, classes, created, agent"
_TASK = (
    "id, project, item, path, origin, guess, confidence, state, label, annotator, seconds,"
    " lease_until"
)
_ONE = f"SELECT {_TASK} FROM label_tasks WHERE id = ?"  # noqa: S608 - our columns
_NEW = "id, project, item, size, path, origin, source, guess, confidence, priority"
_MANY = 40


class Item(Struct, frozen=True, kw_only=True):
    """An item that becomes a task."""

    item: Digest
    size: int
    path: str
    origin: str
    source: Digest
    guess: str | None = None
    confidence: float | None = None


@cache
def _schema() -> str:
    return files("cauce.rooms.label").joinpath("schema.sql").read_text(encoding="utf-8")


def tables(ws: Workspace) -> sql.SqlCatalog:
    """Give the catalogue with this room's tables in it."""
    catalog = sql.tables(ws)
    catalog.ensure("label", _schema())
    return catalog


def annotator_of(ws: Workspace, text: str) -> str:
    """Give who labels, as lineage names them: `user:ana`."""
    text = text.strip()
    if not text:
        return ws.agent
    if len(text) > 200 or not text.isprintable() or "," in text:
        raise Invalid(f"{text[:100]!r} cannot be an annotator", hint="give a short name, no commas")
    return text if ":" in text else f"user:{text}"


def project(ws: Workspace, name: str) -> Project:
    """Read a project; `NotFound` names those that exist."""
    catalog = tables(ws)
    query = f"SELECT {_PROJECT} FROM label_projects WHERE name = ?"  # noqa: S608 - our columns
    found = catalog.query(query, (name,))
    if not found:
        known = catalog.query("SELECT name FROM label_projects ORDER BY name LIMIT 20")
        names = ", ".join(str(row[0]) for row in known)
        raise NotFound(f"no labelling project {name}", hint=f"known: {names or 'none yet'}")
    return _project(found[0])


def projects(ws: Workspace) -> list[Project]:
    """Read all projects, newest first."""
    query = f"SELECT {_PROJECT} FROM label_projects ORDER BY created DESC, name"  # noqa: S608
    return [_project(row) for row in tables(ws).query(query)]


def _project(row: Sequence[Any]) -> Project:
    name, dataset, version, prefix, question, classes, created, agent = row
    return Project(
        name=name,
        dataset=dataset,
        version=version,
        prefix=prefix,
        question=question,
        classes=tuple(json.loads(classes)),
        created=created,
        agent=agent,
    )


def create(ws: Workspace, new: Project, items: Sequence[Item]) -> None:
    """Write a project and its first tasks, together.

    Raises:
        Conflict: There is a project of that name.
    """
    with tables(ws).transaction() as tx:
        if tx.query("SELECT 1 FROM label_projects WHERE name = ?", (new.name,)):
            raise Conflict(
                f"there is a labelling project {new.name}", hint="`cauce label ls`; choose another"
            )
        tx.execute(
            f"INSERT INTO label_projects ({_PROJECT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                new.name,
                new.dataset,
                new.version,
                new.prefix,
                new.question,
                json.dumps(new.classes),
                new.created,
                new.agent,
            ),
        )
        insert(tx, new.name, items)
        note = Note(kind="label.created", subject=f"label/{new.name}", data={"tasks": len(items)})
        tx.apply(Commit(notes=(note,), agent=ws.agent))


def insert(tx: sql.Transaction, project: str, items: Sequence[Item]) -> None:
    """Write tasks, many to a statement."""
    columns = f"{_NEW}, state, annotator, seconds, changed"
    marks = f"({', '.join('?' * 14)})"
    for start in range(0, len(items), _MANY):
        part = items[start : start + _MANY]
        values: list[Any] = []
        for it in part:
            priority = UNSURE if it.confidence is None else it.confidence
            values += [new_id(), project, it.item, it.size, it.path, it.origin, it.source]
            values += [it.guess, it.confidence, priority, "waiting", "", 0.0, tx.at]
        all_marks = ", ".join([marks] * len(part))
        tx.execute(f"INSERT INTO label_tasks ({columns}) VALUES {all_marks}", values)  # noqa: S608


def known(ws: Workspace, project: str, column: str, values: Sequence[str]) -> set[str]:
    """Tell which items (or origins) are tasks of a project already."""
    assert column in {"item", "origin"}
    found: set[str] = set()
    catalog = tables(ws)
    for start in range(0, len(values), 500):
        part = values[start : start + 500]
        marks = ", ".join("?" * len(part))
        query = f"SELECT {column} FROM label_tasks WHERE project = ? AND {column} IN ({marks})"  # noqa: S608
        found |= {str(row[0]) for row in catalog.query(query, (project, *part))}
    return found


def listed(
    ws: Workspace, project: str, *, state: State | None, after: str, limit: int
) -> list[Task]:
    """List tasks in order of id."""
    now = ws.now()
    where, args = "project = ? AND id > ?", [project, after]
    values: list[Any] = [*args]
    if state == "waiting":
        where += " AND (state = 'waiting' OR (state = 'leased' AND lease_until <= ?))"
        values.append(now)
    elif state == "leased":
        where += " AND state = 'leased' AND lease_until > ?"
        values.append(now)
    elif state is not None:
        where += " AND state = ?"
        values.append(state)
    query = f"SELECT {_TASK} FROM label_tasks WHERE {where} ORDER BY id LIMIT ?"  # noqa: S608
    found = tables(ws).query(query, (*values, max(0, limit)))
    return [_task(row, now) for row in found]


def counts(ws: Workspace, project: str) -> tuple[Counts, dict[str, int]]:
    """Count tasks by state, and done ones by label."""
    by_state: dict[str, int] = {}
    by_label: dict[str, int] = {}
    found = tables(ws).query(
        "SELECT state, label, CASE WHEN state = 'leased' AND lease_until <= ? THEN 1 ELSE 0 END,"
        " COUNT(*) FROM label_tasks WHERE project = ? GROUP BY 1, 2, 3",
        (ws.now(), project),
    )
    for state, label, over, count in found:
        name = "waiting" if over else state
        by_state[name] = by_state.get(name, 0) + count
        if state == "done":
            by_label[label] = by_label.get(label, 0) + count
    return Counts(**by_state), by_label


def lease(ws: Workspace, project: str, annotator: str) -> Task | None:
    """Take the next task; whoever holds one already gets it back.

    The least sure guess comes first, items without a guess after all others.
    """
    free = "(state = 'waiting' OR (state = 'leased' AND lease_until <= ?))"
    with tables(ws).transaction() as tx:
        found = tx.query(
            "SELECT id FROM label_tasks WHERE project = ? AND state = 'leased'"
            " AND annotator = ? AND lease_until > ? ORDER BY priority, path, id LIMIT 1",
            (project, annotator, tx.at),
        ) or tx.query(
            f"SELECT id FROM label_tasks WHERE project = ? AND {free}"  # noqa: S608 - our text
            " ORDER BY priority, path, id LIMIT 1",
            (project, tx.at),
        )
        if not found:
            return None
        tx.execute(
            "UPDATE label_tasks SET state = 'leased', annotator = ?, lease_until = ?, changed = ?"
            " WHERE id = ?",
            (annotator, tx.at + LEASE, tx.at, found[0][0]),
        )
        return _read(tx, found[0][0])


def answer(
    ws: Workspace, id: str, *, label: str | None, annotator: str, seconds: float, reason: str = ""
) -> Task:
    """Write a label (or, with None, a skip) and keep what was said before.

    Raises:
        Conflict: Somebody else holds the task.
        Invalid: The label is none of the project's classes.
    """
    if not math.isfinite(seconds) or seconds < 0:
        raise Invalid(f"{seconds} seconds is no duration", hint="0 or more")
    with tables(ws).transaction() as tx:
        task = _read(tx, id)
        if label is not None:
            _require_class(tx, task.project, label)
        if task.state == "leased" and annotator != task.annotator:
            raise Conflict(
                f"task {id} is with {task.annotator}", hint="take another: cauce label next"
            )
        tx.execute(
            "UPDATE label_tasks SET state = ?, label = ?, annotator = ?, seconds = ?,"
            " lease_until = NULL, changed = ? WHERE id = ?",
            ("skipped" if label is None else "done", label, annotator, seconds, tx.at, id),
        )
        tx.execute(
            "INSERT INTO label_answers (id, task, label, annotator, seconds, reason, given)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (new_id(), id, label, annotator, seconds, reason, tx.at),
        )
        data = {"task": id, "label": label, "annotator": annotator, "before": task.label}
        kind = "label.skipped" if label is None else "label.submitted"
        note = Note(kind=kind, subject=f"label/{task.project}", data=data)
        tx.apply(Commit(notes=(note,), agent=annotator))
        return _read(tx, id)


def _require_class(tx: sql.Transaction, project: str, label: str) -> None:
    row = tx.query("SELECT classes FROM label_projects WHERE name = ?", (project,))[0]
    classes = json.loads(row[0])
    if label not in classes:
        raise Invalid(f"{label!r} is no class of {project}", hint=f"one of: {', '.join(classes)}")


def read(ws: Workspace, id: str) -> Task:
    """Read one task."""
    return _only(tables(ws).query(_ONE, (id,)), id, ws.now())


def _read(tx: sql.Transaction, id: str) -> Task:
    return _only(tx.query(_ONE, (id,)), id, tx.at)


def _only(found: Sequence[Sequence[Any]], id: str, now: float) -> Task:
    if not found:
        raise NotFound(f"no task {id[:100]}", hint="`cauce label tasks PROJECT` lists them")
    return _task(found[0], now)


def _task(row: Sequence[Any], now: float) -> Task:
    """Make a task of a row; a lease that ran out is none."""
    id, project, item, path, origin, guess, confidence, state, label, annotator, seconds, until = (
        row
    )
    over = state == "leased" and until <= now
    return Task(
        id=id,
        project=project,
        item=item,
        path=path,
        origin=origin,
        guess=guess,
        confidence=confidence,
        state="waiting" if over else state,
        label=label,
        annotator="" if over else annotator,
        seconds=seconds,
        lease_until=None if over else until,
    )
