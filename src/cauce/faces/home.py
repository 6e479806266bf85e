"""What `cauce` alone says: where the project stands, and what to do next."""

from pathlib import Path

from cauce.faces import client
from cauce.kernel import config
from cauce.kernel.workspace import Workspace

WELCOME = """\
Cauce takes raw data to watched production: version, label, train, register, serve, monitor.

There is no project in this folder. Begin with one of these:
  $ cauce demo digits     a worked example on real data; takes about a minute
  $ cauce init            a project in this folder

See `cauce --help` for every command."""


def main(url: str = "") -> int:
    """Print the state of the project around this folder (or on a server), or how to begin one."""
    if not url and config.find_root(Path.cwd()) is None:
        print(WELCOME)
        return 0
    with client.here(url) as ws:
        for line in state(ws):
            print(line)
    return 0


def state(ws: Workspace) -> list[str]:
    """Write the state of a project, one noun a line, and the next step."""
    data = names(ws, "dataset", "main")
    models = names(ws, "model", "champion") or names(ws, "model", "latest")
    live = names(ws, "deployment", "live")
    trainings = ws.catalog.count_runs("train")
    last = ws.catalog.runs("train", limit=1)
    recent = f"last: {last[0].name} {last[0].status}" if last else ""
    return [
        f"{ws.project}  {ws.remote.url if ws.remote else ws.root}",
        row("data sets", len(data), ", ".join(data)),
        row("trainings", trainings, recent),
        row("models", len(models), ", ".join(models)),
        row("deployments", len(live), ", ".join(live)),
        "",
        "next:",
        *next_steps(bool(data), bool(trainings), models, bool(live)),
    ]


def names(ws: Workspace, kind: str, tag: str) -> list[str]:
    """Name what a tag of this kind points at, `name@tag`, five at most."""
    return [f"{ref.name}@{ref.tag}" for ref in ws.catalog.refs(kind, tag=tag, limit=5)]


def row(what: str, count: int, more: str) -> str:
    """Lay out one line of the state."""
    return f"  {what:<12}{count:>5}  {more}".rstrip()


def next_steps(data: bool, trainings: bool, models: list[str], live: bool) -> list[str]:
    """Give the commands that bring the project one step on."""
    if not data:
        return ["  $ cauce data add FOLDER                 version a folder of data"]
    if not trainings:
        return ["  $ cauce track run -- python train.py    train, and keep what happened"]
    if not models:
        return ["  $ cauce models register latest --name NAME    export, prove and register"]
    if not live:
        return [f"  $ cauce serve deploy {models[0]}    put it into service"]
    return ["  $ cauce up --open    look at everything in the browser"]
