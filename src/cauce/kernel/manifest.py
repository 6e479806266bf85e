"""Manifests as bytes and back; docs/format.md describes the form."""

import json
import unicodedata
from typing import Any

import msgspec

from cauce.errors import Damaged, Invalid, Unsupported
from cauce.kernel import digest
from cauce.kernel.entities import Digest, Entry, Manifest, Version

FORMAT = 1
"""Number of the manifest's form; a reader refuses a later one."""

_MAX_PATH = 4096


def check_path(path: str) -> None:
    """Raise `Invalid` unless a path is safe to write below any root (docs/format.md, Paths)."""
    parts = path.split("/")
    if (
        not path
        or len(path.encode("utf-8", "surrogatepass")) > _MAX_PATH
        or any(part in {"", ".", ".."} for part in parts)
        or "\\" in path
        or any(unicodedata.category(char) in {"Cc", "Cs"} for char in path)
    ):
        raise Invalid(
            f"{path[:200]!r} is not a safe relative path",
            hint="use relative POSIX paths without '..', backslashes or control characters",
        )


def dump(manifest: Manifest) -> bytes:
    """Give the canonical bytes: sorted keys and entries, no blanks, UTF-8, one form only.

    Raises:
        Invalid: A path is unsafe or occurs twice, a digest is malformed, or a size is negative.
    """
    entries = sorted(manifest.entries, key=lambda entry: entry.path)
    for index, entry in enumerate(entries):
        check_path(entry.path)
        digest.split(entry.digest)
        if entry.size < 0:
            raise Invalid(f"{entry.path} has a negative size")
        if index and entries[index - 1].path == entry.path:
            raise Invalid(f"{entry.path!r} occurs twice in the manifest")
    body = {
        "cauce": FORMAT,
        "entries": [{"digest": e.digest, "path": e.path, "size": e.size} for e in entries],
        "kind": manifest.kind,
        "labels": dict(sorted(manifest.labels.items())),
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def parse(data: bytes) -> Manifest:
    """Read canonical bytes.

    Raises:
        Unsupported: A later version of Cauce wrote it.
        Damaged: It is not a manifest in canonical form.
    """
    try:
        body: Any = json.loads(data)
        if not isinstance(body, dict):
            raise Damaged("a manifest must be a JSON object")
        number = body.pop("cauce", None)
        if isinstance(number, int) and number > FORMAT:
            raise Unsupported(
                f"the manifest has format {number}, this Cauce reads up to {FORMAT}",
                hint="upgrade Cauce",
            )
        manifest = msgspec.convert(body, Manifest)
        canonical = dump(manifest)
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise Damaged(f"not a manifest: {error}") from error
    if canonical != data:
        raise Damaged("not a manifest in canonical form")
    return manifest


def version(manifest: Manifest) -> Digest:
    """Give the version id: sha256 of the canonical bytes."""
    return digest.of(dump(manifest))


def describe(manifest: Manifest, name: str, *, created: float = 0.0) -> Version:
    """Make the catalogue's row of a manifest."""
    return Version(
        id=version(manifest),
        kind=manifest.kind,
        name=name,
        created=created,
        size=sum(entry.size for entry in manifest.entries),
        count=len(manifest.entries),
        labels=manifest.labels,
    )


def entry(manifest: Manifest, path: str) -> Entry:
    """Find an entry by path; raises `Damaged` when the manifest lacks it."""
    for item in manifest.entries:
        if item.path == path:
            return item
    raise Damaged(f"the {manifest.kind} has no file {path}")
