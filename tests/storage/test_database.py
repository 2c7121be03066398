from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select, text

import befit.storage
from befit.errors import Overloaded, WorkspaceError
from befit.storage import Database, database_url, dialect, upgrade
from befit.storage.migrate import HEAD
from befit.storage.schema import CONVERSATIONS, METADATA

ROW = {"tenant": "default", "principal_id": "p", "conversation": "c", "joined_class": 1}


def _count(connection: Connection) -> int:
    return len(connection.execute(select(CONVERSATIONS)).all())


def test_migrations_make_exactly_the_declared_schema(url: str) -> None:
    engine = dialect.open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, METADATA)
    engine.dispose()
    assert differences == []


def test_the_newest_revision_is_the_one_that_opening_asks_for() -> None:
    folder = Path(befit.storage.__file__).parent / "migrations"
    revisions = [each.revision for each in ScriptDirectory(str(folder)).walk_revisions()]
    assert sorted(map(int, revisions)) == list(range(1, HEAD + 1))


def test_upgrading_twice_keeps_the_data(url: str) -> None:
    engine = dialect.open_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(CONVERSATIONS).values(ROW))
    engine.dispose()
    upgrade(url)
    engine = dialect.open_engine(url)
    with engine.connect() as connection:
        assert _count(connection) == 1
    engine.dispose()


def test_a_database_without_a_schema_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"no schema yet.*befit migrate"):
        Database(database_url(tmp_path / "befit.db"))


@pytest.mark.parametrize(
    ("revision", "told"),
    [("999", "written by a newer Befit"), ("0", "befit migrate"), ("f00", "not Befit's")],
)
def test_another_schema_is_refused_with_what_to_do(url: str, revision: str, told: str) -> None:
    engine = dialect.open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    engine.dispose()
    with pytest.raises(WorkspaceError, match=told):
        Database(url)
    if revision != "0":
        with pytest.raises(WorkspaceError, match=told):
            upgrade(url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "befit.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at\n" * 50)
    for opening in (upgrade, Database):
        with pytest.raises(WorkspaceError, match=r"befit\.db is damaged"):
            opening(database_url(path))


@pytest.mark.parametrize(
    "wrong", ["nonsense", "sqlite://", "mysql://u:secret@h/d", "sqlite:///:memory:"]
)
def test_a_url_that_is_no_file_is_refused_without_its_password(wrong: str) -> None:
    with pytest.raises(WorkspaceError) as refused:
        upgrade(wrong)
    assert "secret" not in str(refused.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="nowhere"):
        upgrade(database_url(tmp_path / "nowhere" / "befit.db"))


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    path = tmp_path / "befit.db"
    path.touch(mode=0o644)
    before = os.umask(0)
    try:
        upgrade(database_url(path))
        opened = Database(database_url(path))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        opened.close()
    finally:
        os.umask(before)
    assert "befit.db-wal" in modes
    assert set(modes.values()) == {0o600}


async def test_commits_survive_power_loss_and_rows_keep_their_references(url: str) -> None:
    if not url.startswith("sqlite"):
        pytest.skip("pragmas are SQLite's")
    opened = Database(url)
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    found = await opened.read(
        lambda c: {name: c.execute(text(f"PRAGMA {name}")).scalar() for name in names}
    )
    opened.close()
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }


async def test_work_runs_off_the_event_loop(database: Database) -> None:
    threads = {
        await database.run(lambda _: threading.get_ident()),
        await database.read(lambda _: threading.get_ident()),
    }
    assert threading.get_ident() not in threads


async def test_failed_work_leaves_nothing(database: Database) -> None:
    def work(connection: Connection) -> None:
        connection.execute(insert(CONVERSATIONS).values(ROW))
        raise LookupError

    with pytest.raises(LookupError):
        await database.run(work)
    assert await database.read(_count) == 0


async def test_a_long_read_delays_no_write(database: Database) -> None:
    reading, written = threading.Event(), threading.Event()

    def long_read(connection: Connection) -> int:
        before = _count(connection)
        reading.set()
        assert written.wait(10)
        return _count(connection) - before

    read = asyncio.create_task(database.read(long_read))
    await asyncio.to_thread(reading.wait, 10)
    await database.run(lambda c: c.execute(insert(CONVERSATIONS).values(ROW)))
    written.set()
    assert await read == 0  # and it sees one state from its beginning to its end


async def test_writers_of_two_processes_wait_for_each_other(
    database: Database, another: Callable[[], Database]
) -> None:
    def add(connection: Connection) -> None:
        seen = _count(connection)
        connection.execute(insert(CONVERSATIONS).values({**ROW, "conversation": str(seen)}))

    databases = [database, another(), another()]
    await asyncio.gather(*(each.run(add) for each in databases for _ in range(10)))
    assert await database.read(_count) == 30


async def test_a_database_locked_for_long_asks_to_try_again(url: str, database: Database) -> None:
    if not url.startswith("sqlite"):
        pytest.skip("a whole-file lock is SQLite's")
    await database.run(lambda c: c.execute(text("PRAGMA busy_timeout = 1")).all())
    holder = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Overloaded, match="try again"):
            await database.run(_count)
    finally:
        holder.execute("ROLLBACK")
        holder.close()


async def test_a_full_disk_is_told_as_such(database: Database) -> None:
    def fill(connection: Connection) -> None:
        connection.execute(text("PRAGMA max_page_count = 1"))
        for number in range(10_000):
            connection.execute(
                insert(CONVERSATIONS).values({**ROW, "conversation": f"{number:0999}"})
            )

    with pytest.raises(WorkspaceError, match="free disk space"):
        await database.run(fill)


async def test_a_closed_database_says_that_the_process_stops(database: Database) -> None:
    database.close()
    database.close()
    with pytest.raises(Overloaded, match="stopping"):
        await database.read(_count)
