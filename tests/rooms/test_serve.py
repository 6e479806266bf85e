import gzip
import json
import math
import threading
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rooms import served, trained

from cauce.kernel import manifest, workspace
from cauce.kernel.model import Tensor
from cauce.rooms.models import operations as models
from cauce.rooms.serve import oip
from cauce.rooms.serve.http import Limits, Refused
from cauce.rooms.serve.statistics import Histogram

INFER = "/v2/models/prod/infer"


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    (root / "cauce.toml").write_text('project = "test"\n')
    with workspace.open_local(root, agent="user:test") as opened:
        served.prepare(opened)
        yield opened


@pytest.fixture(scope="module")
def port(ws):
    limits = Limits(body=1 << 20, request=1.0, idle=2.0, linger=0.5)
    with served.running(ws, limits=limits) as (_, port):
        yield port


@pytest.fixture
def client(port):
    with served.Client(port) as client:
        yield client


@pytest.fixture(scope="module")
def native(ws):
    """The registered file in the runtime alone."""
    from cauce.adapters.runtimes import onnxruntime

    tree = ws.manifest(ws.find("model", "digits@1").id)
    return onnxruntime.load(ws.objects.get(manifest.entry(tree, "model.onnx").digest))


def outputs(body):
    return {item["name"]: item for item in json.loads(body)["outputs"]}


def binary(rows, **more):
    """A request whose input follows the JSON, and its headers."""
    data = rows.astype("<f4").tobytes()
    tensor = {
        "name": "input",
        "datatype": "FP32",
        "shape": list(rows.shape),
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [tensor], **more}).encode()
    return head + data, {"Inference-Header-Content-Length": str(len(head))}


def test_the_served_numbers_are_those_of_the_runtime_alone(client, native):
    rows = trained.rows()[2][:8]
    label, probabilities = native.run({"input": rows})
    for body, headers in ((json.dumps(served.question(rows)).encode(), {}), binary(rows)):
        status, _, reply = client.post(INFER, body, headers)
        assert status == 200
        given = outputs(reply)
        assert given["label"]["data"] == label.tolist()
        got = np.array(given["probabilities"]["data"], np.float32).reshape(8, 10)
        assert got.tobytes() == probabilities.tobytes()


def test_binary_outputs_hold_the_same_bytes(client, native):
    rows = trained.rows()[2][:3]
    label, probabilities = native.run({"input": rows})
    body, headers = binary(rows, parameters={"binary_data_output": True})
    status, head, reply = client.post(INFER, body, headers)
    size = int(head["inference-header-content-length"])
    given = outputs(reply[:size])
    first, second = (
        given[name]["parameters"]["binary_data_size"] for name in ("label", "probabilities")
    )
    assert status == 200
    texts = b"".join(len(t).to_bytes(4, "little") + t.encode() for t in label.tolist())
    assert reply[size:] == texts + probabilities.tobytes()
    assert (first, second) == (len(texts), probabilities.nbytes)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=64,
                 max_size=64),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_any_rows_give_the_runtimes_numbers_in_every_form(port, native, table, nested, as_bytes):
    rows = np.array(table, np.float32)
    _, probabilities = native.run({"input": rows})
    question = served.question(rows)
    if nested:
        question["inputs"][0]["data"] = rows.tolist()
    body, headers = binary(rows) if as_bytes else (json.dumps(question).encode(), {})
    with served.Client(port) as client:
        status, _, reply = client.post(INFER, body, headers)
    if np.isnan(probabilities).any():
        assert status == 400
        return
    assert status == 200
    got = np.array(outputs(reply)["probabilities"]["data"], np.float32)
    assert got.tobytes() == probabilities.tobytes()


def test_classification_names_the_best_with_score_and_place(client, native):
    rows = trained.rows()[2][:2]
    _, probabilities = native.run({"input": rows})
    want = [{"name": "probabilities", "parameters": {"classification": 3}}]
    _, _, reply = client.post(INFER, json.dumps(served.question(rows, outputs=want)).encode())
    [item] = json.loads(reply)["outputs"]
    assert (item["datatype"], item["shape"]) == ("BYTES", [2, 3])
    score, place, label = item["data"][0].split(":")
    best = int(probabilities[0].argmax())
    assert (int(place), label) == (best, str(best))
    assert math.isclose(float(score), probabilities[0].max(), abs_tol=1e-6)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bodies_may_be_compressed_both_ways(client, encoding):
    rows = trained.rows()[2][:32]
    plain = json.dumps(served.question(rows)).encode()
    packed = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)
    headers = {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    status, head, reply = client.post(INFER, packed, headers)
    assert (status, head["content-encoding"]) == (200, encoding)
    assert len(outputs(zlib.decompress(reply, wbits=47))["label"]["data"]) == 32


def test_a_body_that_unpacks_beyond_the_limit_is_refused(client):
    bomb = gzip.compress(b" " * (4 << 20))
    status, _, reply = client.post(INFER, bomb, {"Content-Encoding": "gzip"})
    assert status == 413
    assert "unpacks" in json.loads(reply)["error"]


def test_the_model_answers_to_both_names_and_its_version(client):
    for path in ("prod", "digits", "prod/versions/1", "digits/versions/1", "%70rod", "prod?x=1"):
        status, found = client.get(f"/v2/models/{path}")
        assert (status, found["versions"]) == (200, ["1"])
    assert client.get("/v2/models/prod/versions/2")[0] == 404
    assert "known: prod, digits" in client.get("/v2/models/other")[1]["error"]


def test_metadata_says_what_the_signature_says(client):
    _, found = client.get("/v2/models/digits")
    assert found["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 64]}]
    assert [item["datatype"] for item in found["outputs"]] == ["BYTES", "FP32"]
    _, config = client.get("/v2/models/digits/config")
    assert config["input"] == [{"name": "input", "data_type": "TYPE_FP32", "dims": [-1, 64]}]
    assert client.get("/v2")[1]["name"] == "cauce"
    client.send(served.request("POST", "/v2/repository/index", b"{}"))
    assert json.loads(client.reply()[2])[0]["state"] == "READY"


def test_what_is_not_offered_is_said(client):
    for method, path, expected in (
        ("POST", "/v2/repository/models/prod/unload", 403),
        ("GET", "/v2/systemsharedmemory/status", 400),
        ("GET", "/v2/trace/setting", 400),
        ("GET", "/v2/models/prod/trace/setting", 400),
        ("GET", "/v2/models/prod/nothing", 404),
        ("GET", "/", 404),
        ("GET", INFER, 405),
        ("DELETE", "/v2/models/prod", 405),
    ):
        client.send(served.request(method, path, b"" if method == "POST" else None))
        status, _, body = client.reply()
        assert status == expected, path
        assert json.loads(body)["error"]


def test_statistics_count_what_was_answered_and_refused(ws):
    rows = trained.rows()[2][:4]
    with served.running(ws) as (_, port), served.Client(port) as client:
        for _ in range(3):
            client.post(INFER, json.dumps(served.question(rows)).encode())
        client.post(INFER, b"{}")
        [found] = client.get("/v2/models/prod/stats")[1]["model_stats"]
        client.send(served.request("GET", "/metrics"))
        text = client.reply()[2].decode()
    counted = found["inference_stats"]
    assert (found["inference_count"], found["execution_count"]) == (12, 3)
    assert (counted["success"]["count"], counted["fail"]["count"]) == (3, 1)
    assert 0 < counted["compute_infer"]["ns"] < counted["success"]["ns"]
    assert 'cauce_rows_total{deployment="prod",model="digits",version="1"} 12' in text
    assert 'cauce_request_failures_total{deployment="prod",model="digits",version="1"} 1' in text


def test_pipelined_requests_are_answered_in_order(client):
    rows = trained.rows()[2]
    whole = b"".join(
        served.request("POST", INFER, json.dumps(served.question(rows[:1], id=str(n))).encode())
        for n in range(50)
    )
    client.send(whole)
    assert [json.loads(client.reply()[2])["id"] for _ in range(50)] == [str(n) for n in range(50)]


def test_chunked_bodies_and_single_bytes_are_put_together(client):
    body = json.dumps(served.question(trained.rows()[2][:1])).encode()
    head = f"POST {INFER} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = head.encode()
    for at in range(0, len(body), 100):
        piece = body[at : at + 100]
        data += f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    data += b"0\r\n\r\n"
    for at in range(len(data)):
        client.send(data[at : at + 1])
    assert client.reply()[0] == 200


def test_a_client_that_waits_is_told_to_go_on(client):
    body = json.dumps(served.question(trained.rows()[2][:1])).encode()
    whole = served.request("POST", INFER, body, {"Expect": "100-continue"})
    client.send(whole[: -len(body)])
    assert client._until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue"
    client.send(body)
    assert client.reply()[0] == 200


def test_an_offer_to_upgrade_is_passed_over_and_the_body_read(client):
    body = json.dumps(served.question(trained.rows()[2][:1])).encode()
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMA"}
    whole = served.request("POST", INFER, body, offer)
    client.send(whole[:-20])
    client.send(whole[-20:])
    assert client.reply()[0] == 200
    assert client.post(INFER, body, offer)[0] == 200


def test_an_old_client_gets_its_reply_and_the_end(client):
    client.send(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
    status, headers, _ = client.reply()
    assert (status, headers["connection"]) == (200, "close")
    assert client.ended()


def test_head_has_the_length_but_no_body(client):
    client.send(served.request("HEAD", "/v2"))
    head = client._until(b"\r\n\r\n").decode()
    assert "Content-Length: " in head
    assert client.get("/v2")[0] == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "evil.example"), ("Origin", "https://evil.example"), ("Origin", "null"),
        ("Host", "127.0.0.1.evil.example"), ("Host", "["),
    ],
)  # fmt: skip
def test_a_page_of_another_site_is_refused(client, header, value):
    host = "" if header == "Host" else "Host: 127.0.0.1\r\n"
    client.send(f"GET /v2 HTTP/1.1\r\n{host}{header}: {value}\r\n\r\n".encode())
    assert client.reply()[0] == 403


def test_own_pages_may_ask(client):
    assert client.get("/v2", {"Origin": "http://localhost:8765"})[0] == 200


HOSTILE = [
    (b"", "not JSON"),
    (b"{", "not JSON"),
    (b"[]", "must be an object"),
    (b"[" * 5000, "not JSON"),
    (b"\xff\xfe", "not JSON"),
    (b'{"inputs": [], "inptus": 1}', "no field 'inptus'"),
    (b'{"inputs": []}', "at least one"),
    (b'{"inputs": {}}', "must be a list"),
    (b'{"inputs": [1]}', "must be an object"),
]


@pytest.mark.parametrize(("body", "message"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_malformed_body_is_refused_with_its_fault(client, body, message):
    status, _, reply = client.post(INFER, body)
    assert status == 400
    assert message in json.loads(reply)["error"]
    assert client.get("/v2/health/live")[0] == 200


CHANGES = [
    ({"name": "other"}, "inputs[0].name"),
    ({"name": 7}, "inputs[0].name"),
    ({"name": None}, "inputs[0].name"),
    ({"datatype": "FP64"}, "inputs[0].datatype"),
    ({"datatype": None}, "inputs[0].datatype"),
    ({"shape": [1, 63]}, "inputs[0].shape"),
    ({"shape": [64]}, "inputs[0].shape"),
    ({"shape": [0, 64]}, "inputs[0].shape"),
    ({"shape": [-1, 64]}, "inputs[0].shape"),
    ({"shape": [True, 64]}, "inputs[0].shape"),
    ({"shape": [1.0, 64]}, "inputs[0].shape"),
    ({"shape": [10**30, 64]}, "inputs[0].shape"),
    ({"shape": [10**9, 64]}, "inputs[0].shape"),
    ({"shape": [2, 64]}, "inputs[0].data"),
    ({"shape": "all"}, "inputs[0].shape"),
    ({"data": [0.0] * 63}, "inputs[0].data"),
    ({"data": [[0.0] * 32] * 2}, "inputs[0].data"),
    ({"data": [[0.0] * 64, [0.0]]}, "inputs[0].data"),
    ({"data": ["1"] * 64}, "inputs[0].data"),
    ({"data": [None] * 64}, "inputs[0].data"),
    ({"data": [True] * 64}, "inputs[0].data"),
    ({"data": [{}] * 64}, "inputs[0].data"),
    ({"data": [1e39] * 64}, "out of the range"),
    ({"data": [-1e300] * 64}, "out of the range"),
    ({"data": 5}, "inputs[0].data"),
    ({"data": "abc"}, "inputs[0].data"),
    ({"extra": 1}, "no field 'extra'"),
    ({"parameters": []}, "inputs[0].parameters"),
    ({"parameters": {"binary_data_size": 256}}, "both data"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=range(len(CHANGES)))
def test_a_wrong_tensor_is_refused_with_the_field_that_is_wrong(client, change, message):
    question = served.question(trained.rows()[2][:1])
    question["inputs"][0] |= change
    status, _, reply = client.post(INFER, json.dumps(question).encode())
    assert status == 400
    assert message in json.loads(reply)["error"]


REQUESTS = [
    ({"id": 7}, "id: must be a text"),
    ({"parameters": 1}, "parameters"),
    ({"parameters": {"binary_data_output": "yes"}}, "true or false"),
    ({"outputs": {}}, "outputs: must be a list"),
    ({"outputs": [{"name": "nothing"}]}, "outputs[0].name"),
    ({"outputs": [{"name": "label", "data": []}]}, "no field 'data'"),
    ({"outputs": [{"name": "label", "parameters": {"classification": 2}}]}, "no scores"),
    ({"outputs": [{"name": "label", "parameters": {"classification": -1}}]}, "whole number"),
    ({"outputs": [{"name": "label", "parameters": {"binary_data": 1}}]}, "true or false"),
]


@pytest.mark.parametrize(("change", "message"), REQUESTS, ids=range(len(REQUESTS)))
def test_a_wrong_request_is_refused_with_the_field_that_is_wrong(client, change, message):
    question = served.question(trained.rows()[2][:1]) | change
    status, _, reply = client.post(INFER, json.dumps(question).encode())
    assert status == 400
    assert message in json.loads(reply)["error"]


def test_an_input_given_twice_is_refused(client):
    question = served.question(trained.rows()[2][:1])
    question["inputs"] *= 2
    assert "twice" in json.loads(client.post(INFER, json.dumps(question).encode())[2])["error"]


@pytest.mark.parametrize("length", ["0", "-1", "abc", "99999", "1e3", "9" * 20, "+5"])
def test_a_wrong_length_of_the_json_part_is_refused(client, length):
    body, headers = binary(trained.rows()[2][:1])
    headers["Inference-Header-Content-Length"] = length
    assert client.post(INFER, body, headers)[0] == 400


def test_binary_data_of_the_wrong_size_is_refused(client):
    body, headers = binary(trained.rows()[2][:1])
    for wrong in (body[:-1], body + b"x", body.replace(b": 256", b": 252")):
        headers["Inference-Header-Content-Length"] = str(body.index(b"}]}") + 3)
        assert client.post(INFER, wrong, headers)[0] == 400


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_no_image_has_give_no_answer(client, value):
    rows = trained.rows()[2][:2].copy()
    rows[1, 5] = value
    body, headers = binary(rows)
    status, _, reply = client.post(INFER, body, headers)
    assert status == 400
    assert "which no image has" in json.loads(reply)["error"]


RAW = [
    (b"\x00\x01\x02\x03\r\n\r\n", 400),
    (b"GET\r\n\r\n", 400),
    (b"GET /v2 HTTP/9.9\r\n\r\n", 400),
    (b"GET /v2 HTTP/1.1\r\nno colon\r\n\r\n", 400),
    (b"POST /v2 HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
    (b"POST /v2 HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
    (b"POST /v2 HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST /v2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"POST /v2 HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
    (b"GET /v2 HTTP/1.1\r\nX: " + b"a" * 70000 + b"\r\n\r\n", 431),
    (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n", 431),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
]


@pytest.mark.parametrize(("data", "expected"), RAW, ids=range(len(RAW)))
def test_what_is_not_http_is_refused_and_the_connection_ends(client, data, expected):
    client.send(data)
    assert client.reply()[0] == expected
    assert client.ended()


def test_a_body_that_grows_too_long_is_refused_with_a_reply_that_arrives(client):
    client.send(f"POST {INFER} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    for _ in range(20):
        client.send(piece)
    assert client.reply()[0] == 413


def test_a_request_that_drips_is_cut_off(client):
    client.send(b"POST /v2/models/prod/infer HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
    pause = threading.Event()
    for _ in range(30):
        if pause.wait(0.1) or client.socket.fileno() < 0:
            break
        try:
            client.send(b"x")
        except OSError:
            break
    status, _, body = client.reply()
    assert status == 408
    assert "took more than" in json.loads(body)["error"]


def test_an_idle_connection_is_closed(client):
    assert client.get("/v2")[0] == 200
    assert client.ended()


def test_too_many_connections_are_turned_away(ws):
    with served.running(ws, limits=Limits(connections=2)) as (_, port):
        held = [served.Client(port) for _ in range(2)]
        assert [one.get("/v2")[0] for one in held] == [200, 200]
        with served.Client(port) as third:
            assert third.reply()[0] == 503
        for one in held:
            assert one.get("/v2")[0] == 200
            one.socket.close()


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_damage_to_a_request_takes_the_server_down(port, data):
    rows = trained.rows()[2][:2]
    body, headers = binary(rows)
    whole = bytearray(served.request("POST", INFER, body, headers))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if kind == "flip":
            whole[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "cut":
            del whole[at : at + data.draw(st.integers(1, 40))]
        else:
            whole[at:at] = data.draw(st.binary(min_size=1, max_size=20))
    with served.Client(port) as client:
        client.send(bytes(whole))
        client.socket.shutdown(1)
        answer = b""
        while more := client.socket.recv(65536):
            answer += more
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b" 500 " not in answer.split(b"\r\n")[0]
    with served.Client(port) as client:
        assert client.get("/v2/health/ready")[0] == 200


TENSOR = {
    "number": Tensor(name="x", dtype="int8", shape=(-1, 2)),
    "flag": Tensor(name="x", dtype="bool", shape=(-1,)),
    "text": Tensor(name="x", dtype="string", shape=(-1, 2)),
    "big": Tensor(name="x", dtype="uint64", shape=(-1,)),
}


@pytest.mark.parametrize(
    ("kind", "datatype", "shape", "data", "expected"),
    [
        ("number", "INT8", [1, 2], [-128, 127], [[-128, 127]]),
        ("number", "INT8", [1, 2], [[1, 2]], [[1, 2]]),
        ("number", "INT8", [1, 2], [1, 128], None),
        ("number", "INT8", [1, 2], [1, 1.5], None),
        ("flag", "BOOL", [2], [True, False], [True, False]),
        ("flag", "BOOL", [2], [1, 0], None),
        ("text", "BYTES", [1, 2], ["a", "é"], [["a", "é"]]),
        ("text", "BYTES", [1, 2], [["a", "b"]], [["a", "b"]]),
        ("text", "BYTES", [1, 2], ["a", 1], None),
        ("text", "BYTES", [1, 2], ["a"], None),
        ("big", "UINT64", [1], [2**64 - 1], [2**64 - 1]),
        ("big", "UINT64", [1], [-1], None),
    ],
)
def test_each_datatype_is_read_exactly_or_refused(kind, datatype, shape, data, expected):
    item = {"name": "x", "datatype": datatype, "shape": shape, "data": data}
    body = json.dumps({"inputs": [item]}).encode()
    if expected is None:
        with pytest.raises(Refused, match=r"inputs\[0\]"):
            oip.decode(body, None, {"x": TENSOR[kind]}, ["y"])
    else:
        assert oip.decode(body, None, {"x": TENSOR[kind]}, ["y"]).feed["x"].tolist() == expected


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_texts_survive_the_binary_form(texts):
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    array = np.array(texts, dtype=object)
    arrays = {"y": array}
    body, size = oip.encode({}, [oip.Wanted("y", True)], arrays, ())
    item = json.loads(body[:size])["outputs"][0]
    tensor = Tensor(name="y", dtype="string", shape=(-1,))
    head = json.dumps(
        {"inputs": [{"name": "y", "datatype": "BYTES", "shape": [len(texts)],
                     "parameters": item["parameters"]}]}
    ).encode()  # fmt: skip
    found = oip.decode(head + body[size:], len(head), {"y": tensor}, ["z"])
    assert found.feed["y"].tolist() == texts


@pytest.mark.parametrize(
    "data", [b"\x05\x00\x00\x00abc", b"\x01\x00", b"\x01\x00\x00\x00\xff", b""]
)
def test_texts_with_wrong_lengths_are_refused(data):
    tensor = Tensor(name="x", dtype="string", shape=(-1,))
    item = {"name": "x", "datatype": "BYTES", "shape": [1],
            "parameters": {"binary_data_size": len(data)}}  # fmt: skip
    head = json.dumps({"inputs": [item]}).encode()
    with pytest.raises(Refused, match=r"inputs\[0\]"):
        oip.decode(head + data, len(head), {"x": tensor}, ["y"])


@given(st.lists(st.integers(0, 1 << 60), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_quantile_is_within_a_sixteenth_of_the_true_one(values, share):
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    true = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    assert abs(histogram.quantile(share) - true) <= max(1, true / 16)
    assert histogram.below(1 << 61) == len(values)


def test_only_versions_that_were_registered_can_be_deployed(ws):
    from cauce.errors import NotFound
    from cauce.rooms.serve import operations as serve

    assert [one.number for one in models.versions(ws, "digits")] == [1]
    with pytest.raises(NotFound):
        serve.deploy(ws, "digits@2")
