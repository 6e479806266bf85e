"""Completion works in the shell itself."""

import shutil
import subprocess
import sys

import pytest

from cauce.faces.cli import COMMANDS
from cauce.faces.groups import GROUPS
from cauce.faces.index import OPTIONS, VERBS


@pytest.fixture(scope="module")
def complete():
    script = subprocess.run(
        [sys.executable, "-m", "cauce", "completion", "bash"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    def ask(line: str) -> list[str]:
        words = line.split(" ")
        quoted = " ".join(f"'{word}'" for word in words)
        tail = (
            f"\nCOMP_WORDS=({quoted})\nCOMP_CWORD={len(words) - 1}\n_cauce\n"
            'printf "%s\\n" "${COMPREPLY[@]}"\n'
        )
        done = subprocess.run(
            ["bash", "--norc", "-u", "-c", script + tail],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout.split()

    return ask


def test_first_come_commands_and_groups(complete):
    assert complete("cauce ") == [*COMMANDS, *GROUPS]
    assert complete("cauce da") == ["data"]


@pytest.mark.parametrize("group", list(GROUPS))
def test_then_the_verbs_of_the_group(complete, group):
    assert complete(f"cauce {group} ") == list(VERBS[group])


def test_then_the_options_of_the_verb(complete):
    name = next(name for name, options in OPTIONS.items() if options)
    found = complete(f"cauce {name.replace('.', ' ')} --")
    assert set(OPTIONS[name].split()) < set(found)
    assert "--json" in found


def test_options_before_the_group_are_stepped_over(complete):
    assert complete("cauce -C data --json refs hi") == ["history"]
    assert "--version" in complete("cauce --")


def test_files_are_left_to_the_shell(complete):
    assert complete("cauce data add ") == []


def test_shells_are_completed(complete):
    assert complete("cauce completion ") == ["bash", "zsh", "fish"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_accept_their_script(shell):
    done = subprocess.run(
        [sys.executable, "-m", "cauce", "completion", shell],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "cauce" in done.stdout
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n"], input=done.stdout, text=True, check=True)


def test_help_says_how_to_switch_it_on():
    done = subprocess.run(
        [sys.executable, "-m", "cauce", "completion", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert 'eval "$(cauce completion bash)"' in done.stdout
