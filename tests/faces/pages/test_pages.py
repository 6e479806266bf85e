"""Each page draws real data without complaint, in both themes and both languages."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.faces.pages.conftest import Site, Visit, settled

AUDIT = Path(__file__).with_name("audit.js").read_text()

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PAGES = {
    "": "wait for labels",
    "/data": "digits",
    "/data/digits": "Files per class",
    "/data/digits?tab=versions": "one more three",
    "/data/digits/compare/v1..v2": "Unchanged",
    "/data/digits/compare/1..2": "Unchanged",
    "/label": "Which digit is this",
    "/label/unsure": "Skip",
    "/runs": "val/accuracy",
    "/runs/{run}": "Parameters",
    "/runs/compare?ids={run},{other}": "Differences",
    "/models": "Champion",
    "/models/digits": "2 versions",
    "/models/digits/1": "Gate to production",
    "/models/digits/2": "Gate to production",
    "/serving": "prod",
    "/serving/prod": "Last requests",
    "/monitor/prod": "Drift by input",
    "/flows": "retrain",
    "/flows/retrain": "Starts when",
    "/lineage?of=prediction:{prediction}": "things shown",
    "/lineage?of=model:digits@1&direction=both&view=table": "Data set",
}


def address(site: Site, path: str) -> str:
    """Fill in the ids and give the whole address."""
    filled = path.format(run=site.runs[0], other=site.runs[1], prediction=site.prediction)
    return f"{site.url}{site.base}{filled}"


@pytest.mark.parametrize(("path", "text"), PAGES.items())
def test_page_shows_what_the_project_holds_and_names_every_control(
    site: Site, visit: Visit, path: str, text: str
) -> None:
    page = visit(address(site, path), color_scheme="dark" if "models" in path else "light")
    settled(page)
    expect(page.locator("main")).to_contain_text(re.compile(text))
    expect(page).to_have_title(re.compile("digits-lab · Cauce$"))
    assert page.locator(".fail").count() == 0
    assert page.evaluate(AUDIT) == []


@pytest.mark.parametrize("path", ["", "/models/digits/1"])
def test_page_speaks_spanish_to_a_spanish_browser(site: Site, visit: Visit, path: str) -> None:
    page = visit(address(site, path), locale="es-ES")
    settled(page)
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.locator("nav.nav")).to_contain_text("Vigilancia")
    assert page.locator(".fail").count() == 0


def test_pages_fit_a_narrow_screen(site: Site, visit: Visit) -> None:
    page = visit(address(site, ""), viewport={"width": 360, "height": 740})
    for path in ("", "/runs", "/models/digits/1", "/label/unsure", "/data/digits", "/serving/prod"):
        page.goto(address(site, path))
        page.wait_for_selector("main h1", state="attached")
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_every_link_of_the_overview_leads_to_a_page(site: Site, visit: Visit) -> None:
    page = visit(address(site, ""))
    settled(page)
    links = set(
        page.evaluate("[...document.querySelectorAll('a[href^=\"/\"]')].map((a) => a.href)")
    )
    assert len(links) > 12
    for link in sorted(links):
        page.goto(link)
        page.wait_for_selector("main h1", state="attached")
        settled(page)
        assert page.locator(".fail").count() == 0, link
        assert "No such page" not in page.locator("main").inner_text(), link


def test_each_empty_page_names_the_command_that_fills_it(blank: str, visit: Visit) -> None:
    page = visit(blank)
    expect(page.locator("main")).to_contain_text("blank is empty")
    for key in "dlrmswfi":
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_selector("main h1", state="attached")
        settled(page)
        wanted = "[flow." if key == "f" else "cauce "
        expect(page.locator("main .empty").locator("code, pre")).to_contain_text(wanted)


def test_address_that_is_no_page_says_so(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/nowhere/at/all")
    expect(page.locator("main")).to_contain_text("No such page")


def test_failed_call_says_what_failed_and_tries_again(site: Site, visit: Visit) -> None:
    page = visit(address(site, "/runs"), complain=False)
    settled(page)
    error = {"type": "Unavailable", "message": "the catalogue is away", "request": "r-17"}
    page.route(
        "**/api/v1/track.show",
        lambda route: route.fulfill(status=503, json={"error": error}),
        times=1,
    )
    page.locator("tbody a").first.click()
    failed = page.locator(".fail")
    expect(failed).to_contain_text("the catalogue is away")
    expect(failed).to_contain_text("r-17")
    failed.get_by_role("button").click()
    expect(page.locator("main")).to_contain_text("Parameters")


def test_lost_server_leaves_the_page_and_a_bar(site: Site, visit: Visit) -> None:
    page = visit(address(site, "/models"), complain=False)
    settled(page)
    page.context.set_offline(True)
    page.locator("tbody a", has_text="digits").first.click()
    expect(page.locator(".offline")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator(".offline")).to_be_hidden()
