"""Who may do what: tokens, roles, and addresses beyond loopback."""

import http.client
import json

import pytest

import cauce
from cauce.errors import Denied
from cauce.faces.server import allowed_names, background
from cauce.kernel import auth, sql
from cauce.kernel.entities import Commit, Digest, Note

pytestmark = pytest.mark.usefixtures("sample")

WHO = "/api/v1/sample.who"


@pytest.fixture
def secrets(ws) -> dict[str, str]:
    tables = sql.tables(ws)
    return {role: auth.add(tables, f"a-{role}", role).secret for role in auth.RANKS}


@pytest.fixture
def send(ws, secrets):
    with background(ws) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)

        def one(method, path, body=None, /, **headers):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            named.setdefault("content-type", "application/json")
            connection.request(method, path, None if body is None else json.dumps(body), named)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

        one.address = address
        yield one
        connection.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", WHO),
        ("POST", "/api/v1/catalog/last_event"),
        ("POST", "/api/v1/objects/list"),
        ("GET", "/api/v1/stream"),
        ("GET", "/objects/sha256:" + "0" * 64),
        ("PUT", "/objects/sha256:" + "0" * 64),
        ("POST", "/api/v1/session"),
    ],
)
@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer nonsense"}])
def test_once_a_token_exists_nothing_is_told_without_one(send, method, path, header):
    status, headers, body = send(method, path, {}, **header)
    assert status == 401
    assert headers["www-authenticate"] == "Bearer"
    assert json.loads(body)["error"]["type"] == "Denied"


@pytest.mark.parametrize("path", ["/", "/health", "/openapi.json"])
def test_pages_and_description_hold_no_secret_and_stay_open(send, path):
    assert send("GET", path)[0] == 200


@pytest.mark.parametrize(
    ("role", "path", "body", "status"),
    [
        ("reader", WHO, {}, 200),
        ("reader", "/api/v1/sample.fail", {"kind": "Conflict"}, 403),
        ("writer", "/api/v1/sample.fail", {"kind": "Conflict"}, 409),
        ("writer", "/api/v1/sample.remove", {"name": "x"}, 403),
        ("admin", "/api/v1/sample.remove", {"name": "x"}, 200),
        ("reader", "/api/v1/catalog/commit", {"commit": {}}, 403),
        ("writer", "/api/v1/catalog/commit", {"commit": {}}, 200),
        ("reader", "/api/v1/objects/put", {"items": []}, 403),
        ("writer", "/api/v1/objects/delete", {"digests": []}, 403),
        ("admin", "/api/v1/objects/delete", {"digests": []}, 200),
    ],
)
def test_a_role_opens_what_it_should(send, secrets, role, path, body, status):
    assert send("POST", path, body, authorization=f"Bearer {secrets[role]}")[0] == status


def test_a_token_says_who_acts_whatever_the_caller_claims(ws, send, secrets):
    bearer = {"authorization": f"Bearer {secrets['writer']}", "x_cauce_agent": "user:boss"}
    assert json.loads(send("POST", WHO, {}, **bearer)[2]) == "user:a-writer"
    commit = {"notes": [{"kind": "k", "subject": "s"}], "agent": "user:boss"}
    send("POST", "/api/v1/catalog/commit", {"commit": commit}, **bearer)
    assert ws.catalog.events(newest=True, limit=1)[0].agent == "user:a-writer"


def test_a_token_that_is_removed_stops_working_at_once(ws, send, secrets):
    bearer = {"authorization": f"Bearer {secrets['reader']}"}
    assert send("POST", WHO, {}, **bearer)[0] == 200
    auth.remove(sql.tables(ws), "a-reader")
    assert send("POST", WHO, {}, **bearer)[0] == 401


def test_a_page_gets_a_cookie_for_its_token(send, secrets):
    status, headers, _ = send(
        "POST", "/api/v1/session", authorization=f"Bearer {secrets['reader']}"
    )
    assert status == 204
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert send("POST", WHO, {}, cookie=cookie.partition(";")[0])[0] == 200
    _, headers, _ = send("DELETE", "/api/v1/session")
    assert "Max-Age=0" in headers["set-cookie"]


def test_the_client_sends_its_token_and_gets_denied_as_an_error(ws, send, secrets):
    with cauce.open(send.address, token=secrets["reader"]) as remote:
        assert remote.sample.who() == "user:a-reader"
        with pytest.raises(Denied, match="needs the role writer"):
            remote.catalog.commit(Commit(notes=(Note(kind="k", subject="s"),)))
    with cauce.open(send.address, token="") as remote, pytest.raises(Denied, match="token"):
        remote.objects.has([Digest("sha256:" + "0" * 64)])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "example.org"])
def test_a_server_beyond_loopback_needs_a_token_first(ws, host):
    with pytest.raises(Denied, match="no token") as caught:
        allowed_names(ws, host)
    assert "token-add" in caught.value.hint
    auth.add(sql.tables(ws), "someone", "reader")
    names = allowed_names(ws, host)
    assert names is None or host in names


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_loopback_needs_none(ws, host):
    names = allowed_names(ws, host)
    assert names is not None
    assert "localhost" in names


def test_a_configured_name_is_ours(ws):
    ws.settings = ws.settings.replace(server__names="cauce.test, other.test")
    assert allowed_names(ws, "127.0.0.1") >= {"cauce.test", "other.test"}
