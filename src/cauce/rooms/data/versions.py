"""Versions of data sets in the catalogue: found, numbered, recorded."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cauce.errors import Invalid, NotFound, Unsupported
from cauce.kernel import publish, runs
from cauce.kernel.entities import (
    Digest,
    Entry,
    Manifest,
    Ref,
    Run,
    Version,
)
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc
from cauce.rooms.data.entities import DatasetVersion

KIND = "dataset"
DVC, PATH, EXEC = "dvc", "path", "isexec"
"""Labels of a data set's manifest: digest that DVC's file names, place in the project, mode."""

_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def name_for(path: str) -> str:
    """Derive the name of a data set from its place: the last part, odd characters as dashes."""
    name = _ODD.sub("-", path.rpartition("/")[2]).strip("-._")
    if not name:
        raise Invalid(f"no name can be made of {path}", hint="give one with --name")
    return name[:100]


def describe(ws: Workspace, version: Version, name: str, number: str) -> DatasetVersion:
    """Put together what the catalogue knows of a numbered version."""
    moves = ws.catalog.history(KIND, name, number, limit=1) if number else []
    edges = ws.catalog.edges(version=version.id)
    run = next((edge.run for edge in edges if edge.direction == "generated"), None)
    return DatasetVersion(
        name=name,
        number=number,
        id=version.id,
        created=version.created,
        size=version.size,
        count=version.count,
        message=moves[0].message if moves else "",
        agent=moves[0].agent if moves else "",
        run=run,
    )


def find(ws: Workspace, spec: str) -> DatasetVersion:
    """Find a version by `name@tag`, bare name or id, with its number.

    Raises:
        NotFound: There is none.
        Invalid: The id is not one of a data set.
    """
    version = ws.find(KIND, spec)
    if version.kind != KIND:
        raise Invalid(f"{spec} is a version of kind {version.kind}", hint="give a data set's")
    name = version.name if spec.startswith("sha256:") else spec.partition("@")[0]
    return describe(ws, version, name, number_of(ws, name, version.id))


def number_of(ws: Workspace, name: str, id: Digest) -> str:
    """Give the number that a version has under a name, empty when none."""
    refs = [ref for ref in ws.catalog.refs_to([id]) if (ref.kind, ref.name) == (KIND, name)]
    return min((ref.tag for ref in refs if is_number(ref.tag)), key=_order, default="")


def is_number(tag: str) -> bool:
    """Tell whether a tag is a version's number."""
    return tag[:1] == "v" and tag[1:].isascii() and tag[1:].isdigit()


def _order(tag: str) -> int:
    return int(tag[1:])


def current(ws: Workspace, name: str) -> Version | None:
    """Give the version that `main` points at, None for a new name."""
    try:
        return ws.catalog.version(ws.catalog.ref(KIND, name, "main").target)
    except NotFound:
        return None


def at_path(ws: Workspace, path: str) -> Ref | None:
    """Find the data set whose `main` lies at a path of the project.

    Raises:
        Invalid: Several do.
    """
    found: list[Ref] = []
    after: tuple[str, str, str] | None = None
    while page := ws.catalog.refs(KIND, None, "main", after=after, limit=500):
        found += [ref for ref in page if ws.catalog.version(ref.target).labels.get(PATH) == path]
        after = (page[-1].kind, page[-1].name, page[-1].tag)
    if len(found) > 1:
        raise Invalid(
            f"several data sets lie at {path}: {', '.join(ref.name for ref in found)}",
            hint="say which one: name@version",
        )
    return found[0] if found else None


def sums(tree: Manifest, spec: str) -> dict[str, str]:
    """Give path -> md5 of a data set's files.

    Raises:
        Unsupported: It was not stored with md5 sums, so no `.dvc` file can stand for it.
    """
    found = {}
    for entry in tree.entries:
        algorithm, _, md5 = entry.digest.partition(":")
        if algorithm != "md5":
            raise Unsupported(f"{spec} holds {algorithm} objects, which DVC's files cannot name")
        found[entry.path] = md5
    return found


def folder_tree(
    ws: Workspace, path: str, entries: Sequence[Entry], labels: Mapping[str, str] | None = None
) -> Manifest:
    """Make the manifest of a folder and store its `.dir` object.

    Args:
        ws: Workspace.
        path: Place of the folder in the project.
        entries: Its files, each with an md5 digest.
        labels: Further labels.
    """
    name = put_dir(ws, {entry.path: entry.digest.partition(":")[2] for entry in entries})
    found = {**(labels or {}), DVC: str(name), PATH: path}
    return Manifest(kind=KIND, entries=tuple(entries), labels=found)


def put_dir(ws: Workspace, files: Mapping[str, str]) -> Digest:
    """Store the `.dir` object of path -> md5, and give its name."""
    format = dvc.load()
    data = format.dump(files)
    name = format.name(data)
    import tempfile  # late: 10 ms, and only writers need it

    # Only a file can be put under a name with `.dir`; the store verifies the rest of it.
    with tempfile.TemporaryDirectory(prefix="cauce-") as folder:
        file = Path(folder) / "dir"
        file.write_bytes(data)
        ws.objects.put_files([file], digests=[name])
    return name


def record(
    ws: Workspace,
    tree: Manifest,
    name: str,
    run: Run,
    *,
    used: Sequence[tuple[Digest, str]] = (),
    message: str = "",
) -> DatasetVersion:
    """Commit a version: its number, `main`, the run and its edges.

    Args:
        ws: Workspace.
        tree: Manifest whose objects are stored.
        name: Data set.
        run: What made it.
        used: Versions that the run used, with their roles.
        message: Why, for the ref log.

    Returns:
        The version. Nothing is committed when `main` is there already.
    """
    row = ws.put_manifest(tree, name)
    now = current(ws, name)
    if now is not None and now.id == row.id:
        return describe(ws, now, name, number_of(ws, name, now.id))
    commit = runs.done(ws, run, used=used, generated=((row, "data"),), message=message)
    ref = publish.publish(ws, row, commit, prefix="v", aliases=("main",))
    return describe(ws, ws.catalog.version(row.id), name, ref.tag)
