"""Labels become folders: a data set and an annotation set make the next version."""

from msgspec import Struct
from msgspec import json as msgjson
from msgspec.structs import replace

from cauce.errors import Damaged, Invalid, NotFound
from cauce.kernel import digest, manifest
from cauce.kernel.entities import Digest, Entry, Manifest
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import versions
from cauce.rooms.data.entities import DatasetVersion

LABELS = "labels.json"
WAITING = "unlabelled/"
"""Folder that a labelled item is taken out of."""


class Label(Struct, frozen=True):
    """One row of an annotation set's `labels.json` (docs/format.md, Annotations).

    Attributes:
        item: Digest of the item's bytes.
        path: Where the item lay in its data set, or the name of a new one.
        label: Its class.
    """

    item: Digest
    path: str
    label: str


class _Labels(Struct, frozen=True):
    labels: list[Label]


def merge(ws: Workspace, name: str, annotations: str, into: str) -> DatasetVersion:
    """See `data.merge`."""
    started = ws.now()
    base = versions.current(ws, name)
    if base is None:
        raise NotFound(f"no data set {name}", hint="`cauce data ls` lists what there is")
    labelled = ws.find("annotations", annotations)
    labels = read_labels(ws, labelled.id)
    tree = ws.manifest(base.id)
    versions.sums(tree, f"{name}@main")
    entries = apply(tree, [_md5(ws, label) for label in labels], into)
    path = tree.labels.get(versions.PATH, name)
    merged = versions.folder_tree(ws, path, entries)
    run = versions.make_run(
        ws,
        "merge",
        name,
        started=started,
        params={"annotations": annotations, "into": into},
        metrics={"labels": float(len(labels)), "files": float(len(entries))},
    )
    used = ((base.id, "data"), (labelled.id, "labels"))
    message = f"labels of {annotations}"
    return versions.record(ws, merged, name, run, used=used, message=message)


def read_labels(ws: Workspace, version: Digest) -> list[Label]:
    """Read the labels of an annotation set."""
    entry = manifest.entry(ws.manifest(version), LABELS)
    try:
        return msgjson.decode(ws.objects.get(entry.digest), type=_Labels).labels
    except ValueError as error:
        raise Damaged(f"the annotation set {version} has no valid {LABELS}: {error}") from error


def _md5(ws: Workspace, label: Label) -> tuple[Label, Entry]:
    """Give a label with an entry for its item, under the name that DVC's files can say."""
    found = label.item
    if found.startswith("md5:"):
        size = ws.objects.size(found)
    else:
        data = ws.objects.get(found)
        found, size = ws.objects.put([data], algorithm="md5")[0], len(data)
    return label, Entry(path=label.path, digest=found, size=size)


def apply(tree: Manifest, labels: list[tuple[Label, Entry]], into: str) -> list[Entry]:
    """File labelled items under their class; what was filed otherwise before is moved.

    Args:
        tree: The data set.
        labels: Labels with their items, each with an md5 digest.
        into: Folder with `{label}` in it.

    Raises:
        Invalid: `into` has no `{label}`, or with a label it is no safe path.
    """
    before, mark, behind = into.strip("/").partition("{label}")
    if not mark:
        raise Invalid(f"{into!r} does not say where the label goes", hint="e.g. train/{label}")
    files = {entry.path: entry for entry in tree.entries}
    places: dict[Digest, list[str]] = {}
    for entry in tree.entries:
        places.setdefault(entry.digest, []).append(entry.path)
    for label, item in labels:
        base = label.path.rpartition("/")[2]
        names = {base, _marked(base, item.digest)}
        for place in places.get(item.digest, ()):
            folder, _, name = place.rpartition("/")
            filed = folder.startswith(before) and folder.endswith(behind) and name in names
            if filed or place.startswith(WAITING):
                files.pop(place, None)
        target = _free(files, f"{before}{label.label}{behind}/{base}", item.digest)
        manifest.check_path(target)
        files[target] = replace(item, path=target)
        places.setdefault(item.digest, []).append(target)
    return [files[path] for path in sorted(files)]


def _free(files: dict[str, Entry], path: str, name: Digest) -> str:
    """Give a path that no other bytes have."""
    known = files.get(path)
    if known is None or known.digest == name:
        return path
    folder, _, base = path.rpartition("/")
    return f"{folder}/{_marked(base, name)}"


def _marked(base: str, name: Digest) -> str:
    """Put the beginning of a digest into a file's name, before its suffix."""
    stem, dot, suffix = base.rpartition(".")
    return f"{stem}-{digest.short(name)}.{suffix}" if dot else f"{base}-{digest.short(name)}"
