"""Bodies of requests and answers: hashed while they are sent, read like files."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from cauce.kernel import digest as names
from cauce.kernel.entities import Digest


class Verified:
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


class Chunks(io.RawIOBase):
    """A file to read from, made of an iterator of bytes."""

    def __init__(self, chunks: Iterator[bytes | memoryview]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with the next bytes."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """Close the iterator too: it may hold a connection, or read ahead."""
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()
        super().close()
