"""Fixtures that every test may use: a workspace of its own at `tmp_path`."""

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from cauce.kernel import workspace
from cauce.kernel.workspace import Workspace

# One slow moment of a busy machine is no failure.
hypothesis.settings.register_profile("cauce", deadline=None, max_examples=60)
hypothesis.settings.load_profile("cauce")


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own git and Cauce settings out of the tests."""
    for name in ("CAUCE_RUN", "CAUCE_CATALOG", "CAUCE_OBJECTS", "CAUCE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("GIT_AUTHOR_NAME", "Test"),
        ("GIT_AUTHOR_EMAIL", "test@localhost"),
        ("GIT_COMMITTER_NAME", "Test"),
        ("GIT_COMMITTER_EMAIL", "test@localhost"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ):
        monkeypatch.setenv(name, value)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project folder."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "cauce.toml").write_text('project = "test"\n')
    return root


@pytest.fixture
def ws(project: Path) -> Iterator[Workspace]:
    """A workspace with an embedded catalogue and store."""
    with workspace.open_local(project, agent="user:test") as opened:
        yield opened


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the machine has one: thousands of files are made in it."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="cauce-test-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture
def seed() -> int:
    """Another number in each run, shown when a test fails."""
    chosen = random.randrange(10**6)
    print(f"seed {chosen}")
    return chosen
