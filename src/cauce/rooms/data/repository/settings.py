"""DVC's config: options read with where they come from, and changed in one level."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct

from cauce.errors import Conflict, Invalid, NotFound
from cauce.kernel.workspace import Workspace
from cauce.rooms.data import dvc
from cauce.rooms.data.repository.entities import CacheDir, Option, RemoteInfo

_NAMED = re.compile(r'(remote|machine|db) "(.*)"\Z')
_ODD = re.compile(r"[\x00-\x1f'\"]")


class Where(Struct, frozen=True, kw_only=True):
    """Which config file is meant, as DVC's options say it; none: the project's own."""

    local: bool = False
    person: bool = False
    system: bool = False

    @property
    def level(self) -> dvc.Level | None:
        """The level, None when nothing was said.

        Raises:
            Invalid: More than one was said.
        """
        said: list[dvc.Level] = []
        said += ["local"] if self.local else []
        said += ["global"] if self.person else []
        said += ["system"] if self.system else []
        if len(said) > 1:
            raise Invalid(f"{' and '.join(said)} at once", hint="name one level of the config")
        return said[0] if said else None


@contextmanager
def changing(ws: Workspace, where: Where) -> Iterator[tuple[dvc.Document, dvc.Level]]:
    """Change one config file under DVC's lock."""
    require_project(ws)
    level = where.level or "repo"
    format = dvc.load()
    with format.locked(ws.folder), format.edit(ws.folder, level) as document:
        yield document, level


def require_project(ws: Workspace) -> None:
    """Raise `NotFound` where there is no `.dvc/`."""
    if not (ws.folder / ".dvc").is_dir():
        raise NotFound(f"{ws.folder} has no .dvc folder", hint="make it: cauce data init")


def place(name: str) -> tuple[str, str]:
    """Give section and option of `section.option` or `remote.NAME.option`."""
    section, dot, option = name.strip().lower().rpartition(".")
    kind, inner, rest = section.partition(".")
    if not dot or not section or not option or (inner and kind not in {"remote", "db", "machine"}):
        raise Invalid(
            f"{name[:80]!r} is no name of an option", hint="section.option, remote.NAME.option"
        )
    return (f'{kind} "{rest}"' if inner else section), option


def shown(section: str, option: str) -> str:
    """Give the name of an option as people write it."""
    found = _NAMED.match(section)
    return f"{found[1]}.{found[2]}.{option}" if found else f"{section}.{option}"


def options(ws: Workspace, level: dvc.Level | None) -> list[Option]:
    """List options: those of one level, or those in force, named sections first as DVC does."""
    found: dict[tuple[str, str], Option] = {}
    for name, path, config in dvc.load().each(ws.folder):
        if level is not None and name != level:
            continue
        for section, values in config.items():
            for option, value in values.items():
                found[section, option] = Option(
                    name=shown(section, option), value=value, level=name, file=str(path)
                )
    order: dict[str, int] = {}
    for section, _ in found:
        order.setdefault(section, len(order))
    rows = sorted(found.items(), key=lambda row: (not _NAMED.match(row[0][0]), order[row[0][0]]))
    return [row for _, row in rows]


def get(ws: Workspace, name: str, where: Where) -> list[Option]:
    """Find one option.

    Raises:
        NotFound: It is not set.
    """
    section, option = place(name)
    wanted = shown(section, option)
    found = [row for row in options(ws, where.level) if row.name == wanted]
    if not found:
        raise NotFound(f"{wanted} is not set", hint=f"set it: cauce data config {wanted} VALUE")
    return found


def put(ws: Workspace, name: str, value: str, where: Where) -> list[Option]:
    """Set one option."""
    section, option = place(name)
    with changing(ws, where) as (document, level):
        document.set(section, option, dvc.load().stored(ws.folder, level, section, option, value))
    return get(ws, name, where)


def unset(ws: Workspace, name: str, where: Where) -> list[Option]:
    """Take one option out.

    Raises:
        NotFound: It is not set there.
    """
    section, option = place(name)
    with changing(ws, where) as (document, level):
        if not document.unset(section, option):
            raise NotFound(
                f"{shown(section, option)} is not set in the {level} config",
                hint="`cauce data config --list --show-origin` says where it is",
            )
    return []


def cache_dir(ws: Workspace, value: str | None, drop: bool, where: Where) -> CacheDir:
    """See `data.cache_dir`."""
    if drop:
        unset(ws, "cache.dir", where)
    elif value:
        put(ws, "cache.dir", value, where)
    require_project(ws)
    ws.__dict__.pop("objects", None)  # the store was opened with the folder before
    levels = [
        name for name, _, config in dvc.load().each(ws.folder) if config.get("cache", {}).get("dir")
    ]
    return CacheDir(path=str(dvc.load().cache_dir(ws.folder)), level=levels[-1] if levels else "")


# remotes


def remotes(ws: Workspace, level: dvc.Level | None = None) -> list[RemoteInfo]:
    """List the remotes, in order of the config files."""
    default, known = dvc.load().remotes(ws.folder)
    origin: dict[str, str] = {}
    for name, _, config in dvc.load().each(ws.folder):
        for section, values in config.items():
            found = _NAMED.match(section)
            if found and found[1] == "remote" and "url" in values:
                origin[found[2]] = name
    return [
        RemoteInfo(
            name=name, url=values["url"], default=name == default, level=origin.get(name, "repo")
        )
        for name, values in known.items()
        if "url" in values and level in {None, origin.get(name)}
    ]


def _require_remote(ws: Workspace, name: str) -> None:
    known = [remote.name for remote in remotes(ws)]
    if name not in known:
        raise NotFound(f"no remote {name!r}", hint=f"known: {', '.join(known) or 'none'}")


def _named(name: str) -> str:
    """Check a remote's name; DVC stores it in lower case."""
    if not name.strip() or _ODD.search(name):
        raise Invalid(f"{name[:80]!r} is no name of a remote", hint="leave quotes out")
    return name.strip().lower()


def add_remote(
    ws: Workspace, name: str, url: str, *, default: bool, force: bool, where: Where
) -> RemoteInfo:
    """See `data.remote_add`."""
    called = _named(name)
    section = f'remote "{called}"'
    with changing(ws, where) as (document, level):
        known = section in document.values() or called in [it.name for it in remotes(ws)]
        if known and not force:
            raise Conflict(f"the remote {called} exists", hint="--force gives it another url")
        for option in document.values().get(section, {}):
            if option != "url":
                document.unset(section, option)
        document.set(section, "url", dvc.load().stored(ws.folder, level, section, "url", url))
        if default:
            document.set("core", "remote", called)
    return next(it for it in remotes(ws) if it.name == called)


def modify_remote(
    ws: Workspace, name: str, setting: tuple[str, ...], *, drop: bool, where: Where
) -> list[Option]:
    """See `data.remote_modify`."""
    called = _named(name)
    if len(setting) != (1 if drop else 2):
        wanted = "an option" if drop else "an option and its value"
        raise Invalid(f"{len(setting)} words behind {called}", hint=f"give {wanted}")
    section, option = f'remote "{called}"', setting[0].lower()
    with changing(ws, where) as (document, level):
        _require_remote(ws, called)
        if drop:
            document.unset(section, option)
        else:
            value = dvc.load().stored(ws.folder, level, section, option, setting[1])
            document.set(section, option, value)
    wanted = shown(section, "")
    return [row for row in options(ws, None) if row.name.startswith(wanted)]


def default_remote(ws: Workspace, name: str | None, drop: bool, where: Where) -> list[RemoteInfo]:
    """See `data.remote_default`."""
    if drop:
        with changing(ws, where) as (document, _):
            document.unset("core", "remote")
    elif name:
        with changing(ws, where) as (document, _):
            _require_remote(ws, _named(name))
            document.set("core", "remote", _named(name))
    else:
        require_project(ws)
    found = [it for it in remotes(ws) if it.default]
    if not found and not drop:
        raise NotFound("no default remote is set", hint="set it: cauce data remote default NAME")
    return found


def remove_remote(ws: Workspace, name: str, where: Where) -> list[RemoteInfo]:
    """See `data.remote_remove`."""
    called = _named(name)
    with changing(ws, where) as (document, level):
        if not document.drop(f'remote "{called}"'):
            _require_remote(ws, called)
            raise NotFound(
                f"the remote {called} is not in the {level} config",
                hint="name its level: --local, --global or --system",
            )
        if document.values().get("core", {}).get("remote", "").lower() == called:
            document.unset("core", "remote")
    _point(ws, called, "", where)
    return remotes(ws)


def rename_remote(ws: Workspace, name: str, new: str, where: Where) -> RemoteInfo:
    """See `data.remote_rename`."""
    old, called = _named(name), _named(new)
    with changing(ws, where) as (document, level):
        _require_remote(ws, old)
        if called in [it.name for it in remotes(ws)]:
            raise Conflict(
                f"the remote {called} exists", hint="remove it first, or take a new name"
            )
        if f'remote "{old}"' not in document.values():
            raise NotFound(f"the remote {old} is not in the {level} config", hint="name its level")
        document.rename(f'remote "{old}"', f'remote "{called}"')
        if document.values().get("core", {}).get("remote", "").lower() == old:
            document.set("core", "remote", called)
    _point(ws, old, called, where)
    return next(it for it in remotes(ws) if it.name == called)


def _point(ws: Workspace, old: str, new: str, where: Where) -> None:
    """Let stronger levels not name a default remote that is gone."""
    levels: list[dvc.Level] = ["system", "global", "repo", "local"]
    for level in levels[levels.index(where.level or "repo") + 1 :]:
        config: Mapping[str, Mapping[str, str]] = {}
        for name, _, found in dvc.load().each(ws.folder):
            config = found if name == level else config
        if config.get("core", {}).get("remote", "").lower() == old:
            with dvc.load().edit(ws.folder, level) as document:
                if new:
                    document.set("core", "remote", new)
                else:
                    document.unset("core", "remote")
