"""Other tools' unmodified clients and servers, each in a virtual environment of its own.

The environments live outside the checkout, are pinned, made once and reused:
`${CAUCE_TEST_CACHE:-${XDG_CACHE_HOME:-~/.cache}/cauce-tests}/<name>-<hash of the pins>`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

_MARKER = "complete"
_failed: dict[Path, str] = {}


def peer(name: str, pins: Sequence[str]) -> Path:
    """Give the Python of an environment that holds exactly these packages.

    Two makers at once wait for each other. A half-made environment lacks its marker and is made
    again. Where it cannot be made (no network), the test is skipped with the reason.

    Args:
        name: What the folder is called, e.g. `moto`.
        pins: Requirements as pip takes them, `package==version`.
    """
    folder = _cache() / f"{name}-{_key(pins)}"
    python = folder / "bin" / "python"
    if folder in _failed:
        pytest.skip(_failed[folder])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _MARKER).exists():
            return python
        shutil.rmtree(folder, ignore_errors=True)
        reason = _make(folder, pins)
        if reason:
            shutil.rmtree(folder, ignore_errors=True)
            _failed[folder] = f"the peer {name} ({', '.join(pins)}) cannot be installed: {reason}"
            pytest.skip(_failed[folder])
        (folder / _MARKER).write_text("\n".join(pins) + "\n")
    return python


def _make(folder: Path, pins: Sequence[str]) -> str:
    """Make an environment in place (its scripts hold absolute paths); give what went wrong."""
    steps = (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *pins],
    )
    for step in steps:
        try:
            done = subprocess.run(
                step, capture_output=True, text=True, check=False, timeout=900, env=_plain()
            )
        except subprocess.TimeoutExpired:
            return f"{step[2]} took more than 15 minutes"
        if done.returncode:
            return (done.stderr.strip() or done.stdout.strip() or "no message")[-500:]
    return ""


def _plain() -> dict[str, str]:
    """Give the environment without what would leak this interpreter's packages into the peer."""
    return {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}


def _cache() -> Path:
    own = os.environ.get("CAUCE_TEST_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cauce-tests"


def _key(pins: Sequence[str]) -> str:
    text = "\n".join([f"{sys.version_info.major}.{sys.version_info.minor}", *sorted(pins)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
