"""The catalogue over HTTP passes what every catalogue passes."""

from collections.abc import Callable, Iterator

import pytest

from cauce.errors import Conflict
from cauce.faces.server import background
from cauce.kernel import plugins
from cauce.kernel.catalog import Catalog
from cauce.kernel.entities import Commit, Move, Run, RunId, Version
from cauce.kernel.ids import new_id
from cauce.kernel.workspace import Workspace
from cauce.testing.catalog_suite import CatalogSuite, Open


@pytest.fixture
def open_remote_catalog(ws: Workspace) -> Iterator[Callable[[], Catalog]]:
    with background(ws) as address:
        opened: list[Catalog] = []

        def once_more() -> Catalog:
            opened.append(plugins.load("catalogs", "http")(address))
            return opened[-1]

        yield once_more
        for one in opened:
            one.close()


class TestHttpCatalog(CatalogSuite):
    @pytest.fixture
    def open_catalog(self, open_remote_catalog: Open) -> Open:
        return open_remote_catalog


def test_numbers_that_json_cannot_write_come_through(open_remote_catalog):
    catalog = open_remote_catalog()
    run = Run(id=RunId(new_id()), kind="train", metrics={"loss": float("nan"), "x": float("inf")})
    catalog.commit(Commit(runs=(run,), agent="user:test"))
    assert repr(catalog.run(run.id).metrics) == "{'loss': nan, 'x': inf}"


def test_an_error_of_the_server_arrives_as_it_was_raised(open_remote_catalog, ws):
    version = Version(id="sha256:" + "1" * 64, kind="dataset", name="d")
    move = Move(kind="dataset", name="d", tag="main", target=version.id, expect=None)
    commit = Commit(versions=(version,), moves=(move,), agent="user:test")
    catalog = open_remote_catalog()
    catalog.commit(commit)
    with pytest.raises(Conflict) as here:
        ws.catalog.commit(commit)
    with pytest.raises(Conflict) as there:
        catalog.commit(commit)
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)
