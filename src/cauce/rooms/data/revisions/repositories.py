"""Other repositories: opened by path or address, looked into, and their data fetched.

Opened only because a person named it on their own command line; no server does it. Git runs without
hooks and without transports that are commands; links in the repository are listed, never followed.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from msgspec.structs import replace

from cauce.errors import CauceError, Conflict, Invalid, NotFound
from cauce.kernel import git, manifest, progress
from cauce.kernel.entities import Digest
from cauce.kernel.workspace import Workspace, open_local
from cauce.rooms.data import dvc
from cauce.rooms.data.revisions.entities import RepositoryEntry
from cauce.rooms.data.revisions.history import History, Pair
from cauce.rooms.data.transfer import remotes

if TYPE_CHECKING:
    from cauce.kernel.objects import ObjectStore

_SCHEMES = ("file", "https", "http", "ssh", "git")
_SCP = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!//)[^\s]+\Z")
_ALLOWED = {"GIT_ALLOW_PROTOCOL": ":".join(_SCHEMES), "GIT_LFS_SKIP_SMUDGE": "1"}


class Source(NamedTuple):
    """A repository that was opened at one commit.

    Attributes:
        url: As it was named.
        commit: Which commit; its data are what is listed and fetched.
        ws: Its workspace, in its own folder or in a clone that goes away.
        pairs: Its outputs.
    """

    url: str
    commit: str
    ws: Workspace
    pairs: list[Pair]


class Node(NamedTuple):
    """One file of a repository: a blob of git, or an object that DVC's files name."""

    entry: RepositoryEntry
    blob: str = ""
    digest: str = ""


@contextmanager
def opened(url: str, rev: str | None) -> Iterator[Source]:
    """Open a repository at a revision, its default branch when none is given.

    Raises:
        Invalid: The address has a form that is not fetched.
        NotFound: There is no such repository or revision.
        Unavailable: Git cannot reach it.
    """
    with tempfile.TemporaryDirectory(prefix="cauce-clone-") as scratch:
        folder = _place(url)
        if folder is None:
            folder = Path(scratch) / "clone"
            _clone(url, folder)
            branch = "refs/remotes/origin/HEAD" if rev is None else rev
            commit = _either(folder, branch, f"origin/{rev}")
        else:
            commit = git.resolve(folder, rev or "HEAD")
        with open_local(folder) as ws, History(folder) as history:
            if folder.is_relative_to(scratch):
                _configure(ws, history, commit)
            yield Source(url, commit, ws, history.outputs(commit))


def _place(url: str) -> Path | None:
    """Give the folder that an address means on this machine, None for one that is cloned."""
    if url.startswith("-") or "\0" in url or "\n" in url:
        raise Invalid(f"{url[:100]!r} is no address of a repository", hint="give a path or a URL")
    folder = Path.cwd() / Path(url).expanduser()
    if folder.is_dir():
        git.prefix(folder.resolve())
        return folder.resolve()
    scheme = urlsplit(url).scheme.lower() if "://" in url else ""
    if scheme in _SCHEMES or (not scheme and "::" not in url and _SCP.match(url)):
        host = urlsplit(url).hostname or "" if scheme else url.partition("@")[2] or url
        if host.startswith("-"):
            raise Invalid(f"{url[:100]!r} is no address of a repository")
        return None
    if scheme or "::" in url:
        raise Invalid(
            f"{url[:100]!r} is not fetched", hint=f"spoken: a path, {', '.join(_SCHEMES)}://"
        )
    raise NotFound(f"no repository at {url[:200]}", hint="give a folder or a URL of git")


def _clone(url: str, folder: Path) -> None:
    """Clone without checking anything out; git asks nobody for a password."""
    words = ("clone", "--quiet", "--no-checkout", "--no-hardlinks", "--", url, str(folder))
    git.run(folder.parent, *words, env=_ALLOWED, why=f"{remotes_shown(url)} cannot be cloned")


def remotes_shown(url: str) -> str:
    """Give an address without the secret that it may hold."""
    return re.sub(r"(?<=://)[^/@\s]+@", "", url)


def _either(folder: Path, *names: str) -> str:
    for name in names[:-1]:
        with suppress(NotFound):
            return git.resolve(folder, name)
    return git.resolve(folder, names[-1])


def _configure(ws: Workspace, history: History, commit: str) -> None:
    """Write the project's own config into the clone, so that its remote can be opened."""
    text = history.text(commit, ".dvc/config")
    folder = ws.folder / ".dvc"
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(text or "", encoding="utf-8", errors="surrogateescape")


def nodes(source: Source) -> dict[str, Node]:
    """List every file of a repository by path, and every tracked folder."""
    found: dict[str, Node] = {}
    for mode, blob, size, path in git.listed(source.ws.folder, source.commit):
        if path.split("/")[0] == ".dvc" or mode == "160000":
            continue
        entry = RepositoryEntry(
            path=path, isout=False, isdir=False, isexec=mode == "100755", size=size, md5=None
        )
        found[path] = Node(entry, blob=blob if mode != "120000" else "")
    for _, out in source.pairs:
        md5 = out.md5 or None
        entry = RepositoryEntry(
            path=out.path,
            isout=True,
            isdir=out.folder,
            isexec=out.isexec,
            size=out.size,
            md5=md5,
        )
        found[out.path] = Node(entry, digest=str(out.digest) if md5 else "")
    return found


def inside(source: Source, path: str, node: Node) -> dict[str, Node]:
    """List the files of a tracked folder by path, its list fetched where it is missing."""
    algorithm = node.digest.partition(":")[0]
    listing = dvc.load().parse(_object(source, Digest(node.digest)))
    return {
        f"{path}/{rel}": Node(
            RepositoryEntry(
                path=f"{path}/{rel}", isout=True, isdir=False, isexec=False, size=None, md5=md5
            ),
            digest=f"{algorithm}:{md5}",
        )
        for rel, md5 in listing.items()
    }


def ls(
    url: str, path: str, rev: str | None, *, recursive: bool, dvc_only: bool
) -> list[RepositoryEntry]:
    """See `data.ls-repo`."""
    with opened(url, rev) as source:
        wanted = clean(path)
        known = nodes(source)
        if dvc_only:
            known = {place: node for place, node in known.items() if node.entry.isout}
        for place, node in list(known.items()):
            below = wanted == place or wanted.startswith(f"{place}/")
            if node.entry.isdir and (below or (recursive and _under(place, wanted))):
                with _optional(recursive and not below):
                    known |= inside(source, place, node)
    if wanted in known and not known[wanted].entry.isdir:
        return [replace(known[wanted].entry, path=wanted.rpartition("/")[2])]
    rows = dict(_rows(known, wanted, recursive=recursive))
    if not rows and wanted and wanted not in known:
        raise NotFound(
            f"nothing is at {path} in {remotes_shown(url)}", hint="list the folder above"
        )
    return [rows[name] for name in sorted(rows)]


@contextmanager
def _optional(allowed: bool) -> Iterator[None]:
    """Pass over a list that is nowhere, when nobody asked for that one."""
    try:
        yield
    except NotFound:
        if not allowed:
            raise


def _rows(
    known: Mapping[str, Node], wanted: str, *, recursive: bool
) -> Iterator[tuple[str, RepositoryEntry]]:
    for place, node in known.items():
        if place == wanted or not _under(place, wanted):
            continue
        rel = place[len(wanted) + 1 :] if wanted else place
        first, deeper, _ = rel.partition("/")
        if recursive:
            if not node.entry.isdir or not any(it.startswith(f"{place}/") for it in known):
                yield rel, replace(node.entry, path=rel)
        elif not deeper:
            yield rel, replace(node.entry, path=rel)
        elif f"{wanted}/{first}".lstrip("/") not in known:
            tracked = [it for it, row in known.items() if row.entry.isout and row.entry.isdir]
            entry = RepositoryEntry(
                path=first,
                isout=any(_under(wanted, it) for it in tracked),
                isdir=True,
                isexec=False,
                size=0,
                md5=None,
            )
            yield first, entry


def _under(place: str, wanted: str) -> bool:
    return not wanted or place == wanted or place.startswith(f"{wanted}/")


def clean(path: str) -> str:
    """Give a path inside a repository in its plain form, "" for the whole.

    Raises:
        Invalid: It leaves the repository.
    """
    plain = os.path.normpath(path) if path else "."
    if plain == ".":
        return ""
    plain = plain.strip("/") if not path.startswith("/") else plain
    manifest.check_path(plain)
    return plain


def download(source: Source, path: str, target: Path) -> int:
    """Write a file or folder of a repository to a place that is free; gives the files.

    Raises:
        NotFound: It is not there, or its data are neither in the cache nor in the remote.
        Conflict: It holds a link, which is not followed.
    """
    wanted = clean(path)
    known = nodes(source)
    for place, node in list(known.items()):
        touched = _under(place, wanted) or wanted.startswith(f"{place}/")
        if node.entry.isdir and touched:
            if not node.digest:
                raise NotFound(f"{place} has no data yet in {remotes_shown(source.url)}")
            del known[place]
            known |= inside(source, place, node)
    chosen = {place: node for place, node in known.items() if _under(place, wanted)}
    if not chosen:
        raise NotFound(f"nothing is at {path} in {remotes_shown(source.url)}")
    for place, node in chosen.items():
        manifest.check_path(place)
        if not node.blob and not node.digest:
            raise Conflict(f"{place} is a link or has no data", hint="get the other paths by name")
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".cauce-get-", dir=target.parent))
    try:
        _write(source, chosen, wanted, scratch / "data")
        (scratch / "data").replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return len(chosen)


def _write(source: Source, chosen: Mapping[str, Node], wanted: str, target: Path) -> None:
    """Write files below a new folder; a file by itself becomes the target."""
    with git.Objects(source.ws.folder) as objects:
        for done, (place, node) in enumerate(sorted(chosen.items()), start=1):
            file = target if place == wanted else target / (place[len(wanted) :].lstrip("/"))
            file.parent.mkdir(parents=True, exist_ok=True)
            if node.blob:
                file.write_bytes(next(objects.read([node.blob]))[1])
            else:
                _fetch(source, Digest(node.digest), file, place)
            if node.entry.isexec:
                file.chmod(file.stat().st_mode | 0o100)
            progress.report("getting", done, len(chosen))


def _fetch(source: Source, digest: Digest, file: Path, place: str) -> None:
    """Write an object from the repository's cache, else from its remote."""
    for store in _stores(source):
        with suppress(NotFound):
            store().fetch(digest, file)
            return
    raise NotFound(
        f"the data of {place} are neither in the cache nor in the remote of "
        f"{remotes_shown(source.url)}",
        hint="whoever added them must push: `cauce data push` there",
    )


def _object(source: Source, digest: Digest) -> bytes:
    """Read an object from the repository's cache, else from its remote."""
    with tempfile.TemporaryDirectory(prefix="cauce-list-") as scratch:
        file = Path(scratch) / "list"
        _fetch(source, digest, file, f"the list {digest}")
        return file.read_bytes()


def _stores(source: Source) -> Sequence[Callable[[], "ObjectStore"]]:
    return (lambda: source.ws.objects, lambda: _remote(source))


def _remote(source: Source) -> "ObjectStore":
    try:
        return remotes.open_remote(source.ws)
    except CauceError as error:
        raise NotFound(f"its remote cannot be opened: {error.message}") from error
