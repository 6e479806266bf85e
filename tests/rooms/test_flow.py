import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.rooms import trained

from cauce.errors import CauceError, Conflict, Invalid, NotFound
from cauce.faces.render import renderer
from cauce.kernel import ids, workspace
from cauce.kernel.entities import Commit, Entry, Manifest, Move, Run
from cauce.rooms.flow import definition
from cauce.rooms.flow import operations as flow
from cauce.rooms.flow.worker import Worker
from cauce.rooms.models import operations as models

RETRAIN = """
project = "test"

[flow.retrain]
on = "ref.moved dataset/digits@main"
steps = ["refs ls"]
"""


@contextlib.contextmanager
def opened(root: Path, text: str | None = None):
    """A workspace of its own on a project, after its settings were written."""
    if text is not None:
        (root / "cauce.toml").write_text(text)
    with workspace.open_local(root, agent="user:test") as ws:
        yield ws


def steps(*lines: str, name: str = "retrain", more: str = "") -> str:
    listed = ", ".join(f"'''{line}'''" for line in lines)
    return f'project = "test"\n[flow.{name}]\nsteps = [{listed}]\n{more}\n'


def python(code: str) -> str:
    """A step that runs Python, tracked."""
    return f'track run -- {sys.executable} -c "{code}"'


def move(ws, name="digits", agent="user:test"):
    """Give a data set a new version, which is an event."""
    content = ids.new_id().encode()
    [digest] = ws.objects.put([content])
    tree = Manifest(kind="dataset", entries=(Entry(path="a", digest=digest, size=26),))
    version = ws.put_manifest(tree, name)
    to_main = Move(kind="dataset", name=name, tag="main", target=version.id)
    ws.catalog.commit(Commit(versions=(version,), moves=(to_main,), agent=agent))


def jobs(ws, **where):
    return ws.catalog.jobs("flow", **where)


def until(true) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


# --- what may stand in cauce.toml


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("[flow.a]\non = 'ref.moved dataset/x@main'", "has no steps"),
        ("[flow.a]\nsteps = []", "has no steps"),
        ("[flow.a]\nsteps = ['refs ls']\nstep = 1", "no key 'step'"),
        ("[flow.a]\nsteps = ['']", "list of texts"),
        ("[flow.a]\nsteps = [1]", "list of texts"),
        ("[flow.a]\nsteps = 'refs'", "not a group and a verb"),
        ("[flow.a]\nsteps = 'cauce refs ls'", "every step is a command of cauce"),
        ("[flow.a]\nsteps = 'refs list'", "no operation 'refs.list'"),
        ("[flow.a]\nsteps = 'rm -rf /'", "not a group and a verb"),
        ("[flow.a]\nsteps = 'python train.py'", "no group of operations 'python'"),
        ('[flow.a]\nsteps = "refs ls \'"', "cannot be split"),
        ("[flow.a]\non = 'ref.moved'\nsteps = 'refs ls'", "names no subject"),
        ("[flow.a]\non = 'ref.move dataset/x@main'\nsteps = 'refs ls'", "no event 'ref.move'"),
        ("[flow.a]\non = 'drifted prod'\nsteps = 'refs ls'", "no event 'drifted'"),
        ("[flow.a]\non = 'ref.moved digits'\nsteps = 'refs ls'", "no subject"),
        ("[flow.a]\nsteps = 'refs ls'\ncooldown = -1", "number of seconds"),
        ("[flow.a]\nsteps = 'refs ls'\ncooldown = true", "number of seconds"),
        ("[flow.a]\nsteps = 'refs ls'\nlimit = '5'", "number of seconds"),
        ("[flow.a]\nsteps = 'refs ls'\nown = 1", "true or false"),
        ("[flow.'a b']\nsteps = 'refs ls'", "cannot be a flow's name"),
        ("[flow]\na = 1", "must be a table"),
    ],
)
def test_a_table_that_is_no_flow_is_refused_with_its_fault(project, body, says):
    with opened(project, body) as ws, pytest.raises(Invalid, match=says):
        flow.ls(ws)


def test_a_mistyped_key_is_answered_with_the_nearest_one(project):
    with opened(project, "[flow.a]\nsteps = 'refs ls'\ncoldown = 3") as ws:
        with pytest.raises(Invalid) as caught:
            flow.ls(ws)
        assert "cooldown" in caught.value.hint


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KEYS = st.sampled_from(["on", "steps", "cooldown", "limit", "own", "x"])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=5), VALUES | st.dictionaries(KEYS, VALUES | st.lists(VALUES, max_size=3)))
def test_any_other_table_is_refused_in_words_or_read(project, name, body):
    with opened(project) as ws:
        ws.settings.free["flow"] = {name: body}
        with contextlib.suppress(Invalid):
            assert definition.flows(ws)[name].steps


# --- events to jobs


def test_an_event_makes_one_job_and_the_next_tick_none(project):
    with opened(project, RETRAIN) as ws:
        move(ws)
        [job] = flow.tick(ws)
        assert (job.name, job.payload["reason"]) == (
            "retrain",
            "ref.moved dataset/digits@main",
        )
        assert ws.catalog.events(job.payload["event"] - 1)[0].subject == "dataset/digits@main"
        assert flow.tick(ws) == []
        assert len(jobs(ws)) == 1


def test_a_burst_makes_one_job(project):
    with opened(project, RETRAIN) as ws:
        for _ in range(10):
            move(ws)
        assert len(flow.tick(ws)) == 1
        move(ws)
        assert flow.tick(ws) == []
        assert len(jobs(ws)) == 1


def test_other_events_make_none(project):
    with opened(project, RETRAIN) as ws:
        move(ws, "letters")
        assert flow.tick(ws) == []


@pytest.mark.parametrize(
    ("on", "fires"),
    [
        ("run.ended drift/prod", True),
        ("run.ended drift/prod drifted", True),
        ("run.ended drift/prod steady drifted", True),
        ("run.ended drift/prod finished", True),
        ("run.ended drift/* drifted", True),
        ("run.ended drift/prod steady", False),
        ("run.ended drift/production", False),
        ("run.started drift/prod drifted", False),
        ("run.started drift/prod", True),
    ],
)
def test_kind_subject_and_words_decide(project, on, fires):
    with opened(project, RETRAIN.replace("ref.moved dataset/digits@main", on)) as ws:
        run = Run(id=ids.new_id(), kind="drift", name="prod", status="finished", outcome="drifted")
        ws.catalog.commit(Commit(runs=(run,)))
        assert len(flow.tick(ws)) == fires


def test_several_triggers_are_alternatives(project):
    on = 'on = ["ref.moved dataset/a@main", "ref.moved dataset/b@main"]'
    with opened(project, steps("refs ls", more=on)) as ws:
        move(ws, "b")
        assert len(flow.tick(ws)) == 1


def test_a_new_flow_does_not_answer_old_events(project):
    with opened(project) as ws:
        move(ws)
        assert flow.tick(ws) == []
    with opened(project, RETRAIN) as ws:
        assert flow.tick(ws) == []
        move(ws)
        assert len(flow.tick(ws)) == 1


@pytest.mark.parametrize(("own", "fires"), [("own = false", 0), ("own = true", 1), ("", 0)])
def test_what_a_flow_causes_itself_starts_it_only_when_asked(project, own, fires):
    with opened(project, RETRAIN + own) as ws:
        move(ws, agent="service:flow/retrain")
        assert len(flow.tick(ws)) == fires


def test_what_another_flow_causes_starts_it(project):
    with opened(project, RETRAIN) as ws:
        move(ws, agent="service:flow/other")
        assert len(flow.tick(ws)) == 1


def test_the_cool_down_delays_and_loses_nothing(project):
    with opened(project, RETRAIN + "cooldown = 3600") as ws:
        flow.run(ws, "retrain", quiet=True)
        move(ws)
        [job] = flow.tick(ws)
        assert 3590 < job.run_after - time.time() <= 3600
        assert flow.work(ws, quiet=True) == []
        assert flow.run(ws, "retrain", quiet=True).status == "finished"


def test_two_tickers_at_once_queue_each_event_once(project):
    rounds, tickers = 8, 3
    text = "".join(
        f'[flow.f{n}]\non = "ref.moved dataset/d{n}@main"\nsteps = ["refs ls"]\n' for n in range(4)
    )
    start = threading.Barrier(tickers + 1)
    found: list[list[str]] = [[] for _ in range(rounds)]
    failures = []

    def work():
        try:
            with opened(project) as ws:
                for number in range(rounds):
                    start.wait()
                    found[number] += [job.name for job in flow.tick(ws)]
                    start.wait()
        except BaseException as error:
            failures.append(error)
            start.abort()

    with opened(project, text) as ws:
        threads = [threading.Thread(target=work) for _ in range(tickers)]
        for thread in threads:
            thread.start()
        for _ in range(rounds):
            for name in range(4):
                move(ws, f"d{name}")
            with contextlib.suppress(threading.BrokenBarrierError):
                start.wait()
                start.wait()
            for job in jobs(ws, state="queued"):
                ws.catalog.settle(job.id, worker="", state="cancelled")
        for thread in threads:
            thread.join()
        assert failures == []
        assert [sorted(names) for names in found] == [["f0", "f1", "f2", "f3"]] * rounds
        assert len(jobs(ws, state="cancelled")) == 4 * rounds


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(["event", "tick", "start", "end"]), max_size=14))
def test_no_event_is_lost_whatever_happens_when(tmp_path_factory, actions):
    root = tmp_path_factory.mktemp("project")
    with opened(root, RETRAIN) as ws:
        held = None
        wanted = started = 0
        for action in [*actions, "end", "tick", "start", "end"]:
            if action == "event":
                move(ws)
                wanted = ws.catalog.last_event()
            elif action == "tick":
                flow.tick(ws)
            elif action == "start" and held is None:
                held = ws.catalog.lease("flow", worker="w")
                started = ws.catalog.last_event() if held else started
            elif action == "end" and held is not None:
                ws.catalog.settle(held.id, worker="w", state="done")
                held = None
        assert started >= wanted


# --- work


def test_steps_run_in_order_and_their_output_is_kept(project, capfd):
    one, two = python("print('one'); print('half', end='')"), python("print('two')")
    with opened(project, steps(one, two)) as ws:
        run = flow.run(ws, "retrain")
        assert (run.status, run.outcome, run.reason) == ("finished", "done", "manual")
        assert [step.exit_code for step in run.steps] == [0, 0]
        assert [step.command for step in run.steps] == [one, two]
        assert all(step.seconds > 0 for step in run.steps)
        texts = [record["text"] for _, record in ws.streams.read(f"logs/{run.id}")]
        assert texts[0] == f"$ cauce {one}"
        assert texts.index("one") < texts.index(f"$ cauce {two}") < texts.index("two")
        assert "two" in capfd.readouterr().err
        assert flow.history(ws) == [run]


def test_quiet_keeps_the_output_and_shows_nothing(project, capfd):
    with opened(project, steps(python("print('one')"))) as ws:
        run = flow.run(ws, "retrain", quiet=True)
        assert capfd.readouterr() == ("", "")
        assert "one" in [record["text"] for _, record in ws.streams.read(f"logs/{run.id}")]


def test_what_a_step_does_is_the_flows_doing_and_its_child(project, monkeypatch):
    monkeypatch.setenv("CAUCE_RUN", "01m80000000000000000000000")
    with opened(project, steps(python("pass"))) as ws:
        run = flow.run(ws, "retrain", quiet=True)
        [child] = ws.catalog.runs("train")
        assert (child.parent, child.agent) == (run.id, "service:flow/retrain")


def test_a_failing_step_ends_the_flow_with_its_last_line(project):
    text = steps(python("import sys; print('boom', file=sys.stderr); sys.exit(3)"), "refs ls")
    with opened(project, text) as ws:
        with pytest.raises(CauceError, match="flow retrain failed: step 1 ended with 1"):
            flow.run(ws, "retrain", quiet=True)
        [run] = flow.history(ws, "retrain")
        assert run.status == "failed"
        assert len(run.steps) == 1
        assert "exit code 3" in run.error
        [job] = jobs(ws)
        assert (job.state, job.result["status"]) == ("done", "failed")


def test_a_gate_that_fails_ends_the_flow_and_everything_stays(project):
    gate = "models compare digits@2 digits@1 --data digits@main --gate"
    with opened(project, steps(gate, "models promote digits@2")) as ws:
        data = trained.dataset(ws)
        # Surely less accurate: the one as good could be called cheaper by a busy machine's clock.
        for model in (trained.mlp(), trained.mlp(iterations=1, count=100)):
            models.register(ws, trained.run(ws, data, model).id, name="digits")
        run = flow.run(ws, "retrain", quiet=True)
        assert (run.status, run.outcome) == ("finished", "kept")
        assert [step.exit_code for step in run.steps] == [6]
        with pytest.raises(NotFound):
            ws.catalog.ref("model", "digits", "champion")


def test_a_step_past_its_limit_is_ended(project):
    text = steps(python("import time; time.sleep(600)"), more="limit = 1")
    with opened(project, text) as ws, pytest.raises(CauceError, match="ended with 124"):
        flow.run(ws, "retrain", quiet=True)


def test_a_flow_that_is_gone_cancels_its_job(project):
    with opened(project, RETRAIN) as ws:
        move(ws)
        flow.tick(ws)
    with opened(project, 'project = "test"') as ws:
        assert flow.work(ws) == []
        [job] = jobs(ws)
        assert (job.state, job.error) == ("cancelled", "no flow retrain in cauce.toml any more")


def test_a_flow_that_runs_cannot_be_run_beside_itself(project):
    with opened(project, RETRAIN) as ws:
        move(ws)
        flow.tick(ws)
        assert ws.catalog.lease("flow", worker="other") is not None
        with pytest.raises(Conflict, match="runs already"):
            flow.run(ws, "retrain")
        [summary] = flow.ls(ws)
        assert summary.state == "running"


def test_a_flow_that_does_not_exist_is_not_found(project):
    with opened(project, RETRAIN) as ws:
        with pytest.raises(NotFound) as caught:
            flow.run(ws, "retarin")
        assert "retrain" in caught.value.hint


def test_a_start_queues_the_flow_for_a_worker(project):
    with opened(project, RETRAIN) as ws:
        job = flow.start(ws, "retrain", reason="to see")
        assert (job.state, job.name) == ("queued", "retrain")
        [run] = flow.work(ws, quiet=True)
        assert (run.job, run.reason, run.outcome) == (job.id, "to see", "done")
        assert "retrain is queued" in " ".join(renderer("flow.start")(job))


def test_a_second_start_gives_the_job_that_waits_or_runs(project):
    with opened(project, RETRAIN) as ws:
        job = flow.start(ws, "retrain")
        assert flow.start(ws, "retrain").id == job.id
        assert ws.catalog.lease("flow", worker="other").id == job.id
        assert flow.start(ws, "retrain").id == job.id
        assert len(ws.catalog.jobs("flow")) == 1


def test_a_start_of_what_is_no_flow_is_refused(project):
    with opened(project, RETRAIN) as ws, pytest.raises(NotFound):
        flow.start(ws, "retarin")


def test_a_run_by_hand_replaces_the_job_that_waits(project):
    with opened(project, RETRAIN) as ws:
        move(ws)
        [waiting] = flow.tick(ws)
        run = flow.run(ws, "retrain", reason="by hand", quiet=True)
        assert run.reason == "by hand"
        assert ws.catalog.job(waiting.id).state == "cancelled"
        assert flow.work(ws) == []


def test_work_that_was_done_but_not_settled_is_not_done_again(project):
    with opened(project, RETRAIN) as ws:
        move(ws)
        [job] = flow.tick(ws)
        done = Run(
            id=ids.new_id(),
            kind="pipeline",
            name="retrain",
            group="retrain",
            status="finished",
            outcome="done",
            tags={"job": job.id},
        )
        ws.catalog.commit(Commit(runs=(done,)))
        [run] = flow.work(ws)
        assert run.id == done.id
        assert len(flow.history(ws)) == 1
        assert ws.catalog.job(job.id).state == "done"


def test_a_cancelled_job_ends_its_step(project):
    code = (
        "import os, pathlib, time; "
        "pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(600)"
    )
    pid = project / "pid"
    found = []

    def work():
        with opened(project) as ws:
            worker = Worker(ws, lease=0.4, quiet=True)
            try:
                found.append(worker.do(worker.next(), definition.flow(ws, "retrain")))
            finally:
                worker.close()

    on = 'on = "ref.moved dataset/digits@main"'
    with opened(project, steps(python(code), "refs ls", more=on)) as ws:
        move(ws)
        [job] = flow.tick(ws)
        thread = threading.Thread(target=work)
        thread.start()
        until(lambda: pid.exists() and pid.read_text())
        ws.catalog.settle(job.id, worker="", state="cancelled")
        thread.join()
        assert (found[0].status, len(found[0].steps)) == ("killed", 1)
        assert found[0].steps[0].exit_code is None
        assert ws.catalog.job(job.id).state == "cancelled"
        until(lambda: gone(int(pid.read_text())))


def test_a_killed_workers_job_is_done_by_the_next(project):
    code = (
        "import os, pathlib, time; first = not pathlib.Path('pid').exists(); "
        "pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(600 * first)"
    )
    pid = project / "pid"
    on = 'on = "ref.moved dataset/digits@main"'
    with opened(project, steps("refs ls", python(code), more=on)) as ws:
        move(ws)
        [job] = flow.tick(ws)
        command = [sys.executable, "-m", "cauce", "flow", "work", "--lease", "1.5"]
        with subprocess.Popen(
            command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as worker:
            until(lambda: pid.exists() and pid.read_text())
            worker.send_signal(signal.SIGKILL)
        until(lambda: gone(int(pid.read_text())))
        assert ws.catalog.job(job.id).state == "running"
        done = []
        until(lambda: done.extend(flow.work(ws, quiet=True)) or done)
        assert (done[0].status, done[0].outcome) == ("finished", "done")
        settled = ws.catalog.job(job.id)
        assert (settled.state, settled.attempts) == ("done", 2)
        _, first = flow.history(ws)
        assert (first.status, first.error) == ("killed", "its worker stopped answering")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_worker_that_goes_on_finds_events_by_itself(project):
    command = [sys.executable, "-m", "cauce", "flow", "work", "--no-once", "--quiet"]
    with opened(project, RETRAIN) as ws:
        with subprocess.Popen(
            command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as worker:
            move(ws)
            until(lambda: [run for run in flow.history(ws) if run.outcome == "done"])
            worker.send_signal(signal.SIGINT)
        [run] = flow.history(ws)
        assert run.reason == "ref.moved dataset/digits@main"


def test_a_person_reads_what_ran_why_and_how_it_ended(project):
    text = steps("refs ls", python("raise SystemExit(1)"), more='on = "ref.moved dataset/*"')
    with opened(project, text) as ws:
        assert list(renderer("flow.history")(flow.history(ws))) == ["no flow has run yet"]
        assert list(renderer("flow.tick")(flow.tick(ws))) == ["no flow has anything new to do"]
        move(ws, "letters")
        [queued] = renderer("flow.tick")(flow.tick(ws))
        assert queued == "queued retrain: ref.moved dataset/letters@main"
        found = flow.work(ws, quiet=True)
        lines = list(renderer("flow.work")(found))
        assert lines[0].startswith("retrain failed: ref.moved")
        assert [line.split()[:3] for line in lines[2:4]] == [["1", "exit", "0"], ["2", "exit", "1"]]
        assert lines[-1] == f"run {found[0].id}"
        [_, row] = renderer("flow.ls")(flow.ls(ws))
        assert row.split()[:5] == ["retrain", "idle", "2", "1", "failed"]
        [_, row] = renderer("flow.history")(flow.history(ws))
        assert row.endswith(found[0].id)
