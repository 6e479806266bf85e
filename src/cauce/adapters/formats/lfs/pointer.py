"""The text that git holds instead of a file.

version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345
"""

import re

from msgspec import Struct

from cauce.errors import Invalid

LONGEST = 1024
"""Bytes that a pointer is shorter than."""

VERSION = "https://git-lfs.github.com/spec/v1"
_VERSIONS = {VERSION, "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"}
"""The version that is written, and those of the tool's earlier names."""

_OID = re.compile(r"sha256:([0-9a-f]{64})\Z")
_SIZE = re.compile(r"[0-9]{1,18}\Z")
_KEY = re.compile(r"[a-z0-9.-]+\Z")
_REQUIRED = ("version", "oid", "size")


class Pointer(Struct, frozen=True, kw_only=True):
    """What a pointer says.

    Attributes:
        oid: sha256 of the bytes, 64 hex digits.
        size: Bytes.
        version: Address of the form.
        more: Other keys with their values, such as those of extensions, `ext-0-NAME`.
    """

    oid: str
    size: int
    version: str = VERSION
    more: tuple[tuple[str, str], ...] = ()


def parse(data: bytes) -> Pointer | None:
    """Read a pointer; None when the bytes are none, as most files.

    Carriage returns and blank lines are passed over, as git-lfs does. Keys may come in any order
    after `version`; `dump` puts them right.
    """
    if len(data) >= LONGEST or not data.startswith(b"version "):
        return None
    try:
        lines = [line.removesuffix("\r") for line in data.decode().split("\n")]
    except UnicodeDecodeError:
        return None
    found: dict[str, str] = {}
    for line in filter(None, lines):
        key, blank, value = line.partition(" ")
        if not blank or key in found or not _KEY.match(key):
            return None
        found[key] = value
    oid = _OID.match(found.get("oid", ""))
    size = _SIZE.match(found.get("size", ""))
    if found["version"] not in _VERSIONS or oid is None or size is None:
        return None
    more = tuple(sorted((k, v) for k, v in found.items() if k not in _REQUIRED))
    return Pointer(oid=oid[1], size=int(size[0]), version=found["version"], more=more)


def dump(pointer: Pointer) -> bytes:
    """Write a pointer: `version` first, then the other keys in order. An empty file has none.

    Raises:
        Invalid: A key or value cannot be in a pointer, or it would be too long.
    """
    if pointer.size == 0:
        return b""
    keys = {"oid": f"sha256:{pointer.oid}", "size": str(pointer.size), **dict(pointer.more)}
    lines = [("version", pointer.version), *sorted(keys.items())]
    data = "".join(f"{key} {value}\n" for key, value in lines).encode()
    if parse(data) != pointer:
        raise Invalid(f"{pointer} cannot be written as a pointer of Git LFS")
    return data
