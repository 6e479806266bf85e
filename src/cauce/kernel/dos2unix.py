"""The sums of DVC 2: md5 that does not see whether lines end in LF or CRLF."""

import hashlib

BLOCK = 1 << 20
"""Bytes that are looked at as one: whether they are text is asked of each block anew."""

_SAMPLE = 512
_TEXT = bytes([*range(32, 127), *b"\n\r\t\f\b"])
_ODD = 0.3
"""Share of other bytes up to which a block is text."""


class Dos2Unix:
    """A hash object like those of `hashlib`; how the bytes are cut into updates is no matter."""

    name = "md5-dos2unix"

    def __init__(self) -> None:
        self._state = hashlib.md5(usedforsecurity=False)
        self._rest = bytearray()

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take more bytes."""
        self._rest += data
        while len(self._rest) >= BLOCK:
            self._state.update(unix(bytes(self._rest[:BLOCK])))
            del self._rest[:BLOCK]

    def digest(self) -> bytes:
        """Give the sum of all bytes so far."""
        state = self._state.copy()
        state.update(unix(bytes(self._rest)))
        return state.digest()

    def hexdigest(self) -> str:
        """Give the sum in hex."""
        return self.digest().hex()


def unix(block: bytes) -> bytes:
    """Give a block without the CR of its CRLF, if it looks like text."""
    return block.replace(b"\r\n", b"\n") if text(block[:_SAMPLE]) else block


def text(sample: bytes) -> bool:
    """Tell whether bytes look like text: no NUL, at most 30 % beyond printable ASCII."""
    if b"\0" in sample:
        return False
    return len(sample.translate(None, _TEXT)) <= _ODD * len(sample)
