"""Sample operations, registered for the time of one test, and a server on loopback."""

import http.client
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cauce.faces.server import background
from cauce.kernel import operation
from cauce.kernel.workspace import Workspace, open_local


@pytest.fixture(scope="module")
def sample() -> Iterator[None]:
    """The group `sample`: its operations exist while a module's tests run."""
    name = "cauce_sample_operations"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, name, module)
        patch.setitem(operation.MODULES, "sample", name)
        spec.loader.exec_module(module)
        yield
        for known in [op.name for op in operation.registered("sample")]:
            del operation._REGISTRY[known]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, sample: None) -> Iterator[Workspace]:
    """A workspace that the tests of a module share."""
    root = tmp_path_factory.mktemp("shared")
    (root / "cauce.toml").write_text('project = "shared"\n')
    with open_local(root, agent="user:test") as opened:
        yield opened


@pytest.fixture(scope="module")
def server(shared: Workspace) -> Iterator[str]:
    """The address of a real server on loopback for the shared workspace."""
    with background(shared) as address:
        yield address


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, str]:
        return self.json()["error"]


Ask = Callable[..., Answer]


@pytest.fixture
def ask(server: str) -> Iterator[Ask]:
    """Send one raw request: `ask("POST", "/api/v1/x", body, header="value")`."""
    connection = http.client.HTTPConnection(server.removeprefix("http://"), timeout=30)

    def send(method: str, path: str, body: Any = None, /, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            named.setdefault("content-type", "application/json")
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    yield send
    connection.close()
