"""Which of many objects a folder may hold: by lists of its folders, where these are short."""

import os
from collections.abc import Iterable, Iterator

from cauce.kernel import digest as names
from cauce.kernel import objects
from cauce.kernel.entities import Digest

MANY = 256
"""From so many names on, lists are thought of."""

_ROW = 32
"""Bytes of a name in the size of a folder, about: the choice is only one of speed."""

_WORTH = 16
"""Names in a list that cost as much as one question for a name that is not there."""


def candidates(root: str, digests: Iterable[Digest]) -> Iterator[tuple[Digest, str]]:
    """Leave out what is not there by lists of folders; the rest, with its file, is to be looked at.

    Args:
        root: Folder of the store.
        digests: Names, well-formed or not.
    """
    folders: dict[str, list[tuple[Digest, str]]] = {}
    for name in digests:
        names.split(name)
        folder, _, file = objects.place(name).rpartition("/")
        folders.setdefault(folder, []).append((name, file))
    for folder, rows in folders.items():
        place = f"{root}/{folder}"
        try:
            short = os.stat(place).st_size < len(rows) * _WORTH * _ROW
            there = set(os.listdir(place)) if short else None
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name, file in rows:
            if there is None or file in there:
                yield name, f"{place}/{file}"
