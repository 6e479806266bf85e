"""The runs page with 10,000 runs in Chromium, against the budgets of the design.

Times are the browser's own, from the start of a visit or from a click to the frame in which the
result stands; the server runs in this process, so both share the machine.
"""

import shutil
import statistics
import tempfile
from pathlib import Path

from bench.track.search import fill
from playwright.sync_api import Page, sync_playwright

from cauce.faces.server import background
from cauce.kernel.entities import Point
from cauce.kernel.workspace import Workspace, open_local

TRIES = 7
CURVES = 20
POINTS = 10_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]

SEEN = """(selector) => new Promise((done) => {
    const look = () => document.querySelector(selector)
        ? requestAnimationFrame(() => done(performance.now())) : requestAnimationFrame(look);
    look();
})"""
SORTED = """(name) => new Promise((done) => {
    const first = () => document.querySelector("main tbody tr a")?.textContent;
    const head = [...document.querySelectorAll("main thead button, main thead th")]
        .find((one) => one.textContent.trim() === name);
    const before = first(), began = performance.now();
    (head.querySelector("button") ?? head).click();
    const look = () => first() !== before
        ? requestAnimationFrame(() => done(performance.now() - began))
        : requestAnimationFrame(look);
    look();
})"""
SERIES = """async ([runs, points]) => {
    const began = performance.now();
    const answer = await fetch("/api/v1/track.series", {method: "POST",
        headers: {"content-type": "application/json"},
        body: JSON.stringify({runs, keys: ["loss"], points})});
    const found = await answer.json();
    return [performance.now() - began, Math.max(...found.map((one) => one.series[0].steps.length))];
}"""


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("Chromium is missing: nothing was measured")
        return
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=".") as folder:
        root = Path(folder)
        (root / "cauce.toml").write_text('project = "bench"\n')
        with open_local(root) as ws, sync_playwright() as driver:
            fill(ws)
            curves = log_curves(ws)
            with background(ws) as url:
                browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                measure(page, url, curves)
                browser.close()


def log_curves(ws: Workspace) -> list[str]:
    """Give the newest runs 10,000 points each, as finished runs have them: compacted."""
    found = [run.id for run in ws.track.ls(limit=CURVES).runs]
    for run in found:
        points = [Point(key="loss", value=1 / step, step=step) for step in range(1, POINTS + 1)]
        ws.streams.log(f"metrics/{run}", points)
        ws.streams.release(f"metrics/{run}")
        ws.streams.compact(f"metrics/{run}")
    return found


def measure(page: Page, url: str, curves: list[str]) -> None:
    """Print what was seen beside the budget."""
    plain = visits(page, f"{url}/settings", "main h1, main h2")
    first = visits(page, f"{url}/p/bench/runs", "main tbody tr a")
    line("settings, a static page (floor)", plain, 1, "")
    line("runs, first rows of 10,000", first, first / plain, "under 2 x")
    page.goto(f"{url}/p/bench/runs")
    page.evaluate(SEEN, "main tbody tr a")
    names = ["val/acc", "loss"] * TRIES
    clicks = [page.evaluate(SORTED, name) for name in names]
    line("sort 10,000 by another column", statistics.median(clicks), 0, "under 100 ms")
    took = [page.evaluate(SERIES, [curves, 1200]) for _ in range(TRIES)]
    most = int(took[-1][1])
    line(
        f"{CURVES} curves of {POINTS:,} points, {most:,} a line",
        statistics.median(one[0] for one in took),
        0,
        "at most 1,200 a line",
    )


def visits(page: Page, address: str, selector: str) -> float:
    """Visit an address again and again with warm caches; median ms until something stands."""
    page.goto(address)
    page.evaluate(SEEN, selector)
    found = []
    for _ in range(TRIES):
        page.goto(address)
        found.append(page.evaluate(SEEN, selector))
    return statistics.median(found)


def line(what: str, ms: float, ratio: float, budget: str) -> None:
    shown = f"{ratio:6.1f} x" if ratio else " " * 8
    print(f"{what:44}{ms:8.0f} ms {shown}  {budget}")
