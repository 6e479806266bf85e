import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from tests.rooms import served, trained

from cauce.adapters.formats import image
from cauce.errors import Conflict, Damaged, Denied, Invalid, NotFound
from cauce.kernel import manifest
from cauce.kernel.entities import Commit, Move
from cauce.rooms.models import operations as models
from cauce.rooms.serve import answers, deployments, running
from cauce.rooms.serve import operations as serve
from cauce.rooms.serve.access import Access, is_loopback
from cauce.rooms.serve.server import Server


def wait(condition, seconds=10.0):
    """Look until a condition holds."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not (found := condition()):
        assert time.monotonic() < end, "it never came true"
        pause.wait(0.02)
    return found


def damage(ws, digest):
    path = ws.objects.path(digest)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def test_a_deployment_is_numbered_and_the_same_model_keeps_its_number(ws):
    served.prepare(ws, versions=2)
    assert serve.deploy(ws, "digits@2").number == 2
    again = serve.deploy(ws, "digits@1")
    assert (again.number, again.live, again.model) == (1, True, "digits@1")


def test_lineage_goes_from_a_deployment_to_the_data(ws):
    data = served.prepare(ws)
    graph = ws.catalog.lineage(deployments.live(ws, "prod").id)
    assert data.id in {node.id for node in graph.nodes}


def test_rolling_back_twice_goes_two_back_and_then_there_is_no_more(ws):
    served.prepare(ws, versions=3)
    serve.deploy(ws, "digits@2")
    serve.deploy(ws, "digits@3")
    assert serve.rollback(ws).model == "digits@2"
    back = serve.rollback(ws)
    assert (back.model, back.message) == ("digits@1", "roll back to prod@1")
    with pytest.raises(NotFound, match="nothing else"):
        serve.rollback(ws)
    assert serve.deploy(ws, "digits@3").live
    assert serve.rollback(ws).model == "digits@1"
    history = [one.model for one in serve.show(ws).history]
    assert history == [f"digits@{n}" for n in (1, 3, 1, 2, 3, 2, 1)]


def test_a_variant_is_deployed_by_its_precision(ws):
    served.prepare(ws)
    models.optimise(ws, "digits@1", data="digits")
    assert serve.deploy(ws, "digits@1", variant="int8").model == "digits@1-int8"
    assert serve.deploy(ws, "digits@1-int8").model == "digits@1-int8"
    with pytest.raises(NotFound):
        serve.deploy(ws, "digits@1", variant="int4")


def test_a_damaged_model_does_not_go_live(ws):
    served.prepare(ws, versions=2)
    tree = ws.manifest(ws.find("model", "digits@2").id)
    damage(ws, manifest.entry(tree, "model.onnx").digest)
    with pytest.raises(Damaged):
        serve.deploy(ws, "digits@2")
    assert deployments.live(ws, "prod").model == "digits@1"


def test_a_server_keeps_answering_when_the_next_version_is_damaged(ws, caplog):
    served.prepare(ws, versions=2)
    bad = serve.deploy(ws, "digits@2")
    good = serve.deploy(ws, "digits@1")
    damage(ws, manifest.entry(ws.manifest(bad.id), "model.onnx").digest)
    with pytest.raises(Damaged):
        serve.rollback(ws)
    with served.running(ws) as (server, port), served.Client(port) as client:
        move = Move(kind="deployment", name="prod", tag="live", target=bad.id, expect=good.id)
        ws.catalog.commit(Commit(moves=(move,)))
        wait(lambda: "stays on digits@1" in caplog.text)
        assert client.get("/v2/models/prod")[1]["versions"] == ["1"]
        assert server.loaded.id == good.id


@pytest.mark.parametrize("name", ["", "a/b", "../up", "a b", "x@y"])
def test_a_deployment_whose_name_fits_no_file_is_refused(ws, name):
    served.prepare(ws)
    with pytest.raises(Invalid, match="cannot name"):
        serve.deploy(ws, "digits@1", name=name)


def test_a_swap_under_load_loses_no_request(ws):
    served.prepare(ws, versions=2)
    rows = trained.rows()[2]
    body = json.dumps(served.question(rows[:1])).encode()
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def ask(port):
        with served.Client(port) as client:
            while not stop.is_set():
                status, _, reply = client.post("/v2/models/prod/infer", body)
                seen.append((status, json.loads(reply)["model_version"]))

    with served.running(ws) as (server, port):
        threads = [threading.Thread(target=ask, args=(port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        serve.deploy(ws, "digits@2")
        wait(lambda: server.loaded.version == "2")
        count = len(seen)
        wait(lambda: len(seen) > count + 50)
        serve.rollback(ws)
        wait(lambda: server.loaded.version == "1")
        stop.set()
        for thread in threads:
            thread.join()
    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen} == {"1", "2"}
    assert sum(1 for _ in ws.streams.read("predictions/prod")) == len(seen)


def test_every_row_is_recorded_with_what_lineage_needs(ws):
    served.prepare(ws)
    rows = trained.rows()[2][:3]
    with served.running(ws) as (_, port), served.Client(port) as client:
        _, headers, body = client.post(
            "/v2/models/prod/infer", json.dumps(served.question(rows, id="mine")).encode()
        )
        reply = json.loads(body)
    ids = reply["parameters"]["cauce_prediction"].split(",")
    assert reply["id"] == "mine"
    assert headers["cauce-prediction"].split(",") == ids
    for id, row in zip(ids, rows, strict=True):
        record = ws.streams.find("predictions/prod", id)
        assert record["inputs"] == row.astype("<f4").tobytes()
        assert record["shape"] == [64]
        assert record["deployment"] == deployments.live(ws, "prod").id
        assert record["label"] == trained.mlp().predict(row[None])[0]
        assert record["confidence"] == max(record["scores"])
        assert record["model"] == "digits@1"
        assert record["ms"] > 0


def test_a_recorded_image_comes_back_as_it_was_sent(ws):
    served.prepare(ws)
    rows = trained.rows()[2][:5]
    with served.running(ws) as (_, port), served.Client(port) as client:
        client.post("/v2/models/prod/infer", json.dumps(served.question(rows)).encode())
    found = {one.id: one for one in serve.predictions(ws)}
    assert len(found) == 5
    for one in found.values():
        record = ws.streams.find("predictions/prod", one.id)
        decoded = image.decode(base64.b64decode(one.png), trained.MEANING)
        assert decoded.tobytes() == record["inputs"]


def test_the_least_sure_come_first_when_asked_for(ws):
    served.prepare(ws)
    rows = trained.rows()[2][:60]
    with served.running(ws) as (_, port), served.Client(port) as client:
        client.post("/v2/models/prod/infer", json.dumps(served.question(rows)).encode())
    sure = trained.mlp().predict_proba(rows).max(axis=1)
    found = serve.predictions(ws, order="least-sure", limit=7)
    np.testing.assert_allclose([one.confidence for one in found], np.sort(sure)[:7], atol=1e-5)


def test_feedback_is_kept_beside_the_prediction_it_is_about(ws):
    served.prepare(ws)
    with served.running(ws) as (_, port), served.Client(port) as client:
        client.post(
            "/v2/models/prod/infer", json.dumps(served.question(trained.rows()[2][:1])).encode()
        )
    [one] = serve.predictions(ws)
    serve.feedback(ws, one.id, label="7")
    [record] = [record for _, record in ws.streams.read("feedback/prod")]
    assert (record["prediction"], record["label"], record["agent"]) == (one.id, "7", "user:test")
    with pytest.raises(NotFound, match="no prediction"):
        serve.feedback(ws, "01jdz3m9c4e8v4tqk2x7wz5n6r", label="7")
    with pytest.raises(Invalid, match="not a label"):
        serve.feedback(ws, one.id, label=" ")


def test_a_full_disk_leaves_predictions_unrecorded_but_answered(ws):
    served.prepare(ws)
    body = json.dumps(served.question(trained.rows()[2][:1])).encode()
    with served.running(ws) as (server, port), served.Client(port) as client:

        class Full:
            def append(self, record):
                raise OSError(28, "No space left on device")

            def close(self):
                pass

        server._writer.close()
        server._writer = Full()
        assert client.post("/v2/models/prod/infer", body)[0] == 200
        assert server.loaded.statistics.unrecorded == 1
    assert b"cauce_unrecorded_total" in server._metrics(server.loaded).body


def test_a_process_serves_says_where_and_stops_clean_when_told(ws, tmp_path):
    served.prepare(ws)
    files = []
    for index in range(3):
        files.append(tmp_path / f"{index}.png")
        files[-1].write_bytes(trained.png(index))
    with pytest.raises(NotFound, match="no server"):
        serve.predict(ws, "prod", tuple(files))
    code = (
        "import sys; from pathlib import Path; from cauce.kernel import workspace\n"
        "from cauce.rooms.serve import operations as serve\n"
        "with workspace.open_local(Path(sys.argv[1])) as ws: serve.run(ws, 'prod')"
    )
    process = subprocess.Popen([sys.executable, "-W", "error", "-c", code, str(ws.root)])
    try:
        state = wait(lambda: running.find(ws, "prod"))
        assert state.pid == process.pid
        found = serve.predict(ws, "prod", tuple(files))
        expected = trained.mlp().predict(trained.rows()[2][:3]).tolist()
        assert [one.label for one in found] == expected
        assert serve.ls(ws)[0].url == state.url
        wait(lambda: len(serve.predictions(ws)) == 3)
        detail = serve.show(ws)
        assert (detail.predictions, detail.latency.count) == (3, 1)
        assert sum(detail.labels.values()) == 3
        with pytest.raises(Conflict, match="already"):
            running.run(ws, "prod", "127.0.0.1", 0)
        bad = tmp_path / "big.png"
        bad.write_bytes(image.encode(np.zeros(100), {**trained.MEANING, "width": 10, "height": 10}))
        with pytest.raises(Invalid, match="10x10"):
            serve.predict(ws, "prod", (bad,))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    assert not running.state_file(ws, "prod").exists()
    assert {one.id for one in serve.predictions(ws)} == {one.id for one in found}


def test_a_file_that_a_killed_server_left_is_not_believed(ws):
    served.prepare(ws)
    file = running.state_file(ws, "prod")
    file.parent.mkdir(parents=True, exist_ok=True)
    gone = {"name": "prod", "url": "http://127.0.0.1:1", "pid": os.getpid(), "started": 0.0}
    file.write_text(json.dumps(gone))
    assert running.find(ws, "prod") is None
    file.write_text("{half")
    assert running.find(ws, "prod") is None


def test_a_request_under_way_is_answered_before_the_server_stops(ws):
    served.prepare(ws)
    body = json.dumps(served.question(trained.rows()[2][:1])).encode()
    whole = served.request("POST", "/v2/models/prod/infer", body)
    with served.running(ws) as (server, port):
        client = served.Client(port)
        client.send(whole[:-10])
        wait(lambda: any(one._busy for one in server.connections))
        sender = threading.Thread(
            target=lambda: (wait(lambda: server.stopping), client.send(whole[-10:]))
        )
        sender.start()
    sender.join()
    status, headers, _ = client.reply()
    assert (status, headers["connection"]) == (200, "close")
    client.socket.close()
    assert sum(1 for _ in ws.streams.read("predictions/prod")) == 1


def test_beyond_loopback_a_token_is_needed(ws):
    from cauce.kernel import auth

    served.prepare(ws)
    with pytest.raises(Denied, match="token"):
        Access(ws, "0.0.0.0")
    secret = auth.add(ws.catalog, "robot", "reader").secret
    access = Access(ws, "0.0.0.0")
    from cauce.rooms.serve.http import Refused, Request

    access.check(Request(b"GET", b"/v2/health/live", {}, b""))
    access.check(Request(b"GET", b"/v2", {b"authorization": b"Bearer " + secret.encode()}, b""))
    for header in (b"", b"Bearer", b"Bearer wrong", b"Basic " + secret.encode()):
        with pytest.raises(Refused):
            access.check(Request(b"GET", b"/v2", {b"authorization": header}, b""))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.8.0.1", True),
        ("0.0.0.0", False), ("10.0.0.1", False), ("localhost.example.org", False), ("", False),
    ],
)  # fmt: skip
def test_only_this_machine_is_loopback(host, expected):
    assert is_loopback(host) is expected


def test_a_record_whose_deployment_is_gone_is_still_shown(ws):
    served.prepare(ws)
    with ws.streams.writer("predictions/prod") as writer:
        writer.append({"id": "a", "at": 1.0, "deployment": "sha256:" + "0" * 64, "label": "3"})
    [one] = answers.recent(ws, "prod", "newest", 10)
    assert (one.label, one.png, one.scores) == ("3", "", {})


def test_a_server_needs_a_deployment(ws):
    served.prepare(ws)
    with pytest.raises(NotFound):
        Server(ws, "staging", access=Access(ws, "127.0.0.1"))
