"""Where a script's metric points go: the project's stream, or a server in batches."""

import threading
from typing import TYPE_CHECKING, Any, Protocol

from cauce.errors import CauceError
from cauce.kernel.entities import Point
from cauce.kernel.telemetry.writers import plain_point
from cauce.rooms.track.course import metrics_of

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_SECONDS = 1.0
_BATCH = 2000
_MOST = 1_000_000


class Sink(Protocol):
    """Takes points; safe to use from several threads."""

    def append(self, key: str, value: Any, step: int, at: float) -> None:
        """Take one point."""
        ...

    def flush(self) -> None:
        """Hand over what was taken."""
        ...

    def close(self) -> None:
        """Hand over what was taken, and take no more."""
        ...


def open_sink(ws: "Workspace", run: str) -> Sink:
    """Open where a run's points go."""
    return ws.streams.points(metrics_of(run)) if ws.remote is None else RemoteSink(ws, run)


class RemoteSink:
    """Sends points to a server once a second, from a thread of its own.

    A server that does not answer costs nothing but memory: points wait for it, the oldest are
    given up beyond a million.
    """

    def __init__(self, ws: "Workspace", run: str) -> None:
        self._ws, self._run = ws, run
        self._points: list[Point] = []
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="cauce-points", daemon=True)
        self._thread.start()

    def append(self, key: str, value: Any, step: int, at: float) -> None:
        """Take one point; raises `Invalid` when it is none."""
        key, value, step = plain_point(key, value, step)
        with self._lock:
            self._points.append(Point(key=key, value=value, step=step, at=at))

    def flush(self) -> None:
        """Send what was taken; raises `Unavailable` when the server does not answer."""
        with self._sending:
            while batch := self._points[:_BATCH]:
                self._ws.call("track.log", run=self._run, points=batch)
                with self._lock:
                    del self._points[: len(batch)]

    def close(self) -> None:
        """Send the rest and end the thread."""
        self._stop.set()
        self._thread.join()
        self.flush()

    def _work(self) -> None:
        while not self._stop.wait(_SECONDS):
            try:
                self.flush()
            except (CauceError, OSError):
                with self._lock:
                    del self._points[: max(len(self._points) - _MOST, 0)]
                self._stop.wait(_SECONDS * 4)
