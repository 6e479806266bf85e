"""The description is valid, complete, and what the server really does."""

import re
import subprocess
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.peers import peer

from cauce.faces import catalog, openapi
from cauce.kernel import operation

PINS = ("schemathesis==4.32.5",)

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)


@pytest.fixture(scope="module")
def description() -> dict:
    return openapi.describe(operation.every())


@pytest.mark.slow
def test_an_outside_validator_finds_no_fault(ask):
    found = ask("GET", "/openapi.json").json()
    assert [error.message for error in OpenAPIV31SpecValidator(found).iter_errors()] == []


def test_every_operation_with_an_endpoint_is_described(description):
    described = {path.removeprefix("/api/v1/") for path in description["paths"]}
    remote = {op.name for op in operation.every() if not op.local}
    local = {op.name for op in operation.every() if op.local}
    assert remote <= described
    assert not local & described
    assert {f"catalog/{method}" for method in catalog.METHODS} <= described


def test_every_argument_is_described_with_its_words(description):
    for op in operation.every():
        if op.local:
            continue
        body = description["paths"][f"/api/v1/{op.name}"]["post"]["requestBody"]
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        schema = description["components"]["schemas"][name]
        assert set(schema["properties"]) == {item.name for item in op.parameters}
        required = {item.name for item in op.parameters if item.required}
        assert set(schema.get("required", ())) == required
        for parameter in op.parameters:
            assert schema["properties"][parameter.name]["description"] == parameter.help


def test_no_reference_of_the_description_leads_nowhere(description):
    text = str(description)
    known = set(description["components"]["schemas"])
    assert set(re.findall(r"#/components/schemas/([\w.\[\], ]+)", text)) <= known


@pytest.mark.peer
@pytest.mark.slow
def test_requests_made_from_the_description_never_break_the_server(server: str, tmp_path: Path):
    python = peer("schemathesis", PINS)
    done = subprocess.run(
        [
            python, "-m", "schemathesis.cli", "run", f"{server}/openapi.json",
            "--exclude-path", "/api/v1/stream", "--exclude-path-regex", "/sample",
            "--phases", "coverage,fuzzing", "--max-examples", "1", "--seed", "1",
            "--no-shrink", "--continue-on-failure", "--warnings", "off",
            "--checks", ",".join(CHECKS),
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    cases = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert cases is not None
    assert int(cases[1]) > 1000
