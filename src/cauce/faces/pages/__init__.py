"""The web pages: plain files without a build step, served from memory.

`routes()` is all that the server needs: the shell of the pages under `/` and `/p/PROJECT/…`, and
its files under `/static/VERSION/…`, where VERSION is a digest of all of them. A file's address
changes whenever any file does, so browsers may keep it for ever; only the shell is asked for again.
The handlers read the workspace at `request.app.state.ws`.
"""

import base64
import gzip
import hashlib
import html
import json
import re
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cauce.errors import NotFound

FOLDER = Path(__file__).parent

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}

MODULES = {
    "preact": "vendor/preact.mjs",
    "preact/hooks": "vendor/preact-hooks.mjs",
    "htm": "vendor/htm.mjs",
    "@preact/signals": "vendor/signals.mjs",
    "@preact/signals-core": "vendor/signals-core.mjs",
}
"""Bare names of vendored modules, for the import map."""

EARLY = (
    "app/main.js",
    "app/shell.js",
    "app/ui.js",
    "app/api.js",
    "app/nav.js",
    "app/words.js",
    *MODULES.values(),
)
"""Modules that every page needs, fetched at once rather than one after the other."""

FOREVER = "public, max-age=31536000, immutable"


class Asset(Struct, frozen=True):
    """One file of the pages, ready to be sent.

    Attributes:
        body: Its bytes.
        packed: The same, gzipped; None where that does not make it smaller.
        type: Media type.
        tag: Digest of the bytes, the ETag without quotes.
    """

    body: bytes
    packed: bytes | None
    type: str
    tag: str


_COMMENTS = re.compile(rb"^[ \t]*(?:/\*\*(?:(?!\*/)[\s\S])*\*/|//.*)[ \t]*$", re.MULTILINE)


def slim(source: bytes) -> bytes:
    """Leave out comments that fill whole lines, a tenth of the bytes; lines keep their numbers."""
    return _COMMENTS.sub(lambda found: b"\n" * found[0].count(b"\n"), source)


def asset(body: bytes, suffix: str) -> Asset:
    """Prepare bytes for sending; the type follows from the suffix of the file's name."""
    packed = gzip.compress(body, 9, mtime=0)
    return Asset(
        body=body,
        packed=packed if len(packed) < 0.95 * len(body) else None,
        type=TYPES[suffix],
        tag=hashlib.sha256(body).hexdigest()[:16],
    )


@cache
def assets() -> dict[str, Asset]:
    """Read every file of the pages, by its path below this folder."""
    found = {}
    for part in ("app", "vendor"):
        for file in sorted((FOLDER / part).rglob("*")):
            if file.is_file() and file.suffix in TYPES:
                body = file.read_bytes()
                if part == "app" and file.suffix == ".js":
                    body = slim(body)
                found[file.relative_to(FOLDER).as_posix()] = asset(body, file.suffix)
    return found


@cache
def version() -> str:
    """Give a digest of all files, the part of their address that makes it safe to keep them."""
    total = hashlib.sha256()
    for path, item in assets().items():
        total.update(f"{path}\0{item.tag}\0".encode())
    return total.hexdigest()[:12]


@cache
def import_map() -> str:
    """Say to the browser where the vendored modules are."""
    return json.dumps({"imports": {name: address(path) for name, path in MODULES.items()}})


def address(path: str) -> str:
    """Give the address of a file of the pages."""
    return f"/static/{version()}/{path}"


@cache
def policy() -> str:
    """Give the content security policy: our own files, our own server, nothing inline.

    The one inline element is the import map, which has no other form; its digest is in the policy.
    """
    digest = base64.b64encode(hashlib.sha256(import_map().encode()).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'sha256-{digest}'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


CHOICES = {
    "theme": ("light", "dark"),
    "density": ("compact", "roomy"),
    "nav": ("folded", "open"),
}
"""What a browser may have chosen, kept in cookies: `cauce-theme=dark`."""

LANGUAGES = ("en", "es")


def language(request: Request) -> str:
    """Choose the language: as set here, else the first that the browser asks for, else English."""
    asked = request.cookies.get("cauce-lang", "")
    for tag in (asked, *request.headers.get("accept-language", "").split(",")):
        short = tag.strip()[:2].lower()
        if short in LANGUAGES:
            return short
    return "en"


def choices(request: Request) -> str:
    """Write the attributes of `<html>` that hold the browser's choices, known ones only."""
    found = {name: request.cookies.get(f"cauce-{name}", "") for name in CHOICES}
    return "".join(
        f' data-{name}="{value}"' for name, value in found.items() if value in CHOICES[name]
    )


@cache
def icon() -> str:
    """Give the icon as an address that holds it, so that no request is spent on it."""
    return "data:image/svg+xml," + quote(assets()["app/icon.svg"].body.decode().strip())


def shell(project: str, agent: str, *, lang: str = "en", attributes: str = "") -> str:
    """Write the page that all addresses share; the scripts draw the rest."""
    paths = (*EARLY, f"app/text.{lang}.js")
    early = "\n".join(f'<link rel="modulepreload" href="{address(path)}">' for path in paths)
    font = address("vendor/inter-latin-wght-normal.woff2")
    return f"""<!doctype html>
<html lang="{lang}"{attributes}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="cauce-project" content="{html.escape(project)}">
<meta name="cauce-agent" content="{html.escape(agent)}">
<title>Cauce</title>
<link rel="icon" href="{icon()}">
<link rel="preload" href="{font}" as="font" type="font/woff2" crossorigin>
<link rel="stylesheet" href="{address("app/cauce.css")}">
<script type="importmap">{import_map()}</script>
{early}
<script type="module" src="{address("app/main.js")}"></script>
</head>
<body>
<div id="app"><noscript>Cauce needs JavaScript to show its pages. \
The command line and the API work without it.</noscript></div>
</body>
</html>
"""


def reply(request: Request, item: Asset, keep: str) -> Response:
    """Send a file: gzipped where the browser takes it, or only "not modified"."""
    headers = {
        "cache-control": keep,
        "etag": f'"{item.tag}"',
        "x-content-type-options": "nosniff",
        "vary": "accept-encoding",
    }
    if f'"{item.tag}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = item.body
    if item.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["content-encoding"] = item.packed, "gzip"
    return Response(body, media_type=item.type, headers=headers)


async def index(request: Request) -> Response:
    """Answer every page's address with the shell."""
    ws = request.app.state.ws
    page = shell(ws.project, ws.agent, lang=language(request), attributes=choices(request))
    item = asset(page.encode(), ".html")
    found = reply(request, item, "no-cache")
    found.headers["content-security-policy"] = policy()
    found.headers["referrer-policy"] = "no-referrer"
    return found


async def static(request: Request) -> Response:
    """Answer with one file of the pages, for ever the same at this address."""
    path = PurePosixPath(request.path_params["path"]).as_posix()
    item = assets().get(path)
    if item is None or request.path_params["version"] != version():
        raise NotFound(f"no page file {path!r} in this version", hint="load the page again")
    return reply(request, item, FOREVER)


def routes() -> list[Route]:
    """Give the routes of the pages, for the server to mount at its root."""
    return [
        Route("/", index, methods=["GET"]),
        Route("/settings", index, methods=["GET"]),
        Route("/p/{rest:path}", index, methods=["GET"]),
        Route("/static/{version}/{path:path}", static, methods=["GET"]),
    ]
