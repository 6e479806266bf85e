"""Objects on a machine that is reached by SSH: `ssh://USER@HOST:PORT/PATH`, over SFTP.

The key of the host must be known (`~/.ssh/known_hosts`), and `~/.ssh/config` is read, as `ssh`
does. Everything is written beside its place and renamed.
"""

import asyncio
import io
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast
from urllib.parse import unquote, urlsplit

import asyncssh

from cauce.errors import Conflict, Damaged, Denied, Invalid, NotFound, Unavailable, Unsupported
from cauce.kernel import digest as names
from cauce.kernel import moving, objects
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectInfo, ObjectStore

T = TypeVar("T")

_KNOWN = frozenset(
    "url jobs checksum_jobs verify user port keyfile password passphrase timeout "
    "allow_agent".split()
)
_LANES = 32
_CHUNK = 1 << 20
_MANY = 4
"""From so many names in a folder on, one list of it is cheaper than a question for each."""


def open_store(
    url: str,
    root: Path,  # noqa: ARG001 - the form of every store's opener
    settings: Settings,  # noqa: ARG001
    *,
    options: Mapping[str, str] | None = None,
) -> "SshObjects":
    """Open a folder on another machine; nothing is sent before it is used."""
    given = dict(options or {})
    parts = urlsplit(url)
    if not parts.hostname:
        raise Invalid(f"{url!r} names no host", hint="write ssh://HOST/PATH")
    unknown = sorted(given.keys() - _KNOWN)
    if unknown:
        raise Unsupported(
            f"the option {unknown[0]} of a remote over SSH is not spoken here",
            hint="use `dvc push` and `dvc pull` for this remote, or take the option out",
        )
    how: dict[str, Any] = {"host": parts.hostname, "connect_timeout": given.get("timeout") or 20}
    port, user = given.get("port") or parts.port, given.get("user") or parts.username
    how |= {"port": int(port)} if port else {}
    how |= {"username": user} if user else {}
    for option, name in (("password", "password"), ("passphrase", "passphrase")):
        how |= {name: given[option]} if given.get(option) else {}
    if given.get("keyfile"):
        how["client_keys"] = [given["keyfile"]]
    if given.get("allow_agent", "true").lower() == "false":
        how["agent_path"] = None
    return SshObjects(how, unquote(parts.path) or ".", f"ssh://{parts.hostname}{parts.path}")


class SshObjects:
    """An object store in a folder that is reached by SFTP."""

    def __init__(self, how: Mapping[str, Any], root: str, url: str) -> None:
        self._how, self._root, self._url = dict(how), root.rstrip("/"), url
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._connecting = asyncio.Lock()
        self._made: set[str] = set()

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> list[Digest]:
        """Store small objects from memory, several at a time."""
        digests = [names.of(item, algorithm) for item in items]
        missing = dict(zip(digests, items, strict=True))
        for name in self.has(missing):
            del missing[name]
        self._all(lambda pair: self._send(*pair), list(missing.items()))
        return digests

    def put_files(
        self, paths: Sequence[Path], *, digests: Sequence[Digest] | None = None
    ) -> list[Digest]:
        """Store files, several at a time; each is hashed before it is sent."""
        if digests is not None and len(digests) != len(paths):
            raise ValueError("argument 2: as many names as files are needed")
        names.check(digests or ())
        for path in paths:
            if path.exists() and not path.is_file():
                raise Invalid(f"{path} is not a regular file")
        wanted = list(digests) if digests else [names.of_file(path)[0] for path in paths]
        there = self.has(wanted)
        missing = {
            name: path for name, path in zip(wanted, paths, strict=True) if name not in there
        }
        self._all(lambda pair: self._send_file(*pair), list(missing.items()))
        return wanted

    def receive(
        self,
        source: ObjectStore,
        digests: Sequence[Digest],
        *,
        trust: bool = False,  # noqa: ARG002 - every file is hashed before it is sent
        jobs: int | None = None,
        moved: moving.Moved | None = None,
    ) -> None:
        """Send objects of another store; see `Receiver.receive`."""
        import tempfile  # late: only transfers need it

        with tempfile.TemporaryDirectory(prefix="cauce-move-") as folder:

            def one(name: Digest) -> tuple[Digest, int]:
                _, file = moving.local(source, name, Path(folder))
                self._run(self._send_file(name, file), name)
                size = file.stat().st_size
                if file.parent == Path(folder):
                    file.unlink()
                return name, size

            for name, size in moving.lanes(one, digests, jobs):
                if moved is not None:
                    moved(name, size)

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified."""
        with self.open(digest) as stream:
            data = stream.read()
        if not names.same(digest, names.of(data, digest.partition(":")[0])):
            raise self._damaged(digest)
        return data

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming from an offset; bytes are not verified."""
        place = self._place(digest)

        async def opened() -> asyncssh.SFTPClientFile:
            return await (await self._sftp()).open(place, "rb")

        file = self._run(opened(), digest)
        raw = _Remote(
            lambda size, at: self._run(_read(file, size, at), digest),
            lambda: self._run(_close(file), digest),
            start,
        )
        return cast("BinaryIO", io.BufferedReader(raw, _CHUNK))

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified, beside-then-rename; parents are made."""
        state = names.hasher(digest.partition(":")[0])
        with self.open(digest) as stream, objects.beside(target) as out:
            while chunk := stream.read(_CHUNK):
                state.update(chunk)
                out.write(chunk)
            if not names.same(digest, f"{state.name}:{state.hexdigest()}"):
                raise self._damaged(digest)

    def path(self, digest: Digest) -> Path | None:
        """Give None: the files are elsewhere."""
        names.split(digest)
        return None

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are there: by lists of folders, or one by one."""
        folders: dict[str, set[Digest]] = {}
        for name in set(digests):
            folders.setdefault(self._place(name).rpartition("/")[0], set()).add(name)
        return set().union(*self._all(lambda pair: self._has_in(*pair), list(folders.items())))

    def size(self, digest: Digest) -> int:
        """Bytes of an object."""
        place = self._place(digest)

        async def asked() -> int:
            return int((await (await self._sftp()).stat(place)).size or 0)

        return self._run(asked(), digest)

    def list(self, algorithm: str | None = None) -> Iterator[ObjectInfo]:
        """Iterate over all objects, in no promised order; what is no object is passed over."""
        for kind in (algorithm,) if algorithm else names.ALGORITHMS:
            parent = f"{self._root}/files/{kind}"
            for folder in self._run(self._names(parent)):
                if _text(folder) in {".", ".."}:
                    continue
                inside = f"{parent}/{_text(folder)}"
                for item in self._run(self._names(inside)):
                    name = objects.named(f"files/{kind}/{_text(folder)}/{_text(item)}")
                    if name is not None:
                        attrs = item.attrs
                        yield ObjectInfo(
                            digest=name, size=attrs.size or 0, modified=float(attrs.mtime or 0)
                        )

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> int:
        """Remove objects; only garbage collection calls this."""

        async def one(name: Digest) -> bool:
            sftp, place = await self._sftp(), self._place(name)
            try:
                if before is not None and ((await sftp.stat(place)).mtime or 0) > before:
                    return False
                await sftp.remove(place)
            except asyncssh.SFTPNoSuchFile:
                return False
            return True

        wanted = list(dict.fromkeys(digests))
        names.check(wanted)
        return sum(self._all(one, wanted))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._leave(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _place(self, digest: str) -> str:
        return f"{self._root}/{objects.key(digest)}"

    async def _sftp(self) -> asyncssh.SFTPClient:
        async with self._connecting:  # many ask at once, one connection serves all
            if self._client is None:
                await self._leave()
                self._connection = await asyncssh.connect(**self._how)
                self._client = await self._connection.start_sftp_client()
            return self._client

    async def _leave(self) -> None:
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            connection.close()
            await connection.wait_closed()
        for _ in range(3):  # transports close in a later turn of the loop
            await asyncio.sleep(0)

    async def _names(self, folder: str) -> "Sequence[asyncssh.SFTPName]":
        with suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            found: Sequence[Any] = await (await self._sftp()).readdir(folder)
            return found
        return ()

    async def _has_in(self, folder: str, wanted: set[Digest]) -> set[Digest]:
        if len(wanted) >= _MANY:
            there = {_text(item) for item in await self._names(folder)}
            return {name for name in wanted if self._place(name).rpartition("/")[2] in there}
        sftp = await self._sftp()
        return {name for name in wanted if await sftp.isfile(self._place(name))}

    async def _send_file(self, name: Digest, path: Path) -> None:
        """Send a file whose bytes must be what the name says."""
        if not names.same(name, names.of_file(path, (name.partition(":")[0],))[0]):
            raise Conflict(f"{path} changed while it was read", hint="run the command again")
        await self._send(name, path)

    async def _send(self, name: Digest, data: bytes | Path) -> None:
        """Write beside, then rename; a broken connection leaves a file `.cauce-….tmp`."""
        sftp, place = await self._sftp(), self._place(name)
        folder = place.rpartition("/")[0]
        if folder not in self._made:
            await sftp.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        beside = f"{folder}/.cauce-{os.urandom(8).hex()}.tmp"
        try:
            if isinstance(data, Path):
                await sftp.put(str(data), beside)
            else:
                async with sftp.open(beside, "wb") as file:
                    await file.write(data)
            await sftp.posix_rename(beside, place)
        except BaseException:
            with suppress(asyncssh.Error, OSError):
                await sftp.remove(beside)
            raise

    def _all(self, work: Callable[[T], Awaitable[Any]], items: Sequence[T]) -> Sequence[Any]:
        """Do work on items, several at a time; the first error ends it."""

        async def every() -> Sequence[Any]:
            gate = asyncio.Semaphore(_LANES)

            async def one(item: T) -> Any:
                async with gate:
                    return await work(item)

            tasks = [asyncio.ensure_future(one(item)) for item in items]
            try:
                return await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        return self._run(every()) if items else []

    def _run(self, work: Coroutine[Any, Any, T], digest: Digest | None = None) -> T:
        """Run in the store's own loop, and turn the library's errors into ours."""
        with self._answers(digest):
            return asyncio.run_coroutine_threadsafe(work, self._started()).result()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop, self._connecting = asyncio.new_event_loop(), asyncio.Lock()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="cauce-ssh", daemon=True
                )
                self._thread.start()
            return self._loop

    @contextmanager
    def _answers(self, digest: Digest | None) -> Iterator[None]:
        about = f" for {digest}" if digest else ""
        try:
            yield
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise NotFound(f"no object {digest} in {self._url}") from error
        except (asyncssh.PermissionDenied, asyncssh.SFTPPermissionDenied) as error:
            raise Denied(
                f"{self._url} refuses access{about}: {error}",
                hint="check the remote's user and keyfile: `ssh HOST` must work without a question",
            ) from error
        except asyncssh.HostKeyNotVerifiable as error:
            raise Denied(
                f"the key of {self._url} is not known: {error}",
                hint="connect once with `ssh`, and compare the key that it shows",
            ) from error
        except (asyncssh.Error, ConnectionError, TimeoutError) as error:
            self._client = None
            raise Unavailable(
                f"{self._url} does not answer{about}: {error}",
                hint="check the remote's host and port; what was moved stays",
            ) from error

    def _damaged(self, digest: Digest) -> Damaged:
        return Damaged(
            f"the object {digest} in {self._url} is damaged: its bytes are not what its name says",
            hint="delete its file there and push it again",
        )


def _text(item: "asyncssh.SFTPName") -> str:
    return item.filename if isinstance(item.filename, str) else item.filename.decode("latin-1")


async def _read(file: asyncssh.SFTPClientFile, size: int, at: int) -> bytes:
    return cast("bytes", await file.read(size, at))


async def _close(file: asyncssh.SFTPClientFile) -> None:
    await file.close()


class _Remote(io.RawIOBase):
    """A file of the other machine, read forwards."""

    def __init__(
        self, read: Callable[[int, int], bytes], close: Callable[[], None], at: int
    ) -> None:
        self._read, self._done, self._at = read, close, at

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes."""
        data = self._read(len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Let the other machine close it."""
        if not self.closed:
            with suppress(Unavailable):
                self._done()
        super().close()
