"""The tables of this part, and what may be written into them."""

from functools import cache
from importlib.resources import files

from cauce.errors import Invalid
from cauce.kernel import sql
from cauce.kernel.workspace import Workspace

LONGEST = 1000


@cache
def _schema() -> str:
    return files("cauce.rooms.data.lfs").joinpath("schema.sql").read_text(encoding="utf-8")


def tables(ws: Workspace) -> sql.SqlCatalog:
    """Give the catalogue with this part's tables in it."""
    catalog = sql.tables(ws)
    catalog.ensure("data_lfs", _schema())
    return catalog


def check_text(what: str, text: str) -> None:
    """Raise `Invalid` unless a text that came from outside can be kept in a row."""
    if len(text) > LONGEST or not text.isprintable():
        raise Invalid(f"{text[:100]!r} cannot be a {what}", hint="give a short printable text")
