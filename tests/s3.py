"""A local S3 server (moto) in an environment of its own."""

import http.client
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.peers import peer

PINS = ("moto[server]==5.2.5",)


@contextmanager
def serving() -> Iterator[str]:
    """Run the server; gives its `HOST:PORT`."""
    command = [str(peer("moto", PINS)), "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        address = re.compile(r"http://(127\.0\.0\.1:\d+)")
        drain = threading.Thread(target=lambda: list(server.stdout or ()), daemon=True)
        try:
            found = next(filter(None, map(address.search, server.stdout)), None)
            assert found, "the S3 server ended before it listened"
            drain.start()
            yield found[1]
        finally:
            server.terminate()
            server.wait()
            if drain.ident is not None:
                drain.join()


def put(address: str, path: str, body: bytes = b"") -> None:
    """Make a bucket, or set something of one."""
    connection = http.client.HTTPConnection(address)
    connection.request("PUT", path, body)
    assert connection.getresponse().status == 200
    connection.close()
