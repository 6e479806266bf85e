"""`cauce.run()`: log from a training script; a line or two, and microseconds a step."""

import atexit
import contextlib
import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cauce.errors import CauceError, Conflict, Invalid
from cauce.kernel import code, config, workspace
from cauce.kernel.entities import Commit, Digest, Edge, RunId, Scalar, Version
from cauce.kernel.entities import Run as RunEntity
from cauce.rooms.track import course, params, process
from cauce.rooms.track.sink import Sink, open_sink

if TYPE_CHECKING:
    from cauce.kernel.workspace import Workspace

_current: ContextVar["Run | None"] = ContextVar("run", default=None)
_joined: set[str] = set()
"""Runs of CAUCE_RUN that this process has joined: a second one here is a child of it."""


def run(
    config: Any = None,
    *,
    name: str = "",
    experiment: str = "default",
    tags: Mapping[str, str] | None = None,
    used: Sequence[str] = (),
) -> "Run":
    """Start a run, or join the one that `cauce track run` started for this process.

    Args:
        config: Parameters: a dict, a dataclass, an argparse namespace…; nested ones get dotted
            names.
        name: Name of the run; empty: a readable one is made. A run that is joined keeps its own.
        experiment: What it belongs to.
        tags: Free text by name.
        used: What it uses, `digits@main`; see `Run.use` to give it a role.

    Returns:
        The run. Use it in a `with` statement, or call `finish` at the end. It ends as `failed`
        when the block or the program raises.

    Raises:
        NotFound: This folder is in no project, or something used does not exist.
    """
    return Run(config, name=name, experiment=experiment, tags=tags or {}, used=used)


class Run:
    """A run that this program logs to.

    Attributes:
        id: Its id.
        name: Its readable name.
        config: What was given as `config`.
        params: The same by dotted name, as it is recorded.
    """

    id: RunId
    name: str

    def __init__(
        self,
        config: Any,
        *,
        name: str,
        experiment: str,
        tags: Mapping[str, str],
        used: Sequence[str],
    ) -> None:
        self.config = config
        self.params: dict[str, Scalar] = params.flatten(config)
        self._ws = _open()
        self._step = 0
        self._done = False
        self._told = False
        self._process = os.getpid()
        self._before = getattr(sys, "last_value", None)
        inherited = os.environ.get("CAUCE_RUN", "")
        self._outer = _current.get()
        self._joins = bool(inherited) and self._outer is None and inherited not in _joined
        try:
            if self._joins:
                found = self._join(RunId(inherited), tags, used)
            else:
                parent = inherited or os.environ.get("CAUCE_PARENT", "")
                parent = self._outer.id if self._outer else parent
                found = self._start(name, experiment, tags, used, parent)
            self.id, self.name = found.id, found.name
            self._sink: Sink = open_sink(self._ws, found.id)
        except BaseException:
            self._ws.close()
            raise
        _current.set(self)
        atexit.register(self._at_exit)

    def _start(
        self,
        name: str,
        experiment: str,
        tags: Mapping[str, str],
        used: Sequence[str],
        parent: str,
    ) -> RunEntity:
        state = code.capture(
            Path.cwd(), _command(), store=lambda diff: self._ws.objects.put([diff])[0]
        )
        started: RunEntity = self._ws.call(
            "track.start",
            name=name,
            experiment=experiment,
            params=self.params,
            tags={**tags, **process.tag()},
            used=tuple(used),
            parent=parent,
            code=state,
        )
        return started

    def _join(self, id: RunId, tags: Mapping[str, str], used: Sequence[str]) -> RunEntity:
        found = self._ws.catalog.run(id)
        if found.status != "running":
            raise Conflict(
                f"the run {found.name} of CAUCE_RUN is {found.status} already",
                hint="unset CAUCE_RUN to start a new run",
            )
        if self.params or tags:
            self._ws.call("track.set", run=id, params=self.params, tags=dict(tags))
        for spec in used:
            version, role = course.source(self._ws, spec)
            course.use(self._ws, id, version.id, role)
        _joined.add(id)
        return found

    def log(self, values: Mapping[str, Any], *, step: int | None = None) -> None:
        """Log metrics; they are buffered, and written within a quarter of a second.

        Args:
            values: Number by name; what `float()` takes, nested dicts get names with `/`.
            step: Whole number; None: one more than the last.

        Raises:
            Invalid: A value is not a number, or the run has ended.
        """
        if self._done:
            raise Invalid(f"the run {self.name} has ended", hint="log before it is finished")
        at = time.time()
        number = self._step if step is None else step
        try:
            for key, value in values.items():
                if isinstance(value, Mapping):
                    for nested, inner in params.nested(key, value):
                        self._sink.append(nested, inner, number, at)
                else:
                    self._sink.append(key, value, number, at)
        except OSError as error:
            self._warn(error)
        self._step = int(number) + 1

    def _warn(self, error: Exception) -> None:
        """Say once that logging fails: a full disk should not end a training."""
        if not self._told:
            self._told = True
            warnings.warn(f"cauce cannot write metrics now: {error}", RuntimeWarning, stacklevel=3)

    def set(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Set more parameters and tags."""
        flat = _flatten(params or {})
        self._ws.call("track.set", run=self.id, params=flat, tags=dict(tags or {}))
        self.params.update(flat)

    def use(self, spec: str, *, role: str = "") -> Version:
        """Record that the run uses a version, and give it.

        Args:
            spec: `digits@main` for a data set, `model:digits@2` and so on for another kind.
            role: What it is to the run: `train`, `test`…; empty: `data`, or the kind.
        """
        version, usual = course.source(self._ws, spec)
        course.use(self._ws, self.id, version.id, role or usual)
        return version

    def log_artifact(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        kind: str = "artifact",
        role: str = "",
    ) -> Version:
        """Keep a file, or all files of a folder, as something that the run generated.

        Args:
            path: File or folder.
            name: What it is called; None: the path's last part.
            kind: Kind of the version.
            role: What it is to the run; empty: its name.
        """
        from cauce.rooms.track import artifacts  # late: few loops need it

        called = name or Path(path).resolve().name
        version = artifacts.store(self._ws, Path(path), f"{self.name}-{called}", kind=kind)
        self._generated(version, role or called)
        return version

    def log_model(
        self,
        model: Any,
        *,
        inputs: Any,
        name: str = "model",
        meaning: Mapping[str, Any] | None = None,
        classes: Sequence[Any] | None = None,
        signature: Mapping[str, Any] | None = None,
        framework: str | None = None,
    ) -> Version:
        """Keep a trained model without pickle, with real inputs and its outputs to prove it by.

        Args:
            model: A fitted model of a framework that Cauce knows.
            inputs: `(n, …)` real samples, n ≥ 1; some dozens to hundreds.
            name: What it is called.
            meaning: What a row stands for, such as an image's height, width and mode.
            classes: Names of the classes in the order of the model's; None: the model's own.
            signature: The whole signature; None: it is read from the model.
            framework: Adapter to use; None: the one that knows the model.

        Raises:
            Unsupported: No framework adapter knows the model.
            Invalid: The inputs or classes do not fit the model.
        """
        from cauce.rooms.track import artifacts  # late: needs numpy

        version = artifacts.store_model(
            self._ws,
            model,
            inputs,
            f"{self.name}-{name}",
            meaning=dict(meaning) if meaning is not None else None,
            classes=classes,
            signature=dict(signature) if signature is not None else None,
            framework=framework,
        )
        self._generated(version, "model")
        return version

    def _generated(self, version: Version, role: str) -> None:
        edge = Edge(run=self.id, direction="generated", version=Digest(version.id), role=role)
        commit = Commit(versions=(version,), edges=(edge,), agent=self._ws.agent)
        self._ws.catalog.commit(commit)

    def flush(self) -> None:
        """Write what was logged so far, so that it survives a kill."""
        try:
            self._sink.flush()
        except OSError as error:
            self._warn(error)

    def finish(self, *, status: str = "finished", error: str = "") -> None:
        """End the run; a run that `cauce track run` started ends with its process instead.

        Args:
            status: `finished`, `failed` or `killed`.
            error: What went wrong, one line.
        """
        if self._done or self._process != os.getpid():
            return  # a forked child must not end its parent's run
        self._done = True
        atexit.unregister(self._at_exit)
        if _current.get() is self:
            _current.set(self._outer)
        try:
            try:
                self._sink.close()
            finally:
                if not self._joins:
                    self._ws.call("track.finish", run=self.id, status=status, error=error)
        finally:
            self._ws.close()

    def _at_exit(self) -> None:
        """End at the program's end: failed when an exception ended it."""
        raised = getattr(sys, "last_value", None)
        with contextlib.suppress(CauceError, OSError):  # nobody is left to tell
            if raised is not None and raised is not self._before:
                self.finish(status="failed", error=_said(raised))
            else:
                self.finish()

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or (isinstance(error, SystemExit) and not error.code):
            self.finish()
            return
        status = "killed" if isinstance(error, KeyboardInterrupt) else "failed"
        with contextlib.suppress(CauceError, OSError):  # the first error is the one to see
            self.finish(status=status, error=_said(error))

    def __repr__(self) -> str:
        return f"<cauce.Run {self.name} {self.id}>"


def _open() -> "Workspace":
    """Open the workspace that this program belongs to."""
    inherited = os.environ.get("CAUCE_PROJECT", "") if os.environ.get("CAUCE_RUN") else ""
    root = Path(inherited) if inherited else config.find_root(Path.cwd())
    url = os.environ.get("CAUCE_URL", "")
    if url:
        return workspace.open_any(url, root=root)
    return workspace.open_local(root if inherited and root else config.require_root(Path.cwd()))


def _command() -> list[str]:
    """Give this program's command line."""
    return [Path(sys.executable).name, *sys.argv]


def _flatten(values: Mapping[str, Any]) -> dict[str, Scalar]:
    return params.flatten(values)


def _said(error: BaseException) -> str:
    """Write an exception as one line."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")
