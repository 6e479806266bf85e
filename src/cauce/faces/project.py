"""`cauce init`: a project that a person keeps and edits; nothing that exists is overwritten."""

import argparse
import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from cauce.errors import Conflict, Invalid
from cauce.kernel import workspace
from cauce.kernel.operation import find

STARTER = {
    "cauce.toml": "cauce.toml",
    "config.yaml": "config.yaml",
    "train.py": "train.py",
    "requirements.txt": "requirements.txt",
    ".gitignore": "gitignore",
}
"""File of a new project -> file in `cauce/faces/starter`."""

CI_SYSTEMS = ("github", "gitlab", "jenkins")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class Made(Struct, frozen=True, kw_only=True):
    """What `init` did.

    Attributes:
        root: The project's folder.
        written: Files that are new, relative to it.
        kept: Files that were there and were left alone.
        git: `new`, `kept`, or `missing` when there is no git command.
    """

    root: Path
    written: list[str]
    kept: list[str]
    git: str


def init(root: Path, *, name: str = "", ci: str = "github", own_repository: bool = False) -> Made:
    """Make a folder a Cauce project.

    Args:
        root: Folder; made when it is missing.
        name: Project name; empty: the folder's name.
        ci: CI system whose file is written: `github`, `gitlab` or `jenkins`.
        own_repository: Make a git repository even inside another one.

    Raises:
        Invalid: The name cannot stand in files and addresses.
    """
    name = name or root.resolve().name
    if not _NAME.match(name):
        raise Invalid(
            f"{name!r} cannot be a project's name",
            hint="use up to 64 letters, digits, dots, dashes: cauce init --name my-project",
        )
    root.mkdir(parents=True, exist_ok=True)
    before = {path for path in root.rglob("*") if path.is_file()} if any(root.iterdir()) else set()
    git = _git_init(root, own=own_repository)
    kept = []
    for target, source in STARTER.items():
        if (root / target).exists():
            kept.append(target)
            continue
        text = files("cauce.faces").joinpath("starter", source).read_text(encoding="utf-8")
        (root / target).write_text(text.replace("{project}", name), encoding="utf-8")
    with workspace.open_local(root) as ws:
        find("data.init").function(ws)
        for verb, arguments in (("ship.dockerfile", {}), ("ship.ci", {"system": ci})):
            try:
                ws.call(verb, **arguments)
            except Conflict as error:
                kept.append(str(error))
        ws.catalog.last_event()
    after = {path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts}
    written = sorted(
        str(path.relative_to(root))
        for path in after - before
        if ".cauce" not in path.relative_to(root).parts
    )
    return Made(root=root, written=written, kept=kept, git=git)


def _git_init(root: Path, *, own: bool) -> str:
    """Make a git repository unless the folder is in one, or, for one of its own, is one."""
    try:
        inside = subprocess.run(
            ["git", "rev-parse", "--is-inside-work-tree"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        known = inside.returncode == 0 and inside.stdout.strip() == "true"
        if (root / ".git").exists() or (known and not own):
            return "kept"
        subprocess.run(["git", "init", "--quiet"], cwd=root, check=True, capture_output=True)
    except FileNotFoundError:
        return "missing"
    except subprocess.CalledProcessError as error:
        raise Invalid(f"git init failed in {root}: {error.stderr.decode().strip()}") from error
    return "new"


def main(argv: list[str]) -> int:
    """Run `cauce init`."""
    parser = argparse.ArgumentParser(
        prog="cauce init",
        description="Make a folder a Cauce project: a git repository, settings, a training script "
        "to edit, a Dockerfile and a CI file. Files that exist are left as they are.",
        epilog="examples:\n  cauce init\n  cauce init photos --ci gitlab",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", default=".", type=Path, help="default: this folder")
    parser.add_argument("--name", default="", help="project name; default: the folder's name")
    parser.add_argument("--ci", choices=CI_SYSTEMS, default="github", help="default: github")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    options = parser.parse_args(argv)
    made = init(options.folder, name=options.name, ci=options.ci)
    if options.json:
        row = {"root": str(made.root), "written": made.written, "kept": made.kept, "git": made.git}
        sys.stdout.write(json.dumps(row) + "\n")
        return 0
    for path in made.written:
        sys.stdout.write(f"wrote  {path}\n")
    for path in made.kept:
        sys.stdout.write(f"kept   {path}\n")
    if made.git == "missing":
        sys.stderr.write("note: no git command was found; runs will have no code state\n")
    sys.stdout.write(
        "\nNext: put images into digits/train/CLASS/ and digits/test/CLASS/, then\n"
        "  cauce data add digits\n"
        "or see the whole course on real scans:  cauce demo\n"
    )
    return 0
