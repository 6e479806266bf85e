"""A remote on S3, five milliseconds away: packs, plain objects, and DVC.

Small files are sent and brought back; then 1 MiB is inserted in a big file. Requests and bytes are
counted between the program and the server; CPU is that of the program's processes alone. DVC is
given fewer files, and its line says how many.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.far import Far, bucket

DELAY = 0.005
SMALL = 1_000
DVC_PINS = ("dvc[s3]==3.67.1", "pathspec==0.12.1")


class Tool(NamedTuple):
    """What is measured.

    Attributes:
        name: For the table.
        command: How it is called.
        layout: Of the remote; empty: the tool knows none.
    """

    name: str
    command: tuple[str, ...]
    layout: str


def main() -> None:
    """Measure 20,000 small files (DVC 1,000) and 256 MiB; `--full`: 100,000 and 2 GiB."""
    full = "--full" in sys.argv
    counts = (100_000, 2_000) if full else (20_000, 1_000)
    ours = (sys.executable, "-m", "cauce", "data")
    tools = [(Tool("packs", ours, "packs"), counts[0]), (Tool("plain", ours, "plain"), counts[1])]
    dvc = _dvc()
    if dvc is not None:
        tools.append((Tool("dvc", (str(dvc),), ""), counts[1]))
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder,
        bucket(DELAY) as far,
    ):
        print(f"{'':44}{'wall s':>9}{'CPU s':>8}{'requests':>10}{'sent':>15}{'received':>15}")
        for tool, count in tools:
            if "--big" not in sys.argv:
                _small(Path(folder) / f"{tool.name}-small", tool, count, far)
        for tool, _ in tools[: 1 if full else 3]:
            _big(Path(folder) / f"{tool.name}-big", tool, 2 << 30 if full else 256 << 20, far)


def _dvc() -> Path | None:
    """Find DVC with its S3 remote, or say why there is none."""
    import pytest
    from tests.peers import peer

    try:
        return peer("dvc-s3", DVC_PINS).parent / "dvc"
    except pytest.skip.Exception as reason:
        print(f"without DVC: {reason}")
        return None


def _small(root: Path, tool: Tool, count: int, far: Far) -> None:
    run = _project(root, tool, far)
    source = random.Random(count)
    for number in range(count):
        place = root / "set" / f"{number % 100:02}" / f"{number:06}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(source.randbytes(SMALL))
    run("add", "set")
    title = f"{tool.name}: {count:,} x {SMALL:,} bytes"
    _measured(f"{title}: push", far, run, "push")
    _measured(f"{title}: push again", far, run, "push")
    shutil.rmtree(root / ".dvc" / "cache")
    _measured(f"{title}: fetch", far, run, "fetch")
    shutil.rmtree(root)


def _big(root: Path, tool: Tool, size: int, far: Far) -> None:
    run = _project(root, tool, far)
    file = root / "big"
    with file.open("wb") as out:
        for _ in range(size >> 20):
            out.write(os.urandom(1 << 20))
    run("add", "big")
    title = f"{tool.name}: {size >> 20:,} MiB"
    _measured(f"{title}: push", far, run, "push")
    data = file.read_bytes()
    file.unlink()
    at = size // 3
    with file.open("wb") as out:
        out.write(data[:at])
        out.write(os.urandom(1 << 20))
        out.write(data[at:])
    del data
    run("add", "big")
    _measured(f"{title}: push, 1 MiB inserted", far, run, "push")
    shutil.rmtree(root / ".dvc" / "cache")
    _measured(f"{title}: fetch", far, run, "fetch")
    shutil.rmtree(root)


def _project(root: Path, tool: Tool, far: Far):  # noqa: ANN202 - a function
    """Make a project whose remote is in the bucket; gives what runs a command in it."""
    root.mkdir()
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "DVC_SITE_CACHE_DIR": str(root / ".site"),
        "DVC_NO_ANALYTICS": "1",
    }

    def run(*words: str) -> None:
        command = [*tool.command, *words]
        subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)

    (root / "cauce.toml").write_text(
        f'[remote.far]\nlayout = "{tool.layout}"\n' if tool.layout else ""
    )
    run("init", *(() if tool.layout else ("--no-scm",)))
    (root / ".dvc" / "config").write_text(
        f"[core]\n    remote = far\n    no_scm = True\n"
        f"['remote \"far\"']\n    url = s3://bucket/{root.name}\n"
        f"    endpointurl = {far.address}\n"
    )
    return run


def _measured(title: str, far: Far, run, *words: str) -> None:  # noqa: ANN001
    far.reset()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    run(*words)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{title:44}{wall:9.2f}{cpu:8.2f}{far.requests:10,}{far.sent:15,}{far.received:15,}",
        flush=True,
    )
