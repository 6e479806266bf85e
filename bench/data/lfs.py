"""Git LFS: push to the hub and fetch from it, beside git-lfs with a plain folder.

The client is the same unmodified `git lfs`. "folder" is its own adapter for `file://` remotes,
which needs no server, so it is the floor of what the client itself costs. Figures are seconds on
the clock, and of CPU: the client's processes, and the hub's.

    python -m bench data lfs --files 1000 --bytes 20000
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_FILTER = '[filter "lfs"]\nclean = git-lfs clean -- %f\nprocess = git-lfs filter-process\n'


class Cost(NamedTuple):
    """Seconds on the clock, of the client's CPU, of the hub's CPU."""

    wall: float
    client: float
    hub: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench data lfs")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=20_000)
    given, _ = parser.parse_known_args(sys.argv[2:])
    if shutil.which("git-lfs") is None:
        print("without git-lfs: install it")
        return
    print(f"{given.files:,} x {given.bytes:,} bytes{'':12}wall s   client CPU s   hub CPU s")
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        root = Path(folder)
        (root / "gitconfig").write_text(
            f"[user]\nname = bench\nemail = bench@localhost\n{_FILTER}required = true\n"
        )
        with hub(root / "hub") as (pid, url):
            _course(root / "cauce", "cauce", f"{url}/lfs", given.files, given.bytes, pid)
        _course(root / "folder", "folder", "", given.files, given.bytes, None)


@contextmanager
def hub(root: Path) -> Iterator[tuple[int, str]]:
    """Run `cauce up`; gives its process id and address."""
    root.mkdir()
    (root / "cauce.toml").touch()
    words = [sys.executable, "-m", "cauce", "up", "--port", "0"]
    process = subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        found = json.loads((root / ".cauce/run/up.json").read_text())
        yield process.pid, found["url"]
    finally:
        process.terminate()
        process.wait(30)


def _course(root: Path, title: str, url: str, files: int, size: int, pid: int | None) -> None:
    """Push a repository, push it again, fetch it into a clone."""
    root.mkdir()
    far, one, two = root / "far.git", root / "one", root / "two"
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": str(root.parent / "gitconfig"),
        "GIT_LFS_SKIP_SMUDGE": "1",
    }

    def git(*words: str, cwd: Path = root) -> None:
        subprocess.run(["git", *words], cwd=cwd, env=environment, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    git("init", "-q", "--bare", "-b", "main", str(far))
    git("init", "-q", "-b", "main", str(one))
    (one / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    if url:
        (one / ".lfsconfig").write_text(f"[lfs]\n\turl = {url}\n")
    for number in range(files):
        place = one / f"{number % 50:02}" / f"{number:06}.bin"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(os.urandom(size))
    git("add", "-A", cwd=one)
    git("commit", "-q", "-m", "files", cwd=one)
    git("remote", "add", "origin", f"file://{far}", cwd=one)
    git("push", "-q", "--no-verify", "origin", "main", cwd=one)

    def line(step: str, work: Callable[[], None]) -> None:
        cost = _cost(work, pid)
        print(f"  {title:8}{step:22}{cost.wall:8.2f}{cost.client:15.2f}{cost.hub:12.2f}")

    line("push", lambda: git("lfs", "push", "--all", "origin", cwd=one))
    line("push, nothing new", lambda: git("lfs", "push", "--all", "origin", cwd=one))
    git("clone", "-q", f"file://{far}", str(two))
    line("fetch", lambda: git("lfs", "fetch", cwd=two))


def _cost(work: Callable[[], None], pid: int | None) -> Cost:
    before, served = resource.getrusage(resource.RUSAGE_CHILDREN), _cpu(pid)
    began = time.perf_counter()
    work()
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, used, _cpu(pid) - served)


def _cpu(pid: int | None) -> float:
    """Read the seconds of CPU that a process has used."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
