"""Git LFS in a repository: pointers, which paths it tracks, where its objects and server are.

Written from the format as git-lfs 3 reads and writes it. git is asked by its command. Loaded by
`plugins.load("formats", "lfs")`.
"""

from cauce.adapters.formats.lfs.pointer import LONGEST, Pointer, dump, parse
from cauce.adapters.formats.lfs.repository import (
    Blob,
    address,
    attribute,
    commit,
    named,
    read,
    storage,
    top,
    tree,
)

__all__ = [
    "LONGEST",
    "Blob",
    "Pointer",
    "address",
    "attribute",
    "commit",
    "dump",
    "named",
    "parse",
    "read",
    "storage",
    "top",
    "tree",
]
