"""The Git LFS server against what no client sends: hostile bodies, names, ranges, two at once."""

import base64
import hashlib
import http.client
import json
import os
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cauce.faces.server import background
from cauce.kernel import auth, digest, sql
from cauce.kernel.workspace import open_local

MEDIA = "application/vnd.git-lfs+json"
CHARSET = f"{MEDIA}; charset=utf-8"
ODD = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
texts = st.text(max_size=80) | st.sampled_from(["upload", "download", "../x", "\0", "a" * 5000])
bodies = (
    values
    | st.fixed_dictionaries(
        {},
        optional={
            "operation": texts | values,
            "objects": st.lists(
                st.fixed_dictionaries(
                    {}, optional={"oid": texts | values, "size": st.integers() | values}
                ),
                max_size=3,
            )
            | values,
            "ref": st.fixed_dictionaries({"name": texts}) | values,
            "path": texts | values,
            "force": values,
            "cursor": texts | values,
            "limit": st.integers() | values,
            "oid": texts | values,
            "size": st.integers() | values,
            "hash_algo": texts,
            "transfers": values,
        },
    )
).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)

PLACES = ("objects/batch", "verify", "locks", "locks/verify", "locks/x/unlock")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("base", ["/lfs", "/team/art.git/info/lfs"])
@given(body=bodies)
@ODD
def test_no_body_makes_the_server_fail(ask, base, place, body):
    answer = ask("POST", f"{base}/{place}", body, content_type=CHARSET)
    assert answer.status < 500 or answer.status == 507, answer.body
    if answer.status >= 400:
        assert set(answer.json()) >= {"message", "request_id"}
        assert answer.headers["content-type"].startswith(MEDIA)


@given(query=st.text(st.characters(codec="utf-8"), max_size=40))
@pytest.mark.parametrize("name", ["path", "id", "cursor", "limit", "refspec"])
@ODD
def test_no_filter_makes_the_server_fail(ask, name, query):
    from urllib.parse import quote

    assert ask("GET", f"/lfs/locks?{name}={quote(query)}").status in (200, 422)


def batch(ask, operation: str, *items, path: str = "/lfs", **more):
    body = json.dumps({"operation": operation, "objects": list(items), **more}).encode()
    return ask("POST", f"{path}/objects/batch", body, content_type=CHARSET)


def oid_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_batch_says_for_each_object_where_it_goes(ask, server):
    data = b"in a batch"
    (found,) = batch(ask, "upload", {"oid": oid_of(data), "size": 10}).json()["objects"]
    href = found["actions"]["upload"]["href"]
    assert href == f"{server}/lfs/objects/{oid_of(data)}"
    assert found["authenticated"] is True
    assert "verify" not in found["actions"]
    assert ask("PUT", href.removeprefix(server), data).status == 200
    (again,) = batch(ask, "upload", {"oid": oid_of(data), "size": 10}).json()["objects"]
    assert "actions" not in again
    (down,) = batch(ask, "download", {"oid": oid_of(data), "size": 10}).json()["objects"]
    assert ask("GET", down["actions"]["download"]["href"].removeprefix(server)).body == data
    part = ask("GET", href.removeprefix(server), range="bytes=3-")
    assert (part.status, part.body) == (206, data[3:])


def test_what_is_wrong_with_one_object_does_not_stop_the_others(ask):
    items = [{"oid": "0" * 64, "size": 1}, {"oid": "X", "size": 1}, {"oid": "1" * 64, "size": -1}]
    found = batch(ask, "download", *items).json()["objects"]
    assert [it["error"]["code"] for it in found] == [404, 422, 422]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"hash_algo": "sha512"}, 409),
        ({"objects": [{"oid": "0" * 64, "size": 2**62}]}, 507),
        ({"objects": [{"oid": "0" * 64, "size": 1}] * 10_001}, 413),
        ({"operation": "delete"}, 422),
        ({"transfers": ["tus"], "something_new": {"a": 1}}, 200),
    ],
)
def test_a_batch_that_cannot_be_is_refused_as_a_whole(ask, more, status):
    body = {"operation": "upload", "objects": [], **more}
    answer = ask("POST", "/lfs/objects/batch", json.dumps(body).encode(), content_type=MEDIA)
    assert answer.status == status


def test_a_body_of_another_type_is_refused(ask):
    assert ask("POST", "/lfs/objects/batch", b"{}", content_type="text/plain").status == 415


def test_an_upload_of_other_bytes_is_not_kept(ask, shared):
    for data in (b"", b"small", os.urandom(2 << 20)):
        answer = ask("PUT", f"/lfs/objects/{oid_of(data + b'x')}", data)
        assert answer.status == 400  # 422 would be taken for "no content type, please"
        assert shared.objects.has([digest.of(data + b"x")]) == set()


def test_an_upload_may_be_empty_and_may_come_twice_at_once(ask, server, shared):
    assert ask("PUT", f"/lfs/objects/{oid_of(b'')}", b"").status == 200
    data = os.urandom(5 << 20)
    statuses = []

    def put() -> None:
        connection = http.client.HTTPConnection(server.removeprefix("http://"), timeout=30)
        connection.request("PUT", f"/lfs/objects/{oid_of(data)}", data)
        statuses.append(connection.getresponse().status)
        connection.close()

    threads = [threading.Thread(target=put) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert statuses == [200] * 4
    assert shared.objects.get(digest.of(data)) == data
    assert list((shared.root / ".cauce/objects/tmp").iterdir()) == []


def test_verify_tells_whether_an_upload_arrived(ask, shared):
    data = b"verified"
    shared.objects.put([data])
    for oid, size, status in (
        (oid_of(data), 8, 200),
        (oid_of(data), 9, 422),
        ("0" * 64, 8, 404),
        ("x", 8, 422),
    ):
        body = json.dumps({"oid": oid, "size": size}).encode()
        assert ask("POST", "/lfs/verify", body, content_type=CHARSET).status == status


def test_a_held_lock_is_answered_with_itself(ask):
    body = json.dumps({"path": "held.psd", "ref": {"name": "refs/heads/main"}}).encode()
    made = ask("POST", "/lfs/locks", body, content_type=CHARSET)
    assert made.status == 201
    again = ask("POST", "/lfs/locks", body, content_type=CHARSET)
    assert again.status == 409
    assert again.json()["lock"] == made.json()["lock"]
    other = ask("POST", "/art.git/info/lfs/locks", body, content_type=CHARSET)
    assert other.status == 201
    id = made.json()["lock"]["id"]
    gone = ask("POST", f"/lfs/locks/{id}/unlock", b"", content_type=CHARSET)
    assert (gone.status, gone.json()["lock"]["id"]) == (200, id)
    assert ask("POST", f"/lfs/locks/{id}/unlock", b"{}", content_type=CHARSET).status == 404


def test_pages_of_locks_follow_each_other(ask):
    for n in range(5):
        body = json.dumps({"path": f"pages/{n}"}).encode()
        assert ask("POST", "/p.git/info/lfs/locks", body, content_type=CHARSET).status == 201
    found, cursor = [], ""
    for _ in range(3):
        page = ask("GET", f"/p.git/info/lfs/locks?limit=2&cursor={cursor}").json()
        found += [it["path"] for it in page["locks"]]
        cursor = page["next_cursor"]
    assert (found, cursor) == ([f"pages/{n}" for n in range(5)], "")


# Access


def basic(secret: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{secret}".encode()).decode()


@pytest.fixture
def guarded(ws):
    """A server that wants tokens: `send(role, method, path, body)`."""
    tables = sql.tables(ws)
    secrets = {role: auth.add(tables, f"a-{role}", role).secret for role in auth.RANKS}
    with background(ws) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)

        def send(header, method, path, body=None):
            headers = {"content-type": MEDIA}
            if header:
                headers["authorization"] = basic(secrets.get(header, header))
            connection.request(method, path, json.dumps(body or {}), headers)
            response = connection.getresponse()
            return response.status, response.headers, json.loads(response.read() or b"{}")

        yield send
        connection.close()


CALLS = [
    ("POST", "/lfs/objects/batch", {"operation": "upload", "objects": []}, "writer"),
    ("POST", "/lfs/objects/batch", {"operation": "download", "objects": []}, "reader"),
    ("PUT", "/lfs/objects/" + "0" * 64, {}, "writer"),
    ("GET", "/lfs/objects/" + "0" * 64, {}, "reader"),
    ("POST", "/lfs/verify", {"oid": "0" * 64, "size": 1}, "writer"),
    ("GET", "/lfs/locks", {}, "reader"),
    ("POST", "/lfs/locks", {"path": "x"}, "writer"),
    ("POST", "/lfs/locks/verify", {}, "writer"),
    ("POST", "/lfs/locks/x/unlock", {}, "writer"),
]


@pytest.mark.parametrize(("method", "path", "body", "role"), CALLS)
def test_every_call_wants_a_token_of_its_role(guarded, method, path, body, role):
    for header in ("", "nonsense"):
        status, headers, _ = guarded(header, method, path, body)
        assert status == 401
        assert headers["lfs-authenticate"] == 'Basic realm="Cauce"'
        assert "www-authenticate" not in headers
    assert guarded("reader", method, path, body)[0] not in (401, 500)
    assert (guarded("reader", method, path, body)[0] == 403) == (role == "writer")
    assert guarded("writer", method, path, body)[0] not in (401, 403, 500)


def test_actions_carry_the_proof_that_the_call_had_and_no_other(guarded, ws):
    body = {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 1}]}
    _, headers, answer = guarded("writer", "POST", "/lfs/objects/batch", body)
    header = answer["objects"][0]["actions"]["upload"]["header"]["Authorization"]
    assert header.startswith("Basic ")
    assert headers["cache-control"] == "no-store"


def test_behind_a_proxy_the_setting_says_the_address_and_no_header_does(project):
    (project / "cauce.toml").write_text('[server]\nurl = "https://hub.example.org/cauce/"\n')
    with open_local(project) as ws, background(ws) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
        body = {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 1}]}
        forged = {"content-type": MEDIA, "x-forwarded-host": "evil", "x-forwarded-proto": "gopher"}
        connection.request("POST", "/a%20b.git/info/lfs/objects/batch", json.dumps(body), forged)
        found = json.loads(connection.getresponse().read())
        connection.close()
    href = found["objects"][0]["actions"]["upload"]["href"]
    assert href == f"https://hub.example.org/cauce/a%20b.git/info/lfs/objects/{'0' * 64}"
