"""The demo: the whole course, run by its command, judged by what it leaves behind."""

import json
import re
import shutil
import subprocess

import numpy as np
import onnxruntime
import pytest
from tests.course.conftest import run_demo
from tests.peers import peer

from cauce.faces.demo.thread import thread
from cauce.kernel import manifest
from cauce.kernel.workspace import open_local

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("course")]


def test_every_stage_prints_its_figure(finished):
    stages = re.findall(r"^(\d)/9 (\w+) ", finished.output, re.MULTILINE)
    assert [number for number, _ in stages] == list("123456789")
    assert "drifted" in finished.output
    assert float(finished.figure(r"test accuracy (0\.\d+)")) > 0.8


def test_what_it_leaves_is_whole(finished):
    with open_local(finished.root) as ws:
        report = ws.admin.check()
    assert report.problems == []


def test_the_thread_of_a_prediction_ends_at_the_annotator(finished):
    with open_local(finished.root) as ws:
        live = ws.serve.show("prod").live
        assert live.number == 2, finished.output
        last = ws.serve.predictions("prod", limit=1)[0]
        way = thread(ws.lineage.show(f"prediction:{last.id}"))
    kinds = [node.kind for node in way]
    assert kinds[0] == "prediction"
    assert kinds[-1] == "labelling"
    assert way[-1].agent == "user:annotator"
    assert {"deployment", "model", "train", "dataset", "merge", "annotations"} <= set(kinds)


def test_onnxruntime_alone_gives_the_served_outputs(finished):
    with open_local(finished.root) as ws:
        records = [record for _, record in ws.streams.read("predictions/prod")]
        checked = 0
        for version in {record["deployment"] for record in records}:
            tree = ws.manifest(version)
            session = onnxruntime.InferenceSession(
                ws.objects.get(manifest.entry(tree, "model.onnx").digest),
                providers=["CPUExecutionProvider"],
            )
            mine = [record for record in records if record["deployment"] == version]
            rows = np.stack([np.frombuffer(record["inputs"], "<f4") for record in mine])
            outputs = session.run(["probabilities"], {session.get_inputs()[0].name: rows})[0]
            scores = np.array([list(record["scores"]) for record in mine], np.float64)
            np.testing.assert_allclose(outputs, scores, atol=1e-6)
            checked += len(mine)
    assert checked == 700


def test_a_rollback_brings_the_first_model_back(course):
    with open_local(course.root) as ws:
        assert ws.serve.show("prod").live.model == "digits@2"
        assert ws.serve.rollback("prod").model == "digits@1"
        assert ws.serve.show("prod").live.model == "digits@1"


@pytest.mark.peer
def test_an_unmodified_dvc_reads_the_project(course):
    python = peer("dvc", ["dvc==3.*"])

    def dvc(*words):
        done = subprocess.run(
            [python, "-m", "dvc", *words], cwd=course.root, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert json.loads(dvc("status", "--json")) == {}
    files = sorted(path for path in (course.root / "digits").rglob("*.png"))
    before = {path: path.read_bytes() for path in files}
    shutil.rmtree(course.root / "digits")
    dvc("checkout")
    assert {path: path.read_bytes() for path in files} == before


def test_another_seed_gives_other_numbers_and_the_same_story(finished, tmp_path):
    other = run_demo(tmp_path / "second", seed=12)
    stages = r"^\d/9 \w+"
    assert re.findall(stages, other.output, re.M) == re.findall(stages, finished.output, re.M)
    pattern = r"test accuracy (0\.\d+)"
    seen = [(one.figure(pattern), one.figure(r"drifted: (\S+)")) for one in (other, finished)]
    assert seen[0] != seen[1]
