"""The catalogue beside bare SQLite: commits with and without load, lineage, pages of lists.

Every figure comes from this run. "floor" is the same rows through the standard library's sqlite3,
with the same journal and the same promise to outlive a power loss, and nothing else around.
"""

import hashlib
import multiprocessing
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

from cauce.adapters.catalogs.sqlite import open_catalog
from cauce.kernel.entities import Commit, Edge, Move, Run, RunId, Version
from cauce.kernel.ids import new_id
from cauce.kernel.sql import SqlCatalog
from cauce.kernel.telemetry import Streams

COMMITS = 400
PAUSE = 0.01
VERSIONS = 10_000
RUNS = 100_000
EDGES = 1_000_000
URL = "sqlite:///catalog.db"


def main() -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        root = Path(folder)
        print(f"{'':34}{'p50 ms':>9}{'p99 ms':>9}{'floor':>9}{'ratio':>8}  target")
        _commits(root)
        _reads(root)


def _commits(root: Path) -> None:
    """Registrations as they come (one each `PAUSE`), then back to back; each alone and loaded.

    Back to back, a commit asks for a whole core. Where the two writers take one each, it gets its
    fair share only, and waits for the next slice of the scheduler: so does the floor.
    """
    with closing(open_catalog(URL, root / "commits")) as catalog:
        number = iter(range(10**9))
        floor_task = _raw_commit(root)

        def task() -> None:
            _register(catalog, next(number))

        for words, pause in ((f"every {PAUSE * 1000:.0f} ms", PAUSE), ("back to back", 0.0)):
            floor = _times(COMMITS, floor_task, pause)
            alone = _times(COMMITS, task, pause)
            _line(f"a registration {words}, alone", alone, floor)
            with _load(root / "streams") as count:
                loaded_floor = _times(COMMITS, floor_task, pause)
                loaded = _times(COMMITS, task, pause)
            ratio = _at(loaded, 0.99) / _at(alone, 0.99)
            _line("the same, two processes append", loaded, floor, "p99 <= 10 ms, <= 3x alone")
            print(
                f"{'':34}p99 is {ratio:.1f} times that alone; the floor's p99 in this load is "
                f"{_at(loaded_floor, 0.99):.1f} ms; {count():,} records appended meanwhile"
            )


def _register(catalog: SqlCatalog, number: int) -> None:
    """Commit what registering a model commits."""
    version = Version(id=_id(number), kind="model", name="digits", size=1, count=1)
    data = Version(id=_id(-1), kind="dataset", name="digits")
    run = Run(id=RunId(new_id()), kind="export", status="finished", params={"opset": 17})
    catalog.commit(
        Commit(
            versions=(data, version),
            runs=(run,),
            edges=(
                Edge(run=run.id, direction="used", version=data.id, role="data"),
                Edge(run=run.id, direction="generated", version=version.id),
            ),
            moves=(
                Move(kind="model", name="digits", tag=str(number), target=version.id, expect=None),
                Move(kind="model", name="digits", tag="latest", target=version.id),
            ),
            agent="user:bench",
        )
    )


def _raw_commit(root: Path) -> Callable[[], None]:
    """Give a function that writes as many rows as a registration, one transaction a call."""
    connection = sqlite3.connect(root / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, name TEXT, body TEXT)")
    connection.execute("CREATE INDEX by_name ON rows (name)")
    rows = [(_id(number), "x" * 120) for number in range(12)]

    def once() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO rows (name, body) VALUES (?, ?)", rows)
        connection.execute("COMMIT")

    return once


@contextmanager
def _load(root: Path) -> Iterator[Callable[[], int]]:
    """Let one process append metric points and one predictions, as fast as they can."""
    context = multiprocessing.get_context("spawn")
    stop, counts = context.Event(), context.Array("q", 2)
    workers = [
        context.Process(target=task, args=(root, stop, counts), daemon=True)
        for task in (append_points, append_predictions)
    ]
    for worker in workers:
        worker.start()
    while not all(counts):
        assert all(worker.exitcode is None for worker in workers), "a writer has died"
        time.sleep(0.01)
    before = sum(counts)
    try:
        yield lambda: sum(counts) - before
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def append_points(root: Path, stop: Event, counts: list[int]) -> None:
    streams = Streams(root)
    with streams.points("metrics/bench") as writer:
        step = 0
        while not stop.is_set():
            for _ in range(1000):
                step += 1
                writer.append("loss", 1 / step, step=step)
            writer.flush()
            counts[0] = step


def append_predictions(root: Path, stop: Event, counts: list[int]) -> None:
    streams = Streams(root)
    with streams.writer("predictions/bench") as writer:
        number = 0
        while not stop.is_set():
            for _ in range(100):
                number += 1
                writer.append({"id": str(number), "label": "7", "scores": [0.1] * 10})
            writer.flush()
            counts[1] = number


def _reads(root: Path) -> None:
    began = time.perf_counter()
    _fill(root / "large")
    took = time.perf_counter() - began
    path = root / "large" / "catalog.db"
    size = path.stat().st_size / 1e6
    print(f"\n{VERSIONS:,} versions, {RUNS:,} runs, {EDGES:,} edges: {size:.0f} MB, {took:.0f} s")
    bare = sqlite3.connect(path)
    rng = random.Random(0)
    with closing(open_catalog(URL, root / "large")) as catalog:

        def raw(sql: str) -> list[float]:
            return _times(200, lambda: bare.execute(sql).fetchall())

        floor = raw("SELECT * FROM edges WHERE later >= 'sha256:8' ORDER BY later LIMIT 1500")
        for direction in ("up", "down", "both"):
            times = _times(
                100,
                lambda way=direction: catalog.lineage(_id(rng.randrange(VERSIONS)), direction=way),
            )
            _line(f"lineage {direction}, 500 nodes", times, floor, "< 20 ms")
        small = _times(
            200, lambda: catalog.lineage(_id(rng.randrange(VERSIONS)), direction="up", limit=50)
        )
        _line("lineage up, 50 nodes", small, floor)
        floor = raw("SELECT * FROM versions ORDER BY created DESC, id DESC LIMIT 100")
        page = _times(200, lambda: catalog.versions("dataset", limit=100))
        _line("a page of 100 versions", page, floor, "< 20 ms")
        floor = raw("SELECT * FROM runs ORDER BY started DESC, id DESC LIMIT 100")
        _line("a page of 100 runs", _times(200, lambda: catalog.runs("train", limit=100)), floor)
        floor = raw("SELECT * FROM versions WHERE id = 'x'")
        one = _times(500, lambda: catalog.version(_id(rng.randrange(VERSIONS))))
        _line("one version", one, floor)
    bare.close()


def _fill(root: Path) -> None:
    """Fill a catalogue: each run uses nine versions made before and generates one."""
    open_catalog(URL, root).close()
    connection = sqlite3.connect(root / "catalog.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'edges'"
        " AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    rng = random.Random(1)
    ids = [_id(number) for number in range(VERSIONS)]
    runs = [f"01{number:024x}" for number in range(RUNS)]

    def edges() -> Iterator[tuple[int, str, str, str, str]]:
        seq = 0
        for number, run in enumerate(runs):
            made = number * VERSIONS // RUNS
            for other in {rng.randrange(made + 1) for _ in range(EDGES // RUNS - 1)}:
                seq += 1
                yield seq, run, ids[other], "used", ""
            seq += 1
            yield seq, ids[made], run, "generated", ""

    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO versions VALUES (?, 'dataset', 'digits', ?, 1, 1, '{}')",
        ((id, float(number + 1)) for number, id in enumerate(ids)),
    )
    connection.executemany(
        "INSERT INTO runs VALUES (?, 'train', 'n', 'finished', 'user:x', ?, ?, '', NULL, '',"
        " '{}', '{}', '{}', NULL, '')",
        ((run, float(number + 1), float(number + 2)) for number, run in enumerate(runs)),
    )
    connection.executemany("INSERT INTO edges VALUES (?, ?, ?, ?, ?)", edges())
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("COMMIT")
    connection.close()


def _id(number: int) -> str:
    return f"sha256:{hashlib.sha256(str(number).encode()).hexdigest()}"


def _times(count: int, task: Callable[[], object], pause: float = 0.0) -> list[float]:
    """Time a task again and again, in milliseconds, after a few calls to warm up."""
    for _ in range(5):
        task()
    times = []
    for _ in range(count):
        began = time.perf_counter()
        task()
        times.append((time.perf_counter() - began) * 1000)
        if pause:
            time.sleep(pause)
    return sorted(times)


def _at(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


def _line(what: str, times: list[float], floor: list[float], target: str = "") -> None:
    middle, high, low = _at(times, 0.5), _at(times, 0.99), _at(floor, 0.5)
    print(f"{what:34}{middle:9.3f}{high:9.3f}{low:9.3f}{middle / low:7.1f}x  {target}")


if __name__ == "__main__":
    main()
