"""Listing runs: filtered and sorted over the columns that are needed, whole rows for one page."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from cauce.errors import Invalid, NotFound
from cauce.kernel import rows, sql
from cauce.kernel.entities import Run
from cauce.rooms.track import filter as filters
from cauce.rooms.track.entities import RunPage
from cauce.rooms.track.filter import Filter

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_JSON = ("params", "metrics", "tags")
_COLUMNS = {"experiment": '"group"', "seconds": "ended"}
_CHUNK = 500


def page(
    ws: "Workspace",
    *,
    filter: Filter,
    where: dict[str, str],
    sort: str,
    before: str,
    limit: int,
) -> RunPage:
    """Find runs.

    Args:
        ws: Workspace whose catalogue is a database.
        filter: What runs must pass.
        where: Columns that must have a value.
        sort: Field to sort by, `-` before it for the greatest first.
        before: Id of the last run of the page before; empty: the first page.
        limit: Runs on the page.

    Notes:
        About 5 µs a run of the project; more where parameters or metrics are looked at.
    """
    order, newest = _order(sort)
    if not filter.needs and order is None:
        return _plain(ws, where, newest, before, limit)
    needs = set(filter.needs)
    if order is not None:
        needs |= order.needs
    facts = _facts(ws, needs, where, filter.data)
    found = [row for row in facts if filter.test(row)] if filter.needs else list(facts)
    if order is None:
        if not newest:
            found.reverse()
        ids = [row["id"] for row in found]
    else:
        ids = _sorted(found, order.key, newest)
    start = 0
    if before:
        try:
            start = ids.index(before) + 1
        except ValueError:
            raise NotFound(f"no run {before[:100]} among those listed") from None
    chosen = ids[start : start + limit]
    more = start + limit < len(ids)
    return RunPage(
        runs=tuple(read(ws, chosen)), total=len(ids), next=chosen[-1] if more and chosen else ""
    )


def read(ws: "Workspace", ids: Sequence[str]) -> list[Run]:
    """Read runs by id, in the order given; ids that are unknown are left out."""
    known: dict[str, Run] = {}
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK]
        marks = ", ".join("?" * len(part))
        query = f"SELECT {rows.RUN} FROM runs WHERE id IN ({marks})"  # noqa: S608 - marks only
        known |= {row[0]: rows.run(row) for row in sql.tables(ws).query(query, tuple(part))}
    return [known[id] for id in ids if id in known]


def _plain(
    ws: "Workspace", where: dict[str, str], newest: bool, before: str, limit: int
) -> RunPage:
    """Read one page by its index alone."""
    catalog = sql.tables(ws)
    conditions, values = sql.equal(**where)
    counted = f"SELECT COUNT(*) FROM runs{_and(conditions)}"  # noqa: S608 - own names only
    total = int(catalog.query(counted, values)[0][0])
    more: list[Any] = []
    if before:
        started = catalog.query("SELECT started FROM runs WHERE id = ?", (before,))
        if not started:
            raise NotFound(f"no run {before[:100]}")
        conditions = [*conditions, f"(started, id) {'<' if newest else '>'} (?, ?)"]
        more = [started[0][0], before]
    way = "DESC" if newest else "ASC"
    query = (
        f"SELECT {rows.RUN} FROM runs{_and(conditions)}"  # noqa: S608 - own names only
        f" ORDER BY started {way}, id {way} LIMIT ?"
    )
    found = [rows.run(row) for row in catalog.query(query, (*values, *more, limit + 1))]
    chosen = found[:limit]
    return RunPage(
        runs=tuple(chosen), total=total, next=chosen[-1].id if len(found) > limit else ""
    )


def _facts(
    ws: "Workspace", needs: Iterable[str], where: dict[str, str], data: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Iterate over the facts that a filter needs, newest run first."""
    catalog = sql.tables(ws)
    wanted = ["id", "started", *sorted(set(needs) - {"id", "started", "data"})]
    columns = ", ".join(_COLUMNS.get(name, name) for name in wanted)
    names = [f"{name} json" if name in _JSON else name for name in wanted]
    conditions, values = sql.equal(**where)
    query = (
        f"SELECT {columns} FROM runs{_and(conditions)}"  # noqa: S608 - own names only
        " ORDER BY started DESC, id DESC"
    )
    used = _users(ws, data)
    timed = "seconds" in names
    for raw in catalog.query(query, values):
        row = Facts(zip(names, raw))  # noqa: B905 - as many by the query
        if timed:
            row["seconds"] = None if row["seconds"] is None else row["seconds"] - row["started"]
        if data:
            row["data"] = used.get(row["id"], ())
        yield row


class Facts(dict[str, Any]):
    """A run's facts; what is JSON in the catalogue is read when it is asked for."""

    def __missing__(self, name: str) -> Any:
        value = self[name] = _read_json(self[f"{name} json"])
        return value


def _read_json(text: str) -> Any:
    """Read JSON fast; the catalogue's may hold NaN, which only the slow reader knows."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def _users(ws: "Workspace", data: Sequence[str]) -> dict[str, set[int]]:
    """Find the runs that used each of the versions named: run -> numbers of the specs."""
    found: dict[str, set[int]] = {}
    for number, spec in enumerate(data):
        version = ws.find("dataset", spec).id
        query = "SELECT later FROM edges WHERE earlier = ? AND direction = 'used'"
        for (run,) in sql.tables(ws).query(query, (version,)):
            found.setdefault(run, set()).add(number)
    return found


class _Order:
    """How to sort: the facts needed, and the key of a row (None where it has none)."""

    def __init__(self, needs: frozenset[str], key: Callable[[dict[str, Any]], Any]) -> None:
        self.needs, self.key = needs, key


def _order(sort: str) -> tuple[_Order | None, bool]:
    """Read what to sort by; None is the order of the index, by start."""
    descending = sort.startswith("-")
    name = sort.removeprefix("-")
    if name == "started":
        return None, descending
    try:
        needs, read_field = filters.field(name)
    except Invalid as error:
        raise Invalid(
            f"cannot sort by {name!r}", hint="try -started, val/acc, params.lr"
        ) from error
    return _Order(needs, read_field), descending


def _sorted(
    found: list[dict[str, Any]], key: Callable[[dict[str, Any]], Any], descending: bool
) -> list[str]:
    """Sort by value, numbers before texts; runs without one come last, newest first."""
    values = [key(row) for row in found]
    texts: list[int] = []
    numbers: list[int] = []
    lacking: list[int] = []
    for index, value in enumerate(values):
        if value is None or value != value:  # noqa: PLR0124 - NaN
            lacking.append(index)
        else:
            (texts if isinstance(value, str) else numbers).append(index)
    for part in (texts, numbers):
        part.sort(key=values.__getitem__, reverse=descending)
    having = texts + numbers if descending else numbers + texts
    return [found[index]["id"] for index in having + lacking]


def _and(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
