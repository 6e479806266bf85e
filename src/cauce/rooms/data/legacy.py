"""Data that DVC 2 added: their sums do not see whether lines end in LF or CRLF."""

from pathlib import Path

from cauce.errors import Conflict, Denied
from cauce.kernel import digest, progress
from cauce.rooms.data import worktree
from cauce.rooms.data.statcache import Stamp
from cauce.rooms.data.worktree import Found


def sums(root: Path, path: str, found: Found) -> dict[str, str]:
    """Give the sum of each file of an output; all are read, every time.

    Raises:
        Conflict: A file changed while it was read.
        Denied: A file may not be read.
    """
    known: dict[str, str] = {}
    files = found.files
    for rel, stamp in files.items():
        file = root / worktree.join(path, rel)
        try:
            (name,) = digest.of_file(file, (digest.LEGACY,))
            changed = Stamp.of(file.stat()) != stamp
        except PermissionError as error:
            raise Denied(f"{file} may not be read", hint="change its mode or owner") from error
        except FileNotFoundError:
            changed = True
        if changed:
            raise Conflict(
                f"{file} changed while it was read", hint="let its writer finish, then run it again"
            )
        known[rel] = name.partition(":")[2]
        progress.report(f"hashing {path}", len(known), len(files))
    return known
