"""What a git repository says of Git LFS: tracked paths, local objects, the server."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from cauce.adapters.formats.lfs.pointer import LONGEST, parse
from cauce.errors import Invalid, Unavailable

_FILE = ("100644", "100755", "100664")
"""Modes of files; the last was written by early versions of git."""


class Blob(Struct, frozen=True):
    """One path of a commit.

    Attributes:
        path: Relative to the top of the repository.
        id: Name that git has for the bytes.
        size: Bytes that git has; of a pointer its own.
        file: Whether it is a file; False for links and submodules.
        isexec: Whether it may be executed.
    """

    path: str
    id: str
    size: int
    file: bool
    isexec: bool


def top(folder: Path) -> Path:
    """Give the top of the work tree that a folder is in; `Invalid` when it is in none."""
    return Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel")).rstrip("\n"))


def commit(folder: Path, revision: str) -> tuple[str, str]:
    """Find a revision: its commit's id, and the first line of what was said to it."""
    words = ("log", "-1", "--no-show-signature", "--format=%H%x00%s", "--end-of-options")
    found = _git(folder, *words, revision, "--").decode(errors="replace")
    id, _, subject = found.rstrip("\n").partition("\0")
    return id, subject


def tree(folder: Path, commit: str, prefix: str) -> list[Blob]:
    """List what a commit has below a folder, or one file.

    Args:
        folder: A folder of the repository.
        commit: Id of the commit.
        prefix: Relative to the top; empty for all.
    """
    words = ("ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--")
    listed = _git(folder, *words, *([prefix] if prefix else []))
    found = []
    for line in filter(None, listed.split(b"\0")):
        facts, _, name = line.partition(b"\t")
        mode, _, id, size = facts.decode().split()
        found.append(
            Blob(
                path=os.fsdecode(name),
                id=id,
                size=int(size) if size != "-" else 0,
                file=mode in _FILE,
                isexec=mode == "100755",
            )
        )
    return found


def read(folder: Path, ids: Iterable[str]) -> Iterator[bytes]:
    """Read blobs, in order, each when it is asked for."""
    with tempfile.TemporaryFile() as given:
        given.writelines(f"{id}\n".encode() for id in ids)
        given.seek(0)
        words = ["git", "-C", str(folder), "cat-file", "--batch", "--buffer"]
        with subprocess.Popen(words, stdin=given, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            while header := process.stdout.readline().split():
                if len(header) != 3:
                    raise Invalid(f"git lacks {header[0].decode()}", hint="git fetch brings it")
                data = process.stdout.read(int(header[2]) + 1)
                yield data[:-1]


def named(folder: Path) -> set[str]:
    """Find the oids of all pointers that a commit of the repository has, whichever ref reaches it.

    Raises:
        Invalid: It is no repository, or a shallow one, which does not know its older commits.
    """
    if _git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true":
        raise Invalid(f"{folder} is a shallow clone", hint="git fetch --unshallow")
    every = ("rev-list", "--objects", "--all", "--reflog", f"--filter=blob:limit={LONGEST}")
    ids = b"".join(line[:line.find(b" ")] + b"\n" for line in _git(folder, *every).splitlines()
                   if b" " in line)  # fmt: skip
    kinds = _git(folder, "cat-file", "--batch-check=%(objecttype) %(objectname)", given=ids)
    blobs = [line[5:].decode() for line in kinds.splitlines() if line.startswith(b"blob ")]
    return {found.oid for data in read(folder, blobs) if (found := parse(data))}


def attribute(folder: Path, revision: str, paths: Sequence[str]) -> set[str]:
    """Tell which paths Git LFS tracks at a revision, by its `.gitattributes`.

    Args:
        folder: A folder of the repository.
        revision: Commit whose `.gitattributes` count, not those of the work tree.
        paths: Relative to the top of the repository.
    """
    if not paths:
        return set()
    # `check-attr --source` came with git 2.40; an index of its own serves older ones too.
    with tempfile.TemporaryDirectory(prefix="cauce-") as beside:
        index = {"GIT_INDEX_FILE": str(Path(beside) / "index")}
        _git(folder, "read-tree", revision, env=index)
        given = b"".join(os.fsencode(path) + b"\0" for path in paths)
        words = ("check-attr", "--cached", "-z", "--stdin", "filter")
        fields = _git(top(folder), *words, given=given, env=index).split(b"\0")
    return {
        os.fsdecode(path)
        for path, value in zip(fields[0::3], fields[2::3], strict=False)
        if value == b"lfs"
    }


def storage(folder: Path) -> Path:
    """Give the folder of the repository's own LFS objects, whether it exists or not."""
    shared = os.fsdecode(_git(folder, "rev-parse", "--git-common-dir")).rstrip("\n")
    base = folder / shared
    own = os.fsdecode(_git(folder, "config", "--get", "lfs.storage", missing=b"")).strip()
    return (base / own if own else base / "lfs") / "objects"


def address(folder: Path, remote: str = "origin") -> str:
    """Give the address of the LFS server: git's settings, `.lfsconfig`, or that of a git remote.

    Returns:
        The address, empty when none is known.
    """
    committed = str(top(folder) / ".lfsconfig")
    for words in (
        ("lfs.url",),
        ("-f", committed, "lfs.url"),
        (f"remote.{remote}.lfsurl",),
        ("-f", committed, f"remote.{remote}.lfsurl"),
    ):
        found = os.fsdecode(_git(folder, "config", "--get", *words, missing=b"")).strip()
        if found:
            return found
    url = os.fsdecode(_git(folder, "config", "--get", f"remote.{remote}.url", missing=b"")).strip()
    if not url.startswith(("http://", "https://")):
        return ""
    return f"{url.rstrip('/').removesuffix('.git')}.git/info/lfs"


def _git(
    folder: Path,
    *words: str,
    given: bytes = b"",
    env: dict[str, str] | None = None,
    missing: bytes | None = None,
) -> bytes:
    """Run git.

    Args:
        folder: Where.
        words: Its arguments.
        given: Its standard input.
        env: Further variables.
        missing: What to give when it fails, instead of an error.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            input=given,
            capture_output=True,
            check=False,
            # Paths are names, whatever they look like.
            env={**os.environ, "GIT_LITERAL_PATHSPECS": "1", **(env or {})},
        )
    except OSError as error:
        raise Unavailable(f"git cannot be run: {error}", hint="install git") from error
    if done.returncode == 0:
        return done.stdout
    if missing is not None:
        return missing
    said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
    raise Invalid(f"git refuses: {said}", hint="is this a git repository with that revision?")
