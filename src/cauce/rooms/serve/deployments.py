"""Deployments: a model version under a name, moved by compare-and-set, and back."""

import re
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import ids, manifest, model, publish, runs
from cauce.kernel.entities import (
    Commit,
    Digest,
    Entry,
    Manifest,
    Move,
    Ref,
    RefMove,
    Run,
    Version,
)
from cauce.rooms.serve.entities import Deployment

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

KIND = "deployment"
LIVE = "live"
_BACK = "roll back to "
_NUMBERED = re.compile(r"(\d+)(?:-([a-z0-9]+))?\Z")


def deploy(ws: "Workspace", spec: str, name: str, variant: str) -> Deployment:
    """Make a version of a deployment from a model version, and let it go live.

    The model is loaded and run once before, from the stored bytes: one that is damaged never
    goes live.
    """
    ids.check_name("deployment", name)
    started = ws.now()
    version, label = _model(ws, spec, variant)
    tree = ws.manifest(version.id)
    session, signature = model.open_session(ws, tree)
    warm(session, signature)
    entries = tuple(
        Entry(path=path, digest=found.digest, size=found.size)
        for path in (model.FILE, model.SIGNATURE)
        for found in (manifest.entry(tree, path),)
    )
    model_name, _, tag = label.partition("@")
    number, _, kind = tag.partition("-")
    labels = {
        "name": name,
        "model": version.id,
        "model_name": model_name,
        "model_number": number,
        "variant": kind,
    }
    made = ws.put_manifest(Manifest(kind=KIND, entries=entries, labels=labels), name)
    run = Run(
        id=runs.new_id(),
        kind="deploy",
        name=name,
        started=started,
        params={"deployment": name, "model": label},
    )
    commit = runs.done(
        ws,
        run,
        used=((version.id, "model"),),
        generated=((made, "deployment"),),
        message=f"deploy {label}",
    )
    publish.publish(ws, made, commit, aliases=(LIVE,))
    return live(ws, name)


def rollback(ws: "Workspace", name: str) -> Deployment:
    """Let what ran before go live again, after it was loaded and run once."""
    now = _ref(ws, name)
    before = _stack(_moves(ws, name))[:-1]
    if not before:
        raise NotFound(
            f"{name} has run nothing else yet", hint="cauce serve deploy MODEL --name " + name
        )
    target = before[-1]
    warm(*model.open_session(ws, ws.manifest(target)))
    tag = next((tag for tag, at in _tags(ws, name).items() if at == target), target)
    move = Move(kind=KIND, name=name, tag=LIVE, target=target, expect=now.target)
    try:
        ws.catalog.commit(Commit(moves=(move,), agent=ws.agent, message=f"{_BACK}{name}@{tag}"))
    except Conflict as error:
        raise Conflict(
            f"somebody else just moved {name}", hint="look at it with `cauce serve show`"
        ) from error
    return live(ws, name)


def live(ws: "Workspace", name: str) -> Deployment:
    """Read what a deployment runs; raises `NotFound`."""
    ref = _ref(ws, name)
    return _describe(ws, name, ref.target, _moves(ws, name, limit=1), ref)


def names(ws: "Workspace") -> list[str]:
    """List the names of all deployments."""
    found = []
    after: tuple[str, str, str] | None = None
    while page := ws.catalog.refs(KIND, tag=LIVE, after=after, limit=500):
        found += [ref.name for ref in page]
        after = (page[-1].kind, page[-1].name, page[-1].tag)
    return found


def count(ws: "Workspace", name: str) -> int:
    """Count the numbers of a deployment."""
    return sum(tag.isdigit() for tag in _tags(ws, name))


def history(ws: "Workspace", name: str, *, limit: int = 50) -> list[Deployment]:
    """List what a deployment ran, newest first, one line a move."""
    ref = _ref(ws, name)
    moves = [move for move in _moves(ws, name, limit=limit) if move.new is not None]
    found = []
    for index, move in enumerate(moves):
        assert move.new is not None
        one = _describe(ws, name, move.new, [move], ref)
        found.append(msgspec.structs.replace(one, live=index == 0))
    return found


def model_label(version: Version) -> str:
    """Write the model of a deployment version as people do: `digits@3-int8`."""
    labels = version.labels
    variant = labels.get("variant", "")
    return (
        f"{labels.get('model_name', '')}@{labels.get('model_number', '')}"
        f"{'-' if variant else ''}{variant}"
    )


def warm(session: model.Session, signature: model.Signature) -> None:
    """Run a model once on zeros, so that the first request is no slower than the rest."""
    feed = {}
    for tensor in signature.inputs:
        shape = [1, *(max(size, 1) for size in tensor.shape[1:])]
        kind = object if tensor.dtype == "string" else tensor.dtype
        feed[tensor.name] = np.full(shape, "" if tensor.dtype == "string" else 0, dtype=kind)
    session.run(feed)


def _model(ws: "Workspace", spec: str, variant: str) -> tuple[Version, str]:
    """Find the model version to deploy and its `name@number`."""
    version = ws.find("model", spec)
    name = spec.partition("@")[0]
    for ref in ws.catalog.refs_to([version.id]):
        match = _NUMBERED.match(ref.tag)
        if ref.kind != "model" or match is None or (ref.name != name and ":" not in spec):
            continue
        if not variant or match[2] == variant:
            return version, f"{ref.name}@{ref.tag}"
        if match[2]:
            raise Invalid(f"{ref.name}@{ref.tag} is a variant already", hint="name its base")
        found = ws.ref("model", f"{ref.name}@{match[1]}-{variant}")
        return ws.catalog.version(found.target), f"{ref.name}@{found.tag}"
    raise NotFound(f"{spec} has no number", hint="register it first: cauce models register")


def _ref(ws: "Workspace", name: str) -> Ref:
    return ws.catalog.ref(KIND, name, LIVE)


def _moves(ws: "Workspace", name: str, *, limit: int = 1000) -> list[RefMove]:
    return ws.catalog.history(KIND, name, LIVE, limit=limit)


def _stack(moves: list[RefMove]) -> list[Digest]:
    """Replay a log, newest first, as a stack: deploying pushes, rolling back pops."""
    stack: list[Digest] = []
    for move in reversed(moves):
        if move.new is None:
            stack.clear()
        elif len(stack) > 1 and stack[-2] == move.new and move.message.startswith(_BACK):
            stack.pop()
        else:
            stack.append(move.new)
    return stack


def _tags(ws: "Workspace", name: str) -> dict[str, Digest]:
    return {str(number): at for number, at in publish.numbers(ws, KIND, name).items()}


def _describe(ws: "Workspace", name: str, id: Digest, moves: list[RefMove], ref: Ref) -> Deployment:
    version = ws.catalog.version(id)
    number = next((tag for tag, at in _tags(ws, name).items() if at == id), "0")
    move = moves[0] if moves else None
    return Deployment(
        name=name,
        number=int(number),
        id=id,
        model=model_label(version),
        version=Digest(version.labels.get("model", "")),
        live=ref.target == id,
        moved=move.at if move else version.created,
        agent=move.agent if move else "",
        message=move.message if move else "",
    )
