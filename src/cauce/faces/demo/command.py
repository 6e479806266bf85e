"""The command `cauce demo`."""

import argparse
import contextlib
import secrets
import sys
import time
from pathlib import Path

from cauce.errors import Conflict, Invalid
from cauce.faces.demo import course
from cauce.faces.demo.material import write
from cauce.faces.demo.screen import Screen
from cauce.faces.project import init

EPILOG = """examples:
  cauce demo                     a new folder cauce-demo, then the pages
  cauce demo digits --seed 7     the same split and noise each time
  cauce demo --no-serve          end after the last stage
  cauce demo mine --files-only   write the project and the scans, type the rest yourself
"""


def main(argv: list[str]) -> int:
    """Run the course in a new project."""
    options = _parser().parse_args(argv)
    root = _free(options.folder)
    seed = options.seed if options.seed is not None else secrets.randbelow(10_000)
    if options.files_only:
        init(root, own_repository=True)
        write(root, seed)
        Screen(1).line(f"{root} is ready: cd {root}, then see docs/course.md")
        return 0
    screen = Screen(9)
    screen.line(f"Cauce takes a model from raw data to watched production, in {root}\n")
    begun = time.monotonic()
    material = course.make_project(root, seed, screen)
    with course.opened(root) as (ws, server):
        course.version_data(ws, screen)
        run = course.train(ws, screen)
        course.register(ws, run, screen)
        course.deploy(ws, server, material, screen)
        course.degrade(ws, material, screen)
        course.retrain(ws, screen)
        course.recheck(ws, material, screen)
        screen.line(f"\nThe whole course took {time.monotonic() - begun:.0f} s. It is yours now:")
        screen.line(f"  cd {root}; cauce --help")
        return 0 if options.no_serve else _leave_open(root, options.port)


def _leave_open(root: Path, port: int | None) -> int:
    """Serve the pages until Ctrl-C; without a port given, any free one will do."""
    from cauce.faces import server  # late: it loads the web server

    sys.stdout.write("\n")
    with contextlib.chdir(root):
        try:
            return server.main([] if port is None else ["--port", str(port)])
        except Conflict:
            if port is not None:
                raise
            return server.main(["--port", "0"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cauce demo",
        description="Run the whole course of a model once, on 1,797 real scans of digits: version, "
        "train, prove, serve, watch, label, retrain, redeploy. Everything is measured, nothing is "
        "staged, and the project is yours to keep.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", default="cauce-demo", type=Path, help="new folder")
    parser.add_argument("--seed", type=int, help="decides split, noise and training; else random")
    parser.add_argument("--no-serve", action="store_true", help="end without the web pages")
    parser.add_argument("--port", type=int, help="port of the pages; else 8765, or a free one")
    parser.add_argument(
        "--files-only", action="store_true", help="write the project and the scans, then end"
    )
    return parser


def _free(folder: Path) -> Path:
    """Give the folder, or `folder-2`, `folder-3`… when it is taken; nothing is overwritten."""
    candidates = (folder, *(folder.with_name(f"{folder.name}-{n}") for n in range(2, 1000)))
    for candidate in candidates:
        if not candidate.exists() or (candidate.is_dir() and not any(candidate.iterdir())):
            return candidate.resolve()
    raise Invalid(f"{folder} and 998 more are taken", hint="name another folder: cauce demo NAME")
