"""What a command takes: CPU of its process tree, its memory, its system calls."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """What commands took.

    Attributes:
        wall: Seconds on the clock.
        cpu: Seconds of CPU, user and system, of all their processes.
        memory: Largest resident set of any of them, bytes.
    """

    wall: float = 0.0
    cpu: float = 0.0
    memory: int = 0

    def __add__(self, other: object) -> "Cost":
        assert isinstance(other, Cost)
        memory = max(self.memory, other.memory)
        return Cost(self.wall + other.wall, self.cpu + other.cpu, memory)


_LAUNCHER = """
import os, resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.call(sys.argv[2:], stdin=subprocess.DEVNULL)
wall = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as out:
    print(code, wall, used.ru_utime + used.ru_stime, used.ru_maxrss, file=out)
"""
"""Runs a command from a small process: memory of whoever starts a process counts as its own."""


def cost(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command and measure it; raises `CalledProcessError` with what it said when it fails."""
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER]
    with tempfile.NamedTemporaryFile("r") as report, tempfile.TemporaryFile() as said:
        subprocess.run(
            [*launcher, report.name, *command],
            cwd=cwd,
            env=env,
            stdout=said,
            stderr=said,
            check=True,
        )
        code, wall, cpu, memory = report.read().split()
        if code != "0":
            said.seek(0)
            text = said.read()[-2000:].decode(errors="replace")
            raise subprocess.CalledProcessError(int(code), command, text)
    return Cost(float(wall), float(cpu), int(memory) * 1024)


def calls(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Count the system calls of a command and its children, by name, with `strace -f -c`."""
    with tempfile.NamedTemporaryFile(prefix="bench-strace-") as table:
        subprocess.run(
            ["strace", "-f", "-c", "-o", table.name, *command],
            cwd=cwd,
            env=env,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        rows = [line.split() for line in Path(table.name).read_text().splitlines()]
    found: dict[str, int] = {}
    for row in rows:
        if len(row) >= 5 and row[3].isdigit() and row[-1] != "total":
            found[row[-1]] = found.get(row[-1], 0) + int(row[3])
    return found
