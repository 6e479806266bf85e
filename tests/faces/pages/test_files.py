"""What the pages are made of: addresses, policy, vendored files, texts, colours, types, budgets."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests import peers
from tests.faces.conftest import Ask
from tests.faces.pages.conftest import Site, settled

from cauce.faces import pages

APP = pages.FOLDER / "app"
VENDOR = pages.FOLDER / "vendor"
BUDGET_BYTES = 150_000
BUDGET_REQUESTS = 20
TYPESCRIPT = "7.0.2"


def test_shell_is_asked_for_again_and_its_files_never(ask: Ask) -> None:
    shell = ask("GET", "/p/shared/runs")
    assert shell.status == 200
    assert shell.headers["cache-control"] == "no-cache"
    again = ask("GET", "/p/shared/runs", None, if_none_match=shell.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    main = re.search(rb'src="(/static/[^"]+main\.js)"', shell.body)
    assert main is not None
    file = ask("GET", main[1].decode(), None, accept_encoding="gzip")
    assert file.headers["cache-control"] == pages.FOREVER
    assert gzip.decompress(file.body) == pages.assets()["app/main.js"].body


def test_files_of_another_version_or_outside_the_folder_are_not_found(ask: Ask) -> None:
    for path in (
        "/static/000000000000/app/main.js",
        pages.address("app/../__init__.py"),
        pages.address("../__init__.py"),
        pages.address("app/%2e%2e/__init__.py"),
        pages.address("app/missing-file.js"),
    ):
        assert ask("GET", path).status == 404, path


def test_a_changed_file_changes_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pages.version()
    changed = {**pages.assets(), "app/main.js": pages.asset(b"// other", ".js")}
    monkeypatch.setattr(pages, "assets", lambda: changed)
    assert pages.version.__wrapped__() != before


def test_policy_allows_no_inline_script_but_the_import_map(ask: Ask) -> None:
    shell = ask("GET", "/")
    policy = shell.headers["content-security-policy"]
    assert "unsafe" not in policy
    inline = re.findall(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", shell.body, re.DOTALL)
    assert inline == [pages.import_map().encode()]
    for file in APP.glob("*.js"):
        source = file.read_text()
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(", source), file
    assert b" on" not in re.sub(rb"content|icon|json", b"", shell.body.split(b"<body>")[1])


def test_project_name_cannot_break_out_of_the_shell() -> None:
    text = pages.shell('"><script>alert(1)</script>', "user:<b>", lang="en")
    assert "<script>alert" not in text
    assert "<b>" not in text


def test_choices_of_a_browser_are_written_only_when_known(ask: Ask) -> None:
    fine = ask("GET", "/", None, cookie="cauce-theme=dark; cauce-lang=es")
    assert b'<html lang="es" data-theme="dark">' in fine.body
    wrong = ask("GET", "/", None, cookie='cauce-theme="><script>; cauce-lang=xx')
    assert b'<html lang="en">' in wrong.body


def test_comments_go_and_lines_keep_their_numbers() -> None:
    source = b"// one\n/**\n * two\n */\nconst a = 1; // kept\n  /** @type {x} */ (b);\n"
    slim = pages.slim(source)
    assert slim == b"\n\n\n\nconst a = 1; // kept\n  /** @type {x} */ (b);\n"


def test_vendored_files_are_exactly_those_listed_with_licences() -> None:
    listed = json.loads((VENDOR / "VENDOR.json").read_text())["packages"]
    files = {item["file"]: item for package in listed for item in package["files"]}
    assert {path.name for path in VENDOR.iterdir()} == {*files, "VENDOR.json"}
    for name, item in files.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == item["sha256"], name
    for package in listed:
        assert package["licence"] in {"MIT", "Apache-2.0", "OFL-1.1"}, package["name"]
        assert any(item["file"].startswith("LICENSE") for item in package["files"])
    assert set(pages.MODULES.values()) <= {f"vendor/{name}" for name in files}


def catalogue(lang: str) -> dict[str, Any]:
    """Read a catalogue of texts: it is JSON but for comments, bare words and trailing commas."""
    text = (APP / f"text.{lang}.js").read_text().split("export default", 1)[1].rstrip().rstrip(";")
    text = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"([{,] )(one|other):", r'\1"\2":', text)
    found: dict[str, Any] = json.loads(re.sub(r",(\s*})", r"\1", text))
    return found


def holes(text: Any) -> set[str]:
    """Names of the values that a text takes."""
    return set(re.findall(r"\{(\w+)\}", json.dumps(text)))


def test_both_languages_say_the_same_things() -> None:
    english, spanish = catalogue("en"), catalogue("es")
    assert english.keys() == spanish.keys()
    for key, text in english.items():
        assert holes(text) == holes(spanish[key]), key
        assert isinstance(text, dict) == isinstance(spanish[key], dict), key


def test_every_text_is_used_and_every_used_text_exists() -> None:
    source = "\n".join(file.read_text() for file in APP.glob("*.js") if "text." not in file.name)
    known = catalogue("en").keys()
    made = {match[0] for match in re.findall(r"`((\w+\.)+)\$\{", source)}
    strings = set(re.findall(r'"([a-z][\w.-]*)"', source))
    unused = {key for key in known - strings if not any(key.startswith(start) for start in made)}
    assert unused == set()
    called = re.findall(r'\b(?:t|rich)\("([^"]+)"', source)
    called += re.findall(r'\bt\([^()"]*\? "([^"]+)" : "[^"]+"\)', source)
    called += re.findall(r'\bt\([^()"]*\? "[^"]+" : "([^"]+)"\)', source)
    assert set(called) - known == set()


def test_texts_use_true_minus_and_no_exclamation_mark() -> None:
    for lang in ("en", "es"):
        for key, text in catalogue(lang).items():
            for one in text.values() if isinstance(text, dict) else (text,):
                assert "!" not in one, key
                assert not re.search(r"(?<![\w-])-\d", one), key


def colours() -> dict[str, tuple[str, str]]:
    """Colours of the style sheet by name, light and dark."""
    css = (APP / "cauce.css").read_text()
    found = re.findall(r"--([\w-]+):\s*light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", css)
    return {name: (light, dark) for name, light, dark in found}


def contrast(one: str, two: str) -> float:
    """Contrast of two colours, WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_lines_have_the_contrast_that_the_guidelines_ask_for(theme: int) -> None:
    found = {name: pair[theme] for name, pair in colours().items()}
    grounds = ("canvas", "surface", "sunken", "raised", "hover", "select")
    pairs = [(ink, ground, 4.5) for ink in ("text", "text-2", "text-3") for ground in grounds]
    pairs += [(ink, "surface", 4.5) for ink in ("accent", "ok", "warn", "bad", "info")]
    pairs += [(ink, f"{ink}-soft", 4.5) for ink in ("ok", "warn", "bad", "info")]
    pairs += [("on-accent", "accent", 4.5), ("accent-2", "select", 4.5), ("text", "warn-soft", 4.5)]
    pairs += [(f"c{n}", "surface", 3.0) for n in range(1, 8)]
    pairs += [("control-line", "surface", 3.0), ("focus", "surface", 3.0), ("warn", "canvas", 4.5)]
    low = [
        f"{ink} on {ground}: {contrast(found[ink], found[ground]):.2f} < {least}"
        for ink, ground, least in pairs
        if contrast(found[ink], found[ground]) < least
    ]
    assert low == []


def tsc() -> Path:
    """Where the type checker and the types of the vendored packages are, made once."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("npm is missing: the types of the pages' scripts are not checked")
    listed = json.loads((VENDOR / "VENDOR.json").read_text())["packages"]
    pins = [f"typescript@{TYPESCRIPT}"]
    pins += [f"{one['name']}@{one['version']}" for one in listed if "font" not in one["name"]]
    key = hashlib.sha256("\n".join(pins).encode()).hexdigest()[:12]
    folder = peers._cache() / f"typescript-{key}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        done = subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *pins],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"npm could not fetch the type checker: {done.stderr[-300:]}")
        (folder / "complete").touch()
    return folder


def test_types_of_the_scripts_hold(tmp_path: Path) -> None:
    folder = tsc()
    settings = {
        "extends": str(Path(__file__).with_name("tsconfig.json")),
        "compilerOptions": {"paths": {"*": [f"{folder}/node_modules/*"]}},
        "include": [f"{APP}/*.js"],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [folder / "node_modules" / ".bin" / "tsc", "-p", tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0


VISITS = (
    "",
    "/data/digits",
    "/label/unsure",
    "/runs",
    "/runs/{run}",
    "/runs/compare?ids={run},{other}",
    "/models/digits/1",
    "/serving/prod",
    "/monitor/prod",
    "/flows/retrain",
    "/lineage?of=model:digits@1",
)


def code_of(page: Page, site: Site, path: str) -> list[tuple[str, int]]:
    """Open a page and list what it fetched that is no data of the project: address and bytes."""
    sizes: list[tuple[str, int]] = []

    def count(response: Any) -> None:
        url = response.url.removeprefix(site.url)
        if url.startswith(("/api/", "/objects/", "data:")) or response.from_service_worker:
            return
        headers = response.all_headers()
        sizes.append((url, int(headers.get("content-length", "0"))))

    page.on("response", count)
    page.goto(f"{site.url}{site.base}{path.format(run=site.runs[0], other=site.runs[1])}")
    page.wait_for_selector("main h1", state="attached")
    settled(page)
    if path in {"/runs", "/runs/{run}", "/serving/prod"}:
        page.wait_for_selector("canvas")
    page.evaluate("document.fonts.ready.then(() => 0)")
    page.remove_listener("response", count)
    return sizes


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("path", VISITS)
def test_first_visit_keeps_its_budget(site: Site, browser: Browser, path: str) -> None:
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        fetched = code_of(context.new_page(), site, path)
        total = sum(size for _, size in fetched)
        assert total <= BUDGET_BYTES, sorted(fetched, key=lambda item: -item[1])
        assert len(fetched) <= BUDGET_REQUESTS, [url for url, _ in fetched]
        assert total > 60_000


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_later_visits_fetch_no_code(site: Site, browser: Browser) -> None:
    sent = """performance.getEntriesByType("resource")
        .filter((entry) => entry.name.includes("/static/") && entry.transferSize > 0)
        .map((entry) => entry.name)"""
    with browser.new_context() as context:
        page = context.new_page()
        code_of(page, site, "/models/digits/1")
        assert len(page.evaluate(sent)) > 10
        code_of(page, site, "/models/digits/2")
        assert page.evaluate(sent) == []
