"""What rooms with tables of their own, and operators, get from both databases."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cauce.adapters.catalogs.postgres import PostgresDatabase
from cauce.adapters.catalogs.postgres import open_catalog as open_postgres
from cauce.adapters.catalogs.sqlite import SqliteDatabase
from cauce.adapters.catalogs.sqlite import open_catalog as open_sqlite
from cauce.errors import Conflict, Invalid, Unavailable, Unsupported
from cauce.kernel import auth, migrations
from cauce.kernel.database import Database
from cauce.kernel.entities import Commit, Note
from cauce.kernel.sql import SqlCatalog
from cauce.testing.postgres import PostgresServer

TABLE = """
-- tasks; of a room
CREATE TABLE room_tasks (id TEXT PRIMARY KEY, done INTEGER NOT NULL, weight REAL);
CREATE INDEX room_tasks_done ON room_tasks (done);
"""
MORE = "ALTER TABLE room_tasks ADD COLUMN note TEXT NOT NULL DEFAULT '-';"
PUT = "INSERT INTO room_tasks (id, done) VALUES (?, ?)"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.db"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.schema()


@pytest.fixture
def database(address: str, tmp_path: Path) -> Iterator[Database]:
    """The database below the catalogue, whose writers wait for 0.2 seconds."""
    opened: Database
    if address.startswith("sqlite"):
        opened = SqliteDatabase(tmp_path / "catalog.db", timeout=0.2)
    else:
        opened = PostgresDatabase(address, wait=0.2)
    yield opened
    opened.close()


def reopen(address: str) -> SqlCatalog:
    opened = open_sqlite if address.startswith("sqlite") else open_postgres
    return opened(address, Path("/"))


@pytest.fixture
def catalog(address: str) -> Iterator[SqlCatalog]:
    with closing(reopen(address)) as opened:
        yield opened


def test_rows_and_a_commit_are_kept_together(catalog):
    catalog.ensure("room", TABLE)
    with catalog.transaction() as tx:
        assert tx.execute(PUT, ("100%?", 0)) == 1
        assert tx.query("SELECT done FROM room_tasks WHERE id = ?", ("100%?",)) == [(0,)]
        receipt = tx.apply(Commit(notes=(Note(kind="n", subject="s"),)))
        assert receipt.seq == 1
        assert tx.apply(Commit(notes=(Note(kind="n", subject="s"),))).seq == 2
    assert catalog.query("SELECT id, done, weight FROM room_tasks") == [("100%?", 0, None)]
    assert catalog.last_event() == 2


@pytest.mark.parametrize("broken", ["row", "commit", "code"])
def test_rows_and_a_commit_are_undone_together(catalog, broken):
    catalog.ensure("room", TABLE)

    def fail(tx):
        if broken == "row":
            tx.execute(PUT, ("a", 1))
        if broken == "commit":
            tx.apply(Commit(notes=(Note(kind="", subject="s"),)))
        raise KeyError(broken)

    def work():
        with catalog.transaction() as tx:
            tx.execute(PUT, ("a", 0))
            tx.apply(Commit(notes=(Note(kind="n", subject="s"),)))
            fail(tx)

    with pytest.raises({"row": Conflict, "commit": Invalid, "code": KeyError}[broken]):
        work()
    assert catalog.query("SELECT id FROM room_tasks") == []
    assert catalog.last_event() == 0
    catalog.commit(Commit(notes=(Note(kind="n", subject="s"),)))  # the next one is not hindered


def test_a_key_that_exists_is_a_conflict(catalog):
    catalog.ensure("room", TABLE)
    with catalog.transaction() as tx:
        tx.execute(PUT, ("a", 0))
    with pytest.raises(Conflict, match="exists"), catalog.transaction() as tx:
        tx.execute(PUT, ("a", 1))


def test_text_without_a_meaning_is_refused(catalog):
    catalog.ensure("room", TABLE)
    for text in ("nul \0", "surrogate \ud800"):
        with pytest.raises(Invalid), catalog.transaction() as tx:
            tx.execute(PUT, (text, 1))


def test_tables_are_made_once_and_changed_by_later_scripts(address, catalog):
    catalog.ensure("room", TABLE)
    catalog.ensure("room", TABLE)
    with catalog.transaction() as tx:
        tx.execute(PUT, ("a", 0))
    with closing(reopen(address)) as later:
        later.ensure("room", TABLE, MORE)
        assert later.query("SELECT id, note FROM room_tasks") == [("a", "-")]
        assert "room_tasks" in later.tables()
        records = "SELECT version, name FROM migrations WHERE component = ? ORDER BY version"
        assert later.query(records, ("room",)) == [(1, "room_1"), (2, "room_2")]
    with closing(reopen(address)) as earlier, pytest.raises(Unsupported, match="schema 2"):
        earlier.ensure("room", TABLE)


def test_tables_are_made_once_by_many_at_the_same_time(address, catalog):
    with closing(reopen(address)) as other:
        threads = [
            threading.Thread(target=one.ensure, args=("room", TABLE)) for one in (catalog, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert catalog.query("SELECT COUNT(*) FROM migrations WHERE component = 'room'") == [(1,)]


def test_a_script_that_fails_changes_nothing(catalog):
    with pytest.raises(Exception, match=r"(?i)syntax"):
        catalog.ensure("room", TABLE + "CREATE NONSENSE;")
    assert "room_tasks" not in catalog.tables()
    catalog.ensure("room", TABLE)


def test_a_catalogue_of_a_later_version_is_refused(address, catalog):
    with catalog.transaction() as tx:
        tx.execute(
            "INSERT INTO migrations (component, version, name, applied) VALUES (?, ?, ?, ?)",
            ("kernel", len(migrations.KERNEL) + 1, "from_the_future", 0.0),
        )
    with pytest.raises(Unsupported, match="schema"):
        reopen(address)


def test_a_writer_that_waits_too_long_is_told(catalog, database):
    with catalog.transaction():
        with pytest.raises(Unavailable, match="busy"), database.transaction():
            pass
        assert database.read("SELECT COUNT(*) FROM events") == [(0,)]  # readers do not wait
    with database.transaction() as session:
        assert session.query("SELECT COUNT(*) FROM events") == [(0,)]


def test_readers_see_one_moment(catalog, database):
    with database.transaction(write=False) as session:
        assert session.query("SELECT COUNT(*) FROM events") == [(0,)]
        catalog.commit(Commit(notes=(Note(kind="n", subject="s"),)))
        assert session.query("SELECT COUNT(*) FROM events") == [(0,)]
    assert database.read("SELECT COUNT(*) FROM events") == [(1,)]


FAULTS = {
    "DELETE FROM events WHERE seq = 1": "some are missing",
    "DELETE FROM events WHERE kind = 'ref.moved'": "has no event",
    "DELETE FROM ref_log": "not where its log says",
    "UPDATE ref_log SET new = NULL": "not where its log says",
    "INSERT INTO edges (seq, later, earlier, direction, role) VALUES (9, 'x', 'y', 'used', '')": (
        "unknown run or version"
    ),
    "UPDATE runs SET ended = NULL": "its end says otherwise",
    "UPDATE jobs SET state = 'running'": "its lease says otherwise",
    "INSERT INTO cursors (name, seq) VALUES ('c', 99)": "after the last event",
}


@pytest.mark.parametrize("harm", FAULTS)
def test_a_check_finds_what_was_harmed(catalog, harm):
    from cauce.testing.catalog_suite import job, move, run, version

    one = version(1)
    catalog.commit(Commit(versions=(one,), runs=(run(),), moves=(move(one),), jobs=(job(),)))
    assert catalog.check() == []
    with catalog.transaction() as tx:
        assert tx.execute(harm) >= 1
    assert any(FAULTS[harm] in fault for fault in catalog.check())


def test_tokens_are_checked_and_hidden(catalog):
    made = auth.add(catalog, "maría", "writer")
    assert auth.authenticate(catalog, made.secret) == ("user:maría", "writer")
    (shown,) = auth.every(catalog)
    assert shown.used is not None
    stored = str(catalog.query("SELECT * FROM tokens"))
    assert made.secret not in stored
    assert made.secret.removeprefix("cauce_") not in stored
    with pytest.raises(Conflict):
        auth.add(catalog, "maría", "reader")
    auth.remove(catalog, "maría")
    with pytest.raises(PermissionError) as denied:
        auth.authenticate(catalog, made.secret)
    assert made.secret not in str(denied.value)
    with pytest.raises(LookupError):
        auth.remove(catalog, "maría")


@pytest.mark.parametrize("secret", ["", "cauce_", "x" * 100_000, "'; --", "\0", "\ud800"])
def test_no_other_text_is_a_token(catalog, secret):
    auth.add(catalog, "somebody", "admin")
    with pytest.raises(PermissionError):
        auth.authenticate(catalog, secret)


@pytest.mark.postgres
def test_a_server_that_was_restarted_is_found_again(postgres_server, tmp_path):
    with closing(open_postgres(postgres_server.schema(), tmp_path)) as catalog:
        catalog.commit(Commit(notes=(Note(kind="n", subject="s"),)))
        postgres_server.stop()
        with pytest.raises(Unavailable):
            catalog.last_event()
        postgres_server.start()
        assert catalog.last_event() == 1
        assert catalog.commit(Commit(notes=(Note(kind="n", subject="s"),))).seq == 2


@pytest.mark.postgres
def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path):
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1/cauce") as error:
        open_postgres("postgresql://me:secret@127.0.0.1:1/cauce", tmp_path)
    assert "secret" not in str(error.value)
    with pytest.raises(Invalid):
        open_postgres("postgresql://me@127.0.0.1/cauce?nonsense=1", tmp_path)
