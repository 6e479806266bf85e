"""From what git and Git LFS track at a commit to a version of a data set."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from cauce.errors import Damaged, Invalid, NotFound
from cauce.kernel import digest, ids, progress, runs, twins
from cauce.kernel.entities import Code, Digest, Entry, Manifest, Run
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import versions
from cauce.rooms.data.lfs import format as formats
from cauce.rooms.data.lfs.entities import Snapshot
from cauce.rooms.data.lfs.format import Blob, Format

_BATCH_BYTES, _BATCH = 32 << 20, 4096
_SAMPLE = 20


class Taken(Struct, frozen=True):
    """Entries of the version, those of Git LFS by themselves: their bytes are elsewhere."""

    git: list[Entry]
    lfs: list[Entry]


def take(ws: Workspace, path: Path, revision: str, name: str | None, message: str) -> Snapshot:
    """See `data.snapshot`."""
    started = ws.now()
    format = formats.load()
    top, prefix = locate(format, path)
    called = name or versions.name_for(prefix or top.name)
    ids.check_name("data set", called)
    commit, subject = format.commit(top, revision)
    blobs = format.tree(top, commit, prefix)
    files = [blob for blob in blobs if blob.file]
    if not files:
        raise NotFound(f"{revision} has no file below {prefix or top.name}", hint="git ls-tree -r")
    taken = entries(ws, format, top, commit, prefix, files)
    fill(ws, format, top, taken.lfs)
    place = prefix or "."
    tree = Manifest(
        kind=versions.KIND, entries=(*taken.git, *taken.lfs), labels={versions.PATH: place}
    )
    run = Run(
        id=runs.new_id(),
        kind="snapshot",
        name=called,
        started=started,
        params={"path": place, "revision": revision, "commit": commit},
        metrics={"files": float(len(files)), "bytes": float(sum(it.size for it in tree.entries))},
        code=Code(commit=commit),
    )
    odd = [blob.path for blob in blobs if not blob.file]
    return Snapshot(
        version=versions.record(ws, tree, called, run, message=message or subject),
        commit=commit,
        lfs=len(taken.lfs),
        git=len(taken.git),
        left_out=len(odd),
        sample=tuple(odd[:_SAMPLE]),
    )


def locate(format: Format, path: Path) -> tuple[Path, str]:
    """Find the repository of a path that need not exist now, and the path's place in it."""
    place = Path(os.path.normpath(Path.cwd() / path)).resolve()
    top = format.top(next(it for it in (place, *place.parents) if it.is_dir())).resolve()
    if not place.is_relative_to(top):
        raise Invalid(f"{path} is not in the git repository {top}", hint="give a folder of it")
    found = place.relative_to(top).as_posix()
    return top, "" if found == "." else found


def entries(
    ws: Workspace, format: Format, top: Path, commit: str, prefix: str, files: Sequence[Blob]
) -> Taken:
    """Store what git holds itself, and read the pointers."""
    short = [blob.path for blob in files if 0 < blob.size < format.LONGEST]
    tracked = format.attribute(top, commit, short)
    taken = Taken([], [])
    held: list[tuple[str, bytes]] = []
    size = 0
    contents = format.read(top, [blob.id for blob in files])
    for done, (blob, data) in enumerate(zip(files, contents, strict=True), start=1):
        path = below(prefix, blob.path)
        pointer = format.parse(data) if blob.path in tracked else None
        if pointer is not None:
            name = Digest(f"sha256:{pointer.oid}")
            taken.lfs.append(Entry(path=path, digest=name, size=pointer.size))
            continue
        held.append((path, data))
        size += len(data)
        if len(held) >= _BATCH or size > _BATCH_BYTES:
            taken.git.extend(_stored(ws, held))
            held, size = [], 0
            progress.report("storing what git holds", done, len(files))
    taken.git.extend(_stored(ws, held))
    return taken


def below(prefix: str, path: str) -> str:
    """Give a path relative to a folder; a file by itself has its own name."""
    return path.rpartition("/")[2] if path == prefix else path.removeprefix(f"{prefix}/")


def _stored(ws: Workspace, held: Sequence[tuple[str, bytes]]) -> Iterator[Entry]:
    names = ws.objects.put([data for _, data in held])
    for (path, data), name in zip(held, names, strict=True):
        yield Entry(path=path, digest=name, size=len(data))


def fill(ws: Workspace, format: Format, top: Path, wanted: Sequence[Entry]) -> None:
    """Bring the objects of Git LFS into the store, from the repository's own, without a copy.

    Raises:
        NotFound: Some are neither in the store nor in the repository; nothing was changed.
        Damaged: The repository's own object is not what its name says.
    """
    lacking = {it.digest: it for it in wanted}
    for name in ws.objects.has(lacking):
        del lacking[name]
    local = format.storage(top)
    files = {name: _place(local, name) for name in lacking}
    absent = sorted(lacking[name].path for name, file in files.items() if not file.is_file())
    if absent:
        server = format.address(top)
        raise NotFound(
            f"{len(absent)} objects of Git LFS are not here, the first is {absent[0]}",
            hint=f"git lfs fetch{f' brings them from {server}' if server else ''}",
        )
    for done, (name, file) in enumerate(files.items(), start=1):
        sha256, md5 = digest.of_file(file, ("sha256", "md5"))
        if sha256 != name:
            raise Damaged(f"{file} is damaged: its bytes are not what its name says",
                          hint="git lfs fsck, then git lfs fetch")  # fmt: skip
        twins.adopt(ws, file, sha256, md5)
        progress.report("storing objects of Git LFS", done, len(files))


def _place(local: Path, name: Digest) -> Path:
    oid = name.partition(":")[2]
    return local / oid[:2] / oid[2:4] / oid
