"""A start loads next to nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

import cauce

OURS = ("cauce", "__main__")


def loaded(code: str, cwd: Path) -> set[str]:
    """Give the modules that code loads beyond those of a bare interpreter."""

    def run(text: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-c", f"{text}\nimport sys; print(*sys.modules, file=sys.stderr)"],
            cwd=cwd, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return set(done.stderr.split())

    return run(code) - run("")


def command(*words: str) -> str:
    return f"from cauce.__main__ import main; assert main({list(words)!r}) == 0"


def test_importing_cauce_loads_only_cauce(tmp_path):
    assert loaded("import cauce", tmp_path) == {"cauce"}


def test_the_version_loads_at_most_a_hundred_modules(tmp_path):
    code = f"{command('--version')}\nimport sys; assert len(sys.modules) <= 100, len(sys.modules)"
    assert loaded(code, tmp_path) <= {"cauce", "cauce.__main__"}


@pytest.mark.parametrize("words", [["--help"], ["refs", "--help"], ["help"]])
def test_help_loads_neither_operations_nor_a_parser(tmp_path, words):
    found = loaded(command(*words), tmp_path)
    assert not found & {"argparse", "typing", "msgspec", "cauce.kernel.operation"}
    assert len(found) < 20


def test_a_read_of_the_catalogue_loads_nothing_heavy(project):
    found = {name.partition(".")[0] for name in loaded(command("refs", "ls"), project)}
    heavy = {"numpy", "pyarrow", "rich", "starlette", "uvicorn", "yaml", "ruamel", "orjson"}
    assert not found & (heavy | {"asyncio", "email", "http", "ssl", "subprocess"})


def test_the_names_of_the_package_load_when_they_are_used():
    assert set(cauce.__all__) <= set(dir(cauce))
    assert callable(cauce.open)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        cauce.nothing_like_it  # noqa: B018
