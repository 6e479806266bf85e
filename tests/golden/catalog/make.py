"""Make a catalogue file of today's schema, to be kept: python make.py TARGET.db.gz.

Run once for each schema, before its release; files of earlier schemas are never made again.
"""

import gzip
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from cauce.adapters.catalogs.sqlite import open_catalog
from cauce.kernel import auth
from cauce.kernel.entities import (
    Advance,
    Code,
    Commit,
    Digest,
    Edge,
    Job,
    Move,
    Note,
    Run,
    RunId,
    Version,
)

DATA = Version(
    id=Digest(f"sha256:{'1' * 64}"),
    kind="dataset",
    name="digits",
    created=1.5,
    size=1 << 40,
    count=3,
    labels={"split": "train"},
)
MODEL = Version(id=Digest(f"sha256:{'2' * 64}"), kind="model", name="digits", created=2.5)
TRAIN = Run(
    id=RunId("01aaaaaaaaaaaaaaaaaaaaaaaa"),
    kind="train",
    name="tidal-weir-42",
    status="finished",
    agent="user:one",
    started=1.75,
    ended=2.0,
    group="default",
    parent=RunId("01bbbbbbbbbbbbbbbbbbbbbbbb"),
    outcome="better",
    params={"lr": 0.1, "name": "水", "on": True, "none": None},
    metrics={"loss": 0.25},
    tags={"note": "first"},
    code=Code(commit="abc", branch="main", dirty=True, diff=DATA.id, command=("python", "t.py")),
)
EDGES = (
    Edge(run=TRAIN.id, direction="used", version=DATA.id, role="train"),
    Edge(run=TRAIN.id, direction="generated", version=MODEL.id),
)
JOB = Job(id="01cccccccccccccccccccccccc", kind="flow", name="retrain", key="k", created=3.0)
WHOLE = Commit(
    versions=(DATA, MODEL),
    runs=(TRAIN,),
    edges=EDGES,
    moves=(
        Move(kind="dataset", name="digits", tag="main", target=DATA.id),
        Move(kind="model", name="digits", tag="1", target=MODEL.id),
    ),
    jobs=(JOB,),
    notes=(Note(kind="label.submitted", subject="digits", data={"label": "7"}),),
    agent="user:one",
    message="first",
)


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with closing(open_catalog("sqlite:///catalog.db", Path(folder))) as catalog:
            catalog.commit(WHOLE)
            catalog.commit(Commit(advances=(Advance(name="flow", seq=4, expect=0),)))
            auth.add(catalog, "one", "reader")
        data = (Path(folder) / "catalog.db").read_bytes()
    target.write_bytes(gzip.compress(data, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
