"""`.dir` objects: the names and md5 sums of a folder's files, in DVC's bytes."""

import json
import re
from collections.abc import Mapping
from typing import Any

from cauce.errors import Damaged, Invalid
from cauce.kernel import digest, manifest
from cauce.kernel.entities import Digest

_text = json.encoder.encode_basestring_ascii
"""Writes a text as `json.dumps` does; the rest of a list is plain."""

_MD5 = re.compile(r"[0-9a-f]{32}\Z")


def dump(files: Mapping[str, str]) -> bytes:
    """Give the bytes of a `.dir` object: sorted by path as code points, ASCII escapes.

    Args:
        files: Relative POSIX path -> hex of the md5.

    Raises:
        Invalid: A path is unsafe, or a sum is not 32 hex digits.
    """
    rows = []
    for path in sorted(files):
        manifest.check_path(path)
        if not _MD5.match(files[path]):
            raise Invalid(f"{path}: {files[path][:50]!r} is not an md5 sum")
        rows.append(f'{{"md5": "{files[path]}", "relpath": {_text(path)}}}')
    return f"[{', '.join(rows)}]".encode("ascii")


def name(data: bytes) -> Digest:
    """Name the bytes of a `.dir` object: `md5:hex.dir`."""
    return Digest(f"{digest.of(data, 'md5')}.dir")


def parse(data: bytes) -> dict[str, str]:
    """Read a `.dir` object, also one with other spacing or further keys.

    Returns:
        Relative POSIX path -> hex of the md5, sorted by path.

    Raises:
        Damaged: It is not a list of `{"md5", "relpath"}`, a path would leave the folder, occurs
            twice, or is both a file and a folder.
    """
    try:
        rows: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"a .dir object is not JSON: {error}") from error
    if not isinstance(rows, list):
        raise Damaged("a .dir object must be a JSON list")
    found: dict[str, str] = {}
    for row in rows:
        path, md5 = _row(row)
        if path in found:
            raise Damaged(f"{path!r} occurs twice in a .dir object")
        found[path] = md5
    _no_file_is_a_folder(found)
    return dict(sorted(found.items()))


def _row(row: Any) -> tuple[str, str]:
    """Check one row of a `.dir` object."""
    path = row.get("relpath") if isinstance(row, dict) else None
    md5 = row.get("md5") if isinstance(row, dict) else None
    if not isinstance(path, str) or not isinstance(md5, str) or not _MD5.match(md5):
        raise Damaged(f"a .dir object holds {str(row)[:100]!r}, not an md5 and a relpath")
    try:
        manifest.check_path(path)
    except Invalid as error:
        raise Damaged(f"a .dir object names {error.message}") from error
    return path, md5


def _no_file_is_a_folder(found: Mapping[str, str]) -> None:
    seen: set[str] = set()
    for path in found:
        folder = path.rpartition("/")[0]
        while folder and folder not in seen:
            if folder in found:
                raise Damaged(f"{folder!r} is both a file and a folder in a .dir object")
            seen.add(folder)
            folder = folder.rpartition("/")[0]
