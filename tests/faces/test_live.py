"""Events arrive live, in order, once each, also after a break."""

import http.client
import json
from collections.abc import Iterator

import pytest

from cauce.faces import sse
from cauce.faces.server import background
from cauce.kernel.entities import Commit, Note


def note(ws, *subjects: str) -> None:
    for subject in subjects:
        ws.catalog.commit(Commit(notes=(Note(kind="noted", subject=subject),), agent="user:test"))


class Listener:
    """Reads server-sent events from a real connection."""

    def __init__(self, address: str, query: str = "", **headers: str) -> None:
        self.connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
        self.connection.request("GET", f"/api/v1/stream{query}", headers=headers)
        self.response = self.connection.getresponse()
        self.frames = self._read() if self.response.status == 200 else iter(())
        if self.response.status == 200:
            assert next(self.frames) == "retry: 1000"

    def _read(self) -> Iterator[str]:
        lines: list[str] = []
        while line := self.response.readline():
            if line == b"\n":
                yield "\n".join(lines)
                lines = []
            else:
                lines.append(line.decode().rstrip("\n"))

    def events(self, count: int) -> list[dict]:
        found = []
        while len(found) < count:
            frame = next(self.frames)
            if frame.startswith("id: "):
                number, data = frame.split("\n")
                found.append(json.loads(data.removeprefix("data: ")))
                assert number == f"id: {found[-1]['seq']}"
        return found

    def close(self) -> None:
        self.connection.close()
        self.response.close()


@pytest.fixture
def listen(ws, request):
    opened = []
    with background(ws) as address:

        def open_one(query: str = "", **headers: str) -> Listener:
            opened.append(Listener(address, query, **headers))
            return opened[-1]

        yield open_one
        for one in opened:
            one.close()


def test_what_happened_before_and_what_happens_now_come_in_order(ws, listen):
    note(ws, "one", "two")
    listener = listen("?after=0")
    assert [event["subject"] for event in listener.events(2)] == ["one", "two"]
    note(ws, "three")
    assert [event["subject"] for event in listener.events(1)] == ["three"]


def test_without_a_number_a_stream_begins_now(ws, listen):
    note(ws, "before")
    listener = listen()
    note(ws, "after")
    assert [event["subject"] for event in listener.events(1)] == ["after"]


def test_a_client_that_comes_back_misses_nothing_and_gets_nothing_twice(ws, listen):
    listener = listen("?after=0")
    note(ws, "a", "b")
    last = listener.events(2)[-1]["seq"]
    listener.close()
    note(ws, "c", "d")
    again = listen("?after=0", **{"Last-Event-ID": str(last)})
    assert [event["subject"] for event in again.events(2)] == ["c", "d"]


def test_a_client_far_behind_is_brought_up_from_the_catalogue(ws, listen, monkeypatch):
    monkeypatch.setattr(sse, "_PAGE", 7)
    note(ws, *(str(number) for number in range(40)))
    listener = listen("?after=0")
    assert [event["seq"] for event in listener.events(40)] == list(range(1, 41))


def test_many_clients_are_served_by_one_poller(ws, listen, monkeypatch):
    reads = []
    whole = ws.catalog.events
    monkeypatch.setattr(
        ws.catalog, "events", lambda *args, **named: reads.append(args) or whole(*args, **named)
    )
    listeners = [listen() for _ in range(30)]
    before = len(reads)
    note(ws, "for all")
    for listener in listeners:
        assert listener.events(1)[0]["subject"] == "for all"
    assert len(reads) - before < 15


def test_silence_is_filled_with_heartbeats(ws, listen, monkeypatch):
    monkeypatch.setattr(sse.Feed.__init__, "__kwdefaults__", {"poll": 0.05, "heartbeat": 0.05})
    with background(ws) as address:
        listener = Listener(address)
        assert next(listener.frames) == ": still here"
        listener.close()


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 30, "", "%00", "١"])
def test_a_number_that_is_none_is_refused(listen, after):
    from urllib.parse import quote

    assert listen(f"?after={quote(after, safe='%')}").response.status == 422


def test_a_number_beyond_the_last_event_waits(ws, listen):
    listener = listen("?after=1")
    note(ws, "one", "two")
    assert [event["seq"] for event in listener.events(1)] == [2]


def test_a_server_that_stops_ends_open_streams_at_once(ws):
    with background(ws) as address:
        listener = Listener(address)
    assert list(listener.frames) == []
    listener.close()
