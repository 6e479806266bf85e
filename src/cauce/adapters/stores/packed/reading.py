"""Objects out of packs and chunks: few large ranges instead of many small ones, all verified."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from msgspec import Struct

from cauce.adapters.stores.bodies import Chunks
from cauce.adapters.stores.packed.blobs import Blobs
from cauce.adapters.stores.packed.snapshot import Numbers, Place, Snapshot
from cauce.adapters.stores.packed.view import View
from cauce.errors import Damaged, NotFound
from cauce.kernel import digest as names
from cauce.kernel import objects
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectStore
from cauce.kernel.packs import chunks, table
from cauce.kernel.packs.chunks import ChunkList
from cauce.kernel.packs.table import LIST

T = TypeVar("T")

_LOOKED_AT, _BASES = 64, 4
"""Objects of nearly the same size that are looked for at hand, and how many are made use of."""

GAP = 512 << 10
"""Bytes that are read for nothing rather than asking twice."""

SPAN = 16 << 20
"""Bytes of one answer, so that memory stays bounded."""


class Range(Struct, frozen=True):
    """One request, and what is wanted of its bytes.

    Attributes:
        pack: Name of the pack.
        start: First byte.
        length: Bytes.
        parts: Number of the caller, offset in the pack, and length of each part.
    """

    pack: str
    start: int
    length: int
    parts: tuple[tuple[int, int, int], ...]


class Local(Struct, frozen=True):
    """A chunk that a file of this machine should hold.

    Attributes:
        path: The file.
        start: First byte in it.
        name: sha256 of the chunk.
        place: Where it lies in the packs, should the file be another by now.
    """

    path: Path
    start: int
    name: bytes
    place: Place


S = TypeVar("S", bound=Range | Local)


def ranges(places: Iterable[tuple[int, Place]], *, gap: int = GAP) -> Iterator[Range]:
    """Join places that lie near each other, in the order given.

    Args:
        places: Numbers of the caller, and places; sorted for the fewest requests.
        gap: Bytes between two places that are still read together.
    """
    parts: list[tuple[int, int, int]] = []
    pack, start, end = "", 0, 0
    for number, place in places:
        after = place.offset + place.length
        near = place.pack == pack and start <= place.offset <= end + gap
        if parts and not (near and max(end, after) - start <= SPAN):
            yield Range(pack, start, end - start, tuple(parts))
            parts = []
        if not parts:
            pack, start, end = place.pack, place.offset, place.offset
        parts.append((number, place.offset, place.length))
        end = max(end, after)
    if parts:
        yield Range(pack, start, end - start, tuple(parts))


class Reader:
    """Reads objects of a place of packs."""

    def __init__(self, blobs: Blobs, view: View) -> None:
        self._blobs, self._view = blobs, view

    def find(self, digest: Digest) -> Place:
        """Give an object's place; looks at the indexes anew before it says `NotFound`."""
        found = self._view.known().place(digest) or self._view.snapshot().place(digest)
        if found is None:
            raise NotFound(f"no object {digest} in {self._blobs.url}")
        return found

    def bytes_at(self, place: Place) -> bytes:
        """Read the bytes at a place."""
        if not place.length:
            return b""
        data = self._blobs.get_range(f"data/{place.pack}", place.offset, place.length)
        if len(data) != place.length:
            raise Damaged(f"the pack {place.pack} of {self._blobs.url} is cut off")
        return data

    def get(self, digest: Digest) -> bytes:
        """Read a whole object, verified."""
        data = self._again(digest, lambda place: b"".join(self._pieces(digest, place)))
        if not names.same(digest, names.of(data, digest.partition(":")[0])):
            raise self._damaged(digest)
        return data

    def fetch(self, digest: Digest, target: Path) -> None:
        """Write an object to a file, verified."""
        self._again(digest, lambda place: self._write(digest, place, target))

    def read_many(self, digests: Sequence[Digest]) -> Iterator[tuple[Digest, memoryview | None]]:
        """See `cauce.kernel.moving.read_many`."""
        wanted = table.keys(digests)
        snapshot = self._view.known()
        numbers = snapshot.find(wanted)
        if (numbers < 0).any():
            snapshot = self._view.snapshot()
            numbers = snapshot.find(wanted)
        whole: list[tuple[int, Place]] = []
        places = snapshot.places(numbers[numbers >= 0])
        for at, number in enumerate(numbers.tolist()):
            place = next(places) if number >= 0 else None
            if place is None or place.form == LIST:
                yield digests[at], None
            else:
                whole.append((at, place))
        whole.sort(key=lambda item: (item[1].pack, item[1].offset))
        for span, data in self._answers(ranges(whole), lost=None):
            for at, offset, length in span.parts:
                name = digests[at]
                part = memoryview(data or b"")[offset - span.start :][:length]
                true = names.same(name, names.of(part, name.partition(":")[0]))
                yield name, part if true else None

    def _write(self, digest: Digest, place: Place, target: Path) -> None:
        state = names.hasher(digest.partition(":")[0])
        with objects.beside(target) as stream:
            for piece in self._pieces(digest, place):
                state.update(piece)
                stream.write(piece)
            if not names.same(digest, f"{state.name}:{state.hexdigest()}"):
                raise self._damaged(digest)

    def _again(self, digest: Digest, read: Callable[[Place], T]) -> T:
        """Read at an object's place, and once more at its new one when the pack was rewritten."""
        place = self.find(digest)
        try:
            return read(place)
        except NotFound:
            snapshot = self._view.snapshot()
        moved = snapshot.place(digest)
        if moved is None:
            raise NotFound(f"no object {digest} in {self._blobs.url}")
        try:
            return read(moved)
        except NotFound as error:
            raise Damaged(
                f"the object {digest} of {self._blobs.url} is lost: {error.message}",
                hint="store it again from where its bytes still are",
            ) from error

    def _pieces(
        self, digest: Digest, place: Place, start: int = 0, near: ObjectStore | None = None
    ) -> Iterator[bytes | memoryview]:
        """Read an object's bytes from an offset, piece by piece."""
        if place.form != LIST:
            yield self.bytes_at(place)[start:]
            return
        known = self.chunk_list(digest, place)
        first, skip = 0, start
        lengths = known.lengths.tolist()
        while first < len(lengths) and skip >= lengths[first]:
            skip -= lengths[first]
            first += 1
        places = self._chunks(digest, known, first)
        here = {} if near is None else self._near(digest, place, near)
        for span, data in self._answers(self._spans(known, first, places, here)):
            assert data is not None
            whole = memoryview(data)
            if isinstance(span, Local):
                yield whole[skip:]
                skip = 0
                continue
            for _, offset, length in span.parts:
                yield whole[offset - span.start + skip :][: length - skip]
                skip = 0

    def _spans(
        self,
        known: ChunkList,
        first: int,
        places: Iterable[tuple[int, Place]],
        here: Mapping[bytes, tuple[Path, int]],
    ) -> Iterator[Range | Local]:
        """Say where to read an object's chunks, in order; those in packs are joined."""
        if not here:
            yield from ranges(places, gap=0)
            return
        far: list[tuple[int, Place]] = []
        for number, place in places:
            name = known.names[first + number].tobytes()
            if name not in here:
                far.append((number, place))
                continue
            yield from ranges(far, gap=0)
            far = []
            yield Local(*here[name], name, place)
        yield from ranges(far, gap=0)

    def _near(
        self, digest: Digest, place: Place, near: ObjectStore
    ) -> dict[bytes, tuple[Path, int]]:
        """Find chunks in files of a near store: those of objects of about the same size."""
        snapshot = self._view.known()
        found = snapshot.lookup.table[snapshot.objects()]
        found = found[(found["form"] == LIST) & (found["size"] < place.size * 2 + chunks.WHOLE)]
        distance = np.abs(found["size"].astype(np.float64) - place.size)
        names_ = table.digests(found[np.argsort(distance, kind="stable")[:_LOOKED_AT]])
        there = near.has(name for name in names_ if name != digest)
        here: dict[bytes, tuple[Path, int]] = {}
        for name in [name for name in names_ if name in there][:_BASES]:
            path = near.path(name)
            if path is None:
                continue
            with suppress(NotFound, Damaged):
                known = self.chunk_list(name, self.find(name))
                ends = np.cumsum(known.lengths, dtype=np.int64)
                starts = (ends - known.lengths).tolist()
                for chunk, start in zip(known.names, starts, strict=True):
                    here.setdefault(chunk.tobytes(), (path, start))
        return here

    def parts(self, snapshot: Snapshot, numbers: Numbers) -> Iterator[tuple[int, memoryview]]:
        """Read the entries of many records in few requests, as they lie in the packs."""
        places = zip(numbers.tolist(), snapshot.places(numbers), strict=True)
        order = sorted(places, key=lambda item: (item[1].pack, item[1].offset))
        for span, data in self._answers(ranges(order)):
            assert data is not None
            for number, offset, length in span.parts:
                yield number, memoryview(data)[offset - span.start :][:length]

    def chunk_list(self, digest: Digest, place: Place) -> ChunkList:
        """Read the list of an object's chunks."""
        where = f"the list of chunks of {digest} in {self._blobs.url}"
        return chunks.parse(self.bytes_at(place), where, size=place.size)

    def _chunks(self, digest: Digest, known: ChunkList, first: int) -> Iterator[tuple[int, Place]]:
        """Give the places of an object's chunks, in order."""
        keys = known.keys()[first:]
        snapshot = self._view.known()
        numbers = snapshot.find(keys)
        if (numbers < 0).any():
            snapshot = self._view.snapshot()
            numbers = snapshot.find(keys)
        lost = int((numbers < 0).sum())
        if lost:
            raise Damaged(
                f"the object {digest} of {self._blobs.url} is incomplete: {lost} of its "
                f"{len(known.names)} chunks are in no index",
                hint="store it again from where its bytes still are",
            )
        return enumerate(snapshot.places(numbers))

    def _answers(
        self, spans: Iterable[S], *, lost: Any = NotFound
    ) -> Iterator[tuple[S, bytes | None]]:
        """Ask for ranges, several at a time, and give the answers in order.

        Args:
            spans: What to ask for.
            lost: None: give None for what is not there; else let `NotFound` out.
        """
        with ThreadPoolExecutor(self._blobs.lanes) as pool:
            asked: list[tuple[S, Future[bytes | None]]] = []
            try:
                for span in spans:
                    asked.append((span, pool.submit(self._range, span, lost is None)))
                    if len(asked) > self._blobs.lanes:
                        yield asked[0][0], asked.pop(0)[1].result()
                while asked:
                    yield asked[0][0], asked.pop(0)[1].result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _range(self, span: Range | Local, forgive: bool) -> bytes | None:
        if isinstance(span, Local):
            return self._local(span)
        if not span.length:
            return b""
        try:
            data = self._blobs.get_range(f"data/{span.pack}", span.start, span.length)
        except NotFound:
            if forgive:
                return None
            raise
        return data

    def _local(self, span: Local) -> bytes:
        """Read a chunk from a file, or from its pack when the file has other bytes."""
        with suppress(OSError), span.path.open("rb", buffering=0) as stream:
            stream.seek(span.start)
            data = stream.read(span.place.length)
            if chunks.name(data) == span.name:
                return data
        return self.bytes_at(span.place)

    def open(
        self, digest: Digest, start: int, near: ObjectStore | None = None
    ) -> io.BufferedReader:
        """Open an object for streaming from an offset; bytes are not verified."""
        place = self.find(digest)
        pieces = self._pieces(digest, place, start, near) if start < place.size else iter(())
        return io.BufferedReader(Chunks(pieces), 1 << 18)

    def _damaged(self, digest: Digest) -> Damaged:
        return Damaged(
            f"the object {digest} of {self._blobs.url} is damaged: its bytes are not what its "
            "name says",
            hint="store it again from where its bytes still are",
        )


class Ranges:
    """A blob that is read where it is looked at."""

    def __init__(self, blobs: Blobs, key: str) -> None:
        self._blobs, self._key, self._at = blobs, key, 0

    def seek(self, offset: int, /) -> int:
        """Go to a place."""
        self._at = offset
        return offset

    def read(self, size: int, /) -> bytes:
        """Read from there."""
        data = self._blobs.get_range(self._key, self._at, size)
        self._at += len(data)
        return data
