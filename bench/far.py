"""A local S3 server that is some milliseconds away, and counts what is asked of it."""

import asyncio
import contextlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests import s3

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_PIECE = 1 << 18


class Far:
    """A proxy that waits before each request, and counts.

    Attributes:
        requests: Requests that came.
        sent: Bytes of their bodies.
        received: Bytes of the answers.
        address: Where it listens.
    """

    def __init__(self, upstream: str, delay: float) -> None:
        self.requests = self.sent = self.received = 0
        self.address = ""
        host, _, port = upstream.partition(":")
        self._upstream = (host, int(port))
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def reset(self) -> None:
        """Begin to count anew."""
        self.requests = self.sent = self.received = 0

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def begin() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
            self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._ready.set()

        self._loop.run_until_complete(begin())
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            there, back = await asyncio.open_connection(*self._upstream)
            answers = asyncio.ensure_future(self._answers(there, writer))
            try:
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    self.requests += 1
                    await asyncio.sleep(self._delay)
                    back.write(head)
                    assert not _CHUNKED.search(head), "a body of unknown length"
                    length = _LENGTH.search(head)
                    await self._body(reader, back, int(length[1]) if length else 0)
            finally:
                back.close()
                answers.cancel()
                writer.close()

    async def _body(
        self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, left: int
    ) -> None:
        self.sent += left
        while left:
            piece = await reader.read(min(left, _PIECE))
            if not piece:
                return
            left -= len(piece)
            back.write(piece)
            await back.drain()
        await back.drain()

    async def _answers(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await there.read(_PIECE):
                self.received += len(piece)
                writer.write(piece)
                await writer.drain()


@contextmanager
def bucket(delay: float) -> Iterator[Far]:
    """Run an S3 server with an empty bucket named `bucket` behind a delay in seconds."""
    with s3.serving() as address:
        s3.put(address, "/bucket")
        far = Far(address, delay)
        far.start()
        try:
            yield far
        finally:
            far.stop()
