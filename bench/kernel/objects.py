"""The object store beside what the machine can do at least: write and rename, cp, md5sum.

Every figure comes from this run. No floor waits for the disk; the store does, once a call, and
says so. `cp` and the loop leave everything to a lucky power supply.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cauce.adapters.stores import local
from cauce.adapters.stores.local import LocalStore
from cauce.kernel import digest

SIZE = 900
"""Bytes of a small object: about that of a scanned digit."""


def main() -> None:
    """Measure 10,000 objects and a file of 256 MiB; with `--full` 100,000 and 1 GiB."""
    full = "--full" in sys.argv
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        root = Path(folder)
        print(f"{'':46}{'seconds':>9}{'floor':>9}{'ratio':>7}")
        _small(root, 100_000 if full else 10_000)
        _big(root, 1 << 30 if full else 256 << 20)


def _small(root: Path, count: int) -> None:
    items = [os.urandom(SIZE) for _ in range(count)]
    source = root / "source"
    source.mkdir()
    paths = [source / str(number) for number in range(count)]
    for path, item in zip(paths, items, strict=True):
        path.write_bytes(item)
    os.sync()
    store = LocalStore(root / "store")
    floor = _time(lambda: _write_and_rename(root / "floor", items))
    os.sync()
    _line(f"put {count:,} objects of {SIZE} bytes", _time(lambda: store.put(items)), floor)
    names = store.put(items[:1]) + [digest.of(item) for item in items[1:]]
    _line("put them again", _time(lambda: store.put(items)), floor)
    reads = _time(lambda: [path.read_bytes() for path in paths])
    _line(
        "get them, verified; floor: read_bytes", _time(lambda: list(map(store.get, names))), reads
    )
    stats = _time(lambda: [path.stat() for path in paths])
    _line("has them; floor: stat", _time(lambda: store.has(names)), stats)
    _line("list them; floor: stat", _time(lambda: list(store.list())), stats)
    copied = _time(lambda: _run("cp", "-r", source, root / "copied"))
    md5 = LocalStore(root / "md5")
    sums = [digest.of(item, "md5") for item in items]
    os.sync()
    _line(
        "put_files as md5; floor: cp -r", _time(lambda: md5.put_files(paths, digests=sums)), copied
    )
    (root / "out").mkdir()
    _line(
        "fetch them, verified; floor: cp -r",
        _time(lambda: [md5.fetch(s, root / "out" / str(n)) for n, s in enumerate(sums)]),
        copied,
    )


def _big(root: Path, size: int) -> None:
    big = root / "big"
    chunk = os.urandom(1 << 20)
    with big.open("wb") as stream:
        for _ in range(size >> 20):
            stream.write(chunk)
    os.sync()
    megabytes = size >> 20
    md5 = _time(lambda: _run("md5sum", big))
    sha = _time(lambda: _run("sha256sum", big))
    copied = _time(lambda: _run("cp", "--reflink=never", big, root / "copied"))
    os.sync()
    _line(
        f"hash {megabytes} MiB by md5; floor: md5sum",
        _time(lambda: digest.of_file(big, ("md5",))),
        md5,
    )
    _line(
        "hash by both in one read; floor: the two tools",
        _time(lambda: digest.of_file(big, ("md5", "sha256"))),
        md5 + sha,
    )
    names = digest.of_file(big, ("md5", "sha256"))
    store = LocalStore(root / "large")
    for name, tool, tool_time in zip(names, ("md5sum", "sha256sum"), (md5, sha), strict=True):
        _line(
            f"put the file as {name.partition(':')[0]}; floor: cp and {tool}",
            _time(lambda name=name: store.put_files([big], digests=[name])),
            copied + tool_time,
        )
        os.sync()
    flush, local._flush = local._flush, lambda _: None
    store.delete(names[1:])
    _line(
        "the same without waiting for the disk",
        _time(lambda: store.put_files([big], digests=names[1:])),
        copied + sha,
    )
    local._flush = flush
    _line(
        "fetch it, verified; floor: cp and sha256sum",
        _time(lambda: store.fetch(names[1], root / "fetched")),
        copied + sha,
    )


def _write_and_rename(root: Path, items: list[bytes]) -> None:
    """Write each item beside and rename it into one of 256 folders, and nothing else."""
    for number in range(256):
        (root / f"{number:02x}").mkdir(parents=True)
    (root / "beside").mkdir()
    for number, item in enumerate(items):
        beside = f"{root}/beside/{number}"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(descriptor, item)
        os.close(descriptor)
        os.rename(beside, f"{root}/{number % 256:02x}/{number}")  # noqa: PTH104 - the floor


def _time(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _line(what: str, seconds: float, floor: float) -> None:
    print(f"{what:46}{seconds:9.2f}{floor:9.2f}{seconds / floor:7.2f}", flush=True)
