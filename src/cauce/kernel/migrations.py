"""Steps from an empty database to today's tables, each applied once, with its record.

Nothing here is ever edited after a release; a change of the tables is a new step at the end.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cauce.errors import Invalid, Unsupported

if TYPE_CHECKING:
    from cauce.kernel.database import Database, Session

Step = Callable[["Session"], None]

_RECORDS = """
CREATE TABLE IF NOT EXISTS migrations (
    component TEXT NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    applied REAL NOT NULL,
    PRIMARY KEY (component, version)
)
"""


_SCHEMA = Path(__file__).with_name("schema.sql")


def first_tables(session: "Session") -> None:
    """Create the tables of schema 1."""
    session.script(_SCHEMA.read_text(encoding="utf-8"))


KERNEL: tuple[Step, ...] = (first_tables,)
"""The kernel's own steps; the schema's number is how many there are."""


def applied(database: "Database", component: str) -> int:
    """Read how many steps of a component a database has seen.

    Raises:
        Invalid: The database is no catalogue, and its tables would be in the way.
    """
    names = database.tables()
    if "migrations" not in names:
        own = re.findall(r"CREATE TABLE (\w+)", _SCHEMA.read_text(encoding="utf-8"))
        others = sorted(set(own) & set(names))
        if others:
            raise Invalid(
                f"the database holds tables of another program: {', '.join(others)}",
                hint="give the catalogue a database, or a schema, of its own",
            )
        return 0
    found = database.read("SELECT MAX(version) FROM migrations WHERE component = ?", (component,))
    return int(found[0][0] or 0)


def migrate(database: "Database", component: str, steps: Sequence[Step], *, now: float) -> None:
    """Apply the steps that a database has not seen, each in one transaction with its record.

    Args:
        component: `kernel`, or the room whose tables these are.
        steps: All steps from the first; the position is the version.
        now: Time to record.

    Raises:
        Unsupported: A later version of Cauce has already applied more steps.
    """
    seen = applied(database, component)
    _refuse_later(component, seen, len(steps))
    for version, step in enumerate(steps[seen:], start=seen + 1):
        with database.transaction() as session:
            session.script(_RECORDS)
            known = session.query(
                "SELECT MAX(version) FROM migrations WHERE component = ?", (component,)
            )
            done = int(known[0][0] or 0)
            _refuse_later(component, done, len(steps))
            if done >= version:
                continue  # another process was faster
            step(session)
            session.execute(
                "INSERT INTO migrations (component, version, name, applied) VALUES (?, ?, ?, ?)",
                (component, version, step.__name__, now),
            )


def _refuse_later(component: str, seen: int, known: int) -> None:
    if seen > known:
        raise Unsupported(
            f"the catalogue's {component} tables have schema {seen},"
            f" this Cauce knows up to {known}",
            hint="upgrade Cauce, or open a copy made by the older version",
        )
