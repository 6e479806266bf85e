"""The OpenAPI description, derived from the operations and the catalogue's protocol."""

from collections.abc import Sequence
from typing import Any

import msgspec

from cauce import __version__
from cauce.faces import catalog, objects, thumbs
from cauce.faces.groups import GROUPS
from cauce.kernel import wire
from cauce.kernel.entities import Digest
from cauce.kernel.objects import ObjectInfo
from cauce.kernel.operation import Operation
from cauce.kernel.packs import message

Schema = dict[str, Any]

_INT64 = {"minimum": -(2**63), "maximum": 2**63 - 1}
_REFUSALS = {
    "400": "The body is not JSON.",
    "401": "A token is needed.",
    "403": "Not allowed: role, host or origin.",
    "404": "Something named does not exist.",
    "409": "Somebody else was first, or the state does not allow it.",
    "413": "The body is too large.",
    "415": "The content type is not spoken here.",
    "501": "A package that this needs is not installed.",
    "422": "An argument is invalid; `path` says which.",
}

ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "message", "hint", "request"],
            "properties": {
                "type": {"type": "string", "description": "Class of the error."},
                "message": {"type": "string"},
                "hint": {"type": "string", "description": "What to do next, or empty."},
                "path": {"type": "string", "description": "Field that is wrong: `$.limit`."},
                "request": {"type": "string", "description": "Id of the request, for the log."},
            },
        }
    },
}


class Schemas:
    """Collects the schemas of all types, those that come in apart from those that go out.

    They differ: going out, a number may be null (JSON has no NaN).
    """

    def __init__(self, incoming: Sequence[Any], outgoing: Sequence[Any]) -> None:
        self._in, into = _components(incoming, "Input")
        self._out, out = _components(outgoing, "")
        for schema in into.values():
            _bounded(schema)
        for schema in (*self._out, *out.values()):
            _nullable(schema)
        for schema in self._in:
            _bounded(schema)
        self.incoming = dict(zip(incoming, self._in, strict=True))
        self.outgoing = dict(zip(map(repr, outgoing), self._out, strict=True))
        self.components = {**into, **out, "Error": ERROR}


def describe(operations: Sequence[Operation]) -> Schema:
    """Write the description of a server with these operations."""
    remote = [op for op in operations if not op.local]
    incoming = [wire.arguments(op.function, op.name) for op in remote]
    incoming += [catalog.arguments(method) for method in catalog.METHODS]
    incoming += [objects.Put, objects.Names, objects.Deletion, objects.Listing]
    outgoing = [op.returns for op in remote]
    outgoing += [wire.result_type(function) for function in catalog.METHODS.values()]
    outgoing += [objects.Stored, ObjectInfo, list[Digest], int]
    schemas = Schemas(incoming, outgoing)
    paths: Schema = {}
    for op in remote:
        paths[f"/api/v1/{op.name}"] = {"post": _operation(op, schemas)}
    for method, function in catalog.METHODS.items():
        paths[f"/api/v1/catalog/{method}"] = {"post": _method(method, function, schemas)}
    paths.update(_fixed(schemas))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cauce",
            "version": __version__,
            "description": "Everything that `cauce GROUP VERB` does, as `POST /api/v1/GROUP.VERB`.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": line} for name, line in GROUPS.items()],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(op: Operation, schemas: Schemas) -> Schema:
    tp = wire.arguments(op.function, op.name)
    notes = [op.doc["body"], op.doc.get("Returns", ""), f"Needs the role {op.role}."]
    schema = schemas.components[schemas.incoming[tp]["$ref"].rpartition("/")[2]]
    for parameter in op.parameters:
        schema["properties"][parameter.name]["description"] = parameter.help
    return {
        "operationId": op.name,
        "summary": op.doc["summary"],
        "description": "\n\n".join(note for note in notes if note),
        "tags": [op.group],
        "requestBody": _body(schemas.incoming[tp]),
        "responses": _answers("200", schemas.outgoing[repr(op.returns)], op.doc.get("Returns", "")),
    }


def _method(method: str, function: Any, schemas: Schemas) -> Schema:
    tp = catalog.arguments(method)
    returns = wire.result_type(function)
    return {
        "operationId": f"catalog.{method}",
        "summary": (function.__doc__ or "").strip().partition("\n")[0],
        "description": f"Method of the catalogue. Needs the role {catalog.role(method)}.",
        "tags": ["catalog"],
        "requestBody": _body(schemas.incoming[tp]),
        "responses": _answers("200", schemas.outgoing[repr(returns)], ""),
    }


def _fixed(schemas: Schemas) -> Schema:
    """Describe what is not derived: objects, events, health."""
    digest = {
        "name": "digest",
        "in": "path",
        "required": True,
        "schema": {
            "type": "string",
            "pattern": "^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}(\\.dir)?)$",
        },
    }
    edge = {
        "name": "edge",
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "enum": list(thumbs.EDGES)},
    }
    data: Schema = {"application/octet-stream": {}}
    found = {"200": {"description": "Its bytes.", "content": {"*/*": {}}}, **_refused("404", "422")}
    after = {
        "name": "after",
        "in": "query",
        "schema": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
    }
    stream = {"200": {"description": "Events.", "content": {"text/event-stream": {}}}}
    return {
        "/objects/{digest}": {
            "parameters": [digest],
            "get": {"operationId": "objects.get", "summary": "Read an object.", "responses": found},
            "put": {
                "operationId": "objects.write",
                "summary": "Store an object; its bytes must be what its name says.",
                "requestBody": {"required": True, "content": data},
                "responses": _answers("201", schemas.outgoing[repr(objects.Stored)], "Stored."),
            },
        },
        "/objects/{digest}/thumb/{edge}": {
            "parameters": [digest, edge],
            "get": {
                "operationId": "objects.thumb",
                "summary": "Make a small picture of a picture.",
                "responses": found | _refused("501"),
            },
        },
        **{f"/api/v1/objects/{name}": _action(name, schemas) for name in _ACTIONS},
        **_packs(digest, schemas),
        "/api/v1/stream": {
            "get": {
                "operationId": "stream",
                "summary": "Send events as they happen (server-sent events).",
                "parameters": [after],
                "responses": stream | _refused("401", "422"),
            }
        },
    }


def _packs(digest: Schema, schemas: Schemas) -> Schema:
    """Describe packs and chunks, whose bodies docs/format.md describes."""
    pack: Schema = {message.BYTES: {}}
    listed: Schema = {"required": True, "content": {message.BYTES: {}}}
    given = {"200": {"description": "A pack.", "content": pack}, "204": {"description": "None."}}
    places = {"200": {"description": "Places in the list.", "content": {wire.JSON: {}}}}
    return {
        "/api/v1/packs/put": {
            "post": {
                "operationId": "packs.put",
                "summary": "Store the objects of a pack.",
                "requestBody": {"required": True, "content": pack},
                "responses": _answers("200", schemas.outgoing[repr(int)], "How many."),
            }
        },
        "/api/v1/packs/get": {
            "post": {
                "operationId": "packs.get",
                "summary": "Read many small objects as a pack, in order, as many as fit.",
                "requestBody": _body(schemas.incoming[objects.Names]),
                "responses": given | _refused("401", "422"),
            }
        },
        "/api/v1/packs/lacking": {
            "post": {
                "operationId": "packs.lacking",
                "summary": "Tell which chunks of a list are not here.",
                "requestBody": listed,
                "responses": places | _refused("401", "422"),
            }
        },
        "/objects/{digest}/chunks": {
            "parameters": [digest],
            "get": {
                "operationId": "packs.list",
                "summary": "Read the list of a big object's chunks.",
                "responses": {"200": {"description": "The list.", "content": pack}}
                | _refused("401", "404", "422"),
            },
            "put": {
                "operationId": "packs.write",
                "summary": "Store a big object, sent without the chunks that are here.",
                "requestBody": listed,
                "responses": _answers("201", schemas.outgoing[repr(objects.Stored)], "Stored."),
            },
        },
    }


_ACTIONS: dict[str, tuple[Any, str]] = {
    "put": (list[Digest], "Store many small objects; in JSON their bytes are base64."),
    "has": (list[Digest], "Tell which objects are stored."),
    "list": (ObjectInfo, "List all objects, one JSON object a line."),
    "delete": (int, "Remove objects."),
}


def _action(name: str, schemas: Schemas) -> Schema:
    returns, summary = _ACTIONS[name]
    tp, role = objects.ACTIONS[name]
    answers = _answers("200", schemas.outgoing[repr(returns)], "")
    if name == "list":
        answers["200"]["content"] = {"application/x-ndjson": {}}
    return {
        "post": {
            "operationId": f"objects.{name}",
            "summary": summary,
            "description": f"Needs the role {role}.",
            "requestBody": _body(schemas.incoming[tp]),
            "responses": answers,
        }
    }


def _body(schema: Schema) -> Schema:
    return {"required": True, "content": {wire.JSON: {"schema": schema}}}


def _answers(status: str, schema: Schema, text: str) -> Schema:
    content = {wire.JSON: {"schema": schema}}
    return {status: {"description": text or "Done.", "content": content}, **_refused(*_REFUSALS)}


def _refused(*statuses: str) -> Schema:
    content = {wire.JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        status: {"description": _REFUSALS[status], "content": content} for status in statuses
    } | {"default": {"description": "Another error.", "content": content}}


def _components(types: Sequence[Any], suffix: str) -> tuple[list[Schema], dict[str, Schema]]:
    """Derive schemas; the names of components get a suffix."""
    found, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}" + suffix
    )
    return list(found), {name + suffix: schema for name, schema in components.items()}


def _bounded(schema: Any) -> None:
    """Say what `kernel.wire` refuses: numbers beyond 64 bits, NUL in texts."""
    for part in _parts(schema):
        if part.get("type") == "integer":
            part.update({**_INT64, **{key: part[key] for key in _INT64 if key in part}})
        if part.get("type") == "string" and "enum" not in part and "pattern" not in part:
            part["pattern"] = "^[^\\u0000]*$"


def _nullable(schema: Any) -> None:
    """Say that a number may be null where it goes out."""
    for part in _parts(schema):
        if part.get("type") == "number":
            part["type"] = ["number", "null"]


def _parts(schema: Any) -> list[Schema]:
    """List a schema and all that it holds."""
    if isinstance(schema, dict):
        return [schema, *(part for value in schema.values() for part in _parts(value))]
    if isinstance(schema, list | tuple):
        return [part for value in schema for part in _parts(value)]
    return []
