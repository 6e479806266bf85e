"""A workspace opened by address behaves like one opened by path."""

import socket
import threading
from contextlib import contextmanager

import pytest

import cauce
import cauce.errors
from cauce.errors import Conflict, GateFailed, Invalid, NotFound, Unavailable
from cauce.faces.server import background
from cauce.kernel.connection import Connection
from cauce.kernel.entities import Ref


@pytest.fixture
def remote(server, sample):
    with cauce.open(server, agent="user:far") as opened:
        yield opened


def test_a_folder_below_a_project_opens_the_project(project, monkeypatch):
    below = project / "a" / "b"
    below.mkdir(parents=True)
    with cauce.open(below) as ws:
        assert ws.root == project
    monkeypatch.chdir(below)
    with cauce.open() as ws:
        assert ws.root == project


def test_a_folder_in_no_project_says_what_to_do(tmp_path):
    with pytest.raises(NotFound) as caught:
        cauce.open(tmp_path)
    assert "cauce init" in caught.value.hint


@pytest.mark.parametrize(
    "address",
    ["http://", "http://127.0.0.1:x", "http://127.0.0.1:99999999", "http://a:b@127.0.0.1"],
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(Invalid):
        cauce.open(address)


def test_an_operation_gives_the_same_there_as_here(remote, shared):
    given = {"params": {"lr": 0.5, "on": True, "none": None}, "sizes": (1, 2), "mode": "down"}
    assert remote.sample.echo("a", 3, **given).given["sizes"] == [1, 2]
    here = shared.sample.echo("a", 3, **given)
    there = remote.sample.echo("a", 3, **given)
    assert type(there) is type(here)
    assert there.given | {"sizes": (1, 2)} == here.given


def test_numbers_that_json_cannot_write_arrive(remote):
    assert repr(remote.sample.numbers()) == "[1.5, nan, inf]"


def test_results_are_the_types_of_the_operation(remote, shared):
    assert remote.refs.ls() == shared.refs.ls()
    assert all(isinstance(ref, Ref) for ref in remote.refs.ls())


@pytest.mark.parametrize("kind", [Invalid, NotFound, Conflict, GateFailed])
def test_errors_arrive_as_the_class_that_was_raised(remote, kind):
    with pytest.raises(kind) as caught:
        remote.sample.fail(kind.__name__, text="é" * 10)
    assert (caught.value.message, caught.value.hint) == ("é" * 10, "try again")


def test_who_acts_is_the_client(remote):
    assert remote.sample.who() == "user:far"
    with pytest.raises(Invalid, match="wants"):
        remote.sample.fail("Invalid", text="who wants that")


def test_a_local_operation_runs_at_home(remote):
    assert remote.sample.touch(("a", "b")) == [".", "a", "b"]


def test_a_local_operation_works_on_the_servers_catalogue_and_objects(
    server, shared, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    (home / "photos" / "train" / "a").mkdir(parents=True)
    (home / "cauce.toml").write_text('project = "home"\n')
    (home / "photos" / "train" / "a" / "x.png").write_bytes(b"not really a picture")
    monkeypatch.chdir(home)
    with cauce.open(server, agent="user:far") as remote:
        version = remote.data.add(home / "photos", name="photos-from-afar")
    found = shared.find("dataset", "photos-from-afar")
    assert found.id == version.id
    assert shared.objects.has([entry.digest for entry in shared.manifest(found.id).entries])
    assert not (home / ".cauce" / "catalog.db").exists()


def test_an_unknown_argument_is_refused_before_it_does_anything(remote):
    with pytest.raises(Invalid, match="colour"):
        remote.call("sample.echo", first="a", colour="red")


def test_many_threads_share_one_workspace(remote):
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.extend(remote.sample.who() for _ in range(5)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["user:far"] * 40


@contextmanager
def scripted(*replies: bytes):
    """A server that answers each connection with given bytes, then closes it."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            for reply in replies:
                line, _ = listening.accept()
                with line:
                    data = b""
                    while b"\r\n\r\n" not in data and (more := line.recv(65536)):
                        data += more
                    seen.append(data)
                    line.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", seen
        thread.join(5)


def answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


def test_a_read_is_sent_again_when_the_connection_breaks():
    with scripted(b"", answer("503 Busy", b""), answer("200 OK", b"\x05")) as (address, seen):
        connection = Connection(address)
        assert connection.call("/x", {}, returns=int, idempotent=True) == 5
        connection.close()
    assert len(seen) == 3


def test_a_write_is_never_sent_twice():
    with scripted(b"") as (address, seen):
        connection = Connection(address)
        with pytest.raises(Unavailable, match="does not answer"):
            connection.call("/x", {}, returns=int, idempotent=False)
        connection.close()
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer("500 Oh", b"<html>"), Unavailable),
        (answer("404 No", b"not ours"), NotFound),
        (answer("409 No", b'{"error": {"type": "os.system", "message": "x"}}'), Exception),
        (
            answer("404 No", b'{"error": {"type": "NotFound", "message": "m", "hint": "h"}}'),
            NotFound,
        ),
        (b"garbage\r\n\r\n", Unavailable),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", Unavailable),
    ],
)
def test_answers_that_are_not_ours_are_errors_of_ours(reply, kind):
    with scripted(reply) as (address, _):
        connection = Connection(address)
        with pytest.raises(kind) as caught:
            connection.call("/x", {}, returns=int, idempotent=False)
        assert isinstance(caught.value, cauce.errors.CauceError)
        connection.close()


def test_a_result_of_another_type_is_refused():
    with scripted(answer("200 OK", b"\xa1x")) as (address, _):
        connection = Connection(address)
        with pytest.raises(Invalid, match="Expected `int`"):
            connection.call("/x", {}, returns=int, idempotent=False)
        connection.close()


def test_a_server_that_went_away_between_two_calls_is_found_again(ws, sample):
    with background(ws) as address:
        port = int(address.rpartition(":")[2])
        remote = cauce.open(address)
        assert remote.sample.who()
    with background(ws, port=port):
        with pytest.raises(Conflict, match="it broke"):
            remote.sample.fail("Conflict")
        assert remote.sample.who()
    remote.close()
    with pytest.raises(Unavailable, match=address):
        remote.refs.ls()


def test_the_state_of_a_server_is_shown_like_that_of_a_folder(server, shared, capsys):
    from cauce.faces import cli

    assert cli.main(["--url", server]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0].endswith(server)
    assert "trainings" in text
