"""DVC's files: `.dvc`, `.dir`, `.dvc/config`, `.dvcignore`, `.gitignore`, and its lock.

Written from the format as an unmodified DVC 3 reads and writes it (docs/data.md). Loaded by
`plugins.load("formats", "dvc")`; packages for YAML and patterns load when first needed.
"""

import importlib
from typing import TYPE_CHECKING, Any

from cauce.adapters.formats.dvc.config import cache_dir, create, each, levels, load, no_scm, shared
from cauce.adapters.formats.dvc.entities import (
    CloudFile,
    Dependency,
    DvcFile,
    Output,
    Repository,
)
from cauce.adapters.formats.dvc.files import interpret, read, read_text
from cauce.adapters.formats.dvc.ignore import Ignore, find
from cauce.adapters.formats.dvc.lock import locked
from cauce.adapters.formats.dvc.paths import inside
from cauce.adapters.formats.dvc.tree import dump, name, parse

if TYPE_CHECKING:
    from cauce.adapters.formats.dvc.editing import edit, stored
    from cauce.adapters.formats.dvc.gitignore import hide, stage, tracked, unhide, versioned
    from cauce.adapters.formats.dvc.remote import remotes
    from cauce.adapters.formats.dvc.writing import (
        accept,
        accept_stages,
        relocate,
        write,
        write_import,
    )

_LATE = {
    **dict.fromkeys(("edit", "stored"), "editing"),
    **dict.fromkeys(("hide", "stage", "tracked", "unhide", "versioned"), "gitignore"),
    "remotes": "remote",
    **dict.fromkeys(("accept", "accept_stages", "relocate", "write", "write_import"), "writing"),
}
"""Functions of modules that a command which only looks does not need."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)


__all__ = [
    "CloudFile",
    "Dependency",
    "DvcFile",
    "Ignore",
    "Output",
    "Repository",
    "accept",
    "accept_stages",
    "cache_dir",
    "create",
    "dump",
    "each",
    "edit",
    "find",
    "hide",
    "inside",
    "interpret",
    "levels",
    "load",
    "locked",
    "name",
    "no_scm",
    "parse",
    "read",
    "read_text",
    "relocate",
    "remotes",
    "shared",
    "stage",
    "stored",
    "tracked",
    "unhide",
    "versioned",
    "write",
    "write_import",
]
