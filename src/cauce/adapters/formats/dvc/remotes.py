"""Remotes of `.dvc/config`: their options, with paths made absolute."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from cauce.adapters.formats.dvc import config
from cauce.errors import Invalid

_NAMED = re.compile(r"remote\s+(['\"]?)(.+)\1\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATHS = frozenset("url keyfile credentialpath configpath gdrive_user_credentials_file".split())


def remotes(
    root: Path, environ: Mapping[str, str] | None = None
) -> tuple[str, dict[str, dict[str, str]]]:
    """Read the remotes of a project, all levels of its config merged.

    Returns:
        Name of the default remote (empty: none is set), and options by name of remote. Paths that
        are relative in a file are relative to that file's folder; here they are absolute.
    """
    default = ""
    found: dict[str, dict[str, str]] = {}
    for path in config.levels(root, environ):
        for section, options in _read(path).items():
            if section == "core":
                default = options.get("remote", default).lower()
            named = _NAMED.match(section)
            if named:
                resolved = {key: _resolve(path, key, text) for key, text in options.items()}
                found.setdefault(named[2], {}).update(resolved)
    return default, found


def _read(path: Path) -> config.Config:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (UnicodeDecodeError, PermissionError) as error:
        raise Invalid(f"{path} cannot be read: {error}") from error
    return config.parse(text, str(path))


def _resolve(file: Path, key: str, text: str) -> str:
    """Make a relative path absolute; addresses and other values stay."""
    if key not in _PATHS or _SCHEME.match(text) or not text:
        return text
    place = Path(text).expanduser()
    return os.path.normpath(file.parent / place)
