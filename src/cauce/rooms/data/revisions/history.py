"""DVC's files of any revision, read from git's objects without a checkout.

A file that did not change between two commits is the same blob: it is read and parsed once,
however many commits there are, and so is each folder.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from cauce.errors import CauceError, Invalid
from cauce.kernel import git
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc

WORK_TREE = ""
"""Stands for the work tree where a commit is asked for."""

_CLOSED = frozenset({".dvc", ".git", ".hg", ".cauce"})
_PIPELINE = "dvc.yaml"
_Key = tuple[str, str, tuple[str, ...]]

Pair = tuple[str, dvc.Output]
"""DVC's file, relative to the project, and one output that it names."""


class Scope(Struct, frozen=True, kw_only=True):
    """Which revisions are meant, named as DVC's options are.

    Attributes:
        workspace: The work tree.
        branches: The tip of every branch.
        tags: Every tag.
        commits: Every commit that a branch, local or remote, a tag or HEAD reaches.
        stash: What `git stash` holds, untracked files included.
        revs: Revisions by name.
        num: How many commits of each branch and rev, from its tip along first parents.
        since: Every commit from this day on, `YYYY-MM-DD`; empty: none for this reason.
    """

    workspace: bool = True
    branches: bool = False
    tags: bool = False
    commits: bool = False
    stash: bool = False
    revs: tuple[str, ...] = ()
    num: int = 1
    since: str = ""

    @property
    def git(self) -> bool:
        """Tell whether git is needed."""
        asked = self.branches, self.tags, self.commits, self.stash, self.revs, self.since
        return any(asked)


EVERYTHING = Scope(branches=True, tags=True, commits=True, stash=True)


class _File(NamedTuple):
    """One of DVC's files in a commit.

    Attributes:
        path: Relative to the project.
        blob: Its id.
        folder: Tree that it lies in; with a `dvc.yaml`, its lock lies there too.
        start: Tree of the project.
    """

    path: str
    blob: str
    folder: str
    start: str

    @property
    def key(self) -> tuple[str, str]:
        """Give what two commits must share for the file to say the same in both."""
        return self.path, self.folder if self.path.endswith(_PIPELINE) else self.blob


class _Folder(NamedTuple):
    """What matters of a tree: DVC's files, folders, the blob of `.dvcignore`."""

    files: tuple[git.Item, ...]
    folders: tuple[git.Item, ...]
    ignore: str
    project: bool


class History:
    """A project's DVC files in its commits. Close it, or use it in a `with`.

    Attributes:
        root: Project folder.
        problems: Files that could not be read, `commit:path: why`, where the caller goes on.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[str] = []
        self._objects = git.Objects(root)
        self._prefix: str | None = None
        self._trees: dict[str, _Folder] = {}
        self._holding: dict[str, bool] = {}
        self._texts: dict[str, str] = {}
        self._parsed: dict[tuple[str, str], dvc.DvcFile] = {}

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End git."""
        self._objects.close()

    def select(self, scope: Scope) -> dict[str, str]:
        """Give the commits of a scope: commit -> tree, without the work tree.

        Raises:
            NotFound: A revision does not exist, or git is needed and not there.
        """
        if not scope.git:
            return {}
        git.prefix(self.root)
        found: dict[str, str] = {}
        last = ("--first-parent", f"--max-count={max(1, scope.num)}")
        for rev in scope.revs:
            found |= git.commits(self.root, *last, starts=[git.resolve(self.root, rev)])
        everywhere = git.tips(self.root, "refs/heads", "refs/tags", "refs/remotes")
        everywhere += git.head(self.root)
        if scope.commits:
            found |= git.commits(self.root, starts=everywhere)
        if scope.since:
            found |= git.commits(self.root, starts=everywhere, since=_day(scope.since))
        if scope.branches and scope.num > 1:
            for tip in git.tips(self.root, "refs/heads"):
                found |= git.commits(self.root, *last, starts=[tip])
        single = git.tips(self.root, "refs/heads") if scope.branches else []
        single += git.tips(self.root, "refs/tags") if scope.tags else []
        single += git.stashes(self.root) if scope.stash else []
        return found | git.commits(self.root, "--no-walk", starts=single)

    def files(self, tree: str, seen: set[_Key] | None = None) -> Iterator[_File]:
        """List DVC's files of a commit's tree.

        Args:
            tree: The tree.
            seen: Folders that were listed before, to be passed over; those of this tree are added.
        """
        self._load([tree])
        start = self._start(tree)
        if start is None:
            return
        ignored = dvc.load().Ignore(self.root, lambda place: self._ignore_text(start, place))
        seen = set() if seen is None else seen
        stack: list[_Key] = [("", start, ())]
        while stack:
            key = place, id, above = stack.pop()
            folder = self._trees[id]
            if key in seen or (place and folder.project):
                continue
            seen.add(key)
            for item in folder.files:
                path = f"{place}/{item.name}" if place else item.name
                if not ignored(path, folder=False):
                    yield _File(path, item.id, id, start)
            data = {item.name.removesuffix(".dvc") for item in folder.files}  # what they name
            below = (*above, folder.ignore)
            for item in folder.folders:
                path = f"{place}/{item.name}" if place else item.name
                if (path, item.id, below) in seen or item.name in data:
                    continue
                if self._holds(item.id) and not ignored(path, folder=True):
                    stack.append((path, item.id, below))

    def outputs(self, commit: str) -> list[Pair]:
        """List the outputs of a commit, or of the work tree, in order of path.

        Raises:
            Invalid: A file is no DVC file; the error names the commit.
        """
        if commit == WORK_TREE:
            return sorted(self._work_tree(), key=lambda pair: pair[1].path)
        (tree,) = git.commits(self.root, "--no-walk", starts=[commit]).values()
        listed = list(self.files(tree))
        self._fetch(file.blob for file in listed)
        pairs = [(file.path, out) for file in listed for out in self._parse(file, commit).outs]
        return sorted(pairs, key=lambda pair: pair[1].path)

    def text(self, commit: str, path: str) -> str | None:
        """Read any file of a commit, None where there is none."""
        (tree,) = git.commits(self.root, "--no-walk", starts=[commit]).values()
        self._load([tree])
        start = self._start(tree)
        return None if start is None else self._read(_File("", "", "", start), path)

    def every(self, scope: Scope) -> Iterator[Pair]:
        """Give each output that any revision of a scope has, each wording of its file once.

        A file that cannot be read is told of in `problems` and passed over.
        """
        if scope.workspace:
            yield from self._work_tree()
        first: dict[str, str] = {}
        for commit, tree in self.select(scope).items():
            first.setdefault(tree, commit)
        self._load(first)
        seen: set[_Key] = set()
        found: dict[tuple[str, str], tuple[_File, str]] = {}
        for tree, commit in first.items():
            for file in self.files(tree, seen):
                found.setdefault(file.key, (file, commit))
        self._fetch(file.blob for file, _ in found.values())
        for file, commit in found.values():
            try:
                outs = self._parse(file, commit).outs
            except CauceError as error:
                self.problems.append(error.message)
                continue
            for out in outs:
                yield file.path, out

    def _work_tree(self) -> Iterator[Pair]:
        format = dvc.load()
        for file in format.find(self.root):
            read = format.read(self.root, file)
            for out in read.outs:
                yield read.path, out

    def _start(self, tree: str) -> str | None:
        """Find the project's own folder in a commit's tree, None when it was not there yet."""
        if self._prefix is None:
            self._prefix = git.prefix(self.root)
        return self._inner(tree, self._prefix.rstrip("/"))

    def _inner(self, tree: str, place: str) -> str | None:
        """Find the tree of a folder below a tree."""
        for part in place.split("/") if place else ():
            found = [item.id for item in self._trees[tree].folders if item.name == part]
            if not found:
                return None
            tree = found[0]
        return tree

    def _load(self, trees: Iterable[str]) -> None:
        """Read trees and all below them that are not known, level by level."""
        wanted = [tree for tree in dict.fromkeys(trees) if tree not in self._trees]
        while wanted:
            for id, data in self._objects.read(wanted):
                self._trees[id] = self._folder(id, data)
            inner = {item.id: None for tree in wanted for item in self._trees[tree].folders}
            wanted = [id for id in inner if id not in self._trees]

    def _folder(self, id: str, data: bytes) -> _Folder:
        """Keep what matters of a tree."""
        items = self._objects.tree(id, data)
        files = [item for item in items if item.kind in {"file", "program"}]
        folders = [item for item in items if item.kind == "folder"]
        return _Folder(
            files=tuple(item for item in files if _is_dvcs(item.name)),
            folders=tuple(item for item in folders if item.name not in _CLOSED),
            ignore=next((item.id for item in files if item.name == ".dvcignore"), ""),
            project=any(item.name == ".dvc" for item in folders),
        )

    def _holds(self, tree: str) -> bool:
        """Tell whether a folder, or one below it, has a DVC file."""
        known = self._holding.get(tree)
        if known is None:
            folder = self._trees[tree]
            known = bool(folder.files) or any(self._holds(item.id) for item in folder.folders)
            self._holding[tree] = known
        return known

    def _ignore_text(self, start: str, place: str) -> str | None:
        """Read the `.dvcignore` of a folder below a tree, None when it has none."""
        tree = self._inner(start, place)
        if tree is None:
            return None
        blob = self._trees[tree].ignore
        if not blob:
            return None
        self._fetch([blob])
        return self._texts[blob]

    def _fetch(self, blobs: Iterable[str]) -> None:
        """Read the texts of blobs that are not known."""
        wanted = [blob for blob in dict.fromkeys(blobs) if blob not in self._texts]
        for id, data in self._objects.read(wanted):
            self._texts[id] = data.decode("utf-8", "surrogateescape")

    def _parse(self, file: _File, commit: str) -> dvc.DvcFile:
        """Say what a file says."""
        known = self._parsed.get(file.key)
        if known is None:
            try:
                known = dvc.load().interpret(None, file.path, lambda path: self._read(file, path))
            except Invalid as error:
                raise Invalid(f"{commit[:10]}:{error.message}", hint=error.hint) from error
            assert known is not None
            self._parsed[file.key] = known
        return known

    def _read(self, file: _File, path: str) -> str | None:
        """Read a file of DVC's, or any file of its commit; None where there is none."""
        if path == file.path:
            return self._texts[file.blob]
        *folders, name = path.split("/")
        tree = file.start
        for part in folders:
            inner = self._entry(tree, part)
            if inner is None or inner.kind != "folder":
                return None
            tree = inner.id
        found = self._entry(tree, name)
        if found is None or found.kind not in {"file", "program"}:
            return None
        self._fetch([found.id])
        return self._texts[found.id]

    def _entry(self, tree: str, name: str) -> git.Item | None:
        """Find an entry of a tree by its name."""
        ((_, data),) = self._objects.read([tree])
        return next((item for item in self._objects.tree(tree, data) if item.name == name), None)


def _is_dvcs(name: str) -> bool:
    """Tell whether a file names outputs; `dvc.lock` is read with its `dvc.yaml`."""
    return (name.endswith(".dvc") and name != ".dvc") or name == _PIPELINE


def _day(text: str) -> float:
    """Give when a day begins here."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").astimezone().timestamp()
    except ValueError as error:
        raise Invalid(f"{text[:50]!r} is not a day", hint="write YYYY-MM-DD") from error


def outputs(ws: Workspace, revision: str | None = None) -> list[Pair]:
    """List the outputs of a revision, or of the work tree when none is given.

    Raises:
        NotFound: Git does not know the revision.
        Invalid: A file of it is no DVC file.
    """
    with History(ws.folder) as history:
        if revision is None:
            return history.outputs(WORK_TREE)
        git.prefix(ws.folder)
        return history.outputs(git.resolve(ws.folder, revision))


def every(ws: Workspace, scope: Scope) -> list[Pair]:
    """List the outputs of all revisions of a scope, each once."""
    seen: dict[tuple[str, str], Pair] = {}
    with History(ws.folder) as history:
        for file, out in history.every(scope):
            seen.setdefault((out.path, out.md5), (file, out))
    return list(seen.values())
