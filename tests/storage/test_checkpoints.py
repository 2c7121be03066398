"""The database's copy of a checkpoint is the newest one kept, also where a crash came after it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from befit.storage import Database, SqlCheckpointStore, database_url, held_checkpoint


async def test_the_newest_checkpoint_is_held(database: Database) -> None:
    store = SqlCheckpointStore(database)
    assert await store.held() is None
    for note in ("older", "newer"):
        await store.keep(note)
        assert await store.held() == note


@pytest.mark.parametrize("stops", ["cleanly", "by a crash"])
async def test_a_database_at_rest_tells_the_newest_and_is_left_as_it_was(
    url: str, tmp_path: Path, stops: str
) -> None:
    if not url.startswith("sqlite"):
        pytest.skip("a database at rest is a file")
    database = Database(url)
    await SqlCheckpointStore(database).keep("older")
    database.close()
    database = Database(url)
    await SqlCheckpointStore(database).keep("newer")
    if stops == "cleanly":
        database.close()
    rest = tmp_path / "rest"
    rest.mkdir()
    for file in tmp_path.glob("befit.db*"):
        if not file.name.endswith("-shm"):  # memory, which a crash takes
            shutil.copy(file, rest)
    database.close()
    before = {file.name: file.read_bytes() for file in rest.iterdir()}
    assert bool(before.get("befit.db-wal")) == (stops == "by a crash")
    assert held_checkpoint(database_url(rest / "befit.db")) == "newer"
    assert {file.name: file.read_bytes() for file in rest.iterdir()} == before


def test_where_nothing_readable_lies_no_checkpoint_is_held(tmp_path: Path) -> None:
    path = tmp_path / "befit.db"
    assert held_checkpoint(database_url(path)) is None
    assert not path.exists()
    path.write_bytes(b"not a database at all, but long enough to be looked at\n" * 50)
    assert held_checkpoint(database_url(path)) is None
    (tmp_path / "befit.db-wal").write_bytes(b"no journal either")
    assert held_checkpoint(database_url(path)) is None
