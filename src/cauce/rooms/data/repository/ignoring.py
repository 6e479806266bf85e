"""Why `.dvcignore` passes a path over."""

import os
from collections.abc import Sequence
from pathlib import Path

from cauce.errors import CauceError
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc
from cauce.rooms.data.repository.entities import IgnoreMatch


def check(ws: Workspace, paths: Sequence[str], *, details: bool, every: bool) -> list[IgnoreMatch]:
    """See `data.check_ignore`."""
    ignored = dvc.load().Ignore(ws.folder)
    root = ws.folder.resolve()
    found = []
    for path in paths:
        place = Path(os.path.normpath(Path.cwd() / path))
        place = place.parent.resolve() / place.name
        reason = None
        if place != root and place.is_relative_to(root):
            folder = path.endswith("/") or place.is_dir()
            reason = ignored.explain(place.relative_to(root).as_posix(), folder=folder)
        if reason is None:
            found += [IgnoreMatch(path=path, ignored=False)] if every else []
            continue
        file, line, pattern = reason
        match = IgnoreMatch(
            path=path, ignored=not pattern.startswith("!"), file=file, line=line, pattern=pattern
        )
        if match.ignored or details:
            found.append(match)
    if not any(match.pattern for match in found):
        # The exit code is that of git and DVC.
        raise CauceError("none of these paths is ignored", hint="--details names what re-includes")
    return found
