"""Unmodified tritonclient[http] against the model server."""

import subprocess
import textwrap

import numpy as np
import pytest
from tests.peers import peer
from tests.rooms import served, trained

from cauce.adapters.runtimes import onnxruntime
from cauce.kernel import manifest

pytestmark = pytest.mark.peer

SCRIPT = textwrap.dedent(
    """
    import json, sys
    import numpy as np
    import tritonclient.http as http
    from tritonclient.utils import InferenceServerException

    url, source, target = sys.argv[1:]
    rows = np.load(source)
    found = {}
    facts = {}
    with http.InferenceServerClient(url) as client:
        facts["live"] = client.is_server_live()
        facts["ready"] = client.is_server_ready()
        facts["model"] = client.is_model_ready("digits")
        facts["version"] = client.is_model_ready("prod", "1")
        facts["unknown"] = client.is_model_ready("nothing")
        facts["server"] = client.get_server_metadata()["name"]
        facts["inputs"] = client.get_model_metadata("prod")["inputs"]
        facts["config"] = client.get_model_config("prod")["input"]
        facts["index"] = client.get_model_repository_index()[0]["state"]
        for binary_in in (True, False):
            for binary_out in (True, False):
                for packed in (None, "gzip", "deflate"):
                    tensor = http.InferInput("input", list(rows.shape), "FP32")
                    tensor.set_data_from_numpy(rows, binary_data=binary_in)
                    wanted = [
                        http.InferRequestedOutput("probabilities", binary_data=binary_out),
                        http.InferRequestedOutput("label", binary_data=binary_out),
                    ]
                    result = client.infer(
                        "prod", [tensor], outputs=wanted, request_id="me",
                        request_compression_algorithm=packed,
                        response_compression_algorithm=packed,
                    )
                    key = f"{binary_in}-{binary_out}-{packed}"
                    found[f"probabilities-{key}"] = result.as_numpy("probabilities")
                    found[f"label-{key}"] = result.as_numpy("label").astype(str)
                    assert result.get_response()["id"] == "me"
        tensor = http.InferInput("input", list(rows.shape), "FP32")
        tensor.set_data_from_numpy(rows)
        found["default"] = client.infer("digits", [tensor]).as_numpy("probabilities")
        facts["prediction"] = client.infer("digits", [tensor]).get_response()["parameters"]
        best = http.InferRequestedOutput("probabilities", binary_data=True, class_count=2)
        found["classes"] = client.infer("prod", [tensor], outputs=[best]).as_numpy(
            "probabilities"
        ).astype(str)
        waiting = [client.async_infer("prod", [tensor]) for _ in range(4)]
        found["async"] = waiting[-1].get_result().as_numpy("probabilities")
        for one in waiting[:-1]:
            one.get_result()
        stats = client.get_inference_statistics("prod")["model_stats"][0]
        facts["counted"] = stats["inference_stats"]["success"]["count"]
        errors = []
        for call in (
            lambda: client.infer("nothing", [tensor]),
            lambda: client.get_model_metadata("prod", "9"),
            lambda: client.unload_model("prod"),
            lambda: client.get_trace_settings(),
            lambda: client.get_system_shared_memory_status(),
        ):
            try:
                call()
            except InferenceServerException as error:
                errors.append([error.status(), error.message()])
        facts["errors"] = errors
    np.savez(target, **found)
    json.dump(facts, sys.stdout)
    """
)


def test_tritonclient_gets_the_numbers_that_the_runtime_alone_gives(ws, tmp_path):
    import json

    python = peer("tritonclient", ["tritonclient[http]==2.*", "numpy"])
    served.prepare(ws)
    tree = ws.manifest(ws.find("model", "digits@1").id)
    native = onnxruntime.load(ws.objects.get(manifest.entry(tree, "model.onnx").digest))
    rows = trained.rows()[2][:5]
    label, probabilities = native.run({"input": rows})
    np.save(tmp_path / "rows.npy", rows)
    target = tmp_path / "found.npz"
    with served.running(ws) as (_, port):
        done = subprocess.run(
            [python, "-c", SCRIPT, f"127.0.0.1:{port}", tmp_path / "rows.npy", target],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    errors = facts.pop("errors")
    assert len(facts.pop("prediction")["cauce_prediction"].split(",")) == 5
    assert facts == {
        "live": True,
        "ready": True,
        "model": True,
        "version": True,
        "unknown": False,
        "server": "cauce",
        "inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 64]}],
        "config": [{"name": "input", "data_type": "TYPE_FP32", "dims": [-1, 64]}],
        "index": "READY",
        "counted": 19,
    }
    assert [status for status, _ in errors] == ["404", "404", "403", "400", "400"]
    assert all(message for _, message in errors)
    with np.load(target) as found:
        forms = [name for name in found if name not in {"default", "classes", "async"}]
        assert len(forms) == 24
        for name in forms:
            expected = probabilities if name.startswith("prob") else label.astype(str)
            assert found[name].tobytes() == expected.astype(found[name].dtype).tobytes(), name
        for name in ("default", "async"):
            assert found[name].tobytes() == probabilities.tobytes()
        best = [text.split(":")[2] for text in found["classes"][:, 0]]
    assert best == label.tolist()
