"""One verb, many faces: what one face has, all have."""

import importlib.util
import inspect
import re
import types
import typing
from importlib.machinery import SourceFileLoader
from pathlib import Path

import msgspec
import pytest

from cauce import errors
from cauce.faces import catalog, command, index, reference, render, words
from cauce.faces.cli import EXIT_CODES
from cauce.faces.groups import GROUPS
from cauce.kernel import operation, wire
from cauce.kernel.operation import Operation

ROOT = Path(__file__).parents[2]
ALL = operation.every()
NAMES = [op.name for op in ALL]

WITHOUT_RENDERER = {"track.log", "track.write", "admin.token_remove"}
"""Operations whose result reads well as plain text; keep it short."""

each = pytest.mark.parametrize("op", ALL, ids=NAMES)


def test_groups_are_the_same_everywhere():
    assert list(GROUPS) == list(operation.MODULES)
    assert {op.group for op in ALL} == set(GROUPS)


@each
def test_the_command_takes_every_parameter(op: Operation):
    made = command.parser(op)
    own = {action.dest for action in made._actions if not action.dest.startswith("_")}
    assert own - {"help"} == {item.name for item in op.parameters}


@each
def test_the_endpoint_takes_every_parameter(op: Operation):
    if op.local:
        return
    struct = wire.arguments(op.function, op.name)
    assert struct.__struct_fields__ == tuple(item.name for item in op.parameters)
    msgspec.json.schema_components([struct, op.returns])


@each
def test_the_client_has_the_method(op: Operation, ws):
    method = getattr(getattr(ws, op.group), op.verb)
    assert method.__doc__ == op.function.__doc__


@each
def test_the_docstring_says_what_every_parameter_is(op: Operation):
    documented = operation.argument_lines(op.doc.get("Args", ""))
    assert set(documented) == {item.name for item in op.parameters}
    assert op.doc["summary"].endswith((".", "?"))
    assert len(op.doc["summary"]) <= 90


@each
def test_errors_in_the_docstring_exist(op: Operation):
    for name in operation.argument_lines(op.doc.get("Raises", "")):
        assert isinstance(getattr(errors, name, None), type), name


@each
def test_at_most_two_parameters_go_without_a_name(op: Operation):
    found = list(inspect.signature(op.function).parameters.values())[1:]
    assert sum(item.kind is not inspect.Parameter.KEYWORD_ONLY for item in found) <= 2


@each
def test_examples_are_commands_that_parse(op: Operation):
    import shlex

    from cauce.faces.cli import Options, leading

    for line in command.examples(op):
        options, argv = leading(shlex.split(line)[1:])
        found, rest = command.spelled(argv[0], argv[1:])
        assert found.group == op.group or found.name == op.name, line
        command.parse(found, rest, Options())
        assert options.url == ""


@each
def test_a_person_gets_a_text_made_for_the_verb(op: Operation):
    has = render.renderer(op.name) is not None
    assert has != (op.name in WITHOUT_RENDERER)


@each
def test_paths_are_taken_only_where_files_are_local(op: Operation):
    def mentions(tp: object) -> bool:
        return tp is Path or any(map(mentions, typing.get_args(tp)))

    if not op.local:
        assert not any(mentions(item.type) for item in op.parameters)


@each
def test_every_type_has_a_name_that_people_read(op: Operation):
    for parameter in op.parameters:
        name = words.type_name(parameter.type)
        assert "<" not in name
        assert "typing" not in name


def test_every_renderer_belongs_to_an_operation():
    for name in NAMES:
        render.renderer(name)
    assert set(render._RENDERERS) <= set(NAMES)


def test_every_method_of_the_catalogue_travels():
    from cauce.kernel.catalog import Catalog

    methods = {
        name
        for name, value in vars(Catalog).items()
        if isinstance(value, types.FunctionType) and not name.startswith("_")
    }
    assert set(catalog.METHODS) | catalog.LOCAL == methods
    assert set(catalog.METHODS) > catalog.WRITES


def test_exit_codes_are_those_of_the_errors():
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.CauceError)
    ]
    codes = [one.exit_code for one in classes]
    assert len(codes) == len(set(codes))
    assert set(codes) | {0, 130} == set(EXIT_CODES)


@pytest.fixture(scope="module")
def script() -> types.ModuleType:
    loader = SourceFileLoader("cauce_reference_script", str(ROOT / "scripts" / "reference"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_index_and_the_reference_are_current(script, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["reference", "--check"])
    assert script.main() == 0, "run scripts/reference: " + capsys.readouterr().out


def test_the_index_knows_every_verb_and_option():
    listed = {f"{group}.{verb}" for group, verbs in index.VERBS.items() for verb in verbs}
    assert listed == {name.replace("_", "-") for name in NAMES} == set(index.OPTIONS)


@each
def test_the_reference_shows_command_endpoint_and_client(op: Operation):
    page = reference.pages(ALL)[f"{op.group}.md"]
    section = page.partition(f"## `{op.name}`\n")[2].partition("\n## ")[0]
    assert f"cauce {op.group} {op.verb.replace('_', '-')}" in section
    assert f"`ws.{reference.python_name(op)}(" in section
    assert (f"POST /api/v1/{op.name}" in section) != op.local
    for parameter in op.parameters:
        assert re.search(rf"^\| `{parameter.name}` \|", section, re.MULTILINE)
