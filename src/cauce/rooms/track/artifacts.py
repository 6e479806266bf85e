"""What a run generates: files and folders as they are, models with samples to prove them by."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from cauce.errors import Invalid, MissingExtra, Unsupported
from cauce.kernel import manifest, plugins
from cauce.kernel.entities import Entry, Manifest, Version
from cauce.kernel.model import SIGNATURE

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

NATIVE = "native"
SAMPLES = "samples"


def store(
    ws: "Workspace", path: Path, name: str, *, kind: str, labels: dict[str, str] | None = None
) -> Version:
    """Store a file or folder and give its version, ready for a commit.

    Raises:
        Invalid: There is no file, or a name in it is not a safe path.
    """
    if path.is_file():
        files = {path.name: path}
    elif path.is_dir():
        found = (file for file in path.rglob("*") if file.is_file())
        files = {file.relative_to(path).as_posix(): file for file in sorted(found)}
    else:
        raise Invalid(f"{path} is neither a file nor a folder")
    if not files:
        raise Invalid(f"{path} holds no file", hint="an artifact needs at least one")
    for relative in files:
        manifest.check_path(relative)
    digests = ws.objects.put_files(list(files.values()))
    entries = tuple(
        Entry(path=relative, digest=digest, size=ws.objects.size(digest))
        for relative, digest in zip(files, digests, strict=True)
    )
    return ws.put_manifest(Manifest(kind=kind, entries=entries, labels=labels or {}), name)


def store_model(
    ws: "Workspace",
    model: Any,
    inputs: Any,
    name: str,
    *,
    meaning: dict[str, Any] | None,
    classes: Sequence[Any] | None,
    signature: dict[str, Any] | None,
    framework: str | None,
) -> Version:
    """Store a native model with real inputs, its outputs on them, and its signature."""
    used, adapter = find_framework(model, framework)
    rows = np.asarray(inputs)
    if rows.ndim < 1 or not len(rows) or rows.dtype.kind not in "fiub":
        raise Invalid(
            f"the sample inputs are {rows.dtype} of shape {list(rows.shape)}",
            hint="give at least one real row of numbers",
        )
    described = signature or adapter.signature(model, rows, meaning)
    if classes is not None:
        described = {**described, "classes": _classes(described, classes)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        adapter.save(model, folder / NATIVE)
        (folder / SAMPLES / "outputs").mkdir(parents=True)
        np.save(folder / SAMPLES / "inputs.npy", rows, allow_pickle=False)
        for output, array in adapter.predict(model, rows).items():
            plain = array.astype(str) if array.dtype.kind == "O" else array
            np.save(folder / SAMPLES / "outputs" / f"{output}.npy", plain, allow_pickle=False)
        (folder / SIGNATURE).write_bytes(msgspec.json.encode(described, order="deterministic"))
        labels = {"framework": used, "format": str(adapter.FORMAT)}
        return store(ws, folder, name, kind="artifact", labels=labels)


def find_framework(model: Any, name: str | None) -> tuple[str, Any]:
    """Find the adapter that knows a model.

    Raises:
        Unsupported: None does.
        NotFound: There is no adapter of that name.
        MissingExtra: It needs a package that is not installed.
    """
    if name is not None:
        return name, plugins.load("frameworks", name)
    missing = []
    for one in plugins.names("frameworks"):
        try:
            adapter = plugins.load("frameworks", one)
        except MissingExtra as error:
            missing.append(error.hint)
            continue
        if adapter.detects(model):
            return one, adapter
    kind = f"{type(model).__module__}.{type(model).__name__}"
    known = ", ".join(plugins.names("frameworks")) or "none"
    hint = f"known: {known}" + (f"; or {missing[0]}" if missing else "")
    raise Unsupported(f"no framework adapter knows a {kind}", hint=hint)


def _classes(described: dict[str, Any], classes: Sequence[Any]) -> list[str]:
    """Give the classes' names, as many as the model has."""
    names = [str(item) for item in classes]
    known = described.get("classes") or []
    if len(names) != len(known):
        raise Invalid(f"{len(names)} classes are named, the model has {len(known)}")
    return names
