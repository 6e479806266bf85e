"""DVC's files: `.dvc`, `.dir`, `.dvc/config`, `.dvcignore`, `.gitignore`, and its lock.

Written from the format as an unmodified DVC 3 reads and writes it (docs/data.md). Loaded by
`plugins.load("formats", "dvc")`; packages for YAML and patterns load when first needed.
"""

from cauce.adapters.formats.dvc.config import cache_dir, create, load, no_scm
from cauce.adapters.formats.dvc.files import DvcFile, Output, inside, read, read_text, write
from cauce.adapters.formats.dvc.gitignore import hide, tracked, versioned
from cauce.adapters.formats.dvc.ignore import Ignore, find
from cauce.adapters.formats.dvc.lock import locked
from cauce.adapters.formats.dvc.tree import dump, name, parse

__all__ = [
    "DvcFile",
    "Ignore",
    "Output",
    "cache_dir",
    "create",
    "dump",
    "find",
    "hide",
    "inside",
    "load",
    "locked",
    "name",
    "no_scm",
    "parse",
    "read",
    "read_text",
    "tracked",
    "versioned",
    "write",
]
