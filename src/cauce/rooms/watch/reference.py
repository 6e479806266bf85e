"""The reference: what a deployment's traffic is compared with, as a manifest of kind `profile`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from cauce.errors import Damaged, Invalid, NotFound
from cauce.kernel import decoding, manifest, plugins, runs
from cauce.kernel.detector import Detector
from cauce.kernel.entities import (
    Digest,
    Entity,
    Entry,
    Manifest,
    Move,
    Run,
    RunId,
    Version,
)
from cauce.kernel.model import open_session
from cauce.rooms.watch import features, rows
from cauce.rooms.watch.counting import Counter
from cauce.rooms.watch.entities import Column, Profile

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

DETECTOR = "histogram"
FILE = "profile.json"
HELD_OUT = "test"

OUTPUTS = {
    "confidence": "highest probability that the model gives a class",
    "label": "class that the model says",
}

TYPES: dict[str, Literal["numeric", "categorical"]] = {"label": "categorical"}
"""Columns that are not numeric."""


class Description(Entity, frozen=True):
    """What `profile.json` says; canonical: the same rows give the same bytes.

    Attributes:
        detector: Adapter that reads the columns' files.
    """

    detector: str
    deployment: Digest
    data: Digest
    split: str
    outputs: str
    columns: tuple[Column, ...]


def make(ws: "Workspace", name: str, *, data: str, split: str) -> Profile:
    """Count a split of a data version, and what the deployment's model says of rows.

    The inputs are counted on the split. The outputs are counted on `test/` where the data has it:
    a model is surer of rows that it was trained on than it will ever be of traffic.
    """
    deployment = ws.find("deployment", name)
    dataset = ws.find("dataset", data)
    tree = ws.manifest(dataset.id)
    session, signature = open_session(ws, ws.manifest(deployment.id))
    watched = features.watched(signature)
    started = ws.now()
    counter = Counter(detector())
    own = rows.of_split(tree, split)
    splits = {entry.path.partition("/")[0] for entry in tree.entries}
    outputs = HELD_OUT if split == "train" and HELD_OUT in splits else split
    for batch in decoding.batches(ws, own, signature):
        for column, values in features.columns(batch, watched).items():
            counter.add(column, values)
        if outputs == split:
            _add_answers(counter, decoding.answer(session, signature, batch))
    if outputs != split:
        for batch in decoding.batches(ws, rows.of_split(tree, outputs), signature):
            _add_answers(counter, decoding.answer(session, signature, batch))
    names = {**watched.names, **OUTPUTS}
    counted = counter.profiles({column: TYPES.get(column, "numeric") for column in names})
    entries, described = _files(ws, names, counted)
    description = Description(
        detector=DETECTOR,
        deployment=deployment.id,
        data=dataset.id,
        split=split,
        outputs=outputs,
        columns=described,
    )
    version = _store(ws, name, entries, description)
    run = Run(
        id=runs.new_id(),
        kind="reference",
        name=name.partition("@")[0],
        started=started,
        params={"split": split, "outputs": outputs},
        metrics={"rows": float(len(own))},
    )
    return _commit(ws, run, version, description)


def detector() -> Detector:
    """Load the detector."""
    found: Detector = plugins.load("detectors", DETECTOR)
    return found


def _add_answers(counter: Counter, said: decoding.Answers) -> None:
    counter.add("label", said.labels)
    counter.add("confidence", np.asarray(said.confidence, np.float64))


def _files(
    ws: "Workspace", names: Mapping[str, str], counted: Mapping[str, Any]
) -> tuple[list[Entry], tuple[Column, ...]]:
    """Store the counts, a file a column."""
    found = detector()
    dumps = [found.dump(counted[name]) for name in names]
    digests = ws.objects.put(dumps)
    entries, columns = [], []
    for number, (name, what) in enumerate(names.items()):
        path = f"columns/{number:03}.hist"
        entries.append(Entry(path=path, digest=digests[number], size=len(dumps[number])))
        columns.append(
            Column(
                name=name,
                what=what,
                source="output" if name in OUTPUTS else "input",
                type=TYPES.get(name, "numeric"),
                rows=counted[name].rows,
                file=path,
            )
        )
    return entries, tuple(columns)


def _store(ws: "Workspace", name: str, entries: list[Entry], description: Description) -> Version:
    body = msgspec.json.format(msgspec.json.encode(description), indent=1)
    [digest] = ws.objects.put([body])
    tree = Manifest(
        kind="profile",
        entries=(*entries, Entry(path=FILE, digest=digest, size=len(body))),
        labels={
            "data": description.data,
            "deployment": description.deployment,
            "detector": description.detector,
            "split": description.split,
        },
    )
    return ws.put_manifest(tree, name.partition("@")[0])


def _commit(ws: "Workspace", run: Run, version: Version, description: Description) -> Profile:
    commit = runs.done(
        ws,
        run,
        used=((description.data, "data"), (description.deployment, "deployment")),
        generated=((version, "profile"),),
        message=f"counted on {description.split}/ of {description.data[7:19]}",
    )
    move = Move(kind="profile", name=version.name, tag="reference", target=version.id)
    ws.catalog.commit(msgspec.structs.replace(commit, moves=(move,)))
    return _profile(version, description, run.id)


def _profile(version: Version, description: Description, run: RunId) -> Profile:
    return Profile(
        name=version.name,
        id=version.id,
        deployment=description.deployment,
        data=description.data,
        split=description.split,
        outputs=description.outputs,
        columns=description.columns,
        run=run,
        created=version.created,
    )


def read(ws: "Workspace", name: str) -> tuple[Version, Description, dict[str, Any]]:
    """Read a deployment's reference with its counts.

    Raises:
        NotFound: None was made yet.
        Damaged: Its files do not fit together.
    """
    try:
        version = ws.find("profile", name)
    except NotFound as error:
        raise NotFound(
            f"{name} has no reference to compare with",
            hint=f"make one: cauce watch reference {name} --data DATASET",
        ) from error
    tree = ws.manifest(version.id)
    try:
        description = msgspec.json.decode(
            ws.objects.get(manifest.entry(tree, FILE).digest), type=Description
        )
    except msgspec.DecodeError as error:
        raise Damaged(f"{FILE} of the reference is not one: {error}") from error
    if description.detector != DETECTOR:
        raise Invalid(
            f"the reference was made by the detector {description.detector!r}",
            hint=f"make it again: cauce watch reference {name} --data DATASET",
        )
    found = detector()
    counted = {
        column.name: found.load(ws.objects.get(manifest.entry(tree, column.file).digest))
        for column in description.columns
    }
    return version, description, counted
