"""The server keeps to its description and refuses everything else, without ever failing."""

import gzip
import json

import msgspec
import pytest

pytestmark = pytest.mark.usefixtures("sample")

ECHO = "/api/v1/sample.echo"


def test_an_operation_is_called_with_its_arguments_as_an_object(ask):
    answer = ask("POST", ECHO, {"first": "a", "params": {"lr": 0.1}, "sizes": [1, 2]})
    assert answer.status == 200
    given = answer.json()["given"]
    assert (given["first"], given["second"], given["sizes"]) == ("a", 7, [1, 2])
    assert given["params"] == {"lr": 0.1}


def test_json_has_null_for_numbers_it_cannot_write_and_messagepack_keeps_them(ask):
    assert ask("POST", "/api/v1/sample.numbers", {}).json() == [1.5, None, None]
    packed = ask("POST", "/api/v1/sample.numbers", {}, accept="application/msgpack")
    assert packed.headers["content-type"] == "application/msgpack"
    assert repr(msgspec.msgpack.decode(packed.body)) == "[1.5, nan, inf]"


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({}, 422, "$"),
        ({"first": 1}, 422, "$.first"),
        ({"first": "a", "frist": 1}, 422, "$"),
        ({"first": "a", "second": "1"}, 422, "$.second"),
        ({"first": "a", "second": 1.5}, 422, "$.second"),
        ({"first": "a", "second": 1 << 63}, 422, "$.second"),
        ({"first": "a", "second": None}, 422, "$.second"),
        ({"first": "a", "mode": "left"}, 422, "$.mode"),
        ({"first": "a", "names": ["a", 1]}, 422, "$.names[1]"),
        ({"first": "a", "params": {"x": [1]}}, 422, "$.params[...]"),
        ({"first": "a", "params": {"x": 1 << 70}}, 422, "$.params[...]"),
        ({"first": "a", "points": [{"key": "k", "value": 1, "typo": 1}]}, 422, "$.points[0]"),
        ({"first": "a", "limit": 0}, 422, "$.limit"),
        ({"first": "a", "limit": 1_000_000}, 422, "$.limit"),
        ({"first": "a\0b"}, 422, "$.first"),
        ([], 422, "$"),
        (b"", 400, "$"),
        (b"{", 400, "$"),
        (b'{"first": NaN}', 400, "$"),
        (b'{"first": "\xff"}', 400, "$"),
        (b'{"first": "\\ud800"}', 400, "$"),
        (b'{"first": "a"} x', 400, "$"),
        (b"[" * 100_000, 422, "$"),
        (b'{"first": "a", "ratio": 1e999}', 422, "$.ratio"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_the_path_of_the_field(ask, body, status, path):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = ask("POST", ECHO, raw, content_type="application/json")
    assert (answer.status, answer.error.get("path", "$")) == (status, path)
    assert answer.error["type"] == "Invalid"
    assert answer.error["request"] == answer.headers["x-request-id"]


def test_a_body_that_is_nested_too_deeply_is_refused(ask):
    body = b'{"commit": {"notes": [{"kind": "k", "subject": "s", "data": {"a": %s' % (b"[" * 99_999)
    answer = ask("POST", "/api/v1/catalog/commit", body, content_type="application/json")
    assert answer.status == 400
    assert "deeply" in answer.error["message"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_content_types_are_refused(ask, kind):
    answer = ask("POST", ECHO, b'{"first": "a"}', content_type=kind)
    assert answer.status == 415
    assert "application/json" in answer.error["hint"]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(ask):
    answer = ask("POST", ECHO, b"", content_type="application/json", content_length=str(1 << 40))
    assert answer.status == 413


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Invalid", 422),
        ("NotFound", 404),
        ("Conflict", 409),
        ("Denied", 403),
        ("GateFailed", 409),
        ("Unavailable", 503),
        ("Damaged", 500),
    ],
)
def test_our_errors_keep_class_message_and_hint(ask, kind, status):
    answer = ask("POST", "/api/v1/sample.fail", {"kind": kind})
    assert answer.status == status
    assert {name: answer.error[name] for name in ("type", "message", "hint")} == {
        "type": kind,
        "message": "it broke",
        "hint": "try again",
    }


def test_an_error_that_nobody_foresaw_tells_nothing_but_a_number_to_look_up(ask, capfd):
    answer = ask("POST", "/api/v1/sample.fail", {"kind": "KeyError", "text": "secret"})
    assert answer.status == 500
    assert "secret" not in answer.body.decode()
    log = capfd.readouterr().err
    assert answer.error["request"] in log
    assert "secret" in log


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v1/sample.nothing", 404),
        ("POST", "/api/v1/sample.touch", 404),
        ("GET", ECHO, 405),
        ("GET", "/nothing", 404),
        ("POST", "/api/v1/catalog/close", 404),
        ("POST", "/api/v1/catalog/_call", 404),
        ("GET", "/static/x/../../../../etc/passwd", 404),
        ("PUT", "/", 405),
    ],
)
def test_what_is_not_there_is_said_in_the_same_form(ask, method, path, status):
    answer = ask(method, path, {})
    assert answer.status == status
    assert answer.error["message"]
    assert answer.error["request"]


def test_long_answers_are_packed_for_those_who_take_it(ask):
    body = {"first": "a" * 5000}
    plain = ask("POST", ECHO, body)
    packed = ask("POST", ECHO, body, accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < 500


@pytest.mark.parametrize("path", ["/", "/health", "/openapi.json", "/nothing", ECHO])
def test_every_answer_carries_the_security_headers(ask, path):
    answer = ask("GET", path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "[::2]", "0x7f.1", "", "[", "10.0.0.1:8765"],
)
def test_a_host_that_is_not_ours_is_refused(ask, host):
    answer = ask("POST", ECHO, {"first": "a"}, host=host)
    assert answer.status == 403
    assert answer.error["type"] == "Denied"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80", "127.9.9.9"])
def test_every_loopback_name_is_ours(ask, host):
    assert ask("POST", ECHO, {"first": "a"}, host=host).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_pages_of_other_sites_cannot_write(ask, headers):
    answer = ask("POST", ECHO, {"first": "a"}, **headers)
    assert answer.status == 403


def test_our_own_pages_can_write(ask, server):
    answer = ask("POST", ECHO, {"first": "a"}, origin=server, sec_fetch_site="same-origin")
    assert answer.status == 200


def test_a_caller_without_a_token_may_say_who_acts(ask):
    assert ask("POST", "/api/v1/sample.who", {}, x_cauce_agent="user:zoë".encode()).json()
    answer = ask("POST", "/api/v1/sample.who", {}, x_cauce_agent="user%3Azo%C3%AB")
    assert answer.json() == "user:zoë"
    assert ask("POST", "/api/v1/sample.who", {}).json() == "user:test"
