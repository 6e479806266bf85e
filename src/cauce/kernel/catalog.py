"""The catalogue's contract: one transaction in, typed reads out.

Members live in `cauce.adapters.catalogs` (sqlite, postgres, http) and all pass
`cauce.testing.suites.CatalogSuite`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

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


class Catalog(Protocol):
    """Refs, versions, runs, edges, events and jobs of one project.

    Every method may raise `Unavailable`. Single reads raise `NotFound`, with the names that do
    exist in the hint. Lists are keyset-paged: pass the last row's key as `after` or `before`.
    """

    def commit(self, commit: Commit) -> Receipt:
        """Apply a transaction whole.

        Raises:
            Conflict: A ref or cursor is not where it was expected, or an ended run would restart.
            NotFound: An edge or a move names a version that is neither known nor in the commit.
        """
        ...

    def ref(self, kind: str, name: str, tag: str) -> Ref:
        """Read one ref."""
        ...

    def refs(
        self,
        kind: str | None = None,
        name: str | None = None,
        tag: str | None = None,
        *,
        after: tuple[str, str, str] | None = None,
        limit: int = 100,
    ) -> list[Ref]:
        """List refs in order of (kind, name, tag)."""
        ...

    def refs_to(self, versions: Sequence[Digest]) -> list[Ref]:
        """List the refs that point at any of these versions now."""
        ...

    def history(
        self, kind: str, name: str, tag: str | None = None, *, limit: int = 100
    ) -> list[RefMove]:
        """List the moves of a ref (or of all tags of a name), newest first."""
        ...

    def version(self, id: Digest) -> Version:
        """Read one version."""
        ...

    def versions(
        self,
        kind: str | None = None,
        name: str | None = None,
        *,
        before: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> list[Version]:
        """List versions, newest first, keyed by (created, id)."""
        ...

    def all_versions(self) -> Iterator[Digest]:
        """Iterate over the id of every known version; for garbage collection and checks."""
        ...

    def run(self, id: RunId) -> Run:
        """Read one run; a unique prefix of at least six characters also finds it."""
        ...

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
        """List runs, newest first, keyed by (started, id)."""
        ...

    def count_runs(self, kind: str | None = None, *, status: str | None = None) -> int:
        """Count runs exactly."""
        ...

    def edges(
        self, *, run: RunId | None = None, version: Digest | None = None, limit: int = 1000
    ) -> list[Edge]:
        """List the edges of a run or of a version, in the order they were written."""
        ...

    def lineage(self, start: str, *, direction: str = "up", limit: int = 500) -> Graph:
        """Follow edges from a run id or version id.

        Args:
            start: Run id or version id.
            direction: `up` (what it stands on), `down` (what stands on it) or `both`.
            limit: Nodes at most; nearest first.
        """
        ...

    def events(
        self,
        after: int = 0,
        *,
        kinds: Sequence[str] = (),
        subject: str | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> list[Event]:
        """List events after a number, oldest first (or the newest, newest first)."""
        ...

    def last_event(self) -> int:
        """Read the number of the last event, 0 when there is none."""
        ...

    def cursor(self, name: str) -> int:
        """Read where a cursor stands, 0 when it is new."""
        ...

    def job(self, id: str) -> Job:
        """Read one job."""
        ...

    def jobs(
        self,
        kind: str | None = None,
        *,
        name: str | None = None,
        state: JobState | None = None,
        before: tuple[float, str] | None = None,
        limit: int = 100,
    ) -> list[Job]:
        """List jobs, newest first, keyed by (created, id)."""
        ...

    def lease(self, kind: str, *, worker: str, seconds: float = 60.0) -> Job | None:
        """Take the oldest due job of a kind, or one whose lease ran out; None when none waits."""
        ...

    def extend(self, job: str, *, worker: str, seconds: float = 60.0) -> None:
        """Keep a lease alive.

        Raises:
            Conflict: The lease was lost to another worker, or the job was cancelled.
        """
        ...

    def settle(
        self,
        job: str,
        *,
        worker: str,
        state: JobState,
        result: dict[str, Any] | None = None,
        error: str = "",
    ) -> None:
        """End a leased job (`done`, `failed`), give it back (`queued`), or cancel it.

        `failed` with attempts left queues it again, later by 2^attempts seconds.

        Raises:
            Conflict: The lease was lost to another worker.
        """
        ...

    def check(self) -> list[str]:
        """Verify the catalogue's own invariants; each line is one fault, none means whole."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
