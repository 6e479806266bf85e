"""Live events: `GET /api/v1/stream?after=N`, server-sent, many clients from one poller."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cauce.errors import CauceError
from cauce.kernel import wire
from cauce.kernel.catalog import Catalog
from cauce.kernel.entities import Event
from cauce.kernel.wire import Malformed

POLL = 0.2
"""Seconds between two looks at the catalogue, while anybody listens."""

HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that proxies keep the connection."""

_KEPT = 2048
_PAGE = 500
_LARGEST = 1 << 63


class Feed:
    """The latest events, kept in memory, and those who wait for the next one."""

    def __init__(
        self, catalog: Catalog, *, poll: float = POLL, heartbeat: float = HEARTBEAT
    ) -> None:
        self._catalog = catalog
        self._poll, self._heartbeat = poll, heartbeat
        self._recent: deque[Event] = deque(maxlen=_KEPT)
        self._last = 0
        self._changed = asyncio.Event()
        self._listeners = 0
        self._poller: asyncio.Task[None] | None = None
        self.stopped = False

    async def follow(self, after: int | None) -> AsyncIterator[bytes]:
        """Send events after a number (None: from now on) until the server stops."""
        self._listeners += 1
        try:
            if self._listeners == 1:
                await self._begin()
            position = self._last if after is None else after
            yield b"retry: 1000\n\n"
            while not self.stopped:
                changed = self._changed
                found = await self._after(position)
                if found:
                    position = found[-1].seq
                    yield b"".join(map(frame, found))
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), self._heartbeat)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._listeners -= 1
            if self._listeners == 0 and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    def stop(self) -> None:
        """End every stream."""
        self.stopped = True
        self._wake()

    async def _begin(self) -> None:
        """Start the poller where the catalogue stands now."""
        self._recent.clear()
        self._last = await run_in_threadpool(self._catalog.last_event)
        self._poller = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while not self.stopped:
            with suppress(CauceError):  # a catalogue that is away comes back
                found = await run_in_threadpool(
                    lambda: self._catalog.events(self._last, limit=_PAGE)
                )
                if found:
                    self._recent.extend(found)
                    self._last = found[-1].seq
                    self._wake()
                    continue
            await asyncio.sleep(self._poll)

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _after(self, position: int) -> Sequence[Event]:
        """Give the events after a number: from memory, else from the catalogue."""
        if position >= self._last:
            return ()
        if self._recent and self._recent[0].seq <= position + 1:
            return [event for event in self._recent if event.seq > position]
        return await run_in_threadpool(lambda: self._catalog.events(position, limit=_PAGE))


def frame(event: Event) -> bytes:
    """Write one event for the wire."""
    return b"id: %d\ndata: %s\n\n" % (event.seq, wire.encode(event))


def start_of(request: Request) -> int | None:
    """Read where a client wants to start; the browser's own header wins after a reconnect."""
    text = request.headers.get("last-event-id") or request.query_params.get("after")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text) >= _LARGEST:
        raise Malformed(f"after: {text[:50]!r} is not the number of an event", path="$.after")
    return int(text)


async def stream(request: Request) -> Response:
    """Answer with events as they happen."""
    await run_in_threadpool(request.app.state.callers.identify, request, "reader")
    return StreamingResponse(
        request.app.state.feed.follow(start_of(request)),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


ROUTES = [Route("/api/v1/stream", stream, methods=["GET"])]
