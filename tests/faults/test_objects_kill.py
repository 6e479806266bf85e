"""Objects, a manifest and a commit, killed anywhere: what is left is whole."""

import shutil
import stat
from pathlib import Path

import pytest

from cauce.errors import NotFound
from cauce.kernel import digest, publish
from cauce.kernel.entities import Commit, Digest, Entry, Manifest
from cauce.kernel.workspace import open_local
from cauce.testing import kill

POINTS = 25


def add(project: Path, source: Path) -> None:
    """Publish a folder's files as the next version of a data set, as a room would."""
    with open_local(project, agent="user:test") as ws:
        files = sorted(source.iterdir())
        names = [digest.of_file(file, ("md5",))[0] for file in files]
        ws.objects.put_files(files, digests=names)
        entries = tuple(
            Entry(path=file.name, digest=name, size=file.stat().st_size)
            for file, name in zip(files, names, strict=True)
        )
        ws.objects.put([b"a report", b"another"])
        row = ws.put_manifest(Manifest(kind="dataset", entries=entries), "cats")
        publish.publish(ws, row, Commit(message="killed perhaps"), prefix="v", aliases=("main",))


@pytest.fixture
def start(project, tmp_path):
    """A project with one version, and the files of the next."""
    for name, count in (("one", 3), ("two", 8)):
        (tmp_path / name).mkdir()
        for n in range(count):
            (tmp_path / name / f"{n}.txt").write_text(f"file {n} of {name}\n" * 40)
    add(project, tmp_path / "one")
    return project


def check(project: Path, before: Digest) -> bool:
    """Look at every promise; tells whether the new version arrived."""
    with open_local(project, agent="user:test") as ws:
        report = ws.admin.check()
        assert report.ok, report.problems
        main = ws.ref("dataset", "cats").target
        try:
            arrived = ws.ref("dataset", "cats@v2").target
        except NotFound:
            arrived = None
        assert main == (arrived or before)
        for entry in ws.manifest(main).entries:
            assert len(ws.objects.get(entry.digest)) == entry.size
        for info in ws.objects.list():
            path = ws.objects.path(info.digest)
            assert path is not None
            assert stat.S_IMODE(path.stat().st_mode) == 0o444
            assert len(ws.objects.get(info.digest)) == info.size
        return arrived is not None


@pytest.mark.slow
def test_a_killed_add_leaves_the_old_version_or_the_new_one_whole(start, tmp_path):
    with open_local(start) as ws:
        before = ws.ref("dataset", "cats").target
    shutil.copytree(start, tmp_path / "dry")
    events = kill.trace(lambda: add(tmp_path / "dry", tmp_path / "two"))
    assert {"write", "replace", "fsync", "chmod", "sqlite COMMIT"} <= set(events)
    arrived = []
    for n in [*kill.sample(len(events), POINTS, seed=7), len(events) + 1]:
        copy = tmp_path / f"killed-{n}"
        shutil.copytree(start, copy)
        assert kill.kill_at(lambda copy=copy: add(copy, tmp_path / "two"), n) == (n <= len(events))
        arrived.append(check(copy, before))
        add(copy, tmp_path / "two")
        assert check(copy, before)
        shutil.rmtree(copy)
    assert arrived == sorted(arrived)  # first the points before the commit, then those after it
    assert (arrived[0], arrived[-1]) == (False, True)
