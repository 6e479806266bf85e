"""Kill -9 at 200 random points of the course's writing operations: nothing is ever torn.

Each operation starts from the same finished project, is killed at some change of the disk, and
must leave a project that `admin check` calls whole, that collection can clean, and in which the
same operation then succeeds.
"""

import os
import shutil

import numpy as np
import pytest

from cauce.kernel.entities import Point
from cauce.kernel.workspace import open_local
from cauce.testing import kill

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("course")]

AGENT = "user:tester"


def add(ws):
    for number in range(30):
        path = ws.folder / "more" / f"{number % 3}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number]) * 1000)
    ws.data.add(ws.folder / "more")


def track(ws):
    run = ws.track.start(name="by-hand", params={"lr": 0.1}, used=("digits@main",))
    ws.track.log(run.id, points=[Point(key="loss", value=1 / n, step=n) for n in range(1, 50)])
    ws.track.finish(run.id)


def label(ws):
    if not any(project.name == "again" for project in ws.label.ls()):
        ws.label.create(
            "again", dataset="digits@v1", classes=list("0123456789"), prefix="unlabelled/"
        )
    for answer in "0123":
        task = ws.label.next("again", annotator=AGENT)
        ws.label.submit(task.id, label=answer, annotator=AGENT)
    ws.label.publish("again")


def merge(ws):
    ws.data.merge("digits", "field@v1", into="again/{label}")


def promote(ws):
    ws.models.promote("digits@1", alias=f"stage-{len(ws.catalog.refs('model', 'digits'))}")


def roll_back(ws):
    if ws.serve.show("prod").live.model == "digits@2":
        ws.serve.rollback("prod")
    assert ws.serve.show("prod").live.model == "digits@1"


def trigger(ws):
    ws.flow.tick()


def predict(ws):
    with ws.streams.writer("predictions/prod") as writer:
        for number in range(20):
            writer.append({"id": f"{number:026}", "at": float(number), "inputs": bytes(256)})


def compact(ws):
    for name in ws.streams.names():
        ws.streams.compact(name)


WORK = {
    add: 30,
    track: 30,
    label: 40,
    merge: 30,
    promote: 15,
    roll_back: 15,
    trigger: 10,
    predict: 10,
    compact: 20,
}
"""Operation -> points; two hundred together."""


def work_in(root, work):
    with open_local(root, agent=AGENT) as ws:
        work(ws)


def test_the_points_are_two_hundred():
    assert sum(WORK.values()) == 200


def link_objects(source, target):
    """Copy a file; objects never change, so a link will do."""
    if "/files/" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


@pytest.fixture
def fresh(finished, tmp_path):
    """Copies of the finished project, by name."""

    def copy(name):
        return shutil.copytree(
            finished.root,
            tmp_path / str(name),
            symlinks=True,
            copy_function=link_objects,
            ignore=shutil.ignore_patterns("field", "train", "test", "unlabelled", ".git"),
        )

    return copy


def killed(fresh, work, point):
    """A project whose work was killed at an event; earlier where a run has fewer than counted."""
    while True:
        root = fresh(point)
        if kill.kill_at(lambda root=root: work_in(root, work), point):
            return root
        shutil.rmtree(root)
        point -= 1 + point // 20
        assert point > 0


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_a_kill_anywhere_leaves_nothing_torn(work, fresh):
    seed = int(np.random.SeedSequence(len(work.__name__)).generate_state(1)[0])
    counted = fresh("counted")
    total = kill.count(lambda: work_in(counted, work))
    points = kill.sample(total, WORK[work], seed=seed)
    assert points
    for point in points:
        root = killed(fresh, work, point)
        with open_local(root, agent=AGENT) as ws:
            report = ws.admin.check()
            assert report.problems == [], f"killed at {point} of {total}"
            ws.admin.gc(apply=True, grace_hours=0)
            work(ws)
            assert ws.admin.check().problems == [], f"collected, repeated after {point} of {total}"
        shutil.rmtree(root)


COMMANDS = {
    "register": ("models", "register", "latest", "--name", "again"),
    "deploy": ("serve", "deploy", "digits@1", "--name", "again"),
}
"""Verbs that load a runtime of their own threads, so each runs in a new interpreter."""


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_command_killed_anywhere_leaves_nothing_torn(verb, fresh):
    command = ["-m", "cauce", *COMMANDS[verb]]
    total = kill.count(command, cwd=fresh("counted"))
    for point in kill.sample(total, 8, seed=len(verb)):
        root = fresh(point)
        assert kill.kill_at(command, point, cwd=root)
        with open_local(root, agent=AGENT) as ws:
            assert ws.admin.check().problems == [], f"killed at {point} of {total}"
            ws.admin.gc(apply=True, grace_hours=0)
        assert not kill.kill_at(command, 10 * total, cwd=root), "it does not end well afterwards"
        with open_local(root, agent=AGENT) as ws:
            assert ws.admin.check().problems == [], f"collected, repeated after {point} of {total}"
        shutil.rmtree(root)
