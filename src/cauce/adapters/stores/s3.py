"""Objects in an S3 bucket, or any server that speaks its protocol: `s3://BUCKET/PREFIX`.

Credentials come from the usual environment variables (`AWS_ACCESS_KEY_ID`, …). Every request body
is signed with its sha256, so the server refuses bytes that changed on the way, and an upload
becomes visible whole or not at all.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store as Bucket

from cauce.errors import Conflict, Damaged, Denied, Invalid, NotFound, Unavailable
from cauce.kernel import digest as names
from cauce.kernel import objects
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectInfo

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

T = TypeVar("T")
R = TypeVar("R")

_LANES = 16
"""Requests in flight."""

_PAGE = 1000
"""Objects in one answer to LIST."""

_MANY = 1024
"""From so many names on, LIST by the first two hex digits is cheaper than HEAD for each."""

_SMALL = 8 << 20
"""Bytes of a file that is read into memory and sent in one request."""

_PARTS = 9000
"""Parts of an upload; the protocol allows 10,000."""


def open_store(url: str, root: Path, settings: Settings) -> "S3Objects":  # noqa: ARG001
    """Open `s3://BUCKET/PREFIX`; nothing is sent before the store is used."""
    parts = urlsplit(url)
    if not parts.netloc:
        raise Invalid(f"{url!r} names no bucket", hint="write s3://BUCKET/PREFIX")
    client: ClientConfig = {
        "connect_timeout": "5s",
        "read_timeout": "60s",
        "timeout": "1day",  # of a whole body; the default of 30 s would cut large files
    }
    if settings["s3.allow_http"]:
        client["allow_http"] = True
    config: S3Config = {"region": settings["s3.region"]}
    if settings["s3.endpoint"]:
        config["endpoint"] = settings["s3.endpoint"]
    bucket = Bucket(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config=config,
        client_options=client,
        retry_config={
            "max_retries": 4,
            "retry_timeout": timedelta(seconds=60),
            "backoff": {"init_backoff": timedelta(milliseconds=100), "base": 2},
        },
    )
    return S3Objects(bucket, url)


class S3Objects:
    """An object store in a bucket."""

    def __init__(self, bucket: Bucket, url: str) -> None:
        self._bucket = bucket
        self._url = url

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
            return io.BufferedReader(_Chunks(self._stream(digest, found)), 1 << 20)

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

    def path(self, digest: Digest) -> Path | None:
        """Give None: nothing has a local file here."""
        names.split(digest)
        return None

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are in the bucket: by HEAD when few, by LIST when many."""
        wanted = set(digests)
        names.check(wanted)
        if len(wanted) < _MANY:
            return self._has_each(wanted)
        folders: dict[str, set[Digest]] = {}
        for name in wanted:
            folders.setdefault(objects.key(name).rpartition("/")[0], set()).add(name)
        return set().union(*_each(lambda pair: self._has_in(*pair), list(folders.items())))

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
        with self._answers():
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
        with path.open("rb", buffering=0) as stream, self._answers():
            verified = _Verified(stream, name)
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
    def _answers(self, digest: Digest | None = None) -> Iterator[None]:
        """Turn the library's errors into ours."""
        try:
            yield
        except FileNotFoundError as error:
            if digest is None or "NoSuchBucket" in str(error):
                raise self._no_bucket() from error
            raise NotFound(f"no object {digest} in {self._url}") from None
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise Denied(
                f"{self._url} refuses access: {_first_line(error)}",
                hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ) from error
        except BaseError as error:
            if "NoSuchBucket" in str(error):
                raise self._no_bucket() from error
            raise Unavailable(
                f"{self._url} does not answer: {_first_line(error)}",
                hint="check s3.endpoint, s3.region and s3.allow_http",
            ) from error

    def _no_bucket(self) -> NotFound:
        name = urlsplit(self._url).netloc
        return NotFound(f"no bucket {name!r}", hint="make it, or correct the setting `objects`")


class _Verified:
    """The chunks of a file; ends in an error when they are not what they should be."""

    def __init__(self, stream: BinaryIO, name: Digest) -> None:
        self._stream, self._name = stream, name
        self.changed = False

    def __iter__(self) -> Iterator[bytes]:
        state = names.hasher(self._name.partition(":")[0])
        while chunk := self._stream.read(1 << 20):
            state.update(chunk)
            yield chunk
        self.changed = not names.same(self._name, f"{state.name}:{state.hexdigest()}")
        if self.changed:
            raise ValueError("the bytes are not what they should be")


class _Chunks(io.RawIOBase):
    """A file to read from, made of an iterator of bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


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
