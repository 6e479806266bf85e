"""Blobs in a bucket of S3, Google or Azure."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import obstore

from cauce.adapters.stores import buckets
from cauce.adapters.stores.blobs import BlobObjects
from cauce.adapters.stores.buckets import Bucket
from cauce.adapters.stores.packed.blobs import Blob
from cauce.errors import Unavailable
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest

_ONE = 48 << 20
"""Bytes up to which a pack is sent in one request; larger ones go in parts."""

_PART = 16 << 20
_LANES = 3
"""Packs in flight; each is held in memory while it is sent."""

_PAGE = 1000


class BucketBlobs:
    """Blobs below `packs/` of a bucket's prefix."""

    def __init__(self, bucket: Bucket, url: str, *, own: bool = True) -> None:
        """Use an opened bucket.

        Args:
            bucket: As `buckets.connect` gives it.
            url: Its address.
            own: Whether settings opened it, and not the options of a remote.
        """
        self.url = url
        self.lanes = _LANES
        self.moves = False
        self._bucket = bucket
        self._answers = BlobObjects(bucket, url, own=own)._answers

    @classmethod
    def open(cls, url: str, settings: Settings, options: Mapping[str, str] | None) -> "BucketBlobs":
        """Open the bucket of a url; nothing is sent."""
        return cls(buckets.connect(url, settings, options), url, own=options is None)

    def put(self, key: str, data: bytes) -> None:
        """Put bytes from memory."""
        with self._answers(Digest(key), reading=False):
            obstore.put(self._bucket, f"packs/{key}", data, use_multipart=len(data) > _ONE)

    def put_file(self, key: str, path: Path, size: int) -> None:
        """Put a file, in one request when it is of usual size."""
        if size <= _ONE:
            self.put(key, path.read_bytes())
            return
        with self._answers(Digest(key), reading=False):
            obstore.put(self._bucket, f"packs/{key}", path, chunk_size=_PART, max_concurrency=2)

    def get(self, key: str) -> bytes:
        """Read all."""
        with self._answers(Digest(key)):
            return bytes(obstore.get(self._bucket, f"packs/{key}").bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read a part; empty when the blob is cut off before it, which servers answer as errors."""
        path = f"packs/{key}"
        try:
            with self._answers(Digest(key)):
                return bytes(obstore.get_range(self._bucket, path, start=start, length=length))
        except Unavailable:
            with self._answers(Digest(key)):
                if obstore.head(self._bucket, path)["size"] > start:
                    raise
            return b""

    def list(self, folder: str) -> Iterator[Blob]:
        """Iterate over the blobs of a folder, a thousand a request."""
        with self._answers():
            for page in obstore.list(self._bucket, f"packs/{folder}", chunk_size=_PAGE):
                for item in page:
                    name = item["path"].rpartition("/")[2]
                    yield Blob(name, item["size"], item["last_modified"].timestamp())

    def delete(self, keys: Sequence[str]) -> None:
        """Remove blobs, many a request; those that are not there are passed over."""
        with self._answers():
            obstore.delete(self._bucket, [f"packs/{key}" for key in keys])

    def workplace(self) -> Path:
        """Give the system's folder of temporary files."""
        return Path(tempfile.gettempdir())
