"""What starting costs: modules and CPU time of commands, beside a bare interpreter.

CPU time is user and system time of the whole process, read from the kernel when it ends. Runs are
interleaved, so that a slow moment of the machine hits all of them; the median is shown.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

RUNS = 15

COMMANDS = {
    "cauce --version": ("--version",),
    "cauce --help": ("--help",),
    "cauce refs --help": ("refs", "--help"),
    "cauce refs ls": ("refs", "ls"),
    "cauce data ls": ("data", "ls"),
}

LIMITS = {"cauce --version": (100, None), "cauce --help": (None, 3.0), "cauce refs ls": (None, 8.0)}
"""Modules at most, and times the bare interpreter at most."""

START = "import sys; from cauce.__main__ import main; code = main(sys.argv[1:])"
COUNT = f"{START}; print(len(sys.modules), file=sys.stderr)"


def environment(cache: Path) -> dict[str, str]:
    """Give an environment in which compiled modules are kept, as after an installation."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {"PYTHONPYCACHEPREFIX": str(cache)}


def cpu_seconds(command: Sequence[str], env: dict[str, str]) -> float:
    """Run a command and give the CPU time that it took."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(command[0], command, env, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")
    return usage.ru_utime + usage.ru_stime


def modules(words: Sequence[str], env: dict[str, str]) -> int:
    """Count the modules that a command loads."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT, *words], env=env, capture_output=True, text=True, check=True
    )
    return int(done.stderr.split()[-1])


def measure(runs: int = RUNS) -> dict[str, tuple[int, float]]:
    """Give modules and median CPU seconds of each command, the bare interpreter first."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "cauce.toml").write_text('project = "bench"\n')
        env = environment(folder / "cache")
        before = Path.cwd()
        os.chdir(folder)
        try:
            commands = {name: (sys.executable, "-c", START, *words)
                        for name, words in COMMANDS.items()}  # fmt: skip
            commands = {"python": (sys.executable, "-c", "pass")} | commands
            times: dict[str, list[float]] = {name: [] for name in commands}
            for command in commands.values():
                cpu_seconds(command, env)  # compiles, and makes the catalogue
            for _ in range(runs):
                for name, command in commands.items():
                    times[name].append(cpu_seconds(command, env))
            counts = {name: modules(words, env) for name, words in COMMANDS.items()}
        finally:
            os.chdir(before)
    counts["python"] = len(bare_modules(env))
    return {name: (counts[name], statistics.median(times[name])) for name in commands}


def bare_modules(env: dict[str, str]) -> list[str]:
    """List the modules that a bare interpreter loads."""
    code = "import sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def main() -> None:
    """Print the table."""
    found = measure()
    floor = found["python"][1]
    print(f"{'start of':<20}{'modules':>9}{'CPU ms':>9}{'x bare':>8}   limits")
    for name, (count, seconds) in found.items():
        most, ratio = LIMITS.get(name, (None, None))
        limits = [f"{most} modules"] * bool(most) + [f"{ratio} x"] * bool(ratio)
        line = f"{name:<20}{count:>9}{seconds * 1000:>9.1f}{seconds / floor:>8.1f}"
        print(f"{line}   {', '.join(limits)}".rstrip())


if __name__ == "__main__":
    main()
