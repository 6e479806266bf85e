"""Servers that the suites' members need, one a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import s3

from cauce.kernel import config
from cauce.kernel.config import Settings
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


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Address of a local S3 server with a bucket named `bucket`."""
    with s3.serving() as address:
        s3.put(address, "/bucket")
        yield f"http://{address}"


@pytest.fixture
def s3_settings(s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return config.load(tmp_path, {}).replace(s3__endpoint=s3_address, s3__allow_http=True)
