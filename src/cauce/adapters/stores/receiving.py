"""Objects of another store into a folder: copied by the kernel, or resumed where they broke off."""

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from cauce.adapters.stores import batch as batches
from cauce.adapters.stores import whole
from cauce.adapters.stores.local import LocalStore
from cauce.errors import Damaged, NotFound
from cauce.kernel import digest as names
from cauce.kernel import moving, objects
from cauce.kernel.entities import Digest
from cauce.kernel.moving import Moved
from cauce.kernel.objects import ObjectStore

_CHUNK = 1 << 20
_RANGE = 1 << 30


def receive(
    store: LocalStore,
    source: ObjectStore,
    digests: Sequence[Digest],
    *,
    trust: bool = False,
    jobs: int | None = None,
    moved: Moved | None = None,
) -> None:
    """See `Receiver.receive`."""
    moved = moved or (lambda *_: None)
    names.check(digests)
    if isinstance(source, LocalStore):
        _copy_all(store, source, digests, trust, moved)
        return
    beside = f"{store.root}/{batches.BESIDE}"
    with store.batch() as batch:
        os.makedirs(beside, exist_ok=True)

        def one(name: Digest) -> tuple[Digest, str, int]:
            return (name, *_download(store, source, name, beside))

        alone = []
        for name, data in moving.read_many(source, digests):
            if data is None:
                alone.append(name)
                continue
            temporary, descriptor = batch.create()
            with batches.closing(descriptor):
                batches.write(descriptor, data)
                batch.whole.append(whole.row(name, os.fstat(descriptor)))
            batch.place(temporary, f"{store.root}/{objects.key(name)}", len(data))
            moved(name, len(data))
        for name, file, size in moving.lanes(one, alone, jobs):
            target = f"{store.root}/{objects.key(name)}"
            try:
                batch.whole.append(whole.row(name, os.stat(file)))
                batch.place(file, target, size)
            except FileNotFoundError:
                if not os.path.exists(target):  # else: another process brought and placed it
                    raise
            moved(name, size)


def _copy_all(
    store: LocalStore, source: LocalStore, digests: Sequence[Digest], trust: bool, moved: Moved
) -> None:
    """Copy between folders: one thread, because the disk is what takes the time."""
    with store.batch() as batch:
        for name in digests:
            key = objects.place(name)  # they are checked already
            try:
                origin = os.open(f"{source.root}/{key}", os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                raise NotFound(f"no object {name} in {source.root}") from None
            try:
                found = os.fstat(origin)
                temporary, descriptor = batch.create()
                try:
                    if trust and stat.S_IMODE(found.st_mode) == 0o444:
                        size = _clone(origin, descriptor, found.st_size)
                    else:
                        size = _verified(source, name, origin, descriptor, found.st_size)
                        batch.whole.append(whole.row(name, os.fstat(descriptor)))
                finally:
                    os.close(descriptor)
            finally:
                os.close(origin)
            batch.place(temporary, f"{store.root}/{key}", size)
            moved(name, size)


def _clone(origin: int, target: int, size: int) -> int:
    """Copy inside the kernel; where the file systems cannot, by hand."""
    done = 0
    while done < size:
        try:
            count = os.copy_file_range(origin, target, min(size - done, _RANGE))
        except OSError:
            if done:
                raise
            return batches.copy(origin, target, "md5")[1]
        if not count:
            break
        done += count
    return done


def _verified(source: LocalStore, name: Digest, origin: int, target: int, size: int) -> int:
    """Copy and hash in one pass."""
    algorithm = name.partition(":")[0]
    if size <= _CHUNK:
        data = os.read(origin, size + 1)
        batches.write(target, data)
        found, done = names.of(data, algorithm), len(data)
    else:
        found, done = batches.copy(origin, target, algorithm)
    if not names.same(name, found):
        raise source._damaged(name)
    return done


def _download(store: LocalStore, source: ObjectStore, name: Digest, beside: str) -> tuple[str, int]:
    """Bring an object into a file of its own, which a broken connection leaves for the next try."""
    with _partial(f"{beside}/part-{name.replace(':', '-')}") as (file, descriptor):
        for again in (True, False):
            state = names.hasher(name.partition(":")[0])
            size = 0
            while data := os.read(descriptor, _CHUNK):  # what an earlier try has brought
                state.update(data)
                size += len(data)
            resumed = size > 0
            for data in _rest(source, name, store, size):
                state.update(data)
                batches.write(descriptor, data)
                size += len(data)
            if names.same(name, f"{state.name}:{state.hexdigest()}"):
                return file, size
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            if not (resumed and again):
                break
        with suppress(FileNotFoundError):
            os.unlink(file)
        raise Damaged(
            f"the object {name} came damaged: its bytes are not what its name says",
            hint="delete it from the remote and push it again from where it is whole",
        )


def _rest(source: ObjectStore, name: Digest, store: LocalStore, at: int) -> Iterator[bytes]:
    """Read an object from an offset; as long as each connection brings some, a new one goes on."""
    while True:
        start = at
        try:
            with moving.open_near(source, name, store, start=at) as stream:
                while data := stream.read(_CHUNK):
                    at += len(data)
                    yield data
        except (ConnectionError, TimeoutError):  # `Unavailable` is a ConnectionError
            if at == start:
                raise
        else:
            return


@contextmanager
def _partial(file: str) -> Iterator[tuple[str, int]]:
    """Open the file that a download is continued in; another process at it means one of our own."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except FileNotFoundError:  # an empty folder goes when another process is done with it
        os.makedirs(os.path.dirname(file), exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            file = f"{file}-{os.getpid()}-{os.urandom(4).hex()}"
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        yield file, descriptor
    except BaseException:
        with suppress(OSError):
            if not os.fstat(descriptor).st_size:
                os.unlink(file)
        raise
    finally:
        os.close(descriptor)
