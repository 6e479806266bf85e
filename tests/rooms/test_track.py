"""Room track: runs start, change, end, are found and compared."""

import math
import os
import subprocess
import sys
import threading

import msgspec
import pytest

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel import wire
from cauce.kernel.entities import Commit, Entry, Manifest, Move, Point
from cauce.kernel.operation import find
from cauce.rooms.track import console, course, process
from cauce.rooms.track import operations as track
from cauce.rooms.track.entities import LogLine


def dataset(ws, name="digits", *, tag="main", files=1):
    """A version of a data set with some files."""
    entries = []
    for n in range(files):
        (digest,) = ws.objects.put([f"{name}{n}".encode()])
        entries.append(Entry(path=f"{n}", digest=digest, size=len(name) + 1))
    version = ws.put_manifest(Manifest(kind="dataset", entries=tuple(entries)), name)
    moves = tuple(
        Move(kind="dataset", name=name, tag=one, target=version.id) for one in (tag, f"v{files}")
    )
    ws.catalog.commit(Commit(versions=(version,), moves=moves))
    return version


def points(key, *values, start=0):
    return [Point(key=key, value=value, step=step) for step, value in enumerate(values, start)]


def test_a_run_goes_from_start_to_end_in_three_commits(ws):
    version = dataset(ws)
    run = track.start(
        ws, name="first", experiment="e", params={"lr": 0.1}, tags={"a": "b"}, used=("digits",)
    )
    assert (run.status, run.group, run.agent) == ("running", "e", "user:test")
    assert track.log(ws, run.id, points("loss", 3.0, 2.0, math.nan, 1.0)) == 4
    assert track.log(ws, "first", points("acc", 0.5)) == 1
    seen = ws.catalog.last_event()
    done = track.finish(ws, run.id)
    assert ws.catalog.last_event() == seen + 1
    assert (done.status, done.metrics) == ("finished", {"loss": 1.0, "acc": 0.5})
    assert done.ended >= done.started
    detail = track.show(ws, "first")
    assert detail.run == done
    assert [(m.key, m.last, m.min, m.max, m.count) for m in detail.keys] == [
        ("acc", 0.5, 0.5, 0.5, 1),
        ("loss", 1.0, 1.0, 3.0, 4),
    ]
    (used,) = detail.used
    assert (used.version, used.role, used.refs) == (
        version.id,
        "data",
        ("digits@main", "digits@v1"),
    )


def test_a_run_is_found_by_id_prefix_name_and_latest(ws):
    one = track.start(ws, name="one")
    two = track.start(ws)
    assert two.name
    for spec, run in ((one.id, one), ("one", one), (two.id[:20], two), ("latest", two)):
        assert track.show(ws, spec).run == run
    with pytest.raises(NotFound, match="no run 'three'") as caught:
        track.show(ws, "three")
    assert "one" in caught.value.hint


def test_latest_without_any_run_says_how_to_make_one(ws):
    with pytest.raises(NotFound) as caught:
        track.show(ws, "latest")
    assert "track run" in caught.value.hint


def test_an_ended_run_takes_no_points_and_ends_once(ws):
    run = track.start(ws)
    done = track.finish(ws, run.id, status="failed", error="out of\nmemory")
    assert done.error == "out of memory"
    assert track.finish(ws, run.id, status="failed") == done
    with pytest.raises(Conflict, match="failed already"):
        track.finish(ws, run.id)
    with pytest.raises(Conflict, match="nothing can be logged"):
        track.log(ws, run.id, points("a", 1.0))


def test_what_is_set_joins_what_was_and_an_empty_tag_goes(ws):
    run = track.start(ws, params={"a": 1}, tags={"x": "1", "y": "2"})
    changed = track.set(ws, run.id, params={"b": None}, tags={"x": "", "z": "3"})
    assert changed.params == {"a": 1, "b": None}
    assert changed.tags == {"y": "2", "z": "3"}
    track.finish(ws, run.id)
    assert track.set(ws, run.id, tags={"note": "good"}).tags == {"y": "2", "z": "3", "note": "good"}
    with pytest.raises(Conflict, match="params"):
        track.set(ws, run.id, params={"a": 2})


def test_two_that_set_at_once_both_count(ws):
    run = track.start(ws)
    threads = [
        threading.Thread(target=lambda n=n: track.set(ws, run.id, params={f"p{n}": n}))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert track.show(ws, run.id).run.params == {f"p{n}": n for n in range(8)}


@pytest.mark.parametrize(
    "arguments",
    [{"name": "a\nb"}, {"name": "x" * 201}, {"experiment": "\x1b[31m"}, {"params": {"": 1}},
     {"params": {"a\n": 1}}, {"params": {"a": 2**70}}, {"tags": {"a": "x" * 100_001}}],
)  # fmt: skip
def test_a_run_with_unusable_names_or_values_is_not_started(ws, arguments):
    with pytest.raises(Invalid):
        track.start(ws, **arguments)
    assert track.ls(ws).total == 0


def test_what_does_not_exist_cannot_be_used(ws):
    with pytest.raises(NotFound):
        track.start(ws, used=("digits@main",))
    with pytest.raises(NotFound):
        track.start(ws, parent="nobody")
    assert track.ls(ws).total == 0


@pytest.mark.parametrize("point", [Point(key="", value=1.0), Point(key="a", value=1.0, step=2**62)])
def test_points_are_logged_all_or_none(ws, point):
    run = track.start(ws)
    with pytest.raises(Invalid):
        track.log(ws, run.id, [*points("a", 1.0), point])
    assert track.show(ws, run.id).keys == ()


def test_series_of_several_runs_leave_out_what_a_run_lacks(ws):
    one, two = track.start(ws, name="one"), track.start(ws, name="two")
    track.log(ws, "one", [*points("a", 1.0, 2.0), *points("b", 3.0)])
    track.log(ws, "two", points("b", 4.0, math.inf))
    found = track.series(ws, ["two", "one"], keys=("a", "b"))
    assert [(one.run, [s.key for s in one.series]) for one in found] == [
        (two.id, ["b"]),
        (one.id, ["a", "b"]),
    ]
    assert found[0].series[0].values == [4.0, math.inf]
    assert [s.key for s in track.series(ws, ["one"])[0].series] == ["a", "b"]
    cut = track.series(ws, ["one"], keys=("a",), points=1, start=1, end=5)[0].series[0]
    assert (cut.steps, cut.values, cut.total) == ([1], [2.0], 1)
    with pytest.raises(Invalid):
        track.series(ws, [])


def test_a_long_run_is_compacted_when_it_ends(ws, monkeypatch):
    monkeypatch.setattr(course, "COMPACT_POINTS", 100)
    run = track.start(ws)
    track.log(ws, run.id, points("a", *map(float, range(100))))
    before = track.series(ws, [run.id])
    track.finish(ws, run.id)
    folder = ws.folder / ".cauce" / "streams" / "metrics" / run.id
    assert not list(folder.glob("*.seg"))
    assert track.series(ws, [run.id]) == before


def test_comparison_puts_what_differs_first(ws):
    dataset(ws)
    dataset(ws, files=2)
    one = track.start(ws, name="one", params={"lr": 0.1, "same": 1}, used=("digits@v1",))
    track.start(ws, name="two", params={"lr": 0.2, "same": 1, "new": math.nan}, used=("digits",))
    track.log(ws, "one", points("acc", 0.5))
    track.finish(ws, "one")
    found = track.compare(ws, ["one", "two"])
    assert [run.name for run in found.runs] == ["one", "two"]
    differing = {(row.group, row.name): row.values for row in found.rows if row.differs}
    assert differing["params", "lr"] == (0.1, 0.2)
    assert differing["metrics", "acc"] == (0.5, None)
    assert differing["data", "data"] == ("digits@v1", "digits@v2")
    assert ("params", "same") not in differing
    order = [row.differs for row in found.rows]
    assert order == sorted(order, reverse=True)
    assert not any(row.differs for row in track.compare(ws, [one.id, "one"]).rows)


def test_console_lines_are_kept_cut_and_paged(ws):
    run = track.start(ws)
    splitter = console.Splitter("err")
    lines = splitter.feed("a\nb\r50%\r100%\r\nn\xe4".encode())
    lines += splitter.feed(b"\xff\n\x1b[31mred\x1b[0m\nrest") + splitter.end()
    assert track.write(ws, run.id, lines) == 5
    page = track.logs(ws, run.id, limit=2)
    assert [(line.text, line.stream) for line in page.lines] == [("a", "err"), ("100%", "err")]
    rest = track.logs(ws, run.id, after=page.next)
    assert [line.text for line in rest.lines] == ["nä\ufffd", "red", "rest"]
    assert (rest.next, rest.ended) == (5, False)


def test_a_long_line_becomes_several(ws):
    run = track.start(ws)
    track.write(ws, run.id, [LogLine(text="x" * (console.LONGEST * 2 + 1))])
    assert [len(line.text) for line in track.logs(ws, run.id).lines] == [10_000, 10_000, 1]
    assert track.show(ws, run.id).lines == 3
    with pytest.raises(Invalid):
        track.logs(ws, run.id, after=-1)


def test_a_run_whose_process_is_gone_is_ended_and_keeps_what_it_logged(ws):
    code = (
        "import os, sys, cauce\n"
        "run = cauce.run({'a': 1}, name='victim')\n"
        "run.log({'loss': 0.5}); run.flush(); print(run.id, flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ws.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        id = child.stdout.readline().strip()
        alive = track.start(ws, name="alive", tags=process.tag())
        elsewhere = track.start(ws, name="elsewhere", tags={process.TAG: "{}"})
        assert track.reap(ws) == []
        child.kill()
        child.wait()
        (ended,) = track.reap(ws)
    assert (ended.id, ended.status, ended.metrics) == (id, "killed", {"loss": 0.5})
    assert process.TAG not in ended.tags
    assert track.reap(ws) == []
    assert {run.id for run in track.ls(ws, status="running").runs} == {alive.id, elsewhere.id}


def test_a_process_is_told_apart_from_a_later_one_with_its_number():
    mine = process.current()
    text = msgspec.json.encode(mine).decode()
    assert not process.gone(text)

    def changed(**fields):
        return msgspec.json.encode(msgspec.structs.replace(mine, **fields)).decode()

    assert process.gone(changed(started="1"))
    assert process.gone(changed(boot="before"))
    assert not process.gone(changed(host="other", started="1"))
    assert not process.gone(changed(space="container", started="1"))
    for junk in ("", "{}", "[", '{"pid": 1}'):
        assert not process.gone(junk)


def test_a_process_that_has_ended_but_was_not_waited_for_is_gone():
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, msgspec.json.encode(process.current()))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read().decode()
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert process.gone(text)
    os.waitpid(child, 0)


@pytest.mark.parametrize("verb", ["start", "log", "finish", "set", "ls", "show", "series",
                                  "compare", "logs", "write", "run", "reap"])  # fmt: skip
def test_every_verb_is_an_operation_with_help(verb):
    found = find(f"track.{verb}")
    assert found.doc["summary"].endswith(".")
    assert all(item.help for item in found.parameters)
    assert found.local == (verb in {"run", "reap"})


def test_results_travel_as_packed_bytes_with_nan_kept(ws):
    run = track.start(ws, params={"x": math.nan})
    track.log(ws, run.id, points("a", math.nan, math.inf))
    found = track.series(ws, [run.id])
    body = wire.encode(found, packed=True)
    again = wire.decode(body, wire.result_type(track.series), packed=True)
    assert math.isnan(again[0].series[0].values[0])
    assert again[0].series[0].values[1] == math.inf
