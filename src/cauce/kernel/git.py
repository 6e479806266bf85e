"""Git by its command: revisions, and what commits hold, read without a checkout.

A repository may be somebody else's, so nothing that its configuration names is run: no hooks, no
file system monitor, no transport that is a command.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, NamedTuple

from cauce.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from subprocess import Popen

_CAREFUL = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "core.quotePath=false", "-c", "log.showSignature=false"),
    *("-c", "protocol.ext.allow=never"),
)
_ENTRY = {20: re.compile(rb"(\d+) ([^\0]+)\0(.{20})", re.DOTALL)}
_ENTRY[32] = re.compile(rb"(\d+) ([^\0]+)\0(.{32})", re.DOTALL)

_AT_ONCE = 256
"""Objects asked for before the answers are read: their names fit into a pipe, so neither waits."""


class Item(NamedTuple):
    """One entry of a tree.

    Attributes:
        kind: `file`, `program` (executable), `link`, `folder` or `module`.
        name: Its bytes as text; those that are not UTF-8 are surrogates.
        id: Object id.
    """

    kind: str
    name: str
    id: str


_KINDS = {
    b"40000": "folder",
    b"100644": "file",
    b"100664": "file",
    b"100755": "program",
    b"120000": "link",
    b"160000": "module",
}


def run(
    folder: Path,
    *words: str,
    given: bytes = b"",
    env: Mapping[str, str] | None = None,
    why: str = "git cannot be asked",
) -> bytes:
    """Run git in a folder and give what it prints.

    Args:
        folder: Where it runs.
        words: Its arguments.
        given: Standard input.
        env: Variables beside the process's own.
        why: Beginning of the error.

    Raises:
        Unavailable: Git is not installed, or failed.
    """
    import os
    import subprocess  # late, both: this module is imported by every verb of the kernel

    try:
        done = subprocess.run(
            ["git", *_CAREFUL, "-C", str(folder), *words],
            input=given,
            capture_output=True,
            check=False,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", **(env or {})},
        )
    except OSError as error:
        raise Unavailable(f"git cannot be run: {error}", hint="install git") from error
    if done.returncode != 0:
        raise Unavailable(f"{why}: {_said(done.stderr)}", hint="make `git status` work here first")
    return done.stdout


def _said(stderr: bytes) -> str:
    """Give the line of git's complaint that says most."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (telling or lines or ["it gave no reason"])[0]


def within(folder: Path) -> bool:
    """Tell whether a folder is in a repository, without starting git.

    A repository that is there and does not work is the caller's to meet: `run` raises.
    """
    return any((place / ".git").exists() for place in (folder, *folder.parents))


def prefix(folder: Path) -> str:
    """Give a folder's place in its repository, "" or with a slash at its end.

    Raises:
        NotFound: It is in no repository.
        Unavailable: Git does not answer.
    """
    if not within(folder):
        raise NotFound(f"{folder} is in no git repository", hint="git init")
    return _text(run(folder, "rev-parse", "--show-prefix")).removesuffix("\n")


def resolve(folder: Path, revision: str) -> str:
    """Give the commit that a branch, tag, `HEAD~2`, `stash@{0}`… stands for.

    Raises:
        NotFound: There is none.
    """
    wanted = f"{revision}^{{commit}}"
    try:
        # With --end-of-options in the way, git 2.30 prints it too; the last line is the answer.
        found = run(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    except Unavailable as error:
        run(folder, "rev-parse", "--git-dir")
        raise NotFound(
            f"no revision {revision[:100]!r} in git",
            hint="give a branch, a tag or a commit: `git log --oneline --all`",
        ) from error
    return _text(found).split()[-1]


def head(folder: Path) -> list[str]:
    """Give the commit of HEAD, none in a new repository."""
    try:
        return [resolve(folder, "HEAD")]
    except NotFound:
        return []


def tips(folder: Path, *where: str) -> list[str]:
    """List the commits that refs below a place such as `refs/tags` point at, each once."""
    form = "%(objecttype) %(objectname)%00%(*objecttype) %(*objectname)"  # the tag, what it tags
    lines = _text(run(folder, "for-each-ref", f"--format={form}", *where)).splitlines()
    words = (part.split() for line in lines for part in line.split("\0"))
    return list(dict.fromkeys(pair[1] for pair in words if pair[:1] == ["commit"]))


def stashes(folder: Path) -> list[str]:
    """List the commits of the stash: its work trees, and the files that were not tracked."""
    if not tips(folder, "refs/stash"):
        return []
    listed = run(folder, "log", "-g", "--format=%H %P", "refs/stash").decode("ascii")
    found: list[str] = []
    for line in listed.splitlines():
        entry, *parents = line.split()
        found += [entry, *parents[2:]]
    return found


def visited(folder: Path, since: float) -> list[str]:
    """List where HEAD and all refs were since some time, by their logs."""
    if not head(folder):
        return []
    found = []
    form = ("log", "-g", "--all", "--format=%H %gd", "--date=unix")
    for line in _text(run(folder, *form)).splitlines():
        commit, _, entry = line.partition(" ")
        moment = entry.rpartition("@{")[2].rstrip("}")
        if not moment.isdigit() or int(moment) >= since:
            found.append(commit)
    return list(dict.fromkeys(found))


def commits(folder: Path, *words: str, starts: Sequence[str], since: float = 0.0) -> dict[str, str]:
    """Run `git log` and give commit -> tree, newest first.

    Args:
        folder: In the repository.
        words: Further arguments of `git log`, such as `--first-parent`.
        starts: Commits to start from; none means none.
        since: Only commits of this time or later, wherever they lie in the history.
    """
    if not starts:
        return {}
    given = "".join(f"{id}\n" for id in starts).encode("ascii")
    found = run(folder, "log", "--format=%H %T %ct", "--stdin", *words, given=given)
    rows = (line.split(" ") for line in found.decode("ascii").splitlines())
    return {commit: tree for commit, tree, at in rows if int(at) >= since}


def listed(folder: Path, commit: str) -> Iterator[tuple[str, str, int, str]]:
    """List the files of a commit below a folder of its repository: mode, id, bytes, path."""
    for row in run(folder, "ls-tree", "-r", "-l", "-z", commit).split(b"\0"):
        if row:
            head_, _, path = row.partition(b"\t")
            mode, _, id, size = head_.decode("ascii").split()
            yield mode, id, int(size) if size.isdigit() else 0, _text(path)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


class Objects:
    """Git's objects by id, all through one process.

    Attributes:
        folder: In the repository.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: Popen[bytes] | None = None
        self._items: dict[tuple[bytes, bytes, bytes], Item] = {}

    def __enter__(self) -> "Objects":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.wait()

    def read(self, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Read objects: id and bytes, in order.

        Raises:
            NotFound: One is not in the repository, as in a shallow or partial clone.
            Unavailable: Git ended.
        """
        wanted = list(ids)
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            asked, answers = self._pipes()
            try:
                asked.write("".join(f"{id}\n" for id in part).encode("ascii"))
                asked.flush()
            except BrokenPipeError as error:
                raise Unavailable("git ended while it was asked for objects") from error
            for id in part:
                yield id, self._answer(answers, id)

    def tree(self, id: str, data: bytes) -> list[Item]:
        """Give the entries of a tree that was read.

        Args:
            id: Its id, which tells how long ids are.
            data: Its bytes.
        """
        known = self._items  # a commit changes few entries: the others are the same objects again
        found = []
        for entry in _ENTRY[len(id) // 2].findall(data):
            item = known.get(entry)
            if item is None:
                mode, name, raw = entry
                item = known[entry] = Item(_KINDS.get(mode, "file"), _text(name), raw.hex())
            found.append(item)
        return found

    def _answer(self, answers: IO[bytes], id: str) -> bytes:
        words = answers.readline().split()
        if len(words) != 3:
            if not words:
                raise Unavailable("git ended while it was asked for objects")
            raise NotFound(
                f"git has no object {id}",
                hint="the clone is shallow or partial: git fetch --unshallow",
            )
        data = answers.read(int(words[2]))
        answers.read(1)
        return data

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            import subprocess  # late, as above

            try:
                self._process = subprocess.Popen(
                    ["git", *_CAREFUL, "-C", str(self.folder), "cat-file", "--batch"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            except OSError as error:
                raise Unavailable(f"git cannot be run: {error}", hint="install git") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout
