"""What terminals print for data's part `repository`."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import short
from cauce.faces.text import scalar
from cauce.rooms.data.repository.entities import (
    About,
    CacheDir,
    Committed,
    Config,
    IgnoreMatch,
    Moved,
    Option,
    RemoteInfo,
    Removed,
)


def _remote(it: RemoteInfo) -> str:
    return f"{scalar(it.name)}\t{scalar(it.url)}" + ("\t(default)" if it.default else "")


@renders("data.remote_add")
def remote_add(made: RemoteInfo) -> Iterator[str]:
    """The remote as a list shows it."""
    yield _remote(made)


@renders("data.remote_rename")
def remote_rename(made: RemoteInfo) -> Iterator[str]:
    """The remote as a list shows it."""
    yield _remote(made)


@renders("data.remote_list")
def remote_list(found: Sequence[RemoteInfo]) -> Iterator[str]:
    """One remote a line."""
    yield from map(_remote, found)


@renders("data.remote_remove")
def remote_remove(found: Sequence[RemoteInfo]) -> Iterator[str]:
    """What is left, one remote a line."""
    yield from map(_remote, found)


@renders("data.remote_default")
def remote_default(found: Sequence[RemoteInfo]) -> Iterator[str]:
    """The name alone, for scripts."""
    for it in found:
        yield scalar(it.name)


@renders("data.remote_modify")
def remote_modify(found: Sequence[Option]) -> Iterator[str]:
    """One option a line."""
    yield from (f"{it.name}={_guarded(it)}" for it in found)


@renders("data.config")
def config(found: Config) -> Iterator[str]:
    """The value alone, or one option a line, as `dvc config` prints them."""
    for it in found.options:
        if found.shown == "value":
            yield scalar(it.value)
        elif found.shown != "nothing":
            origin = f"{scalar(it.file)}\t" if found.shown == "origin" else ""
            yield f"{origin}{it.name}={_guarded(it)}"


def _guarded(it: Option) -> str:
    """Leave secrets out of what is shown."""
    last = it.name.rpartition(".")[2]
    secret = any(word in last for word in ("secret", "password", "token", "passphrase", "_key"))
    return "…" if secret and "key_path" not in last else scalar(it.value)


@renders("data.cache_dir")
def cache_dir(found: CacheDir) -> Iterator[str]:
    """The path alone, for scripts."""
    yield scalar(found.path)


@renders("data.check_ignore")
def check_ignore(found: Sequence[IgnoreMatch]) -> Iterator[str]:
    """Pattern and path, as `dvc check-ignore --details` prints them."""
    for it in found:
        if not it.pattern:
            yield f"::\t{scalar(it.path)}"
        elif not it.file:
            yield f":{it.pattern}\t{scalar(it.path)}"
        else:
            yield f"{scalar(it.file)}:{it.line}:{it.pattern}\t{scalar(it.path)}"


@renders("data.move")
def move(done: Moved) -> Iterator[str]:
    """Both places."""
    named = f" ({done.version})" if done.version else ""
    yield f"{scalar(done.old)} is now {scalar(done.new)}{named}"


@renders("data.remove")
def remove(done: Sequence[Removed]) -> Iterator[str]:
    """One path a line."""
    for it in done:
        yield f"{scalar(it.path)}: no longer tracked{', the files stay' if it.kept else ''}"


@renders("data.commit")
def commit(done: Sequence[Committed]) -> Iterator[str]:
    """One path a line."""
    if not done:
        yield "nothing is versioned"
    for it in done:
        named = f" ({it.version})" if it.version else ""
        state = f"is now {short(f'md5:{it.md5}')}" if it.changed else "is as it was"
        yield f"{scalar(it.path)}{named} {state}"


@renders("data.version")
def version(found: About) -> Iterator[str]:
    """One fact a line."""
    yield f"cauce {found.cauce}, Python {found.python}, {found.platform}"
    yield f"format: {found.format}"
    yield f"project: {scalar(found.root)}{'' if found.git else ' (no git repository)'}"
    if found.cache:
        yield f"cache: {scalar(found.cache)} ({', '.join(found.cache_types)})"
    if found.remotes:
        yield f"remotes: {', '.join(found.remotes)}"
