"""A page of runs out of 10,000, filtered and sorted, beside the same question in bare SQL."""

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cauce.kernel import ids
from cauce.kernel.entities import Commit, Run, RunId
from cauce.kernel.workspace import Workspace, open_local

RUNS = 10_000
FILTER = "val/acc > 0.9 and params.lr < 0.1 and status = finished"
SQL = """
    SELECT id, json_extract(metrics, '$."val/acc"') AS score FROM runs
    WHERE status = 'finished' AND score > 0.9 AND json_extract(params, '$.lr') < 0.1
    ORDER BY score DESC
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=".") as folder:
        root = Path(folder)
        (root / "cauce.toml").write_text("")
        with open_local(root) as ws:
            fill(ws)
            bare = sqlite3.connect(root / ".cauce" / "catalog.db")
            floor = best(lambda: bare.execute(SQL).fetchall())
            print(f"{'':44}{'ms':>8}{'x floor':>9}")
            print(f"{'bare SQL over the same rows':44}{floor:8.1f}{1:9.1f}")
            for name, arguments in (
                ("the newest 100", {}),
                ("filtered and sorted", {"filter": FILTER, "sort": "-val/acc"}),
                ("sorted by a metric", {"sort": "-val/acc"}),
            ):
                spent = best(lambda arguments=arguments: ws.track.ls(**arguments))
                print(f"{'track.ls, ' + name:44}{spent:8.1f}{spent / floor:9.1f}")


def fill(ws: Workspace) -> None:
    """Commit the runs, 500 at a time."""
    rng = random.Random(1)
    for start in range(0, RUNS, 500):
        runs = (
            Run(
                id=RunId(ids.new_id()),
                kind="train",
                name=ids.readable(str(number)),
                status="finished",
                started=float(number),
                ended=number + 5.0,
                params={"lr": rng.random(), "width": 64, "seed": number},
                metrics={"val/acc": rng.random(), "loss": rng.random()},
            )
            for number in range(start, start + 500)
        )
        ws.catalog.commit(Commit(runs=tuple(runs)))


def best(work: Callable[[], object]) -> float:
    """Shortest of seven tries, ms."""
    spent = []
    for _ in range(7):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1e3)
    return min(spent)
