"""Remotes of `.dvc/config`: their options, with paths made absolute."""

import os
from pathlib import Path

from cauce.adapters.formats.dvc import config, schema


def remotes(root: Path) -> tuple[str, dict[str, dict[str, str]]]:
    """Read the remotes of a project, all levels of its config merged.

    Returns:
        Name of the default remote (empty: none is set), and options by name of remote. Paths that
        are relative in a file are relative to that file's folder; here they are absolute.

    Raises:
        Invalid: The config says something that DVC does not know.
    """
    default = config.load(root).get("core", {}).get("remote", "").lower()
    found: dict[str, dict[str, str]] = {}
    for _, path, said in config.each(root):
        for section, options in said.items():
            kind, name = schema.split(section)
            if kind == "remote" and name:
                real = {key: _resolve(path, key, text) for key, text in options.items()}
                found.setdefault(name, {}).update(real)
    return default, found


def _resolve(file: Path, key: str, text: str) -> str:
    """Make a relative path absolute; addresses and other values stay."""
    if key not in schema.PATHS or schema.scheme(text) or not text:
        return text
    return os.path.normpath(file.parent / Path(text).expanduser())
