"""Memory with very many files: `python -m bench data memory --files 1000000`.

The files are hard links to 50 contents, so that a million of them fit on any disk: what takes
memory is their names and states, not their bytes.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench import versioners

GOAL = 200 << 20
CONTENTS = 50


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench data memory")
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--tools", type=lambda text: text.split(","), default=["cauce"])
    parser.add_argument("--dir", default=".")
    given, _ = parser.parse_known_args(sys.argv[2:])
    with tempfile.TemporaryDirectory(dir=given.dir, prefix=".bench-") as folder:
        for name in given.tools:
            tool = versioners.every()[name](Path(folder) / name)
            _fill(tool.project / "set", given.files)
            print(f"  {name}: {given.files:,} files; goal: {GOAL >> 20} MiB", flush=True)
            for step in ("add", "status", "link"):
                if step == "link":
                    tool.set_link("symlink")
                    shutil.rmtree(tool.project / "set")
                cost = tool.measure(step)
                if cost is not None:
                    print(
                        f"    {step:8}{cost.memory >> 20:6} MiB {cost.cpu:8.1f} s of CPU",
                        flush=True,
                    )


def _fill(folder: Path, files: int) -> None:
    contents = folder.parent / "contents"
    contents.mkdir()
    for number in range(CONTENTS):
        (contents / str(number)).write_bytes(os.urandom(1000))
    for number in range(files):
        place = folder / f"{number // 1000:04}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        os.link(contents / str(number % CONTENTS), place / f"picture-{number:08}.png")


if __name__ == "__main__":
    main()
