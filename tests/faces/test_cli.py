"""The command line as a person meets it: real processes, real exit codes."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cauce import errors
from cauce.faces import cli
from cauce.faces.groups import GROUPS

CAUCE = [sys.executable, "-m", "cauce"]


def run(*words: str, cwd: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*CAUCE, *words],
        cwd=cwd,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_outside_a_project_it_says_how_to_begin(tmp_path):
    done = run(cwd=tmp_path)
    assert done.returncode == 0
    assert "cauce demo" in done.stdout
    assert "cauce init" in done.stdout


def test_in_a_project_it_says_where_it_stands_and_what_comes_next(project):
    done = run(cwd=project)
    assert done.returncode == 0, done.stderr
    assert "data sets       0" in done.stdout
    assert "cauce data add" in done.stdout


def test_the_next_step_follows_from_what_is_there():
    from cauce.faces.home import next_steps

    shown = [
        next_steps(False, False, [], False),
        next_steps(True, False, [], False),
        next_steps(True, True, [], False),
        next_steps(True, True, ["digits@champion"], False),
        next_steps(True, True, ["digits@champion"], True),
    ]
    commands = ["data add", "track run", "models register", "serve deploy digits@champion", "up"]
    for lines, expected in zip(shown, commands, strict=True):
        assert f"cauce {expected}" in lines[0]


def test_help_names_every_command_group_and_exit_code(tmp_path):
    text = run("--help", cwd=tmp_path).stdout
    for word in (*cli.COMMANDS, *GROUPS):
        assert re.search(rf"^  {word}\b", text, re.MULTILINE), word
    for code in cli.EXIT_CODES:
        assert re.search(rf"^ +{code}  ", text, re.MULTILINE)
    assert run("help", cwd=tmp_path).stdout == text
    assert run("-h", cwd=tmp_path).stdout == text


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        (["dta"], 2, "no command 'dta'", "did you mean data"),
        (["refs", "lss"], 2, "no verb of refs 'lss'", "did you mean ls"),
        (["refs", "ls", "--limit", "x"], 2, "'x' is not a whole number", "refs ls --help"),
        (["refs", "ls", "--nothing"], 2, "--nothing", "refs ls --help"),
        (["--nothing"], 2, "no option --nothing", "cauce --help"),
        (["-C"], 2, "-C needs a value", "cauce --help"),
        (["-C", "/no/such/folder"], 2, "cannot enter /no/such/folder", ""),
        (["refs", "ls", "--url", "ftp://x"], 2, "ftp://x", "http://HOST:PORT"),
        (["lineage", "show", "model:nothing@1"], 3, "nothing", ""),
        (["--url", "http://127.0.0.1:1", "refs", "ls"], 9, "http://127.0.0.1:1", "cauce up"),
        (["completion", "tcsh"], 2, "bash, zsh or fish", ""),
    ],
)
def test_what_goes_wrong_is_one_line_one_hint_and_a_code(project, words, code, message, hint):
    done = run(*words, cwd=project)
    lines = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert len(lines) <= 2
    assert hint in "".join(lines[1:])


def test_a_verb_outside_a_project_says_what_to_do(tmp_path):
    done = run("refs", "ls", cwd=tmp_path)
    assert done.returncode == errors.NotFound.exit_code
    assert "cauce init" in done.stderr


def test_json_goes_to_stdout_and_can_be_read(project):
    for words in (["--json", "refs", "ls"], ["refs", "ls", "--json"]):
        assert json.loads(run(*words, cwd=project).stdout) == []


def test_another_folder_can_be_named_before_and_after_the_verb(project, tmp_path):
    for words in (
        ["-C", str(project), "refs", "ls", "--json"],
        ["refs", "ls", "--json", "-C", str(project)],
        [f"--project={project}", "--json", "refs", "ls"],
    ):
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, json.loads(done.stdout)) == (0, []), done.stderr


def test_a_group_alone_shows_its_verbs(tmp_path):
    done = run("refs", cwd=tmp_path)
    assert done.returncode == 2
    assert "history" in done.stderr
    assert run("refs", "--help", cwd=tmp_path).returncode == 0
    assert run("help", "refs", cwd=tmp_path).stdout == run("refs", "-h", cwd=tmp_path).stdout


def test_every_verb_of_the_index_has_help_that_works(capsys):
    from cauce.faces.index import VERBS

    for group, verbs in VERBS.items():
        for verb in verbs:
            assert cli.main([group, verb, "--help"]) == 0
            assert f"usage: cauce {group} {verb}" in capsys.readouterr().out


def test_an_error_that_nobody_foresaw_is_one_line(sample, project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setitem(cli.COMMANDS, "fail", ("cauce_sample_operations:not_there", ""))
    assert cli.main(["fail"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("error: AttributeError: ")
    assert "CAUCE_DEBUG=1" in lines[1]
    monkeypatch.setenv("CAUCE_DEBUG", "1")
    assert cli.main(["fail"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error(project):
    line = shlex.join([*CAUCE, "--help"])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, check=False, cwd=project,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")


def test_a_reader_that_left_before_the_first_line_is_no_error(project):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*CAUCE, "--help"], stdout=write, stderr=subprocess.PIPE, check=False, cwd=project
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_interrupt_ends_quietly_with_its_own_code(sampled, capsys):
    assert cli.main(["sample", "fail", "Stop"]) == 130
    assert capsys.readouterr().err == ""


@pytest.fixture
def sampled(sample, project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setitem(GROUPS, "sample", "samples")


@pytest.mark.parametrize("name", ["Invalid", "NotFound", "Conflict", "GateFailed", "Unwritable"])
def test_the_exit_code_is_that_of_the_error(sampled, capsys, name):
    assert cli.main(["sample", "fail", name]) == getattr(errors, name).exit_code
    assert capsys.readouterr().err == "error: it broke\nhint: try again\n"


def test_words_after_two_dashes_reach_the_verb_untouched(sampled, capsys):
    assert cli.main(["sample", "touch", "--json", "--", "python", "--json", "-C", "x"]) == 0
    assert json.loads(capsys.readouterr().out) == [".", "python", "--json", "-C", "x"]


def test_a_result_without_a_form_of_its_own_is_readable(sampled, capsys):
    words = "sample echo a --params lr=0.5 --names x y"
    assert cli.main(words.split()) == 0
    text = capsys.readouterr().out
    assert "  first: a\n" in text
    assert "  names:\n    - x\n    - y\n" in text
    assert "  params:\n    lr: 0.5\n" in text


def test_progress_is_drawn_on_a_terminal_only(sampled, capsys):
    assert cli.main(["sample", "slow"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("45\n", "")


def test_progress_is_drawn_on_a_terminal(project):
    code = (
        "from cauce.faces import bar\nfrom cauce.kernel import progress\n"
        "with bar.shown():\n    print(sum(progress.track(range(10), 'adding', 10)))\n"
    )
    terminal, inside = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code], stderr=inside, stdout=subprocess.PIPE, check=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80"},
    )  # fmt: skip
    os.close(inside)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert done.stdout == b"45\n"
    assert "adding" in shown


def test_file_names_that_are_not_text_are_printed_as_they_are(sampled, capfdbinary):
    odd = os.fsdecode(b"caf\xe9")
    code = f"import sys; from cauce.faces import cli, text; cli.main([])\nprint({odd!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"caf\xe9" in done.stdout


def test_ctrl_c_during_a_command_is_130(project):
    process = subprocess.Popen(
        [*CAUCE, "flow", "work", "--no-once"],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    until = time.monotonic() + 30
    while not (project / ".cauce" / "catalog.db").exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert b"Traceback" not in told
