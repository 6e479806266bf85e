"""Tokens of people and services: only the hash of a secret is kept."""

import hashlib
import hmac
import time
from contextlib import suppress

from cauce.errors import Conflict, Denied, Invalid, NotFound, Unavailable, Unwritable
from cauce.kernel.entities import Entity
from cauce.kernel.operation import Role
from cauce.kernel.sql import SqlCatalog

RANKS: dict[Role, int] = {"reader": 0, "writer": 1, "admin": 2}
"""Roles from the least to the most; each may do what those before it may."""

_PREFIX = "cauce_"
_USED_EVERY = 60.0
_COLUMNS = "name, role, created, used"


class Token(Entity, frozen=True):
    """A token as it may be shown: without its secret.

    Attributes:
        name: Who holds it; acts as `user:NAME`.
        role: What it may do.
        created: When it was made.
        used: When it was last used, to the minute; None when never.
    """

    name: str
    role: Role
    created: float
    used: float | None = None


class NewToken(Entity, frozen=True):
    """A token just made.

    Attributes:
        secret: Shown this once; only its hash is kept.
    """

    name: str
    role: Role
    secret: str


def add(catalog: SqlCatalog, name: str, role: Role) -> NewToken:
    """Make a token.

    Raises:
        Conflict: The name has a token already.
        Invalid: The name or the role cannot be.
    """
    if role not in RANKS:
        raise Invalid(f"no role {role!r}", hint=f"known: {', '.join(RANKS)}")
    if not name or len(name) > 100 or not name.isprintable() or name != name.strip():
        raise Invalid(f"{name[:100]!r} cannot name a token", hint="1 to 100 printable characters")
    import secrets  # late: only this needs it

    secret = _PREFIX + secrets.token_urlsafe(32)
    with catalog.transaction() as tx:
        if tx.query("SELECT 1 FROM tokens WHERE name = ?", (name,)):
            raise Conflict(
                f"{name} has a token already",
                hint="remove it first, or choose another name",
            )
        tx.execute(
            "INSERT INTO tokens (name, role, secret_sha256, created) VALUES (?, ?, ?, ?)",
            (name, role, _hash(secret), tx.at),
        )
    return NewToken(name=name, role=role, secret=secret)


def remove(catalog: SqlCatalog, name: str) -> None:
    """Take a token away; it stops working at once. Raises `NotFound`."""
    with catalog.transaction() as tx:
        gone = tx.execute("DELETE FROM tokens WHERE name = ?", (name,))
    if not gone:
        known = ", ".join(token.name for token in every(catalog))
        raise NotFound(f"no token {name!r}", hint=f"known: {known or 'none'}")


def every(catalog: SqlCatalog) -> list[Token]:
    """List the tokens by name."""
    found = catalog.query(f"SELECT {_COLUMNS} FROM tokens ORDER BY name")  # noqa: S608
    return [_token(*row) for row in found]


def authenticate(catalog: SqlCatalog, secret: str) -> tuple[str, Role]:
    """Find who holds a secret.

    Returns:
        Agent and role.

    Raises:
        Denied: No token has this secret; the message does not say it.

    Notes:
        The table is searched by the secret's hash, so what the search's time could tell is about
        a hash that nobody can steer; the last comparison takes constant time.
    """
    wanted = _hash(secret)
    found = catalog.query(
        f"SELECT {_COLUMNS}, secret_sha256 FROM tokens WHERE secret_sha256 = ?",  # noqa: S608
        (wanted,),
    )
    if not found or not hmac.compare_digest(found[0][-1], wanted):
        raise Denied("this token is not known", hint="ask an admin: cauce admin token-add NAME")
    token = _token(*found[0][:-1])
    now = time.time()
    if token.used is None or now - token.used > _USED_EVERY:
        with suppress(Unavailable, Unwritable), catalog.transaction() as tx:
            tx.execute("UPDATE tokens SET used = ? WHERE name = ?", (now, token.name))
    return f"user:{token.name}", token.role


def allows(role: Role, needed: Role) -> bool:
    """Tell whether a role may do what another is needed for."""
    return RANKS[role] >= RANKS[needed]


def _token(name: str, role: Role, created: float, used: float | None) -> Token:
    return Token(name=name, role=role, created=created, used=used)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
