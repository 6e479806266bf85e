"""Registered models by name, number and alias."""

import re
from typing import TYPE_CHECKING

from cauce.errors import Invalid, NotFound
from cauce.kernel import model as kernel_model
from cauce.kernel.entities import Digest, Ref, RunId, Version
from cauce.rooms.models import record
from cauce.rooms.models.entities import ModelSummary, ModelVersion

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

KIND = "model"
_NUMBERED = re.compile(r"(\d+)(?:-([a-z0-9]+))?\Z")
_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")


def find(ws: "Workspace", spec: str) -> ModelVersion:
    """Find a model version by `name@tag`, bare name or id, with what hangs on it.

    Raises:
        NotFound: There is none; the hint says what there is.
    """
    version = ws.find(KIND, spec)
    refs = ws.catalog.refs_to([version.id])
    name = "" if spec.startswith("sha256:") else spec.partition("@")[0]
    return describe(ws, version, [ref for ref in refs if not name or ref.name == name])


def describe(ws: "Workspace", version: Version, refs: list[Ref]) -> ModelVersion:
    """Join a version with its refs and its latest evaluation."""
    own = [ref for ref in refs if ref.kind == KIND]
    number, variant, name = 0, version.labels.get("precision", ""), version.name
    aliases = []
    for ref in own:
        match = _NUMBERED.match(ref.tag)
        if match:
            number, variant, name = int(match[1]), match[2] or "", ref.name
        else:
            aliases.append(ref.tag)
    source = RunId(version.labels.get("run", ""))
    newest = record.runs_over(ws, version.id, "evaluation", ("model",), limit=1)
    return ModelVersion(
        name=name,
        number=number,
        variant=variant,
        id=version.id,
        created=version.created,
        size=int(version.labels.get("size", "0")),
        run=source,
        framework=version.labels.get("framework", ""),
        aliases=tuple(sorted(aliases)),
        accuracy=newest[0].metrics.get("accuracy") if newest else None,
        metrics=ws.catalog.run(source).metrics if source else {},
    )


def label(found: ModelVersion) -> str:
    """Write a model version as people do: `digits@3`, `digits@3-int8`."""
    return f"{found.name}@{found.number}{'-' * bool(found.variant)}{found.variant}"


def refs(ws: "Workspace", name: str | None = None) -> list[Ref]:
    """List every ref of a model, or of all models."""
    found: list[Ref] = []
    after: tuple[str, str, str] | None = None
    while page := ws.catalog.refs(KIND, name, after=after, limit=500):
        found += page
        after = (page[-1].kind, page[-1].name, page[-1].tag)
    return found


def numbered(ws: "Workspace", name: str, *, variants: bool) -> list[ModelVersion]:
    """List the versions of a model, newest first, variants after their base.

    Raises:
        NotFound: No model has this name.
    """
    own = refs(ws, name)
    if not own:
        known = sorted({ref.name for ref in refs(ws)})
        raise NotFound(f"no model {name!r}", hint=f"known: {', '.join(known) or 'none'}")
    keyed = []
    for ref in own:
        match = _NUMBERED.match(ref.tag)
        if match and (variants or not match[2]):
            keyed.append(((-int(match[1]), match[2] or ""), ref.target))
    return [
        describe(ws, ws.catalog.version(target), [ref for ref in own if ref.target == target])
        for _, target in sorted(keyed)
    ]


def summaries(ws: "Workspace") -> list[ModelSummary]:
    """List every model with its latest version and its champion."""
    by_name: dict[str, list[Ref]] = {}
    for ref in refs(ws):
        by_name.setdefault(ref.name, []).append(ref)
    found = []
    for name, own in sorted(by_name.items()):
        tags = {ref.tag: ref.target for ref in own}
        numbers = [int(tag) for tag in tags if tag.isdigit()]
        if not numbers:
            continue
        targets = {
            "latest": tags.get("latest", tags[str(max(numbers))]),
            "champion": tags.get("champion"),
        }
        described = {
            tag: describe(ws, ws.catalog.version(at), [ref for ref in own if ref.target == at])
            for tag, at in targets.items()
            if at is not None
        }
        found.append(
            ModelSummary(
                name=name,
                versions=len(numbers),
                latest=described["latest"],
                champion=described.get("champion"),
                updated=max(ref.moved for ref in own),
            )
        )
    return found


def of_artifact(ws: "Workspace", name: str, artifact: Digest) -> Version | None:
    """Find the version of a model that was registered from an artifact, if it was."""
    for ref in refs(ws, name):
        version = ws.catalog.version(ref.target)
        if version.labels.get("artifact") == artifact and ref.tag.isdigit():
            return version
    return None


def check_alias(alias: str) -> None:
    """Raise `Invalid` unless a person may move an alias of this name."""
    if not _ALIAS.match(alias) or alias == "latest":
        raise Invalid(
            f"{alias!r} cannot be an alias",
            hint="use lower-case letters, digits and dashes, a letter first; "
            "`latest` moves by itself",
        )


def session(
    ws: "Workspace", version: Digest
) -> tuple[kernel_model.Session, kernel_model.Signature]:
    """Load the model of a version."""
    return kernel_model.open_session(ws, ws.manifest(version))
