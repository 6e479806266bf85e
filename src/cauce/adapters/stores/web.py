"""Objects that a web server hands out: `http(s)://` and `webdav(s)://`, only read."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from urllib.parse import urlsplit, urlunsplit

from obstore.store import HTTPStore

from cauce.adapters.stores import buckets
from cauce.adapters.stores.blobs import BlobObjects
from cauce.errors import Invalid, Unavailable, Unsupported
from cauce.kernel import digest as names
from cauce.kernel.config import Settings
from cauce.kernel.entities import Digest

_SCHEMES = {"http": "http", "https": "https", "webdav": "http", "webdavs": "https"}
_KNOWN = frozenset(
    "url jobs checksum_jobs verify auth user password custom_auth_header token ssl_verify method "
    "connect_timeout read_timeout".split()
)


def open_store(
    url: str,
    root: Path,  # noqa: ARG001 - the form of every store's opener
    settings: Settings,  # noqa: ARG001
    *,
    options: Mapping[str, str] | None = None,
) -> "WebObjects":
    """Open a web server's folder; nothing is asked before it is used."""
    given = dict(options or {})
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise Invalid(f"{url!r} is not an address", hint="write https://HOST/FOLDER")
    unknown = sorted(given.keys() - _KNOWN)
    if unknown:
        raise Unsupported(
            f"the option {unknown[0]} of a remote on the web is not spoken here",
            hint="use `dvc pull` for this remote, or take the option out",
        )
    headers = _headers(given, parts.username or "", parts.password or "")
    place = parts.netloc.rpartition("@")[2]
    address = urlunsplit((_SCHEMES[parts.scheme], place, parts.path.rstrip("/"), "", ""))
    plain = {"use_ssl": "false"} if _SCHEMES[parts.scheme] == "http" else {}
    client = buckets.client({**given, **plain})
    if headers:
        client["default_headers"] = headers
    store = HTTPStore(address, client_options=client, retry_config=buckets.RETRY)
    return WebObjects(store, address)


def _headers(given: Mapping[str, str], user: str, password: str) -> dict[str, str]:
    """Give what proves who asks."""
    user, password = given.get("user", user), given.get("password", password)
    kind = given.get("auth", "basic" if user else "").lower()
    if given.get("token"):
        return {"authorization": f"Bearer {given['token']}"}
    if kind == "basic":
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"authorization": f"Basic {pair}"}
    if kind == "custom":
        return {given.get("custom_auth_header", "authorization"): password}
    if kind:
        raise Unsupported(f"auth = {kind} is not spoken here", hint="use basic or custom")
    return {}


class WebObjects(BlobObjects):
    """The objects of a web server; there is no list of them, so each is asked for."""

    def __init__(self, store: HTTPStore, url: str) -> None:
        super().__init__(store, url, own=False)

    def open(self, digest: Digest, *, start: int = 0) -> BinaryIO:
        """Open an object for streaming; a server that knows no ranges is read from its start."""
        try:
            return super().open(digest, start=start)
        except Unavailable:
            if not start:
                raise
        stream = super().open(digest)
        while start:
            start -= len(stream.read(min(start, 1 << 20)))
        return stream

    def has(self, digests: Iterable[Digest]) -> set[Digest]:
        """Tell which of these objects are there, one request each."""
        wanted = set(digests)
        names.check(wanted)
        return self._has_each(wanted)

    def put(self, items: Sequence[bytes], *, algorithm: str = "sha256") -> NoReturn:  # noqa: ARG002
        """Refuse: the server is only read."""
        raise self._only_read()

    def put_files(
        self,
        paths: Sequence[Path],  # noqa: ARG002
        *,
        digests: Sequence[Digest] | None = None,  # noqa: ARG002
    ) -> NoReturn:
        """Refuse: the server is only read."""
        raise self._only_read()

    def receive(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: the server is only read."""
        raise self._only_read()

    def delete(self, digests: Iterable[Digest], *, before: float | None = None) -> NoReturn:  # noqa: ARG002
        """Refuse: the server is only read."""
        raise self._only_read()

    def _only_read(self) -> Unsupported:
        return Unsupported(
            f"{self._url} is only read here", hint="push to another remote, or with `dvc push`"
        )
