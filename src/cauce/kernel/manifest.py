"""Manifests as bytes and back; docs/format.md describes the form."""

import re
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from cauce.errors import Damaged, Invalid, Unsupported
from cauce.kernel import digest
from cauce.kernel.entities import Digest, Entry, Manifest, Version

FORMAT = 1
"""Number of the manifest's form; a reader refuses a later one."""

MAX_PATH = 4096
_MAX_SIZE = 2**63 - 1
_KIND = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")

_BARRED = re.compile(r"[\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""A backslash, a control character, or half of a surrogate pair, which UTF-8 cannot write."""


class _Entry(Struct, forbid_unknown_fields=True):
    """One entry in the order of its canonical form."""

    digest: str
    path: str
    size: int


class _Body(Struct, forbid_unknown_fields=True):
    """A manifest in the order of its canonical form."""

    cauce: int
    entries: list[_Entry]
    kind: str
    labels: dict[str, str]


_decoder = msgspec.json.Decoder(_Body)


def check_path(path: str) -> None:
    """Raise `Invalid` unless a path is safe to write below any root (docs/format.md, Paths)."""
    between = f"/{path}/"
    if (
        _BARRED.search(path)
        or "//" in between
        or "/./" in between
        or "/../" in between
        or len(path.encode()) > MAX_PATH
    ):
        raise Invalid(
            f"{path[:200]!r} is not a safe relative path",
            hint="use relative POSIX paths without '..', backslashes or control characters",
        )


def odd(text: str) -> bool:
    """Tell whether names joined by `/` have a sign that no path may have."""
    return _BARRED.search(text) is not None


def dump(manifest: Manifest) -> bytes:
    """Give the canonical bytes: sorted keys and entries, no blanks, UTF-8, one form only.

    Raises:
        Invalid: A path is unsafe, occurs twice or is a folder of another; a digest is malformed;
            a size is negative or too large; the kind or a label is not a proper text.
    """
    if not _KIND.match(manifest.kind):
        raise Invalid(
            f"{manifest.kind!r} is not a kind", hint="use small letters, digits and hyphens"
        )
    entries = sorted(manifest.entries, key=attrgetter("path"))
    _check(entries)
    body = _Body(
        cauce=FORMAT,
        entries=[_Entry(e.digest, e.path, e.size) for e in entries],
        kind=manifest.kind,
        labels=dict(sorted(manifest.labels.items())),
    )
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError as error:
        raise Invalid(f"a label is not a proper text: {error}") from error


def _check(entries: list[Entry]) -> None:
    """Check entries that are sorted by path."""
    total = 0
    folders: set[str] = set()
    previous = None
    for item in entries:
        check_path(item.path)
        digest.split(item.digest)
        if type(item.size) is not int or item.size < 0:
            raise Invalid(f"{item.path} has the size {item.size!r}", hint="give bytes, 0 or more")
        if item.path == previous:
            raise Invalid(f"{item.path!r} occurs twice in the manifest")
        previous = item.path
        total += item.size
        folder = previous.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    if total > _MAX_SIZE:
        raise Invalid(f"the entries have {total} bytes together", hint=f"at most {_MAX_SIZE}")
    if folders:
        both = next((item.path for item in entries if item.path in folders), None)
        if both is not None:
            raise Invalid(f"{both!r} is both a file and a folder of the manifest")


def parse(data: bytes) -> Manifest:
    """Read canonical bytes.

    Raises:
        Unsupported: A later version of Cauce wrote it.
        Damaged: It is not a manifest in canonical form.
    """
    try:
        body = _decoder.decode(data)
    except (ValueError, RecursionError) as error:
        _refuse_later(data)
        raise Damaged(f"not a manifest: {error}") from error
    if body.cauce != FORMAT:
        _refuse_later(data)
        raise Damaged(f"not a manifest: it has the format {body.cauce}")
    manifest = Manifest(
        kind=body.kind,
        entries=tuple(
            Entry(path=e.path, digest=Digest(e.digest), size=e.size) for e in body.entries
        ),
        labels=body.labels,
    )
    try:
        canonical = dump(manifest)
    except Invalid as error:
        raise Damaged(f"not a manifest: {error}") from error
    if canonical != data:
        raise Damaged("not a manifest in canonical form")
    return manifest


def _refuse_later(data: bytes) -> None:
    """Raise `Unsupported` when bytes that could not be read are a later form."""
    try:
        body: Any = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return
    number = body.get("cauce") if isinstance(body, dict) else None
    if type(number) is int and number > FORMAT:
        raise Unsupported(
            f"the manifest has format {number}, this Cauce reads up to {FORMAT}",
            hint="upgrade Cauce",
        )


def version(manifest: Manifest) -> Digest:
    """Give the version id: sha256 of the canonical bytes."""
    return digest.of(dump(manifest))


def describe(
    manifest: Manifest, name: str, *, created: float = 0.0, id: Digest | None = None
) -> Version:
    """Make the catalogue's row of a manifest; `id` is its version id where that is known."""
    return Version(
        id=id or version(manifest),
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
