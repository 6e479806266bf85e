"""The words of a command line become values of the parameters' types."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cauce.errors import Invalid
from cauce.faces import command
from cauce.faces.cli import Options
from cauce.kernel import operation

pytestmark = pytest.mark.usefixtures("sample")


def parse(name: str, *argv: str) -> dict[str, object]:
    return command.parse(operation.find(name), list(argv), Options())


def test_what_is_not_given_is_left_to_the_function():
    assert parse("sample.echo", "a") == {"first": "a"}


def test_every_kind_of_parameter_has_its_words():
    words = (
        "a 3 --count 4 --ratio 2 --dry-run --no-keep --mode down --names x y --names z "
        "--sizes 1 2 --params lr=0.1 depth=3 on=true off=null text=abc --limit 5"
    )
    assert parse("sample.echo", *words.split()) == {
        "first": "a",
        "second": 3,
        "count": 4,
        "ratio": 2.0,
        "dry_run": True,
        "keep": False,
        "mode": "down",
        "names": ["x", "y", "z"],
        "sizes": (1, 2),
        "params": {"lr": 0.1, "depth": 3, "on": True, "off": None, "text": "abc"},
        "limit": 5,
    }


def test_structs_are_read_as_json_or_from_a_file(tmp_path):
    file = tmp_path / "point.json"
    file.write_text('{"key": "b", "value": 2}')
    given = parse("sample.echo", "a", "--points", '{"key": "a", "value": 1}', f"@{file}")
    assert [point.key for point in given["points"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        ([], "first"),
        (["a", "x"], "'x' is not a whole number"),
        (["a", "--ratio", "x"], "'x' is not a number"),
        (["a", "--mode", "left"], "'left' is none of up, down"),
        (["a", "--params", "x"], "'x' is not KEY=VALUE"),
        (["a", "--points", '{"key": 1}'], "not the right JSON"),
        (["a", "--points", "@/no/file"], "not the right JSON"),
        (["a", "--sizes", "1", "b"], "'b' is not a whole number"),
        (["a", "--coun", "3"], "--coun"),
        (["a", "1", "2"], "unknown words: 2"),
    ],
)
def test_words_that_do_not_fit_are_named(argv, part):
    with pytest.raises(Invalid) as caught:
        parse("sample.echo", *argv)
    assert part in caught.value.message
    assert "--help" in caught.value.hint or "KEY=VALUE" in caught.value.message


@given(st.lists(st.text(min_size=1)))
def test_everything_after_two_dashes_belongs_to_the_command(words):
    given = parse("sample.touch", "python", "--folder", "f", "--", *words)
    assert given == {"command": ("python", *words), "folder": Path("f")}


def test_a_missing_command_is_an_error():
    with pytest.raises(Invalid, match="command is missing"):
        parse("sample.touch")


def test_options_of_the_command_without_dashes_before_are_explained():
    with pytest.raises(Invalid) as caught:
        parse("sample.touch", "python", "--lr", "3")
    assert "`--` before the command" in caught.value.hint


@given(
    st.integers(),
    st.floats(allow_nan=False),
    st.lists(st.text(alphabet="abc-_=é", min_size=1).filter(lambda text: text[0] != "-")),
)
def test_numbers_and_texts_come_back_as_they_were(number, ratio, names):
    words = ["a", f"--count={number}", f"--ratio={ratio!r}"]
    if names:
        words += ["--names", *names]
    given = parse("sample.echo", *words)
    assert given["count"] == number
    assert given["ratio"] == ratio
    assert given.get("names", []) == names


def test_the_help_of_a_verb_teaches(capsys):
    with pytest.raises(SystemExit):
        parse("sample.echo", "--help")
    text = capsys.readouterr().out
    for part in (
        "Give back what was given, 100% of it.",
        "--dry-run, --no-dry-run",
        "(default: 0.5)",
        "{up,down}",
        "KEY=VALUE",
        "$ cauce sample echo a --count 3",
        "  3  Never.",
    ):
        assert part in text
    assert json.dumps("SUPPRESS") not in text
