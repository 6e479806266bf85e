"""Objects in a bucket: `s3://BUCKET/PREFIX` (any server that speaks S3), `gs://`, `azure://`.

Credentials come from the remote's options, or from the usual environment variables
(`AWS_ACCESS_KEY_ID`, …). On S3 every request body is signed with its sha256, so the server refuses
bytes that changed on the way; an upload becomes visible whole or not at all.
"""

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from cauce.adapters.stores import bodies, buckets
from cauce.errors import Conflict, Damaged, Denied, Invalid, NotFound, Unavailable
from cauce.kernel import digest as names
from cauce.kernel import moving, objects
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest
from cauce.kernel.moving import Moved
from cauce.kernel.objects import ObjectInfo

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Store

T = TypeVar("T")
R = TypeVar("R")

_LANES = 16
"""Requests in flight."""

_PAGE = 1000
"""Objects in one answer to LIST."""

_FEW = 16
"""Up to so many names nothing is estimated: one round of HEAD answers."""

_FOLDERS = 256
"""Folders of an algorithm, by the first two hex digits."""

_SMALL = 8 << 20
"""Bytes of a file that is read into memory and sent in one request."""

_PARTS = 9000
"""Parts of an upload; the protocol allows 10,000."""


def open_store(
    url: str,
    root: Path,  # noqa: ARG001 - the form of every store's opener
    settings: Settings,
    *,
    options: Mapping[str, str] | None = None,
) -> "BlobObjects":
    """Open `SCHEME://BUCKET/PREFIX`; nothing is sent before the store is used."""
    return BlobObjects(buckets.connect(url, settings, options), url, own=options is None)


class BlobObjects:
    """An object store in a bucket.

    Attributes:
        own: Whether settings opened it, and not the options of a remote: errors name the ones
            that can be corrected.
    """

    def __init__(self, bucket: "Store", url: str, *, own: bool = True) -> None:
        self._bucket = bucket
        self._url = url
        self.own = own

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects from memory, several at a time."""
        digests = [names.of(item, algorithm) for item in items]
        missing = dict(zip(digests, items, strict=True))
        for name in self.has(missing):
            del missing[name]
        _each(lambda pair: self._send(*pair), list(missing.items()))
        return digests

    def put_files(
        self, paths: Sequence[Path], *, digests: Sequence[Digest] | None = None
    ) -> list[Digest]:
        """Store files, several at a time.

        Files whose digests are given are read once, while they are sent. Others are read twice
        when they are large: their name must be known before the first byte is sent.
        """
        if digests is None:
            return _each(self._put_unnamed, list(paths))
        pairs = list(zip(paths, digests, strict=True))
        there = self.has(digests)
        missing = {name: path for path, name in pairs if name not in there}
        _each(lambda pair: self._send_file(*pair), list(missing.items()))
        return list(digests)

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified."""
        key = objects.key(digest)
        with self._answers(digest):
            data = bytes(obstore.get(self._bucket, key).bytes())
        if not names.same(digest, names.of(data, digest.partition(":")[0])):
            raise self._damaged(digest)
        return data

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset; bytes are not verified."""
        key = objects.key(digest)
        if start and start >= self.size(digest):
            return io.BytesIO()
        with self._answers(digest):
            found = obstore.get(
                self._bucket, key, options={"range": {"offset": start}} if start else None
            )
            return io.BufferedReader(bodies.Chunks(self._stream(digest, found)), 1 << 20)

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified, beside-then-rename; parents are made."""
        key = objects.key(digest)
        with self._answers(digest):
            found = obstore.get(self._bucket, key)
        state = names.hasher(digest.partition(":")[0])
        with objects.beside(target) as stream:
            for chunk in self._stream(digest, found):
                state.update(chunk)
                stream.write(chunk)
            if not names.same(digest, f"{state.name}:{state.hexdigest()}"):
                raise self._damaged(digest)

    def receive(
        self,
        source: objects.ObjectStore,
        digests: Sequence[Digest],
        *,
        trust: bool = False,  # noqa: ARG002 - every body is hashed before it is sent
        jobs: int | None = None,
        moved: Moved | None = None,
    ) -> None:
        """Send objects of another store; see `Receiver.receive`."""
        with tempfile.TemporaryDirectory(prefix="cauce-move-") as folder:

            def one(name: Digest) -> tuple[Digest, int]:
                _, file = moving.local(source, name, Path(folder))
                size = file.stat().st_size
                self._send_file(name, file)
                if file.parent == Path(folder):
                    file.unlink()
                return name, size

            for name, size in moving.lanes(one, digests, jobs):
                if moved is not None:
                    moved(name, size)

    def path(self, digest: Digest) -> Path | None:
        """Give None: nothing has a local file here."""
        names.split(digest)
        return None

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are in the bucket: by HEAD or LIST, whichever costs less."""
        wanted = set(digests)
        names.check(wanted)
        if len(wanted) <= _FEW:
            return self._has_each(wanted)
        folders: dict[str, set[Digest]] = {}
        for name in wanted:
            folders.setdefault(objects.key(name).rpartition("/")[0], set()).add(name)
        fullest = max(folders, key=lambda folder: len(folders[folder]))
        way = _cheapest(len(wanted), len(folders), self._first_page(fullest))
        if way == "each":
            return self._has_each(wanted)
        if way == "folders":
            return set().union(*_each(lambda pair: self._has_in(*pair), list(folders.items())))
        parents = {folder.rpartition("/")[0] for folder in folders}
        return wanted & set().union(*(self._below(parent) for parent in parents))

    def size(self, digest: Digest) -> int:
        """Bytes of an object."""
        key = objects.key(digest)
        with self._answers(digest):
            return obstore.head(self._bucket, key)["size"]

    def list(self, algorithm: str | None = None) -> Iterator[ObjectInfo]:
        """Iterate over all objects, in no promised order; what is no object is passed over."""
        folder = f"files/{algorithm}" if algorithm else "files"
        with self._answers():
            for page in obstore.list(self._bucket, folder, chunk_size=_PAGE):
                for item in page:
                    name = objects.named(item["path"])
                    if name is not None:
                        modified = item["last_modified"].timestamp()
                        yield ObjectInfo(digest=name, size=item["size"], modified=modified)

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> int:
        """Remove objects; only garbage collection calls this."""
        found = self.has(digests)
        if before is not None:
            order = list(found)
            dates = _each(self._modified, order)
            found = {name for name, at in zip(order, dates, strict=True) if at <= before}
        with self._answers():
            obstore.delete(self._bucket, [objects.key(name) for name in found])
        return len(found)

    def close(self) -> None:
        """Leave connections to the pool, which ends with the process."""

    def _put_unnamed(self, path: Path) -> Digest:
        if path.stat().st_size <= _SMALL:
            data = _read(path)
            name = names.of(data)
            if not self.has([name]):
                self._send(name, data)
            return name
        name = names.of_file(path)[0]
        if not self.has([name]):
            self._send_file(name, path)
        return name

    def _send(self, name: Digest, data: bytes) -> None:
        with self._answers(name, reading=False):
            obstore.put(self._bucket, objects.key(name), data)

    def _send_file(self, name: Digest, path: Path) -> None:
        """Upload a file that must hash to a name; bytes that do not are never visible."""
        size = path.stat().st_size
        if size <= _SMALL:
            data = _read(path)
            if not names.same(name, names.of(data, name.partition(":")[0])):
                raise _changed(path)
            self._send(name, data)
            return
        chunk = max(_SMALL, -(-size // _PARTS))
        with path.open("rb", buffering=0) as stream, self._answers(name, reading=False):
            verified = bodies.Verified(stream, name)
            try:
                obstore.put(self._bucket, objects.key(name), iter(verified), chunk_size=chunk)
            except Exception:
                if verified.changed:  # our error comes back as the library's
                    raise _changed(path) from None
                raise

    def _has_each(self, wanted: set[Digest]) -> set[Digest]:
        order = list(wanted)
        there = _each(self._exists, order)
        return {name for name, found in zip(order, there, strict=True) if found}

    def _exists(self, name: Digest) -> bool:
        try:
            self.size(name)
        except NotFound:
            return False
        return True

    def _modified(self, name: Digest) -> float:
        with self._answers(name):
            return obstore.head(self._bucket, objects.key(name))["last_modified"].timestamp()

    def _first_page(self, folder: str) -> int:
        """Count the objects in a folder, as far as one answer goes."""
        with self._answers():
            return sum(map(len, islice(obstore.list(self._bucket, folder, chunk_size=_PAGE), 1)))

    def _below(self, folder: str) -> set[Digest]:
        with self._answers():
            return {
                name
                for page in obstore.list(self._bucket, folder, chunk_size=_PAGE)
                for item in page
                if (name := objects.named(item["path"])) is not None
            }

    def _has_in(self, folder: str, wanted: set[Digest]) -> set[Digest]:
        """Look up names of one folder; a folder with more pages than names is not listed on."""
        seen: set[Digest] = set()
        with self._answers():
            for number, page in enumerate(obstore.list(self._bucket, folder, chunk_size=_PAGE)):
                if number >= len(wanted):
                    return {name for name in wanted if name in seen or self._exists(name)}
                seen.update(name for x in page if (name := objects.named(x["path"])) is not None)
        return wanted & seen

    def _stream(self, digest: Digest, found: "obstore.GetResult") -> Iterator[bytes]:
        with self._answers(digest):
            yield from found.stream(min_chunk_size=1 << 20)

    def _damaged(self, digest: Digest) -> Damaged:
        return Damaged(
            f"the object {digest} in {self._url} is damaged: its bytes are not what its name says",
            hint="delete it from the bucket and store it again",
        )

    @contextmanager
    def _answers(self, digest: Digest | None = None, *, reading: bool = True) -> Iterator[None]:
        """Turn the library's errors into ours."""
        try:
            yield
        except FileNotFoundError as error:
            if digest is None or not reading or "NoSuchBucket" in str(error):
                raise self._no_bucket() from error
            raise NotFound(f"no object {digest} in {self._url}") from None
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise Denied(
                f"{self._url} refuses access: {_first_line(error)}",
                hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                if self.own
                else "check the remote's keys: `.dvc/config.local` keeps them out of git",
            ) from error
        except BaseError as error:
            if "NoSuchBucket" in str(error):
                raise self._no_bucket() from error
            about = f" for {digest}" if digest else ""
            raise Unavailable(
                f"{self._url} does not answer{about}: {_first_line(error)}",
                hint="check s3.endpoint, s3.region and s3.allow_http"
                if self.own
                else "check the remote's endpointurl and region; what was moved stays",
            ) from error

    def _no_bucket(self) -> NotFound:
        name = urlsplit(self._url).netloc
        return NotFound(
            f"no bucket {name!r}",
            hint="make it, or correct the setting `objects`"
            if self.own
            else "make it, or correct the remote's url",
        )


def _cheapest(names: int, folders: int, found: int) -> Literal["each", "folders", "whole"]:
    """Choose how to look names up: the fewest requests, and rounds of waiting for them.

    Args:
        names: How many are asked for.
        folders: In how many folders they would lie.
        found: Objects in one of these, at most a page of them.
    """
    pages = -(-found // _PAGE) or 1
    whole = -(-found * _FOLDERS // _PAGE) or 1  # one after the other
    costs: dict[Literal["each", "folders", "whole"], float] = {
        "each": names + names / _LANES,
        "folders": folders * pages * (1 + 1 / _LANES)
        if found < _PAGE
        else min(names, folders * 10) * 2,
        "whole": 2 * whole if found < _PAGE else names * 2,
    }
    return min(costs, key=lambda way: costs[way])


def _each(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Call a function for each item, several at a time; the first error ends it."""
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(_LANES, len(items))) as pool:
        return list(pool.map(function, items))


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise Invalid(f"{path} is not a regular file")
    return path.read_bytes()


def _changed(path: Path) -> Conflict:
    return Conflict(f"{path} changed while it was read", hint="run the command again")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
