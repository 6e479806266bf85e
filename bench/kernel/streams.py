"""Streams beside the floor: the same bytes written to a plain file, the same arrays in numpy.

Each figure and its floor come from this run, taken in turns, the best of several. The floor of
appending is a buffered file that gets every record's bytes, already encoded, in one `write` each.
"""

import contextlib
import os
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

import cauce
from cauce.kernel import ids
from cauce.kernel.entities import Point
from cauce.kernel.telemetry import Streams

RECORDS = 200_000
POINTS = 1_000_000
CALLS = 50_000
ROUNDS = 3


def main() -> None:
    """Measure; about half a minute."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        root = Path(folder)
        print(f"{'':50}{'figure':>12}{'floor':>12}{'ratio':>7}")
        _append(root)
        _append_points(root)
        _series(root)
        _records(root)
        _log(root)


def _record(n: int) -> dict[str, object]:
    """A prediction as the model server keeps it."""
    return {
        "id": ids.new_id(),
        "at": 1.7e9 + n,
        "deployment": f"sha256:{'0' * 64}",
        "inputs": {"image": f"sha256:{n:064x}"},
        "label": str(n % 10),
        "confidence": 0.9,
        "scores": [0.1] * 10,
        "ms": 0.8,
    }


def _append(root: Path) -> None:
    records = [_record(n) for n in range(RECORDS)]
    encoded = [msgspec.msgpack.encode(record) for record in records]
    size = sum(map(len, encoded))
    streams = Streams(root / "append")
    number = iter(range(1000))

    def plain() -> None:
        with (root / f"plain-{next(number)}").open("wb", buffering=1 << 16) as file:
            write = file.write
            for data in encoded:
                write(data)

    def encode() -> None:
        with (root / f"plain-{next(number)}").open("wb", buffering=1 << 16) as file:
            write, encoder = file.write, msgspec.msgpack.Encoder().encode
            for record in records:
                write(encoder(record))

    def one_by_one() -> None:
        with streams.writer(f"s/{next(number)}") as writer:
            append = writer.append
            for record in records:
                append(record)

    def many() -> None:
        with streams.writer(f"s/{next(number)}") as writer:
            writer.append_many(records)

    mega = size / 1e6
    speeds = [mega / seconds for seconds in _turns(one_by_one, many, plain, encode)]
    what = f"records of {size // RECORDS} bytes"
    _line(f"append_many {what}; plain file", speeds[1], speeds[2], "MB/s")
    _line("append, one by one", speeds[0], speeds[2], "MB/s")
    _line("append_many; the floor encodes them too", speeds[1], speeds[3], "MB/s")
    _line("append, one by one; the same", speeds[0], speeds[3], "MB/s")
    streams.close()


def _append_points(root: Path) -> None:
    streams = Streams(root / "points")
    number = iter(range(1000))
    values = np.random.default_rng(0).standard_normal(POINTS // 4).tolist()

    def ours() -> None:
        with streams.points(f"s/{next(number)}") as writer:
            append = writer.append
            for step, value in enumerate(values):
                append("loss", value, step, 1.7e9 + step)

    points = [
        Point(key="loss", value=value, step=step, at=1.7e9 + step)
        for step, value in enumerate(values)
    ]

    def many() -> None:
        with streams.points(f"s/{next(number)}") as writer:
            writer.append_many(points)

    def plain() -> None:
        with (root / f"points-{next(number)}").open("wb", buffering=1 << 16) as file:
            write, pack = file.write, struct.Struct("<qdd").pack
            for step, value in enumerate(values):
                write(pack(step, value, 1.7e9 + step))

    best, batch, floor = _turns(ours, many, plain)
    count = len(values) / 1e6
    _line("append_many points; 24 packed bytes to a file", count / batch, count / floor, "M/s")
    _line("append points one by one; the same", count / best, count / floor, "M/s")
    streams.close()


def _series(root: Path) -> None:
    streams = Streams(root / "series")
    values = np.random.default_rng(0).standard_normal(POINTS).cumsum()
    values[654_321] = 1e9
    with streams.points("m") as writer:
        for step, value in enumerate(values.tolist()):
            writer.append("loss", value, step, 1.7e9 + step)
    live = _best(lambda: streams.series("m", "loss"))
    before = time.perf_counter()
    streams.compact("m")
    seconds = time.perf_counter() - before
    found = streams.series("m", "loss")
    assert max(found.highs) == 1e9
    buckets = len(found.steps)
    table = pa.table({"step": np.arange(POINTS), "value": values})
    path = root / "floor.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)

    def floor() -> None:
        column = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0).column(1).to_numpy()
        starts = np.arange(0, POINTS, 1024)
        np.minimum.reduceat(column, starts)
        np.maximum.reduceat(column, starts)

    raw = _best(floor)
    compacted = _best(lambda: streams.series("m", "loss"))
    zoomed = _best(lambda: streams.series("m", "loss", start=300_000, end=700_000))
    _line(f"read 1 M points in {buckets} buckets, compacted", compacted * 1e3, raw * 1e3, "ms")
    _line("a range of 400,000 of them", zoomed * 1e3, raw * 1e3, "ms")
    _line("the same before compaction", live * 1e3, raw * 1e3, "ms")
    sorting = _best(lambda: np.lexsort((np.arange(POINTS), np.zeros(POINTS), np.arange(POINTS))))
    _line("compact 1 M points; floor: sort them", seconds * 1e3, sorting * 1e3, "ms")
    streams.close()


def _records(root: Path) -> None:
    streams = Streams(root / "records")
    known = []
    with streams.writer("p") as writer:
        for n in range(RECORDS):
            record = _record(n)
            known.append(record["id"])
            writer.append(record)
    size = sum(path.stat().st_size for path in (root / "records" / "p").iterdir())
    wanted = known[RECORDS // 2]
    live = _best(lambda: streams.find("p", wanted))
    before = time.perf_counter()
    done = streams.compact("p")
    seconds = time.perf_counter() - before
    found = _best(lambda: streams.find("p", wanted))
    tail = _best(lambda: streams.tail("p", 50))
    _line(f"compact {RECORDS:,} records", size / 1e6 / seconds, None, "MB/s")
    _line("bytes after, as a share of before", done.after / size, None, "")
    _line("find a record by id before", live * 1e3, None, "ms")
    _line("and after", found * 1e3, None, "ms")
    _line("the newest 50", tail * 1e3, None, "ms")
    streams.close()


def _log(root: Path) -> None:
    project = root / "project"
    project.mkdir()
    (project / "cauce.toml").write_text("")
    values = {"train/loss": 0.5, "val/loss": 0.25, "val/acc": 0.9}
    with contextlib.chdir(project):
        os.environ.pop("CAUCE_RUN", None)
        with cauce.run() as run:
            best = _best(lambda: [run.log(values, step=n) for n in range(CALLS)])
        kept: list[object] = []
        lock = threading.Lock()

        def floor() -> None:
            for n in range(CALLS):
                at = time.time()
                for key, value in values.items():
                    with lock:
                        kept.append((key, value, n, at))

        plain = _best(floor)
    micro = 1e6 / CALLS
    _line("run.log of 3 metrics; floor: a locked list", best * micro, plain * micro, "µs")


def _turns(*calls: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Run each in turn, several times, and give the best of each."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for index, call in enumerate(calls):
            before = time.perf_counter()
            call()
            best[index] = min(best[index], time.perf_counter() - before)
    return best


def _best(call: Callable[[], object]) -> float:
    """Run a call several times, a short one more often, and give the best."""
    first = _turns(call, rounds=1)[0]
    return min(first, *_turns(call, rounds=30 if first < 0.05 else ROUNDS))


def _line(what: str, figure: float, floor: float | None, unit: str) -> None:
    least = "" if floor is None else f"{_short(floor)} {unit}"
    ratio = "" if floor is None else f"{figure / floor:.2f}"
    print(f"{what:50}{f'{_short(figure)} {unit}':>12}{least:>12}{ratio:>7}", flush=True)


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
