"""A small project with everything the pages show, a real server for it, and Chromium."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.rooms import traffic, trained

from cauce.faces.server import background
from cauce.kernel.entities import Point
from cauce.kernel.workspace import Workspace, open_local

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

SETTINGS = """project = "digits-lab"

[flow.retrain]
on = "ref.moved dataset/digits@main"
steps = ["track run -- python train.py", "models register latest --name digits"]
"""


class Site(NamedTuple):
    """A project on a server.

    Attributes:
        url: Where it is.
        ws: Its workspace.
        base: Address of the project's pages.
        runs: Ids of its training runs, the first that has curves first.
        prediction: Id of one recorded prediction.
    """

    url: str
    ws: Workspace
    base: str
    runs: tuple[str, ...]
    prediction: str


def write_digits(root: Path) -> Path:
    """Write scans as a person's folder: two classified splits and a few without a label."""
    folder = root / "digits"
    truths = trained.rows()[3]
    for number in range(60):
        split = "train" if number < 30 else "test"
        place = folder / split / truths[number] if number < 50 else folder / "unlabelled"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:04d}.png").write_bytes(trained.png(number))
    return folder


def fill(ws: Workspace) -> tuple[tuple[str, ...], str]:
    """Walk the course once, by the operations that the pages stand beside."""
    ws.data.init()
    folder = write_digits(ws.folder)
    data = ws.data.add(folder, message="first scans")
    runs = []
    for number, rate in enumerate((0.1, 0.01)):
        run = ws.track.start(params={"lr": rate, "layers": 2}, used=("digits@main",))
        ws.track.log(
            run.id,
            [
                Point(key=key, value=value, step=step)
                for step in range(30)
                for key, value in (
                    ("val/accuracy", 1 - 0.6 / (1 + step * (1 + number))),
                    ("train/loss", 2 / (1 + step)),
                )
            ],
        )
        ws.track.finish(run.id)
        runs.append(str(run.id))
    for seed in (0, 1):
        made = trained.run(ws, ws.catalog.version(data.id), trained.mlp(seed=seed))
        ws.models.register(made.id, name="digits")
        runs.append(str(made.id))
    ws.models.promote("digits@1", message="first")
    ws.models.compare("digits@2", "digits@champion", data="digits@main")
    ws.models.optimise("digits@1", data="digits@main")
    live = ws.serve.deploy("digits@1", name="prod")
    now = ws.now()
    records = traffic.record(ws, traffic.fresh()[:80], live.id, at=now - 60)
    ws.watch.reference("prod", data="digits@main")
    ws.watch.check("prod")
    traffic.record(ws, traffic.fresh(worse=True)[:80], live.id, at=now - 30)
    ws.watch.check("prod")
    (folder / "train" / "3" / "more.png").write_bytes(trained.png(120))
    ws.data.add(folder, message="one more three")
    ws.label.create(
        "unsure",
        dataset="digits@main",
        classes=[str(number) for number in range(10)],
        question="Which digit is this?",
    )
    ws.label.sample("unsure", deployment="prod", limit=12)
    return tuple(runs), str(records[0]["id"])


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A project that has been through the whole course."""
    root = tmp_path_factory.mktemp("pages") / "digits-lab"
    root.mkdir()
    (root / "cauce.toml").write_text(SETTINGS)
    with open_local(root, agent="user:ana") as ws:
        runs, prediction = fill(ws)
        with background(ws) as url:
            yield Site(url, ws, "/p/digits-lab", runs, prediction)


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a project with nothing in it."""
    root = tmp_path_factory.mktemp("pages") / "blank"
    root.mkdir()
    (root / "cauce.toml").write_text('project = "blank"\n')
    with open_local(root, agent="user:ana") as ws, background(ws) as url:
        yield url


def chromium() -> str | None:
    """Where Chromium is, if anywhere."""
    named = os.environ.get("CAUCE_TEST_CHROMIUM", "")
    for name in (named, "chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name) if name else None
        if found:
            return found
    return None


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one the tests that need it are skipped."""
    program = chromium()
    if program is None:
        pytest.skip("Chromium is missing: the pages are not tested (install chromium)")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield found
        found.close()


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Open an address in a profile of its own; what the page complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(url: str, *, complain: bool = True, **options: Any) -> Page:
        settings = {"viewport": {"width": 1440, "height": 900}, "locale": "en-GB", **options}
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        if complain:
            page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        page.wait_for_selector("main h1", state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def settled(page: Page) -> None:
    """Wait until everything that the page asked for has been drawn."""
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=10_000)
