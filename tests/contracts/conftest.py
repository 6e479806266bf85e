"""Servers that the suites' members need, one a session."""

import http.client
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.peers import peer

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
    python = peer("moto", ["moto[server]==5.2.5"])
    command = [str(python), "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        found = None
        for line in server.stdout:
            found = re.search(r"http://(127\.0\.0\.1:\d+)", line)
            if found:
                break
        try:
            assert found, "the S3 server ended before it listened"
            drain = threading.Thread(target=lambda: list(server.stdout or ()), daemon=True)
            drain.start()
            connection = http.client.HTTPConnection(found[1])
            connection.request("PUT", "/bucket")
            assert connection.getresponse().status == 200
            connection.close()
            yield f"http://{found[1]}"
        finally:
            server.terminate()
            server.wait()
            drain.join()


@pytest.fixture
def s3_settings(s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return config.load(tmp_path, {}).replace(s3__endpoint=s3_address, s3__allow_http=True)
