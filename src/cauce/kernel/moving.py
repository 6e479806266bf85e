"""Many objects from one store to another: in lanes, resumed, each under its name only when whole.

A store that can do better than `put_files` has a method `receive` (`Receiver`); every other store
is served by what the contract of stores gives.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar, runtime_checkable

from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectStore

T = TypeVar("T")
R = TypeVar("R")
Moved = Callable[[Digest, int], None]
"""Called in the caller's thread with each object that has arrived, and its bytes."""

LANES = 16
"""Requests in flight when nobody said how many."""

_TRIES = 3
_LONGEST = 5.0
_BATCH = 256


@runtime_checkable
class Receiver(Protocol):
    """A store that takes objects out of another one in a way of its own."""

    def receive(
        self,
        source: ObjectStore,
        digests: Sequence[Digest],
        *,
        trust: bool = False,
        jobs: int | None = None,
        moved: Moved | None = None,
    ) -> None:
        """Store objects of another store that are known to be missing here.

        Args:
            source: Where they are.
            digests: Which; those before an error stay.
            trust: Whether a local file of mode 0444 counts as verified, as a store of ours keeps
                it. Whatever else comes is hashed before it gets its name.
            jobs: Requests in flight.
            moved: See `Moved`.

        Raises:
            NotFound: The source lacks one.
            Damaged: The source's bytes are not what the name says.
        """
        ...


@runtime_checkable
class Giver(Protocol):
    """A store that gives many small objects in few requests."""

    def read_many(self, digests: Sequence[Digest]) -> Iterator[tuple[Digest, memoryview | None]]:
        """See `read_many`, the function."""
        ...


def read_many(
    source: ObjectStore, digests: Sequence[Digest]
) -> Iterator[tuple[Digest, memoryview | None]]:
    """Read many objects at once, where a store can do that.

    Returns:
        Each digest once, in an order of the store's. Bytes are verified, and valid until the next
        are asked for. None: ask for this one by itself, because it is large, not there, damaged,
        or the store gives objects one by one only.
    """
    if isinstance(source, Giver):
        yield from source.read_many(digests)
    else:
        yield from ((name, None) for name in digests)


def open_near(source: ObjectStore, name: Digest, near: ObjectStore, *, start: int = 0) -> BinaryIO:
    """Open an object for streaming; what another store holds of it is read there.

    Args:
        source: Where it is.
        name: Its digest.
        near: A store whose objects are at hand, older versions of this one perhaps.
        start: First byte.

    Returns:
        A stream whose bytes are not verified.
    """
    better: Callable[..., BinaryIO] | None = getattr(source, "open_near", None)
    return source.open(name, start=start) if better is None else better(name, near, start=start)


def files(
    source: ObjectStore, digests: Sequence[Digest], folder: Path, jobs: int | None = None
) -> Iterator[tuple[Digest, Path]]:
    """Give a file for each object: a store's own, else one in a folder.

    Args:
        source: Where they are.
        digests: Which; not too many at once, since far ones are fetched before they are given.
        folder: For files that are fetched; each may be removed when the next is asked for.
        jobs: Requests in flight.
    """
    far = []
    for name in digests:
        file = source.path(name)
        if file is None:
            far.append(name)
        else:
            yield name, file
    alone = []
    for name, data in read_many(source, far):
        if data is None:
            alone.append(name)
        else:
            file = folder / name.replace(":", "-")
            file.write_bytes(data)
            yield name, file
    yield from lanes(lambda name: local(source, name, folder), alone, jobs)


def move(
    source: ObjectStore,
    target: ObjectStore,
    digests: Iterable[Digest],
    *,
    trust: bool = False,
    jobs: int | None = None,
    moved: Moved | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Bring objects into a store that lacks them.

    A connection that breaks is tried again, with what is still missing, until three attempts in a
    row have brought nothing.

    Args:
        source: Where they are.
        target: Where they are missing.
        digests: Which, in the order in which they are begun.
        trust: See `Receiver.receive`.
        jobs: Requests in flight.
        moved: See `Moved`.
        sleep: What waits between attempts.
    """
    left = dict.fromkeys(digests)
    before = len(left) + 1

    def note(name: Digest, size: int) -> None:
        left.pop(name, None)
        if moved is not None:
            moved(name, size)

    attempt = 0
    while left:
        try:
            receive(source, target, list(left), trust=trust, jobs=jobs, moved=note)
        except (ConnectionError, TimeoutError):  # `Unavailable` is a ConnectionError
            attempt = attempt + 1 if len(left) == before else 1
            before = len(left)
            if attempt >= _TRIES:
                raise
            sleep(random.uniform(0, min(_LONGEST, 0.1 * 2**attempt)))  # noqa: S311 - no secret
        else:
            return


def receive(
    source: ObjectStore,
    target: ObjectStore,
    digests: Sequence[Digest],
    *,
    trust: bool = False,
    jobs: int | None = None,
    moved: Moved | None = None,
) -> None:
    """Let a store receive, in its own way where it has one; nothing is tried again."""
    part: Callable[[str], ObjectStore] | None = getattr(source, "part", None)
    if part is not None:
        for algorithm in sorted({name.partition(":")[0] for name in digests}):
            here = [name for name in digests if name.startswith(f"{algorithm}:")]
            receive(part(algorithm), target, here, trust=trust, jobs=jobs, moved=moved)
        return
    if isinstance(target, Receiver):
        target.receive(source, digests, trust=trust, jobs=jobs, moved=moved)
        return
    for start in range(0, len(digests), _BATCH):
        batch = digests[start : start + _BATCH]
        with tempfile.TemporaryDirectory(prefix="cauce-move-") as folder:
            found = list(files(source, batch, Path(folder), jobs))
            target.put_files([file for _, file in found], digests=[name for name, _ in found])
            sizes = [(name, file.stat().st_size) for name, file in found]
        if moved is not None:
            for name, size in sizes:
                moved(name, size)


def local(source: ObjectStore, name: Digest, folder: Path) -> tuple[Digest, Path]:
    """Give an object and a file that holds it, fetched into a folder where there is none."""
    file = source.path(name)
    if file is None:
        file = folder / name.replace(":", "-")
        source.fetch(name, file)
    return name, file


def lanes(work: Callable[[T], R], items: Iterable[T], jobs: int | None = None) -> Iterator[R]:
    """Do work on items, several at a time, and give the results as they come.

    The first error ends it: what has been begun is waited for and given, the rest is not begun.
    """
    width = max(1, jobs or LANES)
    source = iter(items)
    if width == 1:
        yield from map(work, source)
        return
    with ThreadPoolExecutor(width) as pool:
        running: set[Future[R]] = {pool.submit(work, item) for item in islice(source, width * 2)}
        failed: BaseException | None = None
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                error = None if future.cancelled() else future.exception()
                if error is not None:
                    failed = failed or error
                    for waiting in running:
                        waiting.cancel()
                elif not future.cancelled():
                    yield future.result()
            if failed is None:
                running |= {pool.submit(work, item) for item in islice(source, len(done))}
        if failed is not None:
            raise failed
