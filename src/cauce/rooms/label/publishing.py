"""From answered tasks to an annotation set; its form is in docs/format.md, Annotations."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cauce.errors import Invalid, NotFound
from cauce.kernel import digest, publish, runs
from cauce.kernel.entities import Digest, Entry, Manifest, Run, Version
from cauce.kernel.workspace import Workspace
from cauce.rooms.label import tasks
from cauce.rooms.label.entities import AnnotationVersion, Project

KIND = "annotations"
LABELS = "labels.json"

_COLUMNS = "path, item, size, label, annotator, seconds, changed, origin, source, guess, confidence"


def release(ws: Workspace, project: str, message: str) -> AnnotationVersion:
    """See `label.publish`."""
    asked = tasks.project(ws, project)
    query = (
        f"SELECT {_COLUMNS} FROM label_tasks WHERE project = ? AND state = 'done'"  # noqa: S608
        " ORDER BY path, item"
    )
    names = _COLUMNS.split(", ")
    rows = [dict(zip(names, row, strict=True)) for row in tasks.tables(ws).query(query, (project,))]
    if not rows:
        raise Invalid(f"{project} has no label yet", hint=f"cauce label next {project}")
    row = ws.put_manifest(_tree(ws, asked, rows), project)
    if _current(ws, project) == row.id:
        return describe(ws, ws.catalog.version(row.id), project)
    run = _run(asked, rows)
    used = [(Digest(source), role) for source, role in _sources(asked, rows)]
    commit = runs.done(ws, run, used=used, generated=((row, "labels"),), message=message)
    publish.publish(ws, row, commit, prefix="v", aliases=("main",))
    return describe(ws, ws.catalog.version(row.id), project)


def _tree(ws: Workspace, project: Project, rows: Sequence[dict[str, Any]]) -> Manifest:
    """Store `labels.json` and make the manifest; the same answers give the same bytes."""
    keys = "item path label annotator seconds origin guess confidence".split()
    body = {
        "format": 1,
        "project": project.name,
        "question": project.question,
        "classes": list(project.classes),
        "labels": [{**{key: row[key] for key in keys}, "at": row["changed"]} for row in rows],
    }
    data = json.dumps(body, ensure_ascii=False, sort_keys=True, indent=1).encode()
    entries = [Entry(path=LABELS, digest=ws.objects.put([data])[0], size=len(data))]
    entries += [
        Entry(path=_place(row), digest=Digest(row["item"]), size=row["size"]) for row in rows
    ]
    annotators = sorted({row["annotator"] for row in rows})
    labels = {"project": project.name, "annotators": ", ".join(annotators)}
    return Manifest(kind=KIND, entries=tuple(entries), labels=labels)


def _place(row: dict[str, Any]) -> str:
    """Name an item in the manifest: its class, and a name that no other item has."""
    return f"items/{row['label']}/{digest.short(row['item'])}-{row['path'].rpartition('/')[2]}"


def _sources(project: Project, rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """List the versions that the items came from, with their roles."""
    found = sorted({row["source"] for row in rows})
    return [(id, "items" if id == project.version else "predictions") for id in found]


def _run(project: Project, rows: Sequence[dict[str, Any]]) -> Run:
    """Make the labelling run: who said what, from the first answer to the last."""
    return Run(
        id=runs.new_id(),
        kind="labelling",
        name=project.name,
        agent=", ".join(sorted({row["annotator"] for row in rows})),
        started=min(row["changed"] - row["seconds"] for row in rows),
        group=project.name,
        params={"project": project.name, "question": project.question},
        metrics={
            "labels": float(len(rows)),
            "seconds": float(sum(row["seconds"] for row in rows)),
        },
    )


def _current(ws: Workspace, name: str) -> Digest | None:
    try:
        return ws.catalog.ref(KIND, name, "main").target
    except NotFound:
        return None


def newest(ws: Workspace, name: str) -> str:
    """Give the number of a project's newest annotation set, empty when there is none."""
    found = publish.numbers(ws, KIND, name, "v")
    return f"v{max(found)}" if found else ""


def describe(ws: Workspace, version: Version, name: str) -> AnnotationVersion:
    """Put together what the catalogue knows of an annotation set."""
    known = publish.numbers(ws, KIND, name, "v")
    number = next((f"v{n}" for n, target in sorted(known.items()) if target == version.id), "")
    moves = ws.catalog.history(KIND, name, number, limit=1) if number else []
    edges = ws.catalog.edges(version=version.id)
    tree = ws.manifest(version.id)
    items = [entry.path.split("/")[1] for entry in tree.entries if entry.path != LABELS]
    return AnnotationVersion(
        name=name,
        number=number,
        id=version.id,
        created=version.created,
        count=len(items),
        labels=dict(sorted(Counter(items).items())),
        annotators=tuple(version.labels.get("annotators", "").split(", ")),
        message=moves[0].message if moves else "",
        run=next((edge.run for edge in edges if edge.direction == "generated"), None),
    )
