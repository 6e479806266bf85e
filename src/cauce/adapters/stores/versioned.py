"""A bucket that keeps versions of files under their own names, as DVC's `version_aware` lays them.

Only read: which version of which key holds an object's bytes is said by the `.dvc` file.
"""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import obstore

from cauce.adapters.stores import bodies, buckets
from cauce.adapters.stores.blobs import BlobObjects
from cauce.errors import NotFound
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest

if TYPE_CHECKING:
    from obstore import GetOptions

Places = Mapping[Digest, tuple[str, str]]
"""Object -> key below the url, and its version (empty: the newest)."""


def open_store(
    url: str,
    root: Path,  # noqa: ARG001 - the form of every store's opener
    settings: Settings,
    *,
    options: Mapping[str, str],
    places: Places,
) -> "VersionedObjects":
    """Open a bucket to read what a `.dvc` file found in it."""
    return VersionedObjects(buckets.connect(url, settings, options), url, places)


class VersionedObjects(BlobObjects):
    """The objects of a bucket that keeps versions, each at its own place."""

    def __init__(self, bucket: buckets.Bucket, url: str, places: Places) -> None:
        super().__init__(bucket, url, own=False)
        self._places = places

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset; bytes are not verified."""
        key, options = self._place(digest)
        with self._answers(digest):
            if start:
                size = obstore.get(self._bucket, key, options={**options, "head": True}).meta[
                    "size"
                ]
                if start >= size:
                    return io.BytesIO()
                options["range"] = {"offset": start}
            found = obstore.get(self._bucket, key, options=options)
            return io.BufferedReader(bodies.Chunks(self._stream(digest, found)), 1 << 20)

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are in the bucket, one request each."""
        return self._has_each(set(digests) & self._places.keys())

    def size(self, digest: Digest) -> int:
        """Bytes of an object."""
        key, options = self._place(digest)
        with self._answers(digest):
            return obstore.get(self._bucket, key, options={**options, "head": True}).meta["size"]

    def _place(self, digest: Digest) -> "tuple[str, GetOptions]":
        if digest not in self._places:
            raise NotFound(f"no object {digest} in {self._url}: no .dvc file says where")
        key, version = self._places[digest]
        return key, {"version": version} if version else {}
