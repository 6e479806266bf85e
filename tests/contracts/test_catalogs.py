"""The catalogue's suite on every database that ships."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cauce.kernel import plugins
from cauce.kernel.sql import SqlCatalog
from cauce.testing.catalog_suite import Open
from cauce.testing.postgres import PostgresServer
from cauce.testing.suites import CatalogSuite


def opener(url: str, root: Path) -> Iterator[Open]:
    """Give a function that opens the catalogue again; what it opened is closed at the end."""
    opened: list[SqlCatalog] = []
    scheme = url.partition(":")[0]

    def again() -> SqlCatalog:
        catalog: SqlCatalog = plugins.load("catalogs", scheme)(url, root)
        opened.append(catalog)
        return catalog

    yield again
    for catalog in opened:
        catalog.close()


class TestSqlite(CatalogSuite):
    @pytest.fixture
    def open_catalog(self, tmp_path: Path) -> Iterator[Open]:
        yield from opener("sqlite:///.cauce/catalog.db", tmp_path)


@pytest.mark.postgres
class TestPostgres(CatalogSuite):
    @pytest.fixture
    def open_catalog(self, postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Open]:
        yield from opener(postgres_server.schema(), tmp_path)
