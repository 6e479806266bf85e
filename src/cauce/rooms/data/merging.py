"""Labels become folders: a data set and an annotation set make the next version."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec import json as msgjson
from msgspec.structs import replace

from cauce.errors import Damaged, Invalid, NotFound
from cauce.kernel import digest, manifest, runs
from cauce.kernel.entities import Digest, Entry, Manifest, Run
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


class Filing(Struct, frozen=True):
    """Where labelled items go.

    Attributes:
        into: Folder with `{label}` in it, for training.
        held: Folder with `{label}` in it, for what is held out.
        holdout: Share of the items that is held out, 0 to 1.
    """

    into: str = "train/{label}"
    held: str = "test/{label}"
    holdout: float = 0.0

    def place(self, item: Digest, label: str, folders: Sequence[str]) -> str:
        """Give the folder of an item that lies in these folders now.

        Its bytes decide, so it is the same in every merge; where nothing is held out, an item that
        is held out already stays so, lest it be trained on and tested with.
        """
        chance = int(digest.split(item)[1][:8], 16) / 2**32
        before, behind = _around(self.held)
        known = any(it.startswith(before) and it.endswith(behind) for it in folders)
        if not (chance < self.holdout if self.holdout else known):
            before, behind = _around(self.into)
        return f"{before}{label}{behind}"

    def filed(self, folder: str) -> bool:
        """Tell whether an earlier merge may have filed items in a folder."""
        return any(
            folder.startswith(before) and folder.endswith(behind)
            for before, behind in (_around(self.into), _around(self.held))
        )


def _around(folder: str) -> tuple[str, str]:
    """Split a folder at its `{label}`; raises `Invalid` where it has none."""
    before, mark, behind = folder.strip("/").partition("{label}")
    if not mark:
        raise Invalid(f"{folder!r} does not say where the label goes", hint="e.g. train/{label}")
    return before, behind


def merge(ws: Workspace, name: str, annotations: str, filing: Filing) -> DatasetVersion:
    """See `data.merge`."""
    if not 0 <= filing.holdout <= 1:
        raise Invalid(f"holdout {filing.holdout} is not a share", hint="give 0 to 1, e.g. 0.25")
    started = ws.now()
    base = versions.current(ws, name)
    if base is None:
        raise NotFound(f"no data set {name}", hint="`cauce data ls` lists what there is")
    labelled = ws.find("annotations", annotations)
    labels = read_labels(ws, labelled.id)
    tree = ws.manifest(base.id)
    versions.sums(tree, f"{name}@main")
    entries = apply(tree, [_md5(ws, label) for label in labels], filing)
    path = tree.labels.get(versions.PATH, name)
    merged = versions.folder_tree(ws, path, entries)
    run = Run(
        id=runs.new_id(),
        kind="merge",
        name=name,
        started=started,
        params={
            "annotations": annotations,
            "into": filing.into,
            "held": filing.held,
            "holdout": filing.holdout,
        },
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


def apply(tree: Manifest, labels: list[tuple[Label, Entry]], filing: Filing) -> list[Entry]:
    """File labelled items under their class; what was filed otherwise before is moved.

    Args:
        tree: The data set.
        labels: Labels with their items, each with an md5 digest.
        filing: Where they go.

    Raises:
        Invalid: A folder has no `{label}`, or with a label it is no safe path.
    """
    files = {entry.path: entry for entry in tree.entries}
    places: dict[Digest, list[str]] = {}
    for entry in tree.entries:
        places.setdefault(entry.digest, []).append(entry.path)
    for label, item in labels:
        base = label.path.rpartition("/")[2]
        names = {base, _marked(base, item.digest)}
        lies = [place for place in places.get(item.digest, ()) if place in files]
        folders = [place.rpartition("/")[0] for place in lies]
        for place in lies:
            folder, _, name = place.rpartition("/")
            if (name in names and filing.filed(folder)) or place.startswith(WAITING):
                files.pop(place, None)
        target = _free(
            files, f"{filing.place(item.digest, label.label, folders)}/{base}", item.digest
        )
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
