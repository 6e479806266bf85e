"""The documentation is true: its commands run, its Python runs, in order, in a fresh folder.

In a ```console block each line `$ command` runs in bash (a line that ends in a backslash goes on
below). A command must succeed, or end with the code that a comment `# exit 3` at its end names.
Other lines are output for the reader. ```python blocks of a page share one interpreter state.
A page that says `<!-- needs COMMAND -->` is skipped where that command is not installed.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDS = re.compile(r"<!-- needs ([\w-]+) -->")
EXIT = re.compile(r"#\s*exit (\d+)\s*$")
PAGES = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / "docs").glob("*.md")
    if BLOCK.search(path.read_text(encoding="utf-8"))
)


def commands(block: str) -> list[tuple[str, int]]:
    """Give the commands of a console block with the exit code each must have."""
    found: list[str] = []
    open_line = False
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif open_line:
            found[-1] += "\n" + line
        else:
            continue
        open_line = line.endswith("\\")
    rows = []
    for command in found:
        match = EXIT.search(command)
        rows.append((command, int(match[1]) if match else 0))
    return rows


def run(arguments: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command and give its exit code and all that it printed."""
    done = subprocess.run(
        arguments,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_blocks_of_a_page_run_in_order(page, tmp_path):
    for command in NEEDS.findall((ROOT / page).read_text(encoding="utf-8")):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "GIT_CONFIG_GLOBAL": str(tmp_path / "home" / ".gitconfig"),
    }
    (tmp_path / "home").mkdir()
    folder = tmp_path / "work"
    folder.mkdir()
    where = tmp_path / "where"
    where.write_text(f"{folder}\n")
    state = tmp_path / "python.py"
    state.write_text("")
    for kind, block in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        if kind == "python":
            state.write_text(state.read_text() + block)
            code, output = run(
                [sys.executable, str(state)], Path(where.read_text().strip()), environment
            )
            assert code == 0, f"{page}\n{block}\n{output}"
            continue
        for command, expected in commands(block):
            script = f'cd "$(cat {where})"\n{command}\ncode=$?\npwd >{where}\nexit $code\n'
            code, output = run(["bash", "-c", script], folder, environment)
            assert code == expected, f"{page}\n$ {command}\nexit {code}\n{output}"


def test_the_list_of_decisions_is_complete():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[\d{4}\]\((\d{4}-[a-z0-9-]+\.md)\) \|", index, re.MULTILINE)
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))
