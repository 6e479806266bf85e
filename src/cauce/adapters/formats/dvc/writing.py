"""`.dvc` files written as DVC would: values change in place, comments and order stay."""

import io
import json
import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cauce.adapters.formats.dvc.entities import CloudFile, Dependency, DvcFile, Output
from cauce.adapters.formats.dvc.files import PLAIN, read
from cauce.adapters.formats.dvc.nodes import scalar
from cauce.errors import Conflict, Invalid
from cauce.kernel import digest

_SAID = frozenset("md5 size nfiles isexec hash files cloud etag checksum version_id".split())
"""Keys that describe the bytes: those that are not said any more go."""

_SHORT = 60
"""Characters of a name that no writer of YAML would fold."""

_LIGHT = frozenset("desc type labels meta locked frozen metric persist isexec size nfiles".split())
"""Keys that the sum of an import leaves out, at any depth."""


def write(root: Path, path: Path, output: Output) -> None:
    """Write an output into its `.dvc` file, beside then rename.

    A new file gets DVC's keys in DVC's order. In an existing one values change in place: comments,
    order, annotations and settings stay.

    Args:
        root: Project folder.
        path: The `.dvc` file, in the folder of the data.
        output: What it says from now on; `path` must lie beside or below the file.

    Raises:
        Conflict: The file is an import, or has several outputs without this one.
        Invalid: What is there now is no valid `.dvc` file.
    """
    if (text := _plain(path, output)) is not None:
        return replace(path, text)
    if not path.exists():
        name = output.path.rpartition("/")[2]
        return save(path, {"outs": [_fresh(output, name)]})
    known = read(root, path)
    if known.imported:
        raise Conflict(
            f"{known.path} is an import; adding would cut it off from its source",
            hint=f"update it where it comes from, or remove {known.path} first",
        )
    index = which(known, output)
    body = load(path)
    if known.outs:
        update(body["outs"][index], sums(output))
    else:
        body["outs"] = [_fresh(output, path.name.removesuffix(".dvc"))]
    return save(path, body)


def _plain(path: Path, output: Output) -> str | None:
    """Give the text of a file as `add` writes it, None where the order of keys could be another.

    It saves loading a writer of YAML, which takes longer than adding a few files.
    """
    item = _fresh(output, output.path.rpartition("/")[2])
    rows = "".join(f"  {key}: {_scalar(value)}\n" for key, value in item.items())
    text = f"outs:\n- {rows[2:]}"
    if len(item["path"]) > _SHORT or scalar(item["path"]) != item["path"]:
        return None
    new = PLAIN.match(text)
    if new is None or new["hash"] is None:
        return None
    try:
        old = PLAIN.match(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return text
    except (OSError, UnicodeDecodeError):
        return None
    if old is None or old["path"] != new["path"]:
        return None
    same = all((old[key] is None) == (new[key] is None) for key in old.groupdict())
    return text if same else None


def _scalar(value: object) -> str:
    return "true" if value is True else str(value)


def write_import(root: Path, path: Path, wanted: DvcFile) -> None:
    """Write an import: its source, what was seen there, and the output.

    Args:
        root: Project folder.
        path: The `.dvc` file.
        wanted: One output, at least one dependency. Its `md5` is made here; `wdir`, `desc` and
            `meta` of an existing file stay.

    Raises:
        Conflict: The file names another output.
        Invalid: What is there now is no valid `.dvc` file.
    """
    (output,) = wanted.outs
    deps = [_dependency(dep) for dep in wanted.deps]
    body: Any = {"md5": "", "frozen": True, "deps": deps, "outs": []}
    if path.exists():
        known = read(root, path)
        index = which(known, output)
        body = load(path)
        _replace_deps(body, deps)
        if known.outs:
            update(body["outs"][index], sums(output))
    if not body.get("outs"):
        folder = posixpath.join(posixpath.dirname(wanted.path), wanted.wdir or ".")
        body["outs"] = [_fresh(output, posixpath.relpath(output.path, posixpath.normpath(folder)))]
    if wanted.frozen:
        body["frozen"] = True
    else:
        body.pop("frozen", None)
    body["md5"] = checksum(body)
    save(path, body)


def accept(root: Path, path: Path, output: Output) -> None:
    """Change the sums of one output of a `.dvc` file, also of an import.

    Args:
        root: Project folder.
        path: The `.dvc` file.
        output: What it says from now on.
    """
    index = which(read(root, path), output)
    body = load(path)
    update(body["outs"][index], sums(output))
    _seal(body)
    save(path, body)


def accept_stages(root: Path, place: str, outputs: Sequence[Output]) -> None:
    """Change the sums of outputs of stages in the `dvc.lock` beside a `dvc.yaml`."""
    from cauce.adapters.formats.dvc import pipelines  # late: many projects have no stages

    pipelines.accept(root, place, outputs)


def relocate(root: Path, old: Path, new: Path, output: Output, path: str) -> None:
    """Write the file of an output for another place; comments and all come along.

    Args:
        root: Project folder.
        old: The `.dvc` file now; it stays, for the caller to remove when the data have moved.
        new: The `.dvc` file from now on.
        output: The output as `old` names it.
        path: Its place from now on, relative to the project.
    """
    index = which(read(root, old), output)
    body = load(old)
    body.pop("wdir", None)
    folder = new.parent.relative_to(root).as_posix()
    body["outs"][index]["path"] = posixpath.relpath(path, folder)
    for dep in body.get("deps", ()) if old.parent != new.parent else ():
        place = str(dep.get("path", ""))
        if "repo" not in dep and "://" not in place and not place.startswith("/"):
            real = posixpath.normpath(posixpath.join(old.parent.as_posix(), place))
            dep["path"] = posixpath.relpath(real, new.parent.as_posix())
    _seal(body)
    save(new, body)


def _seal(body: Any) -> None:
    """Bring the sum of an import up to date."""
    if "md5" in body:
        body["md5"] = checksum(body)


def checksum(body: Mapping[str, Any]) -> str:
    """Give the sum that an import carries at its top."""
    top = {key: value for key, value in body.items() if key not in {"md5", "meta", "desc"}}
    if top.get("wdir") == ".":
        del top["wdir"]
    text = json.dumps(_heavy(top), sort_keys=True)
    return digest.of(text.encode("ascii"), "md5").partition(":")[2]


def _heavy(value: Any) -> Any:
    """Copy a value without the keys that do not count."""
    if isinstance(value, Mapping):
        return {key: _heavy(item) for key, item in value.items() if key not in _LIGHT}
    return [_heavy(item) for item in value] if isinstance(value, list) else value


def load(path: Path) -> Any:
    """Read a file for changing it: comments and order come along."""
    from ruamel.yaml import YAML, YAMLError  # late: 50 ms, and only writers need it

    yaml = YAML()
    yaml.preserve_quotes = True
    try:
        return yaml.load(path.read_text(encoding="utf-8")) or {}
    except (YAMLError, ValueError, RecursionError) as error:
        raise Invalid(f"{path} cannot be changed: {' '.join(str(error).split())}") from error


def save(path: Path, body: Any) -> None:
    """Write what `load` gave, or plain values, as DVC lays YAML out."""
    from ruamel.yaml import YAML  # late, as above

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.default_flow_style = False
    text = io.StringIO()
    yaml.dump(body, text)
    replace(path, text.getvalue())


def which(known: DvcFile, output: Output) -> int:
    """Find the item of a file that is about an output."""
    paths = [item.path for item in known.outs]
    if output.path in paths or not paths:
        return paths.index(output.path) if paths else 0
    raise Conflict(
        f"{known.path} names {', '.join(paths)}, not {output.path}",
        hint="rename the data, or remove that file first",
    )


def _replace_deps(body: Any, deps: list[dict[str, Any]]) -> None:
    """Change dependencies in place, one by one where their number is the same."""
    known = body.get("deps") or []
    if len(known) != len(deps):
        body["deps"] = deps
        return
    for item, dep in zip(known, deps, strict=True):
        repo = dep.pop("repo", None)
        update(item, dep)
        if repo is None:
            item.pop("repo", None)
        elif "repo" in item:
            for key in set(item["repo"]) - set(repo):
                del item["repo"][key]
            update(item["repo"], repo)
        else:
            item["repo"] = repo


def sums(output: Output) -> dict[str, Any]:
    """Give the keys that describe the bytes, in DVC's order."""
    found: dict[str, Any] = {"md5": output.md5} if output.md5 else {}
    found |= _sizes(output)
    if not output.legacy:
        found["hash"] = "md5"
    if output.files:
        found["files"] = [_file(item) for item in output.files]
    if output.cloud:
        found["cloud"] = {name: dict(said) for name, said in output.cloud.items()}
    return found


def _sizes(item: Output | Dependency) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if item.size is not None:
        found["size"] = item.size
    if item.nfiles is not None:
        found["nfiles"] = item.nfiles
    if item.isexec:
        found["isexec"] = True
    return found


def _file(item: CloudFile) -> dict[str, Any]:
    found: dict[str, Any] = {"size": item.size} if item.size is not None else {}
    found = {"relpath": item.path, **({"md5": item.md5} if item.md5 else {}), **found}
    if item.cloud:
        found["cloud"] = {name: dict(said) for name, said in item.cloud.items()}
    return found


def _fresh(output: Output, path: str) -> dict[str, Any]:
    """Give a new item, its keys in DVC's order."""
    found = sums(output)
    late: dict[str, Any] = {key: found.pop(key) for key in ("files", "cloud") if key in found}
    notes: dict[str, Any] = {
        "desc": output.desc,
        "type": output.type,
        "labels": list(output.labels),
        "meta": output.meta,
        "persist": output.persist,
        "remote": output.remote,
    }
    found["path"] = path
    found |= {key: value for key, value in notes.items() if value}
    if not output.cache:
        found["cache"] = False
    if not output.push:
        found["push"] = False
    return {**found, **late}


def _dependency(dep: Dependency) -> dict[str, Any]:
    """Give a dependency's keys in DVC's order."""
    found: dict[str, Any] = {}
    for key in ("etag", "md5", "checksum", "version_id"):
        if getattr(dep, key):
            found[key] = getattr(dep, key)
    found |= _sizes(dep)
    if dep.hash or (dep.md5 and dep.repo is None):
        found["hash"] = dep.hash or "md5"
    if dep.path:
        found["path"] = dep.path
    if dep.files:
        found["files"] = [_file(item) for item in dep.files]
    if dep.db is not None:
        found["db"] = dep.db
    if dep.repo is not None:
        repo = {key: getattr(dep.repo, key) for key in dep.repo.__struct_fields__}
        found["repo"] = {key: value for key, value in repo.items() if value}
    return found


def update(item: Any, wanted: Mapping[str, Any]) -> None:
    """Change what differs, append what is new, drop what no longer holds."""
    for key in [key for key in item if key in _SAID and key not in wanted]:
        del item[key]
    for key, value in wanted.items():
        if key not in item or item[key] != value:
            item[key] = value
    if item.get("cache") is True:  # a default, which DVC does not write
        del item["cache"]


def replace(path: Path, text: str) -> None:
    """Replace a small text file: beside, then renamed; its mode stays."""
    beside = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        with beside.open("x", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
