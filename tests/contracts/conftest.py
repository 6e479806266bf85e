"""Servers that the suites' members need, one a session."""

from collections.abc import Iterator

import pytest

from cauce.testing.postgres import PostgresServer, ServerMissingError


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of our own; tests that need it are skipped where it is missing."""
    try:
        server = PostgresServer()
    except ServerMissingError as error:
        pytest.skip(f"NOT TESTED on PostgreSQL: {error}")
    yield server
    server.close()
