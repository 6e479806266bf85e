"""Logging from a script and running a command, here and against a server."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.rooms.test_track import dataset

import cauce
from cauce.errors import CauceError, Conflict, Invalid, NotFound, Unsupported
from cauce.faces.server import background
from cauce.kernel import workspace
from cauce.rooms.track import operations as track
from cauce.rooms.track import params
from cauce.rooms.track.sdk import Run


@pytest.fixture
def here(ws, monkeypatch):
    monkeypatch.chdir(ws.folder)
    monkeypatch.delenv("CAUCE_PARENT", raising=False)
    return ws


def script(ws, text, name="train.py"):
    path = ws.folder / name
    path.write_text("import os, sys, time, signal\nimport cauce\n" + text)
    return path


def run_python(ws, text, **env):
    return subprocess.run(
        [sys.executable, str(script(ws, text))],
        cwd=ws.folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_in_a_block_logs_and_ends(here):
    with cauce.run({"lr": 0.1, "net": {"width": [8, 8]}}, name="first", experiment="e") as run:
        for step in range(10):
            run.log({"loss": 1 / (step + 1), "val": {"acc": np.float32(0.5)}}, step=step)
        run.log({"late": 1})
        run.set(params={"more": {"x": 1}}, tags={"note": "n"})
        assert track.show(here, "first").run.status == "running"
    detail = track.show(here, "first")
    assert detail.run.status == "finished"
    assert detail.run.params == {"lr": 0.1, "net.width": "[8, 8]", "more.x": 1}
    assert detail.run.metrics == {"loss": 0.1, "val/acc": 0.5, "late": 1.0}
    assert detail.run.tags == {"note": "n"}
    assert detail.run.group == "e"
    assert {m.key: (m.count, m.last_step) for m in detail.keys} == {
        "loss": (10, 9), "val/acc": (10, 9), "late": (1, 10)
    }  # fmt: skip
    assert run.config["lr"] == 0.1
    assert run.params["more.x"] == 1


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ValueError("no good"), "failed", "ValueError: no good"),
        (KeyboardInterrupt(), "killed", "KeyboardInterrupt"),
        (SystemExit(0), "finished", ""),
        (SystemExit(3), "failed", "SystemExit: 3"),
    ],
)
def test_how_a_block_is_left_is_how_the_run_ends(here, error, status, said):
    with pytest.raises(type(error)), cauce.run() as run:  # noqa: PT012
        run.log({"a": 1})
        raise error
    ended = track.show(here, run.id).run
    assert (ended.status, ended.error, ended.metrics) == (status, said, {"a": 1.0})


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("", "finished", ""),
        ("1/0", "failed", "ZeroDivisionError: division by zero"),
        ("if os.fork() == 0: sys.exit()\nos.wait()", "finished", ""),
    ],
)  # fmt: skip
def test_a_run_without_a_block_ends_with_the_program(here, text, status, said):
    run_python(here, f"run = cauce.run()\nrun.log({{'a': 1}})\n{text}")
    ended = track.show(here, "latest").run
    assert (ended.status, ended.error, ended.metrics) == (status, said, {"a": 1.0})


def test_a_run_that_ended_takes_no_more(here):
    run = cauce.run()
    run.finish()
    run.finish(status="failed")
    with pytest.raises(Invalid, match="has ended"):
        run.log({"a": 1})
    assert track.show(here, run.id).run.status == "finished"


@pytest.mark.parametrize("values", [{"a": "x"}, {"a": None}, {"": 1}, {"a": {"b": []}}])
def test_what_is_no_number_is_refused(here, values):
    with cauce.run() as run, pytest.raises(Invalid):
        run.log(values)


def test_a_run_inside_a_run_is_its_child(here):
    with cauce.run(name="outer") as outer, cauce.run(name="inner") as inner:
        pass
    with cauce.run(name="alone") as alone:
        pass
    assert track.show(here, inner.id).run.parent == outer.id
    assert [run.name for run in track.show(here, "outer").children] == ["inner"]
    assert track.show(here, alone.id).run.parent is None


def test_a_pipeline_is_the_parent_of_what_it_runs(here, monkeypatch):
    flow = track.start(here, name="pipeline")
    monkeypatch.setenv("CAUCE_PARENT", flow.id)
    with cauce.run() as run:
        pass
    assert track.show(here, run.id).run.parent == flow.id
    script(here, "assert 'CAUCE_PARENT' not in os.environ")
    assert track.run(here, ("python", "train.py"), quiet=True).parent == flow.id


def test_outside_a_project_it_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(NotFound) as caught:
        cauce.run()
    assert "cauce init" in caught.value.hint


def test_used_versions_and_artifacts_are_edges(here):
    version = dataset(here)
    folder = here.folder / "out"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    with cauce.run(used=["digits"], name="r") as run:
        assert run.use("digits@main", role="test") == version
        kept = run.log_artifact(folder)
        one = run.log_artifact(folder / "b.txt", name="report", kind="report", role="report")
        for wrong in (here.folder / "missing", here.folder / "empty"):
            (here.folder / "empty").mkdir(exist_ok=True)
            with pytest.raises(Invalid):
                run.log_artifact(wrong)
        with pytest.raises(NotFound):
            run.use("nothing@main")
    detail = track.show(here, "r")
    assert [(link.role, link.version) for link in detail.used] == [
        ("data", version.id),
        ("test", version.id),
    ]
    assert [(link.role, link.name, link.kind) for link in detail.generated] == [
        ("out", "r-out", "artifact"),
        ("report", "r-report", "report"),
    ]
    entries = here.manifest(kept.id).entries
    assert [entry.path for entry in entries] == ["b.txt", "deep/a.txt"]
    assert here.objects.get(here.manifest(one.id).entries[0].digest) == b"b"


def trained():
    random = np.random.default_rng(0)
    rows = random.standard_normal((40, 4)).astype(np.float32)
    return LogisticRegression().fit(rows, rows[:, 0] > 0), rows


def test_a_model_is_kept_with_samples_outputs_and_signature(here):
    model, rows = trained()
    with cauce.run(name="r") as run:
        version = run.log_model(model, inputs=rows, classes=["low", "high"])
    assert (version.name, version.kind) == ("r-model", "artifact")
    assert version.labels == {"framework": "sklearn", "format": "skops"}
    tree = {entry.path: entry.digest for entry in here.manifest(version.id).entries}
    assert sorted(tree) == [
        "native/model.skops",
        "samples/inputs.npy",
        "samples/outputs/label.npy",
        "samples/outputs/probabilities.npy",
        "signature.json",
    ]
    signature = msgspec.json.decode(here.objects.get(tree["signature.json"]))
    assert signature["classes"] == ["low", "high"]
    here.objects.fetch(tree["samples/outputs/probabilities.npy"], here.folder / "p.npy")
    np.testing.assert_array_equal(
        np.load(here.folder / "p.npy", allow_pickle=False), model.predict_proba(rows)
    )
    (link,) = track.show(here, "r").generated
    assert (link.role, link.version) == ("model", version.id)


def test_a_model_that_nobody_knows_or_wrong_samples_are_refused(here):
    model, rows = trained()
    with cauce.run() as run:
        with pytest.raises(Unsupported, match="object"):
            run.log_model(object(), inputs=rows)
        with pytest.raises(NotFound):
            run.log_model(model, inputs=rows, framework="nothing")
        for inputs in (rows[:0], ["a", "b"], 3.0):
            with pytest.raises(Invalid):
                run.log_model(model, inputs=inputs)
        with pytest.raises(Invalid, match="3 classes"):
            run.log_model(model, inputs=rows, classes=["a", "b", "c"])
    assert track.show(here, run.id).generated == ()


def test_a_full_disk_warns_once_and_training_goes_on(here, monkeypatch):
    with cauce.run() as run:
        run.log({"a": 1}, step=0)
        run.flush()
        with monkeypatch.context() as patched:

            def full(*_):
                raise OSError(28, "No space left on device")

            patched.setattr(os, "writev", full)
            run.log({"a": 2}, step=1)
            with pytest.warns(RuntimeWarning, match="No space left"):
                run.flush()
            run.flush()
    assert track.show(here, run.id).run.metrics == {"a": 2.0}


def test_logging_costs_a_loop_microseconds(here):
    with cauce.run() as run:
        values = {"loss": 0.5, "acc": 0.25}
        for step in range(1000):
            run.log(values, step=step)
        before = time.thread_time()
        for step in range(20_000):
            run.log(values, step=step)
        spent = (time.thread_time() - before) / 20_000
    assert spent < 50e-6
    assert track.show(here, run.id).keys[0].count == 21_000


@dataclass
class Net:
    width: int = 8
    sizes: list[int] = field(default_factory=lambda: [1, 2])


@dataclass
class Config:
    net: Net = field(default_factory=Net)
    path: Path = Path("a/b")
    seed: int | None = None


def test_configurations_of_many_forms_become_flat():
    import argparse

    assert params.flatten(None) == {}
    assert params.flatten(Config()) == {
        "net.width": 8, "net.sizes": "[1, 2]", "path": "a/b", "seed": None
    }  # fmt: skip
    assert params.flatten(argparse.Namespace(a=1, b={"c": True})) == {"a": 1, "b.c": True}
    plain = params.flatten({"a": np.float32(0.5), "b": np.int64(3), "c": 2**70, "d": {}, 5: "x"})
    assert plain == {"a": 0.5, "b": 3, "c": str(2**70), "d": "{}", "5": "x"}
    assert json.dumps(plain)
    endless: dict = {}
    endless["again"] = endless
    for wrong in (endless, [1], 3):
        with pytest.raises(Invalid):
            params.flatten(wrong)


# track.run


def test_a_command_becomes_a_run_with_console_code_data_and_metrics(here, capfd):
    version = dataset(here)
    script(
        here,
        "print('to out'); print('to err', file=sys.stderr)\n"
        "with cauce.run({'lr': 0.1}) as run:\n"
        "    run.log({'loss': 0.5})\n"
        "    assert run.id == os.environ['CAUCE_RUN']\n"
        "with cauce.run(name='second') as child: pass\n",
    )
    done = track.run(here, ("python", "train.py", "--token", "x"), name="r", data=("digits",))
    assert (done.status, done.params, done.metrics) == ("finished", {"lr": 0.1}, {"loss": 0.5})
    assert done.code.entry == "train.py"
    assert done.code.command == ("python", "train.py", "--token", "***")
    detail = track.show(here, "r")
    assert [link.version for link in detail.used] == [version.id]
    assert [run.name for run in detail.children] == ["second"]
    lines = {(line.stream, line.text) for line in track.logs(here, "r").lines}
    assert lines == {("out", "to out"), ("err", "to err")}
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "to out\n" in captured.err
    assert "to err\n" in captured.err


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("sys.exit(3)", "failed", "exit code 3"),
        ("raise ValueError('no good')", "failed", "exit code 1: ValueError: no good"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed", "ended by SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "failed", "signal 11"),
    ],
)
def test_how_a_command_ends_is_how_the_run_ends(here, text, status, said):
    script(here, f"cauce.run({{'a': 1}}, name='ignored').log({{'x': 2}})\n{text}")
    with pytest.raises(CauceError, match="the run r ") as caught:
        track.run(here, ("python", "train.py"), name="r", quiet=True)
    assert said in caught.value.message
    ended = track.show(here, "r").run
    assert (ended.status, ended.error, ended.params) == (status, said, {"a": 1})


def test_a_command_that_does_not_exist_is_a_failed_run(here):
    with pytest.raises(CauceError, match="No such file"):
        track.run(here, ("no-such-program",), name="r")
    assert track.show(here, "r").run.status == "failed"
    for wrong in ((), ("",), ("a\0b",)):
        with pytest.raises(Invalid):
            track.run(here, wrong)
    assert track.ls(here).total == 1


def test_a_quiet_run_shows_nothing_and_keeps_all(here, capfd):
    script(here, "for n in range(2000): print('line', n)\nprint('no line end', end='')")
    track.run(here, ("python", "train.py"), name="r", quiet=True)
    assert capfd.readouterr() == ("", "")
    page = track.logs(here, "r", limit=5000)
    assert [line.text for line in page.lines] == [
        *(f"line {n}" for n in range(2000)),
        "no line end",
    ]
    assert page.ended


def test_what_a_command_leaves_behind_does_not_hold_the_run_up(here):
    script(here, "import subprocess\nsubprocess.Popen(['sleep', '30'])\nprint('done')")
    before = time.monotonic()
    assert track.run(here, ("python", "train.py"), name="r", quiet=True).status == "finished"
    assert time.monotonic() - before < 20
    assert [line.text for line in track.logs(here, "r").lines] == ["done"]


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_an_interrupted_run_is_killed_with_its_command(here, number, code, said):
    marker = here.folder / "started"
    script(
        here,
        "run = cauce.run(); run.log({'a': 1}); run.flush(); print('here', flush=True)\n"
        f"open({str(marker)!r}, 'w').close()\n"
        "time.sleep(60)",
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "cauce", "track", "run", "--name", "r", "--", "python", "train.py"],
        cwd=here.folder,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not marker.exists() and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    child.send_signal(number)
    assert child.wait(60) == code
    detail = track.show(here, "r")
    assert (detail.run.status, detail.run.error) == ("killed", said)
    assert detail.run.metrics == {"a": 1.0}
    assert detail.lines >= 1


def test_a_run_that_has_ended_cannot_be_joined(here, monkeypatch):
    run = track.start(here)
    track.finish(here, run.id)
    monkeypatch.setenv("CAUCE_RUN", run.id)
    monkeypatch.setenv("CAUCE_PROJECT", str(here.folder))
    with pytest.raises(Conflict, match="finished already"):
        cauce.run()


# Against a server


@pytest.fixture
def server(here, monkeypatch, tmp_path):
    with background(here) as address:
        monkeypatch.setenv("CAUCE_URL", address)
        away = tmp_path / "away"
        away.mkdir()
        (away / "cauce.toml").write_text('project = "away"\n')
        monkeypatch.chdir(away)
        yield address


def test_a_script_logs_to_a_server_as_it_does_here(here, server):
    version = dataset(here)
    model, rows = trained()
    with cauce.run({"lr": 0.1}, name="far", used=["digits"]) as run:
        assert isinstance(run, Run)
        for step in range(5000):
            run.log({"loss": float("nan") if step == 7 else 1 / (step + 1)}, step=step)
        run.flush()
        with pytest.raises(Invalid):
            run.log({"x": "no number"})
        run.log_model(model, inputs=rows)
        run.use("digits@main", role="test")
    detail = track.show(here, "far")
    assert detail.run.status == "finished"
    assert detail.run.metrics == {"loss": 1 / 5000}
    assert detail.keys[0].count == 5000
    assert {link.version for link in detail.used} == {version.id}
    assert [link.role for link in detail.generated] == ["model"]


def test_a_command_runs_here_and_is_kept_on_the_server(here, server):
    away = workspace.open_any(server, root=Path.cwd())
    script(away, "with cauce.run({'a': 1}) as run: run.log({'x': 2})\nprint('far away')")
    with away:
        done = away.track.run(("python", "train.py"), name="far", quiet=True)
        assert (done.status, done.params, done.metrics) == ("finished", {"a": 1}, {"x": 2.0})
        assert [line.text for line in away.track.logs("far").lines] == ["far away"]
    assert track.show(here, "far").run == done
    assert not (Path.cwd() / ".cauce" / "streams").exists()
