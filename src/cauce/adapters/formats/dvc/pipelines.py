"""`dvc.yaml` and `dvc.lock`: what stages make is tracked data."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from cauce.adapters.formats.dvc import items, nodes, templates, writing
from cauce.adapters.formats.dvc.entities import LOCK, DvcFile, Output
from cauce.adapters.formats.dvc.nodes import Node, at, mapping
from cauce.adapters.formats.dvc.paths import inside
from cauce.adapters.formats.dvc.templates import Context, Reader
from cauce.errors import Conflict, Invalid

_TOP = frozenset("stages vars params metrics plots artifacts datasets".split())
_STAGE = frozenset(
    (
        "cmd wdir deps params vars outs metrics plots frozen always_changed desc meta matrix "
        "foreach do"
    ).split()
)
_LOCKED = frozenset("cmd deps params outs".split())
_ITEM = frozenset("path hash md5 etag checksum size nfiles isexec cloud files version_id".split())
_KINDS = ("outs", "metrics", "plots")
_SETTINGS = frozenset("cache persist remote push desc type labels meta".split())


def interpret(root: Path | None, place: str, written: str, reader: Reader) -> DvcFile:
    """Give the outputs of all stages, with the sums that the lock has.

    Args:
        root: Project folder whose links no output may leave it by; None: only text is looked at.
        place: The `dvc.yaml`, relative to the project.
        written: Its text.
        reader: Gives the text of the lock and of files of parameters.

    Raises:
        Invalid: A file is malformed (with line and column), or two stages make one path.
    """
    top = mapping(nodes.compose(written, place), place, _TOP)
    folder = posixpath.dirname(place)
    lock = posixpath.join(folder, LOCK)
    locked = _locked(lock, reader)
    every: Context | None = None
    found: dict[str, Output] = {}
    for name, node in mapping(top.get("stages"), place).items():
        stage = _stage(node, place)
        values: Context = {}
        if templates.templated(stage):
            if every is None:
                sources = nodes.value(top.get("vars"))
                every = templates.context(folder, sources, reader, place)
            values = {**every, **_own(folder, stage, reader, place)}
        for suffix, member in templates.members(stage, values, place):
            rows = locked.get(name + suffix, {})
            for path, out in _outputs(root, folder, stage, member, at(node, place)):
                if out.path in found:
                    raise Invalid(
                        f"{at(node, place)}: {out.path} is made by {found[out.path].stage} too",
                        hint="let one stage make it",
                    )
                summed = _summed(out, rows[path], lock) if path in rows else out
                found[out.path] = replace(summed, stage=name + suffix)
    return DvcFile(path=place, outs=tuple(found.values()))


def _stage(node: Node, place: str) -> dict[str, Any]:
    """Give a stage as plain values; the body of a group is put beside its `foreach`."""
    parts = mapping(node, place, _STAGE)
    body = mapping(parts.pop("do", None), place, _STAGE)
    stage = {key: nodes.value(item) for key, item in {**parts, **body}.items()}
    if not stage.get("cmd"):
        raise Invalid(f"{at(node, place)}: the stage has no cmd", hint="say what it runs")
    return stage


def _own(folder: str, stage: Mapping[str, Any], reader: Reader, place: str) -> dict[str, Any]:
    """Give the variables of one stage."""
    if not stage.get("vars"):
        return {}
    base = posixpath.normpath(posixpath.join(folder, str(stage.get("wdir") or ".")))
    return templates.context(base, stage["vars"], reader, place)


def _outputs(
    root: Path | None, folder: str, stage: Mapping[str, Any], values: Context, where: str
) -> Iterator[tuple[str, Output]]:
    """List what one stage makes inside the project, as written and without sums."""
    wdir = str(templates.resolved(stage.get("wdir") or ".", values, where))
    base = posixpath.normpath(posixpath.join(folder, wdir))
    for kind in _KINDS:
        listed = stage.get(kind) or []
        if not isinstance(listed, list):
            raise Invalid(f"{where}: {kind} must be a list")
        for item in listed:
            pairs = item.items() if isinstance(item, Mapping) else [(item, None)]
            for text, settings in pairs:
                path = str(templates.fill(str(text), values, where))
                if "://" not in path:
                    known = settings if isinstance(settings, Mapping) else {}
                    yield path, _declared(inside(root, base, path, where), known)


def _declared(path: str, said: Mapping[str, Any]) -> Output:
    """Give an output with what `dvc.yaml` says of it."""
    return Output(
        path=path,
        cache=said.get("cache") is not False,
        persist=bool(said.get("persist")),
        remote=str(said.get("remote") or ""),
        push=said.get("push") is not False,
        desc=str(said.get("desc") or ""),
        type=str(said.get("type") or ""),
        labels=tuple(str(label) for label in said.get("labels") or ()),
        meta=said.get("meta"),
    )


def _summed(out: Output, row: dict[str, Node], lock: str) -> Output:
    """Add what a lock says of an output."""
    said = items.output(row, lock, out.path)
    return replace(
        out,
        md5=said.md5,
        size=said.size,
        nfiles=said.nfiles,
        isexec=said.isexec,
        legacy=said.legacy,
        cloud=said.cloud,
        files=said.files,
    )


def _locked(place: str, reader: Reader) -> dict[str, dict[str, dict[str, Node]]]:
    """Read a lock: stage -> path as written -> the keys of its item."""
    written = reader(place)
    if not written:
        return {}
    top = mapping(nodes.compose(written, place), place)
    stages = mapping(top.get("stages"), place) if "schema" in top else top
    found: dict[str, dict[str, dict[str, Node]]] = {}
    for name, node in stages.items():
        outs = mapping(node, place, _LOCKED).get("outs")
        rows = [mapping(item, place, _ITEM) for item in nodes.items(outs, place)]
        found[name] = {nodes.text(row.get("path"), place): row for row in rows}
    return found


def accept(root: Path, place: str, outputs: Sequence[Output]) -> None:
    """Change the sums of outputs in the lock beside a `dvc.yaml`; the rest of it stays.

    Args:
        root: Project folder.
        place: The `dvc.yaml`, relative to the project.
        outputs: What the lock says from now on; each names its stage.

    Raises:
        Conflict: The lock does not know a stage: it never ran.
    """
    path = (root / place).with_name(LOCK)
    body = writing.load(path) if path.exists() else {}
    stages = body.get("stages", {}) if "schema" in body or not body else body
    for output in outputs:
        item = _row(stages.get(output.stage, {}), root, path, output)
        if item is None:
            raise Conflict(
                f"{path} does not know {output.path} of stage {output.stage}",
                hint=f"run it once: dvc repro {output.stage}",
            )
        sums = writing.sums(output)
        ordered = {key: sums[key] for key in ("hash", *sums) if key in sums}
        writing.update(item, ordered)
    writing.save(path, body)


def _row(stage: Any, root: Path, path: Path, output: Output) -> Any:
    """Find the item of a lock that is about an output: the shortest path that ends its own."""
    folder = path.parent.relative_to(root).as_posix()
    for item in stage.get("outs", ()):
        written = posixpath.normpath(str(item.get("path", "")))
        own = posixpath.relpath(output.path, folder)
        if own == written or own.endswith(f"/{written.lstrip('./')}"):
            return item
    return None
