from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cauce.errors import Invalid, NotFound
from cauce.kernel import config
from cauce.kernel.config import SETTINGS


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder


def test_every_setting_has_its_default_where_nothing_is_written(tmp_path):
    loaded = config.load(tmp_path, {})
    assert {s.key: loaded[s.key] for s in SETTINGS} == {s.key: s.default for s in SETTINGS}
    assert loaded.source == {}


def test_stronger_sources_win(tmp_path):
    write(tmp_path, "pyproject.toml", "[tool.cauce.server]\nport = 1\nhost = 'a'\n")
    assert config.load(tmp_path, {})["server.port"] == 1
    write(tmp_path, "cauce.toml", "[server]\nport = 2\n")
    assert config.load(tmp_path, {})["server.port"] == 2
    loaded = config.load(tmp_path, {"CAUCE_SERVER__PORT": "3"})
    assert (loaded["server.port"], loaded["server.host"]) == (3, "a")
    assert loaded.source["server.port"] == "CAUCE_SERVER__PORT"
    assert loaded.replace(server__port=4)["server.port"] == 4
    assert loaded["server.port"] == 3


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[server]\nprot = 1", "no setting 'server.prot'", "server.port"),
        ("[severs]\nport = 1", "no setting 'severs.port'", "server.port"),
        ("server = 1", "no setting 'server'", "server"),
        ("catalogue = 'x'", "no setting 'catalogue'", "catalog"),
        ("[server.port]\nx = 1", "server.port = .* is not a whole number", ""),
        ("[server]\nport = '80'", "is not a whole number", ""),
        ("[server]\nport = 80.0", "is not a whole number", ""),
        ("[server]\nport = true", "is not a whole number", ""),
        ("[server]\nhost = 1", "is not a text", ""),
        ("[s3]\nallow_http = 'yes'", "is not true or false", ""),
        ("[s3]\nallow_http = 1", "is not true or false", ""),
        ("[models]\ntolerance = nan", "is not a number", ""),
        ("[models]\ntolerance = inf", "is not a number", ""),
        ("[models]\ntolerance = '1e-4'", "is not a number", ""),
        ("flow = 1", "flow must be a table", ""),
        ("a = = 1", "not valid TOML", ""),
        ("a = " + "[" * 20_000, "not valid TOML", ""),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path, text, message, hint):
    write(tmp_path, "cauce.toml", text)
    with pytest.raises(Invalid, match=message) as caught:
        config.load(tmp_path, {})
    assert str(tmp_path / "cauce.toml") in str(caught.value)
    assert hint in caught.value.hint


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "cauce.toml").write_bytes(b"project = '\xff'")
    with pytest.raises(Invalid, match="not valid TOML"):
        config.load(tmp_path, {})


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("SERVER__PORT", "0", 0),
        ("S3__ALLOW_HTTP", "Yes", True),
        ("S3__ALLOW_HTTP", "0", False),
        ("MODELS__TOLERANCE", "1e-3", 1e-3),
        ("MODELS__TOLERANCE", "1", 1.0),
        ("CATALOG", "postgresql://x", "postgresql://x"),
    ],
)
def test_a_variable_is_read_as_its_settings_type(tmp_path, key, text, value):
    setting = key.lower().replace("__", ".")
    assert config.load(tmp_path, {f"CAUCE_{key}": text})[setting] == value


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"CAUCE_SERVER__PORT": "eighty"}, "CAUCE_SERVER__PORT: server.port = 'eighty'"),
        ({"CAUCE_SERVER__PORT": ""}, "is not a whole number"),
        ({"CAUCE_MODELS__TOLERANCE": "nan"}, "is not a number"),
        ({"CAUCE_S3__ALLOW_HTTP": "perhaps"}, "is not true or false"),
        ({"CAUCE_SERVER__PROT": "1"}, "no setting 'server.prot'"),
        ({"CAUCE_CATALOGUE": "sqlite:x"}, "no setting 'catalogue'"),
    ],
)
def test_a_wrong_variable_is_refused(tmp_path, variables, message):
    with pytest.raises(Invalid, match=message):
        config.load(tmp_path, variables)


def test_variables_that_are_no_settings_are_left_alone(tmp_path):
    loaded = config.load(
        tmp_path, {"CAUCE_RUN": "x", "CAUCE_PROJECT": "/x", "CAUCE_ZEBRA": "x", "PATH": "x"}
    )
    assert loaded["project"] == ""
    assert loaded.source == {}


def test_the_tables_of_a_room_are_handed_on_whole(tmp_path):
    write(tmp_path, "cauce.toml", "[flow.retrain]\non = 'x'\nsteps = ['a']\n")
    assert config.load(tmp_path, {}).free == {"flow": {"retrain": {"on": "x", "steps": ["a"]}}}


def test_a_wrong_flag_is_refused(tmp_path):
    with pytest.raises(Invalid, match="a flag: no setting"):
        config.load(tmp_path, {}).replace(server__prot=1)


@pytest.mark.parametrize("mark", ["cauce.toml", ".cauce/", ".dvc/", "pyproject.toml"])
def test_a_project_is_found_from_below(tmp_path, mark):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert config.find_root(below) is None
    if mark.endswith("/"):
        (tmp_path / mark).mkdir()
    else:
        write(tmp_path, mark, "[tool.cauce]\nproject = 'x'\n" if "py" in mark else "")
    assert config.find_root(below) == tmp_path
    assert config.require_root(below) == tmp_path


@pytest.mark.parametrize("text", ["not = = toml", "[tool.other]\n", "tool = 1 # cauce"])
def test_a_pyproject_of_others_makes_no_project(tmp_path, text):
    write(tmp_path, "pyproject.toml", text)
    with pytest.raises(NotFound, match="no Cauce project") as caught:
        config.require_root(tmp_path)
    assert "cauce init" in caught.value.hint


@pytest.mark.parametrize("text", ["tool.cauce = 1", "cauce = = 1"])
def test_a_broken_pyproject_of_ours_is_an_error(tmp_path, text):
    write(tmp_path, "pyproject.toml", text)
    with pytest.raises(Invalid, match=r"pyproject\.toml"):
        config.find_root(tmp_path)


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=4))
def test_no_environment_makes_loading_fail_otherwise_than_as_invalid(variables):
    with suppress(Invalid):
        config.load(Path("/nonexistent"), {f"CAUCE_{k}": v for k, v in variables.items()})
