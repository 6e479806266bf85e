"""A part of a versioned folder is added: its list is written anew, the rest stays as it was."""

from collections.abc import Mapping

from cauce.errors import NotFound
from cauce.kernel.entities import Digest, Entry, Manifest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc, modes, status, versions


def owner(ws: Workspace, path: str) -> tuple[str, dvc.Output] | None:
    """Find the versioned folder that a path lies in: its `.dvc` file and output."""
    format = dvc.load()
    folder = path.rpartition("/")[0]
    while folder:
        file = ws.folder / f"{folder}.dvc"
        if file.is_file():
            read = format.read(ws.folder, file)
            for out in read.outs:
                if out.path == folder and out.folder:
                    return read.path, out
        folder = folder.rpartition("/")[0]
    return None


def base(ws: Workspace, out: dvc.Output) -> Manifest:
    """Give the version that a `.dvc` file stands for, also when the catalogue has none.

    Raises:
        NotFound: Its list, or one of its objects, is not in the store.
    """
    for version in ws.catalog.versions(versions.KIND, limit=1000):
        if version.labels.get(versions.DVC) == out.digest:
            return ws.manifest(version.id)
    entries = tuple(
        Entry(path=rel, digest=(name := Digest(f"md5:{md5}")), size=ws.objects.size(name))
        for rel, md5 in status.wanted(ws, out).items()
    )
    labels = {versions.DVC: str(out.digest), versions.PATH: out.path}
    return Manifest(kind=versions.KIND, entries=entries, labels=labels)


def merged(ws: Workspace, old: Manifest, path: str, part: Manifest | None) -> Manifest:
    """Put a part into a folder's version, in place of what was there.

    Args:
        ws: Workspace.
        old: Version of the folder.
        path: Place of the part, relative to the project.
        part: What lies there now; None: nothing.

    Raises:
        NotFound: Nothing lies there, and nothing did.
    """
    top = old.labels[versions.PATH]
    rel = path.removeprefix(f"{top}/")
    kept = [it for it in old.entries if it.path != rel and not it.path.startswith(f"{rel}/")]
    if part is None and len(kept) == len(old.entries):
        raise NotFound(f"there is nothing at {path}", hint="check the path")
    new: list[Entry] = []
    if part is not None:
        whole = part.labels[versions.DVC].endswith(".dir")
        new = [
            Entry(path=f"{rel}/{it.path}" if whole else rel, digest=it.digest, size=it.size)
            for it in part.entries
        ]
    every = sorted([*kept, *new], key=lambda it: it.path)
    return versions.folder_tree(ws, top, every, _labels(old, rel, part, [it.path for it in kept]))


def _labels(old: Manifest, rel: str, part: Manifest | None, kept: list[str]) -> dict[str, str]:
    """Keep exec bits and empty folders of the rest, take those of the part."""
    marked = modes.marked(old.labels, modes.EXECUTABLE, kept) & set(kept)
    empty = {
        it
        for it in modes.marked(old.labels, modes.EMPTY, ())
        if it != rel and not it.startswith(f"{rel}/")
    }
    if part is not None:
        inside = [it.path for it in part.entries]
        marked |= {f"{rel}/{it}" for it in modes.marked(part.labels, modes.EXECUTABLE, inside)}
        empty |= {f"{rel}/{it}" for it in modes.marked(part.labels, modes.EMPTY, ())}
        if versions.EXEC in part.labels:
            marked.add(rel)
    found = {modes.EXECUTABLE: "\n".join(sorted(marked)), modes.EMPTY: "\n".join(sorted(empty))}
    return {key: text for key, text in found.items() if text}


def size(old: dvc.Output, before: Manifest, after: Manifest) -> int | None:
    """Give the size that the `.dvc` file says: DVC knows it only where files were appended."""
    if old.size is None or not _appended(_sums(before), _sums(after)):
        return None
    return sum(it.size for it in after.entries)


def _sums(tree: Manifest) -> Mapping[str, Digest]:
    return {it.path: it.digest for it in tree.entries}


def _appended(before: Mapping[str, Digest], after: Mapping[str, Digest]) -> bool:
    return all(after.get(path) == name for path, name in before.items())
