"""Folders of files for the tests of data: ordinary, odd, and the one that the golden files show."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden" / "dvc"

ODD_NAMES = (
    "b 1",
    "b-1",
    "b.txt",
    "b/10",
    "b/2",
    "B",
    "é.png",
    "日本/😀.png",
    "yes",
    "quote'\".txt",
    "a very long name, with blanks, that goes on beyond the eighty columns of a line of YAML.txt",
)
"""Names whose order or escapes could differ between two writers."""

TARGETS: Mapping[str, Mapping[str, bytes]] = {
    "odd": {name: name.encode() for name in ODD_NAMES},
    "nested/deep/one": {"x": b"1"},
    "yes": {"": b"a file that YAML 1.1 takes for true\n"},
    "123": {"": b"a name that is a number\n"},
    "name: with colon": {"": b"a name that needs quotes\n"},
    "a very long name, with blanks, that goes on beyond the eighty columns of a line of YAML.txt": {
        "": b"a name that a writer may fold\n"
    },
    "[brackets] #hash*": {"": b"a name that git reads as a pattern\n"},
    "run.sh": {"": b"#!/bin/sh\n"},
    "empty": {"": b""},
}
"""What the golden files were made of; the path "" is a file by itself. run.sh is executable."""


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder (or the one file "" in its place)."""
    for path, data in files.items():
        place = root / path if path else root
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return root


def read(root: Path) -> dict[str, bytes]:
    """Read all files below a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def material(root: Path) -> list[Path]:
    """Write what the golden files were made of; gives the targets."""
    for name, files in TARGETS.items():
        write(root / name, files)
    (root / "run.sh").chmod(0o755)
    return [root / name for name in TARGETS]


def git(root: Path, *arguments: str) -> str:
    """Run git and give what it printed."""
    return subprocess.run(
        ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout
