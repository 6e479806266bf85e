"""The catalogue of a server: `http://HOST:PORT`, one call a method."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cauce.kernel import wire
from cauce.kernel.catalog import Catalog
from cauce.kernel.connection import Connection
from cauce.kernel.entities import (
    Commit,
    Digest,
    Edge,
    Event,
    Graph,
    Job,
    JobState,
    Receipt,
    Ref,
    RefMove,
    Run,
    RunId,
    Version,
)

_PAGE = 1000
_ONCE = frozenset({"commit", "lease", "settle"})
"""Methods that are not sent again when the connection breaks: they may have been done."""


def open_catalog(url: str, root: Path | None = None, *, token: str = "") -> "HttpCatalog":  # noqa: ARG001
    """Open the catalogue of a server; nothing is sent before it is used."""
    return HttpCatalog(Connection(url, token=token))


class HttpCatalog:
    """A `Catalog` at the other end of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _call(self, method: str, /, **arguments: Any) -> Any:
        """Call a method of the server's catalogue."""
        return self._connection.call(
            f"/api/v1/catalog/{method}",
            arguments,
            returns=wire.result_type(getattr(Catalog, method)),
            idempotent=method not in _ONCE,
        )

    def commit(self, commit: Commit) -> Receipt:
        """See `Catalog.commit`."""
        found: Receipt = self._call("commit", commit=commit)
        return found

    def ref(self, kind: str, name: str, tag: str) -> Ref:
        """See `Catalog.ref`."""
        found: Ref = self._call("ref", kind=kind, name=name, tag=tag)
        return found

    def refs(
        self,
        kind: str | None = None,
        name: str | None = None,
        tag: str | None = None,
        *,
        after: tuple[str, str, str] | None = None,
        limit: int = 100,
    ) -> list[Ref]:
        """See `Catalog.refs`."""
        found: list[Ref] = self._call(
            "refs", kind=kind, name=name, tag=tag, after=after, limit=limit
        )
        return found

    def refs_to(self, versions: Sequence[Digest]) -> list[Ref]:
        """See `Catalog.refs_to`."""
        found: list[Ref] = self._call("refs_to", versions=list(versions))
        return found

    def history(
        self, kind: str, name: str, tag: str | None = None, *, limit: int = 100
    ) -> list[RefMove]:
        """See `Catalog.history`."""
        found: list[RefMove] = self._call("history", kind=kind, name=name, tag=tag, limit=limit)
        return found

    def version(self, id: Digest) -> Version:
        """See `Catalog.version`."""
        found: Version = self._call("version", id=id)
        return found

    def versions(
        self,
        kind: str | None = None,
        name: str | None = None,
        *,
        before: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> list[Version]:
        """See `Catalog.versions`."""
        found: list[Version] = self._call(
            "versions", kind=kind, name=name, before=before, limit=limit
        )
        return found

    def all_versions(self) -> Iterator[Digest]:
        """See `Catalog.all_versions`; read page by page."""
        before: tuple[float, str] | None = None
        while page := self.versions(before=before, limit=_PAGE):
            yield from (version.id for version in page)
            before = (page[-1].created, page[-1].id)

    def run(self, id: RunId) -> Run:
        """See `Catalog.run`."""
        found: Run = self._call("run", id=id)
        return found

    def runs(
        self,
        kind: str | None = None,
        *,
        name: str | None = None,
        status: str | None = None,
        group: str | None = None,
        parent: RunId | None = None,
        outcome: str | None = None,
        before: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """See `Catalog.runs`."""
        found: list[Run] = self._call(
            "runs",
            kind=kind,
            name=name,
            status=status,
            group=group,
            parent=parent,
            outcome=outcome,
            before=before,
            limit=limit,
        )
        return found

    def count_runs(self, kind: str | None = None, *, status: str | None = None) -> int:
        """See `Catalog.count_runs`."""
        return int(self._call("count_runs", kind=kind, status=status))

    def edges(
        self, *, run: RunId | None = None, version: Digest | None = None, limit: int = 1000
    ) -> list[Edge]:
        """See `Catalog.edges`."""
        found: list[Edge] = self._call("edges", run=run, version=version, limit=limit)
        return found

    def lineage(self, start: str, *, direction: str = "up", limit: int = 500) -> Graph:
        """See `Catalog.lineage`."""
        found: Graph = self._call("lineage", start=start, direction=direction, limit=limit)
        return found

    def events(
        self,
        after: int = 0,
        *,
        kinds: Sequence[str] = (),
        subject: str | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> list[Event]:
        """See `Catalog.events`."""
        found: list[Event] = self._call(
            "events", after=after, kinds=list(kinds), subject=subject, newest=newest, limit=limit
        )
        return found

    def last_event(self) -> int:
        """See `Catalog.last_event`."""
        return int(self._call("last_event"))

    def cursor(self, name: str) -> int:
        """See `Catalog.cursor`."""
        return int(self._call("cursor", name=name))

    def job(self, id: str) -> Job:
        """See `Catalog.job`."""
        found: Job = self._call("job", id=id)
        return found

    def jobs(
        self,
        kind: str | None = None,
        *,
        name: str | None = None,
        state: JobState | None = None,
        before: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> list[Job]:
        """See `Catalog.jobs`."""
        found: list[Job] = self._call(
            "jobs", kind=kind, name=name, state=state, before=before, limit=limit
        )
        return found

    def lease(self, kind: str, *, worker: str, seconds: float = 60.0) -> Job | None:
        """See `Catalog.lease`."""
        found: Job | None = self._call("lease", kind=kind, worker=worker, seconds=seconds)
        return found

    def extend(self, job: str, *, worker: str, seconds: float = 60.0) -> None:
        """See `Catalog.extend`."""
        self._call("extend", job=job, worker=worker, seconds=seconds)

    def settle(
        self,
        job: str,
        *,
        worker: str,
        state: JobState,
        result: dict[str, Any] | None = None,
        error: str = "",
    ) -> None:
        """See `Catalog.settle`."""
        self._call("settle", job=job, worker=worker, state=state, result=result, error=error)

    def check(self) -> list[str]:
        """See `Catalog.check`."""
        found: list[str] = self._call("check")
        return found

    def close(self) -> None:
        """See `Catalog.close`."""
        self._connection.close()
