"""Adding, looking at and restoring files: many small ones and a big one, us beside DVC.

Each line is one command in a process of its own, as a person would type it. "floor" is the least
that has to be done: `cp -r` for what must be copied, `md5sum` for what must be read, a walk with a
`stat` a file for what must be looked at.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

SMALL, SMALL_BYTES = 3_000, 1_000
BIG_BYTES = 100_000_000
PINS = ("dvc==3.67.1", "pathspec==0.12.1")


class Cost(NamedTuple):
    """What a command took: seconds on the clock, seconds of CPU of all its processes."""

    wall: float
    cpu: float


def main() -> None:
    dvc = _dvc()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        root = Path(folder)
        small = _small(root / "small")
        big = _big(root / "big")
        for title, source in (
            (f"{SMALL:,} files of {SMALL_BYTES:,} bytes", small),
            (f"one file of {BIG_BYTES / 1e6:,.0f} MB", big),
        ):
            print(f"{title:30}{'cauce':>16}{'dvc':>16}{'floor':>16}   s of wall / CPU")
            ours = _course(root / "cauce", source, [sys.executable, "-m", "cauce", "data"])
            theirs = _course(root / "dvc", source, [str(dvc)]) if dvc else {}
            floors = _floors(root / "floor", source)
            for step, cost in ours.items():
                cells = (cost, theirs.get(step), floors[step])
                print(f"  {step:28}{''.join(map(_cell, cells))}")


def _dvc() -> Path | None:
    """Find the DVC that the protocol tests use, or say why there is none."""
    import pytest
    from tests.peers import peer

    try:
        return peer("dvc", PINS).parent / "dvc"
    except pytest.skip.Exception as reason:
        print(f"without DVC: {reason}")
        return None


def _small(folder: Path) -> Path:
    for number in range(SMALL):
        place = folder / f"{number % 50:02}" / f"{number:05}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(os.urandom(SMALL_BYTES))
    return folder


def _big(folder: Path) -> Path:
    folder.mkdir()
    with (folder / "0").open("wb") as out:
        for _ in range(BIG_BYTES // 1_000_000):
            out.write(os.urandom(1_000_000))
    return folder


def _course(root: Path, source: Path, tool: Sequence[str]) -> dict[str, Cost]:
    """Run one tool's commands on a fresh project."""
    environment = {
        **os.environ,
        "DVC_SITE_CACHE_DIR": str(root / ".site"),
        "DVC_NO_ANALYTICS": "1",
    }

    def run(*words: str) -> Callable[[], object]:
        command = [*tool, *words]
        return lambda: subprocess.run(
            command, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL
        )

    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(source, root / "set")
    (root / "cauce.toml").touch()
    flags = ("--no-scm",) if tool[-1].endswith("dvc") else ()
    run("init", *flags)()
    found = {"add": _cost(run("add", "set")), "add again": _cost(run("add", "set"))}
    found["status, unchanged"] = _cost(run("status"))
    _change(root / "set")
    found["status, one file changed"] = _cost(run("status"))
    found["add, one file changed"] = _cost(run("add", "set"))
    shutil.rmtree(root / "set")
    found["checkout of all"] = _cost(run("checkout"))
    found["checkout of nothing"] = _cost(run("checkout"))
    return found


def _change(folder: Path) -> None:
    """Change the last byte of one file."""
    file = next(path for path in sorted(folder.rglob("*")) if path.is_file())
    with file.open("r+b") as out:
        out.seek(-1, os.SEEK_END)
        out.write(b"!")


def _floors(root: Path, source: Path) -> dict[str, Cost]:
    """Measure the least that each step has to do."""
    quiet = subprocess.DEVNULL
    names = [str(path) for path in source.rglob("*") if path.is_file()]

    def copy() -> None:
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "-r", str(source), str(root)], check=True)

    def read() -> None:
        text = "\0".join(names).encode()
        subprocess.run(["xargs", "-0", "md5sum"], check=True, input=text, stdout=quiet)

    def look() -> None:
        subprocess.run(["find", str(source), "-size", "+1G"], check=True, stdout=quiet)

    looked, copied, hashed = _cost(look), _cost(copy), _cost(read)
    both = Cost(copied.wall + hashed.wall, copied.cpu + hashed.cpu)
    return {
        "add": both,
        "add again": looked,
        "status, unchanged": looked,
        "status, one file changed": looked,
        "add, one file changed": looked,
        "checkout of all": both,
        "checkout of nothing": looked,
    }


def _cost(work: Callable[[], object]) -> Cost:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    work()
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, used)


def _cell(cost: Cost | None) -> str:
    text = "-" if cost is None else f"{cost.wall:.2f} / {cost.cpu:.2f}"
    return f"{text:>16}"


if __name__ == "__main__":
    main()
