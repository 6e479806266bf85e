"""DVC's own lock, taken while we write what DVC reads."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cauce.adapters.formats.dvc import config
from cauce.errors import Conflict, Unsupported

_EVERY = 0.05


@contextmanager
def locked(root: Path, *, seconds: float = 3.0) -> Iterator[None]:
    """Hold `.dvc/tmp/lock` of a project.

    Args:
        root: Folder that holds `.dvc/`.
        seconds: How long to wait for another holder.

    Raises:
        Conflict: Another process, DVC or Cauce, kept it for longer.
        Unsupported: The project uses `core.hardlink_lock`, whose lock is of another kind.
    """
    if config.load(root).get("core", {}).get("hardlink_lock", "").lower() == "true":
        raise Unsupported(
            "the project sets core.hardlink_lock, which is not spoken here",
            hint="set core.hardlink_lock = false in .dvc/config",
        )
    path = root / ".dvc" / "tmp" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        _take(file.fileno(), path, seconds)
        # DVC writes its process id the same way and shows it to who has to wait.
        file.truncate(0)
        file.write(f" {os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def _take(descriptor: int, path: Path, seconds: float) -> None:
    """Try until the lock is ours or the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Conflict(
                    f"{path} is held by process {path.read_text(encoding='ascii').strip() or '?'}",
                    hint="another dvc or cauce command is writing; retry when it has ended",
                ) from None
            time.sleep(_EVERY)
        else:
            return
