"""The state of the code that a run runs: commit, changes, entry, command without its secrets."""

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from cauce.kernel.entities import Code, Digest

_MOST_DIFF = 16 << 20
"""Bytes of a diff that are kept; a larger one is cut, and says so in its last line."""

_SECONDS = 20.0
_HIDDEN = "***"
_WORDS = "password|passwd|secret|token|api[-_]?key|access[-_]?key|credential|private[-_]?key|auth"
_NAMED = re.compile(rf"(?i)(-{{0,2}}[\w.-]*(?:{_WORDS})[\w.-]*)=(.+)", re.DOTALL)
_FLAG = re.compile(rf"(?i)--?[\w.-]*(?:{_WORDS})[\w.-]*")
_KNOWN = re.compile(
    r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|hf_\w{20,}|sk-[\w-]{20,}"
    r"|xox[abposr]-[\w-]{10,}|A[KS]IA[0-9A-Z]{16}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)
_USERINFO = re.compile(r"(?<=://)[^\s/@]+(?=@)")


def capture(folder: Path, command: Sequence[str] = (), *, store: Callable[[bytes], Digest]) -> Code:
    """Read the code state of a folder; works without git and outside a repository.

    Args:
        folder: Where the command runs.
        command: Command line; the first argument that is a file is the entry.
        store: Keeps the diff of tracked files and gives its digest.
    """
    clean = redact(command)
    top = _git(folder, "rev-parse", "--show-toplevel")
    entry = _entry(folder, command)
    if top is None:
        return Code(entry=_relative(entry, folder), command=clean)
    root = Path(top.rstrip(b"\n").decode("utf-8", "surrogateescape"))
    commit, branch, dirty = _status(folder)
    diff = _diff(folder) if dirty and commit else b""
    return Code(
        commit=commit,
        branch=branch,
        dirty=dirty,
        diff=store(diff) if diff else None,
        entry=_relative(entry, root),
        command=clean,
    )


def redact(command: Sequence[str]) -> tuple[str, ...]:
    """Replace what looks like a secret in a command line by `***`.

    Notes:
        Values of options and variables named like one (`--api-key X`, `TOKEN=X`), users and
        passwords in addresses, and the tokens of well-known services. A secret as a bare word
        cannot be told from other words.
    """
    clean: list[str] = []
    hide = False
    for word in command:
        plain = word.encode("utf-8", "replace").decode()
        if hide and not plain.startswith("-"):
            clean.append(_HIDDEN)
            hide = False
            continue
        hide = bool(_FLAG.fullmatch(plain))
        named = _NAMED.fullmatch(plain)
        if named:
            clean.append(f"{named[1]}={_HIDDEN}")
            continue
        clean.append(_KNOWN.sub(_HIDDEN, _USERINFO.sub(_HIDDEN, plain)))
    return tuple(clean)


def _status(folder: Path) -> tuple[str, str, bool]:
    """Read commit, branch and whether tracked files differ, in one call."""
    output = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no") or b""
    commit, branch, dirty = "", "", False
    for line in output.decode("utf-8", "replace").splitlines():
        if line.startswith("# branch.oid "):
            commit = line.removeprefix("# branch.oid ")
        elif line.startswith("# branch.head "):
            branch = line.removeprefix("# branch.head ")
        elif not line.startswith("#"):
            dirty = True
    return (
        "" if commit == "(initial)" else commit,
        "" if branch == "(detached)" else branch,
        dirty,
    )


def _diff(folder: Path) -> bytes:
    """Read by what tracked files differ from the commit, whatever git is configured to show."""
    found = _git(
        folder,
        "diff",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "HEAD",
    )
    if found is not None and len(found) > _MOST_DIFF:
        return found[:_MOST_DIFF] + b"\n(cut here: the diff was longer)\n"
    return found or b""


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Run git; None when it is not there or fails."""
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "-c", "core.quotepath=off", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _entry(folder: Path, command: Sequence[str]) -> Path | None:
    """Find the script in a command line: its first argument that is a file, else the program."""
    for word in (*command[1:], *command[:1]):
        try:
            path = folder / word
            if word and not word.startswith("-") and path.is_file():
                return path.resolve()
        except (OSError, ValueError):
            continue
    return None


def _relative(path: Path | None, root: Path) -> str:
    """Write a path relative to the repository; one outside of it only by its name."""
    if path is None:
        return ""
    try:
        found = path.relative_to(root.resolve()).as_posix()
    except ValueError:
        found = path.name
    return found.encode("utf-8", "replace").decode()
