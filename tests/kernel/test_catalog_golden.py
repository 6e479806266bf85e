"""Catalogues of every schema that was released still open, and say the same."""

import gzip
import importlib.util
import re
from contextlib import closing
from pathlib import Path

import pytest

from cauce.adapters.catalogs.sqlite import open_catalog
from cauce.kernel import auth, migrations
from cauce.kernel.entities import Commit, Move

FOLDER = Path(__file__).parents[1] / "golden" / "catalog"
FILES = sorted(FOLDER.glob("schema-*.db.gz"))


def load_maker():
    spec = importlib.util.spec_from_file_location("catalog_golden_make", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_schema_has_a_file():
    numbers = [int(re.findall(r"\d+", path.name)[0]) for path in FILES]
    assert numbers == list(range(1, len(migrations.KERNEL) + 1))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_kept_catalogue_opens_and_says_the_same(tmp_path, path):
    make = load_maker()
    (tmp_path / "catalog.db").write_bytes(gzip.decompress(path.read_bytes()))
    with closing(open_catalog("sqlite:///catalog.db", tmp_path)) as catalog:
        assert migrations.applied(catalog._database, "kernel") == len(migrations.KERNEL)
        assert catalog.version(make.DATA.id) == make.DATA
        assert catalog.run(make.TRAIN.id) == make.TRAIN
        assert catalog.edges(run=make.TRAIN.id) == list(make.EDGES)
        assert catalog.job(make.JOB.id) == make.JOB
        assert [ref.target for ref in catalog.refs()] == [make.DATA.id, make.MODEL.id]
        assert [event.kind for event in catalog.events()] == [
            "version.added",
            "version.added",
            "run.started",
            "run.ended",
            "ref.moved",
            "ref.moved",
            "job.queued",
            "label.submitted",
        ]
        assert catalog.events(newest=True, limit=1)[0].data == {"label": "7"}
        assert catalog.cursor("flow") == 4
        assert [token.name for token in auth.every(catalog)] == ["one"]
        assert [node.depth for node in catalog.lineage(make.MODEL.id).nodes] == [0, -1, -2]
        assert catalog.check() == []
        move = Move(kind="model", name="digits", tag="2", target=make.MODEL.id, expect=None)
        assert catalog.commit(Commit(moves=(move,))).seq == 9


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_kept_catalogue_gets_the_tables_of_a_fresh_one(tmp_path, path):
    (tmp_path / "kept.db").write_bytes(gzip.decompress(path.read_bytes()))
    schemas = []
    for name in ("kept", "fresh"):
        with closing(open_catalog(f"sqlite:///{name}.db", tmp_path)) as catalog:
            schemas.append(catalog.query("SELECT type, name, sql FROM sqlite_master ORDER BY 2"))
    assert schemas[0] == schemas[1]
