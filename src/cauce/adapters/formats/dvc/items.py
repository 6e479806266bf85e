"""Items of `outs` and `deps`, checked key by key."""

import re

from cauce.adapters.formats.dvc import nodes
from cauce.adapters.formats.dvc.entities import CloudFile, Dependency, Output, Repository
from cauce.adapters.formats.dvc.nodes import Node, at, flag, mapping, number, text
from cauce.adapters.formats.dvc.paths import inside
from cauce.errors import Invalid

_SUMS = "md5 etag checksum size nfiles isexec hash path version_id remote_id cloud files fs_config"
_NOTES = "desc type labels meta"
OUT = frozenset(f"{_SUMS} {_NOTES} cache metric plot persist remote push".split())
DEP = frozenset(f"{_SUMS} {_NOTES} repo db".split())
_REPO = frozenset("url rev rev_lock config remote".split())
_CLOUD = frozenset("etag version_id remote_id".split())
_FILE = frozenset(
    "relpath md5 etag checksum size isexec version_id remote_id cloud md5-dos2unix".split()
)
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?\Z")


def output(item: dict[str, Node], place: str, path: str) -> Output:
    """Give an output from the nodes of its keys, in a `.dvc` file or a `dvc.lock`."""
    md5 = _md5(item.get("md5"), place)
    return Output(
        path=path,
        md5=md5,
        size=number(item.get("size"), place),
        nfiles=number(item.get("nfiles"), place),
        isexec=flag(item.get("isexec"), place, default=False),
        cache=flag(item.get("cache"), place, default=True),
        legacy=bool(md5) and text(item.get("hash"), place) != "md5",
        desc=text(item.get("desc"), place),
        type=text(item.get("type"), place),
        labels=tuple(text(node, place) for node in nodes.items(item.get("labels"), place)),
        meta=nodes.value(item.get("meta")),
        remote=text(item.get("remote"), place),
        push=flag(item.get("push"), place, default=True),
        persist=flag(item.get("persist"), place, default=False),
        cloud=_cloud(item.get("cloud"), place),
        files=_files(item.get("files"), place),
    )


def _md5(node: Node, place: str) -> str:
    found = text(node, place).lower()
    if found and not _MD5.match(found):
        raise Invalid(f"{at(node, place)}: {found[:50]!r} is not an md5 sum")
    return found


def _cloud(node: Node, place: str) -> dict[str, dict[str, str]]:
    """Give remote -> what the bucket said of a file."""
    return {
        remote: {key: text(item, place) for key, item in mapping(found, place, _CLOUD).items()}
        for remote, found in mapping(node, place).items()
    }


def _files(node: Node, place: str) -> tuple[CloudFile, ...]:
    """Check the files of a folder that lies in a bucket under its own names."""
    found: dict[str, CloudFile] = {}
    for one in nodes.items(node, place):
        item = mapping(one, place, _FILE)
        path = text(item.get("relpath"), place)
        inside(None, ".", path, at(one, place))
        if path in found:
            raise Invalid(f"{at(one, place)}: {path[:200]!r} occurs twice")
        found[path] = CloudFile(
            path=path,
            md5=_md5(item.get("md5"), place),
            size=number(item.get("size"), place),
            cloud=_cloud(item.get("cloud"), place),
        )
    return tuple(found.values())


def dependency(node: Node, place: str) -> Dependency:
    """Check one item of `deps`."""
    item = mapping(node, place, DEP)
    if "path" not in item and "db" not in item:
        raise Invalid(f"{at(node, place)}: a dependency has no path")
    return Dependency(
        path=text(item.get("path"), place),
        md5=_md5(item.get("md5"), place),
        size=number(item.get("size"), place),
        nfiles=number(item.get("nfiles"), place),
        isexec=flag(item.get("isexec"), place, default=False),
        etag=text(item.get("etag"), place),
        checksum=text(item.get("checksum"), place),
        version_id=text(item.get("version_id"), place),
        hash=text(item.get("hash"), place),
        repo=_repository(item.get("repo"), place),
        files=_files(item.get("files"), place),
        db=nodes.value(item.get("db")),
    )


def _repository(node: Node, place: str) -> Repository | None:
    if nodes.empty(node):
        return None
    item = mapping(node, place, _REPO)
    if "url" not in item:
        raise Invalid(f"{at(node, place)}: a repository has no url")
    return Repository(
        url=text(item["url"], place),
        rev=text(item.get("rev"), place),
        rev_lock=text(item.get("rev_lock"), place),
        config=nodes.value(item.get("config")),
        remote=nodes.value(item.get("remote")),
    )
