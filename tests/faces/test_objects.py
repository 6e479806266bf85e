"""Objects over HTTP: checked, ranged, kept for ever, and never run by a browser."""

import hashlib
import http.client
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cauce.errors import Conflict, Damaged, NotFound, Unavailable
from cauce.faces.server import background
from cauce.kernel import digest, plugins
from cauce.kernel.entities import Digest
from cauce.kernel.workspace import Workspace
from cauce.testing.store_suite import Damage, StoreSuite

HTML = b"<script>alert(1)</script>"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
BIG = os.urandom(3 << 20)


class TestHttpStore(StoreSuite):
    """The store of a server passes what every store passes."""

    @pytest.fixture
    def store(self, ws: Workspace):
        with background(ws) as address:
            opened = plugins.load("stores", "http")(address, ws.root, ws.settings)
            yield opened
            opened.close()

    @pytest.fixture
    def damage(self, ws: Workspace) -> Damage:
        def change(name: Digest) -> None:
            path = ws.objects.path(name)
            assert path is not None
            data = path.read_bytes()
            path.chmod(0o644)
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
            path.chmod(0o444)

        return change


@pytest.fixture(scope="module")
def stored(shared: Workspace) -> dict[str, Digest]:
    html, png, big = shared.objects.put([HTML, PNG, BIG])
    return {"html": html, "png": png, "big": big}


@pytest.mark.parametrize("name", ["html", "png", "big"])
def test_an_object_comes_as_it_was_stored_and_may_be_kept_for_ever(ask, stored, name):
    data = {"html": HTML, "png": PNG, "big": BIG}[name]
    answer = ask("GET", f"/objects/{stored[name]}")
    assert answer.body == data
    assert answer.headers["etag"] == f'"{stored[name]}"'
    assert "immutable" in answer.headers["cache-control"]
    head = ask("HEAD", f"/objects/{stored[name]}")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(data)))
    again = ask("GET", f"/objects/{stored[name]}", if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_only_images_have_a_type_that_a_browser_shows(ask, stored):
    assert ask("GET", f"/objects/{stored['png']}").headers["content-type"] == "image/png"
    answer = ask("GET", f"/objects/{stored['html']}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


@given(first=st.integers(0, len(BIG) + 5), length=st.integers(0, len(BIG)))
@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_range_gives_exactly_its_bytes(ask, stored, first, length):
    for name, data in (("big", BIG), ("html", HTML)):
        answer = ask("GET", f"/objects/{stored[name]}", range=f"bytes={first}-{first + length}")
        expected = data[first : first + length + 1]
        assert answer.status == (206 if expected else 416)
        if expected:
            assert answer.body == expected
            last = first + len(expected) - 1
            assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"


@pytest.mark.parametrize(
    ("header", "status", "part"),
    [
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=20-", 206, slice(20, None)),
        ("bytes=0-0", 206, slice(0, 1)),
        ("bytes=5-2", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=0-1,3-4", 200, slice(None)),
        ("lines=0-1", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("bytes=99999999999999999999-", 200, slice(None)),
    ],
)
def test_odd_ranges(ask, stored, header, status, part):
    answer = ask("GET", f"/objects/{stored['html']}", range=header)
    assert answer.status == status
    if part is not None:
        assert answer.body == HTML[part]


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1])
@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_bytes_that_are_not_what_their_name_says_are_not_kept(ask, shared, size, algorithm):
    data = os.urandom(size)
    name = digest.of(data, algorithm)
    other = digest.of(data + b"x", algorithm)
    refused = ask("PUT", f"/objects/{other}", data)
    assert (refused.status, refused.error["path"]) == (422, "digest")
    assert shared.objects.has([other]) == set()
    kept = ask("PUT", f"/objects/{name}", data)
    assert (kept.status, kept.json()) == (201, {"digest": name, "size": size})
    assert shared.objects.get(name) == data


def test_a_body_of_unknown_length_is_kept_too(ask, shared):
    pieces = [os.urandom(300_000) for _ in range(9)]
    name = Digest("sha256:" + hashlib.sha256(b"".join(pieces)).hexdigest())
    assert ask("PUT", f"/objects/{name}", iter(pieces)).status == 201
    assert shared.objects.get(name) == b"".join(pieces)


@pytest.mark.parametrize(
    "path",
    ["/objects/sha256:00", "/objects/%2e%2e%2fetc", "/objects/sha1:" + "0" * 40, "/objects/x%00y"],
)
def test_a_name_that_is_none_is_refused(ask, path):
    for method in ("GET", "PUT"):
        assert ask(method, path, b"").status in (404, 422)


def test_an_upload_that_breaks_off_leaves_nothing(server, shared):
    name = digest.of(b"x" * 1000)
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(
            f"PUT /objects/{name} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\n".encode()
            + b"x" * 500
        )
    connection = http.client.HTTPConnection(host, int(port))
    connection.request("HEAD", f"/objects/{name}")
    assert connection.getresponse().status == 404
    connection.close()
    assert shared.objects.has([name]) == set()


def test_a_stream_can_be_positioned_without_reading_it_all(server, shared, stored):
    store = plugins.load("stores", "http")(server, shared.root, shared.settings)
    with store.open(stored["big"]) as stream:
        stream.seek(-10, 2)
        assert stream.read() == BIG[-10:]
        stream.seek(100)
        assert stream.read(5) == BIG[100:105]
    store.close()


def test_many_small_files_travel_in_few_requests(server, shared, tmp_path, monkeypatch):
    files = []
    for number in range(1200):
        files.append(tmp_path / str(number))
        files[-1].write_bytes(b"%d" % number)
    store = plugins.load("stores", "http")(server, shared.root, shared.settings)
    sent = []
    whole = store._connection.send
    monkeypatch.setattr(
        store._connection, "send", lambda *args, **named: sent.append(args) or whole(*args, **named)
    )
    names = store.put_files(files)
    assert shared.objects.has(names) == set(names)
    assert len(sent) <= 4
    store.close()


def test_a_file_that_changes_between_hashing_and_sending_is_a_conflict(
    server, shared, tmp_path, monkeypatch
):
    store = plugins.load("stores", "http")(server, shared.root, shared.settings)
    file = tmp_path / "file"
    file.write_bytes(b"a" * (2 << 20))
    before = digest.of_file

    def hash_then_change(path: Path, algorithms: tuple[str, ...]) -> list[Digest]:
        found = before(path, algorithms)
        path.write_bytes(b"b" * (2 << 20))
        return found

    monkeypatch.setattr(digest, "of_file", hash_then_change)
    with pytest.raises(Conflict, match="changed"):
        store.put_files([file])
    store.close()


def test_bytes_damaged_on_the_way_are_noticed(tmp_path, ws):
    """A server that answers with other bytes is not believed."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Liar(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", "3")
            self.end_headers()
            self.wfile.write(b"lie")

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Liar) as liar:
        threading.Thread(target=liar.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{liar.server_port}"
        store = plugins.load("stores", "http")(address, ws.root, ws.settings)
        name = digest.of(b"truth")
        with pytest.raises(Damaged, match=name):
            store.get(name)
        with pytest.raises(Damaged, match=name):
            store.fetch(name, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        store.close()
        liar.shutdown()


def test_a_server_that_is_gone_is_unavailable_and_named(ws):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    store = plugins.load("stores", "http")(address, ws.root, ws.settings)
    with pytest.raises(Unavailable, match=address):
        store.get(digest.of(b""))


def test_what_is_missing_names_the_object(server, shared):
    store = plugins.load("stores", "http")(server, shared.root, shared.settings)
    with pytest.raises(NotFound, match="0000"):
        store.size(Digest("sha256:" + "0" * 64))
    store.close()
