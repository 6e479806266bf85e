"""What a report of a problem should say."""

import platform

from cauce import __version__
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc
from cauce.rooms.data.repository.entities import About

FORMAT = "DVC 3 (reads 2)"
_LINKS = "reflink,copy"


def about(ws: Workspace) -> About:
    """See `data.version`."""
    format = dvc.load()
    root = ws.folder
    there = (root / ".dvc").is_dir()
    _, remotes = format.remotes(root) if there else ("", {})
    urls = [values.get("url", "") for values in remotes.values()]
    kinds = {url.partition("://")[0] if "://" in url else "local" for url in urls}
    types = format.load(root).get("cache", {}).get("type", _LINKS) if there else _LINKS
    return About(
        cauce=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        format=FORMAT,
        root=str(root),
        cache=str(format.cache_dir(root)) if there else "",
        cache_types=[kind.strip() for kind in types.split(",")],
        remotes=sorted(kinds),
        git=format.versioned(root),
    )
