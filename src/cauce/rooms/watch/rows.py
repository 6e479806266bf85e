"""The files of one split of a data set version."""

from cauce.errors import NotFound
from cauce.kernel.entities import Entry, Manifest


def of_split(tree: Manifest, split: str) -> list[Entry]:
    """List the files of a split; raises `NotFound` with the splits that exist."""
    found = [entry for entry in tree.entries if entry.path.startswith(f"{split}/")]
    if not found:
        known = sorted({e.path.split("/")[0] for e in tree.entries if "/" in e.path})
        raise NotFound(
            f"the data has no files in {split}/", hint=f"known: {', '.join(known) or 'none'}"
        )
    return found
