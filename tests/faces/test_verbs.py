"""Verbs of several words, and letters for options, on the command line."""

import pytest

from cauce.errors import Invalid
from cauce.faces import command


def test_the_dashes_of_a_verb_may_be_blanks():
    found, rest = command.spelled("admin", ["token", "remove", "x"])
    assert (found.name, rest) == ("admin.token_remove", ["x"])
    found, rest = command.spelled("admin", ["token-remove", "x"])
    assert (found.name, rest) == ("admin.token_remove", ["x"])


def test_the_first_word_alone_lists_what_may_follow(capsys):
    assert command.spelled("admin", ["token"])[0] is None
    assert command.family("admin", "token", asked=True) == 0
    assert "token add" in capsys.readouterr().out


def test_a_wrong_second_word_is_answered_with_the_right_ones():
    with pytest.raises(Invalid, match="no verb of admin token 'nope'"):
        command.spelled("admin", ["token", "nope"])
