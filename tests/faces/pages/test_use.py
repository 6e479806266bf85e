"""Pages in use: keys, themes, the palette, the address as state, labels by keys, live changes."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.faces.pages.conftest import Site, Visit, fill, settled
from tests.rooms import traffic

from cauce.faces.server import background
from cauce.kernel.workspace import open_local

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def state(page: Page) -> str:
    """The address without the server's."""
    return re.sub(r"^https?://[^/]+", "", page.url)


def test_theme_follows_the_system_until_it_is_chosen_and_stays_chosen(
    site: Site, visit: Visit
) -> None:
    page = visit(site.url, color_scheme="light")
    canvas = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(canvas)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(canvas)
    assert light != dark
    page.keyboard.press("Shift+D")
    assert page.evaluate(canvas) == light
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert page.evaluate(canvas) == light


def test_language_and_density_are_kept(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}/settings")
    page.get_by_role("button", name="Compact").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Español").click()
    expect(page.locator("h1")).to_have_text("Ajustes")
    expect(page.locator("html")).to_have_attribute("data-density", "compact")


def test_palette_finds_a_run_by_part_of_its_name(site: Site, visit: Visit) -> None:
    page = visit(site.url)
    name = site.ws.track.show(site.runs[0]).run.name
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill(name[2:])
    expect(page.get_by_role("option").first).to_contain_text(name)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(name)
    assert state(page) == f"{site.base}/runs/{site.runs[0]}"


def test_keys_jump_fold_and_explain_themselves(site: Site, visit: Visit) -> None:
    page = visit(site.url)
    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page.locator("h1")).to_have_text("Models")
    page.keyboard.press("[")
    expect(page.locator("html")).to_have_attribute("data-nav", "folded")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Everywhere")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_keys_are_off_while_typing(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/runs")
    page.keyboard.press("/")
    page.keyboard.type("gd?")
    expect(page.locator("[data-filter]")).to_have_value("gd?")
    assert state(page) == f"{site.base}/runs"


def test_view_is_in_the_address_and_back_undoes_it(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/runs")
    settled(page)
    expect(page.locator("tbody tr")).to_have_count(4)
    page.get_by_label("Filter", exact=True).fill("params.layers = 2")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Started").click()
    filtered = state(page)
    assert "q=params.layers" in filtered
    assert "sort=started" in filtered
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Started")
    page.go_back()
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(4)


def test_filter_that_cannot_be_read_says_where(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/runs?q=lr+%3E%3E+1", complain=False)
    expect(page.locator(".fail")).to_contain_text(re.compile("column|filter"))


def test_selected_runs_are_compared_by_key(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/runs?q=params.layers+%3D+2")
    settled(page)
    expect(page.locator("tbody tr")).to_have_count(2)
    for key in ("j", " ", "j", " "):
        page.keyboard.press(key)
    expect(page.locator(".sel")).to_contain_text("2 selected")
    page.keyboard.press("c")
    expect(page.locator("h1")).to_have_text("Compare")
    expect(page.locator("main")).to_contain_text("lr")
    expect(page.locator("main")).not_to_contain_text("layers")


def test_charts_of_a_page_share_one_crosshair(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/runs")
    page.wait_for_selector(".charts canvas")
    settled(page)
    page.locator(".u-over").first.hover()
    expect(page.locator(".plot .tip")).to_contain_text("step")
    page.wait_for_function("""() => {
        const shown = [...document.querySelectorAll(".u-cursor-x:not(.u-off)")];
        return shown.length >= 2 && new Set(shown.map((node) => node.style.transform)).size === 1;
    }""")


def test_pictures_are_labelled_by_keys_alone(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/label/unsure")
    expect(page.locator(".stage img")).to_be_visible()
    before = site.ws.label.show("unsure").counts
    first = page.locator(".stage img").get_attribute("src")
    page.keyboard.press("3")
    expect(page.locator(".stage img")).not_to_have_attribute("src", first or "")
    page.keyboard.press("x")
    expect(page.locator(".bar")).to_contain_text(f"{before.done + 1} of")
    page.wait_for_selector(".queue .w >> text=3")
    page.keyboard.press("z")
    page.keyboard.press("z")
    expect(page.locator(".stage img")).to_have_attribute("src", first or "")
    page.keyboard.press("5")
    expect(page.locator("[role=status]", has_text="saved")).to_be_visible()
    task = next(one for one in site.ws.label.tasks("unsure") if (first or "").endswith(one.item))
    expect_label(site, task.id, "5")
    assert site.ws.label.show("unsure").counts.skipped == before.skipped + 1


def expect_label(site: Site, task: str, label: str) -> None:
    """Claim what a task was answered with, once the answer has arrived."""
    until = time.monotonic() + 10
    while True:
        found = [one for one in site.ws.label.tasks("unsure", state="done") if one.id == task]
        if [one.label for one in found] == [label]:
            return
        assert time.monotonic() < until, found


def test_label_given_without_a_server_is_sent_when_it_is_back(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/label/unsure", complain=False)
    expect(page.locator(".stage img")).to_be_visible()
    done = site.ws.label.show("unsure").counts.done
    page.context.set_offline(True)
    page.keyboard.press("7")
    expect(page.locator("main")).to_contain_text("1 label waits for the server")
    page.context.set_offline(False)
    expect(page.locator(".bar")).to_contain_text(f"{done + 1} of")
    assert site.ws.label.show("unsure").counts.done == done + 1


def test_promotion_is_asked_before_and_moves_the_alias(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/models/digits/2")
    page.get_by_role("button", name="Promote").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The alias champion of digits moves to v2")
    dialog.get_by_role("button", name="Cancel").click()
    assert "champion" not in site.ws.models.show("digits@2").version.aliases
    page.get_by_role("button", name="Promote").click()
    dialog.get_by_role("button", name="Promote").click()
    expect(page.locator(".stage-line b")).to_contain_text("champion")
    assert "champion" in site.ws.models.show("digits@2").version.aliases
    site.ws.models.promote("digits@1")


def test_deployment_rolls_back_to_what_ran_before(site: Site, visit: Visit) -> None:
    site.ws.serve.deploy("digits@2", name="prod")
    page = visit(f"{site.url}{site.base}/serving/prod")
    page.get_by_role("button", name="Roll back to digits v1").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.locator(".toast")).to_contain_text("prod serves digits v1 again")
    expect(page.locator(".head")).to_contain_text("digits v1")
    assert site.ws.serve.show("prod").live.model == "digits@1"


def test_a_flow_is_started_by_hand(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/flows/retrain")
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run now").click()
    expect(page.locator(".toast")).to_contain_text("retrain is queued")
    [job] = site.ws.catalog.jobs("flow", state="queued")
    assert (job.name, job.payload["reason"]) == ("retrain", "manual")
    site.ws.catalog.settle(job.id, worker="", state="cancelled")


def test_check_can_be_asked_for_and_its_report_opens(site: Site, visit: Visit) -> None:
    live = site.ws.serve.show("prod").live
    traffic.record(site.ws, traffic.fresh()[80:160], live.id, at=site.ws.now() - 1)
    page = visit(f"{site.url}{site.base}/monitor/prod")
    settled(page)
    page.get_by_role("button", name="Check now").click()
    expect(page.locator(".toast")).to_contain_text("requests checked")
    expect(page.locator("main")).to_contain_text("requests checked just now")


def test_change_elsewhere_appears_without_reloading(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/runs")
    settled(page)
    run = site.ws.track.start(name="newly-come", params={"lr": 1.0})
    expect(page.locator("tbody")).to_contain_text("newly-come")
    expect(page.locator("nav.nav")).to_contain_text("1 live")
    site.ws.track.finish(run.id)
    expect(page.locator("nav.nav")).not_to_contain_text("1 live")


def test_lineage_leads_from_a_prediction_to_its_data(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}{site.base}/lineage?of=prediction:{site.prediction}")
    page.locator(".graph a", has_text="digits v1").first.click()
    expect(page.locator("h1")).to_contain_text("digits")
    page.go_back()
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("table")).to_contain_text("Training")
    page.get_by_role("button", name="Every step").click()
    expect(page.get_by_role("table")).to_contain_text("Addition")


def test_a_number_in_the_address_chooses_the_version(site: Site, visit: Visit) -> None:
    versions = site.ws.data.versions("digits")
    older = versions[-1]
    page = visit(f"{site.url}{site.base}/data/digits?v=1")
    expect(page.locator("h1 ~ *", has_text=older.message).first).to_be_visible()
    expect(page.locator(".badge.acc").first).to_have_text(older.number)
    expect(page.get_by_label("Version")).to_have_value(older.number)
    page.goto(f"{site.url}{site.base}/data/digits")
    expect(page.locator(".badge.acc").first).to_have_text(versions[0].number)


def test_a_report_that_cannot_be_read_says_so_beside_the_others(
    tmp_path: Path, visit: Visit
) -> None:
    (tmp_path / "cauce.toml").write_text('project = "torn"\n')
    with open_local(tmp_path, agent="user:ana") as ws, background(ws) as url:
        fill(ws)
        newest, before = ws.watch.reports("prod")
        assert newest.report is not None
        ws.objects.delete([ws.manifest(newest.report).entries[0].digest])
        page = visit(f"{url}/p/torn/monitor/prod")
        expect(page.locator(".note.warn")).to_contain_text("cannot be read")
        expect(page.locator("main")).to_contain_text(
            "too few" if before.outcome == "too-few" else before.outcome
        )
