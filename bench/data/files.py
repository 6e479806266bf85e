"""Versions of files: us, DVC, Git LFS, Oxen and the floor, step by step.

    python -m bench data files                          three cases in full: an hour, 30 GB of disk
    python -m bench data files --case 1000x20000        one case: files x bytes
    python -m bench data files --quick --tools cauce,dvc,floor

Figures are seconds of CPU of the process tree, with all in memory, then our ratios to DVC and to
the floor. System calls are counted by `strace -f -c` on a smaller case.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import versioners
from bench.measure import Cost
from bench.versioners import Tool

FULL = ((10_000, 20_000), (100_000, 1_000), (1, 2 << 30))
QUICK = ((1_000, 20_000), (5_000, 1_000), (1, 64 << 20))
CALLS = (2_000, 1_000)
"""Case whose system calls are counted."""

STEPS = {
    "add": ("first add", 1 / 6, 1.5),
    "status": ("status, nothing changed", 1 / 15, 2.0),
    "push": ("push to a local remote", 1 / 8, 1.8),
    "checkout": ("checkout into nothing, copy", 1 / 6, 1.5),
    "link": ("the same, hard link", 1 / 8, 2.0),
    "pull": ("pull into nothing", 1 / 8, 1.8),
    "update": ("add and push, 1 % changed", 1 / 15, 3.0),
}
"""Step -> what it is, goal against DVC, goal against the floor."""


def main() -> None:
    given = _arguments()
    tools = {name: open for name, open in versioners.every().items() if name in given.tools}
    with tempfile.TemporaryDirectory(dir=given.dir, prefix=".bench-") as folder:
        for number, (files, size) in enumerate(given.case):
            root = Path(folder) / str(number)
            source = make(root / "source", files, size)
            print(f"\n{files:,} x {size:,} bytes; CPU seconds, MiB of memory", flush=True)
            found = {name: _try(name, open(root / name), source) for name, open in tools.items()}
            _table(found)
            shutil.rmtree(root)
        if not given.no_calls:
            _calls(Path(folder), {k: v for k, v in tools.items() if k in {"cauce", "dvc", "floor"}})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench data files")
    parser.add_argument("--case", action="append", type=_case, help="FILESxBYTES")
    parser.add_argument("--quick", action="store_true", help="small cases")
    parser.add_argument("--tools", type=lambda text: text.split(","), default=versioners.every())
    parser.add_argument("--no-calls", action="store_true", help="count no system calls")
    parser.add_argument("--dir", default=".", help="folder to work in")
    given, _ = parser.parse_known_args(sys.argv[2:])
    given.case = given.case or (QUICK if given.quick else FULL)
    return given


def _case(text: str) -> tuple[int, int]:
    files, _, size = text.partition("x")
    return int(files), int(size)


def make(folder: Path, files: int, size: int) -> Path:
    """Write random files, 200 a folder."""
    for number in range(files):
        place = folder / f"{number // 200:04}" / f"{number:07}.bin"
        if number % 200 == 0:
            place.parent.mkdir(parents=True)
        with place.open("wb") as out:
            for start in range(0, size, 1 << 20):
                out.write(os.urandom(min(1 << 20, size - start)))
    return folder


def _change(folder: Path) -> None:
    """Change 1 % of the files; insert 1 MiB in the middle of one by itself."""
    every = sorted(path for path in folder.rglob("*") if path.is_file())
    if len(every) == 1:
        _insert(every[0], every[0].stat().st_size // 2)
        return
    for file in random.Random(1).sample(every, max(1, len(every) // 100)):
        beside = file.with_name(f"{file.name}.new")  # as editors do: it may be a link to an object
        beside.write_bytes(os.urandom(file.stat().st_size))
        beside.replace(file)


def _insert(file: Path, at: int) -> None:
    beside = file.with_name(f"{file.name}.new")
    with file.open("rb") as source, beside.open("wb") as target:
        for start in range(0, at, 1 << 20):
            target.write(source.read(min(1 << 20, at - start)))
        target.write(os.urandom(1 << 20))
        shutil.copyfileobj(source, target, 1 << 20)
    beside.replace(file)


def course(tool: Tool, source: Path) -> Iterator[str]:
    """Bring the project into the state that each step starts from."""
    work = tool.project / "set"
    shutil.copytree(source, work)
    yield "add"
    yield "status"
    yield "push"
    shutil.rmtree(work)
    yield "checkout"
    tool.set_link("hardlink")
    shutil.rmtree(work, ignore_errors=True)
    yield "link"
    tool.set_link("copy")
    shutil.rmtree(work, ignore_errors=True)
    tool.drop_cache()
    yield "pull"
    if work.is_dir():
        _change(work)
        yield "update"


def _try(name: str, tool: Tool, source: Path) -> dict[str, Cost]:
    found: dict[str, Cost] = {}
    try:
        for step in course(tool, source):
            if step == "pull" and not tool.commands("push"):
                break
            cost = tool.measure(step)
            if cost is not None:
                found[step] = cost
    except subprocess.CalledProcessError as error:
        print(f"  {name} stopped: {versioners.failure(error)}", flush=True)
    except NotImplementedError:
        pass
    shutil.rmtree(tool.root)
    return found


def _table(found: dict[str, dict[str, Cost]]) -> None:
    print(f"  {'':30}{''.join(f'{name:>16}' for name in found)}{'x dvc':>16}{'x floor':>16}")
    for step, (title, dvc, floor) in STEPS.items():
        costs = {name: costs.get(step) for name, costs in found.items()}
        cells = "".join(f"{_cell(cost):>16}" for cost in costs.values())
        ratios = [
            _ratio(costs.get("cauce"), costs.get(other), goal)
            for other, goal in (("dvc", dvc), ("floor", floor))
        ]
        print(f"  {title:30}{cells}{''.join(f'{text:>16}' for text in ratios)}")


def _cell(cost: Cost | None) -> str:
    return "-" if cost is None else f"{cost.cpu:.2f} {cost.memory / 2**20:5.0f}M"


def _ratio(ours: Cost | None, other: Cost | None, goal: float) -> str:
    if ours is None or other is None:
        return "-"
    ratio = ours.cpu / max(other.cpu, 1e-9)
    return f"{ratio:.2f} {'<=' if ratio <= goal else '>'} {goal:.2f}"


def _calls(root: Path, tools: dict[str, type[Tool]]) -> None:
    """Count system calls a file."""
    files, size = CALLS
    source = make(root / "source", files, size)
    print(f"\nsystem calls a file, {files:,} x {size:,} bytes; goal: 15", flush=True)
    for name, open in tools.items():
        tool = open(root / name)
        cells = []
        for step in course(tool, source):
            if step in {"status", "update"} or not tool.commands(step):
                continue
            if step == "pull" and not tool.commands("push"):
                break
            counts = tool.calls(step)
            most = sorted(counts, key=lambda call: -counts[call])[:6]
            parts = ", ".join(f"{call} {counts[call] / files:.1f}" for call in most)
            cells.append(f"  {name:8}{step:10}{sum(counts.values()) / files:6.1f}   {parts}")
        print("\n".join(cells), flush=True)
        shutil.rmtree(tool.root)


if __name__ == "__main__":
    main()
