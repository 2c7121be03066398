"""Rows of bulk commands are kept sealed, under the hash of what they say."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from befit.audit import SealedTables
from befit.errors import LedgerUnavailable, NotFound


async def test_rows_are_read_back_by_their_hash_and_lie_sealed(tmp_path, keyring) -> None:
    tables = SealedTables(tmp_path, keyring.sealer)
    rows = b'{"id": "1", "label": "billing"}\n' * 50
    name = await tables.keep("default", rows)
    assert name == hashlib.sha256(rows).hexdigest()
    assert await tables.rows("default", name) == rows
    (path,) = tmp_path.glob("default/*")
    assert b"billing" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_another_tenant_and_an_unknown_name_read_nothing(tmp_path, keyring) -> None:
    tables = SealedTables(tmp_path, keyring.sealer)
    name = await tables.keep("default", b"{}\n")
    with pytest.raises(NotFound, match="no table of rows"):
        await tables.rows("other", name)
    with pytest.raises(NotFound, match="no table of rows"):
        await tables.rows("default", "0" * 64)


async def test_equal_tables_kept_at_once_are_all_kept(tmp_path, keyring) -> None:
    tables = SealedTables(tmp_path, keyring.sealer)
    names = await asyncio.gather(*(tables.keep("default", b"{}\n") for _ in range(32)))
    assert await tables.rows("default", names[0]) == b"{}\n"
    assert len(list(tmp_path.glob("default/*"))) == len(set(names)) == 1


async def test_rows_that_cannot_be_kept_are_not_committed_to(tmp_path, keyring) -> None:
    (tmp_path / "default").write_text("a file where the folder belongs")
    with pytest.raises(LedgerUnavailable, match="cannot be written"):
        await SealedTables(tmp_path, keyring.sealer).keep("default", b"{}\n")


async def test_equal_rows_of_two_people_outlive_the_erasure_of_one(tmp_path, keyring) -> None:
    tables = SealedTables(tmp_path, keyring.sealer)
    names = [await tables.keep("default", b"{}\n", subject=f"key:{who}") for who in "ab"]
    assert names[0] == names[1]
    for who, entry in enumerate(list(keyring.data_keys.entries("default"))):
        keyring.sealer.destroy("default", [entry.key_id])
        if who == 0:
            assert await tables.rows("default", names[0]) == b"{}\n"
    with pytest.raises(NotFound, match="it was erased"):
        await tables.rows("default", names[0])


async def test_a_table_of_an_existing_workspace_is_still_read(tmp_path, keyring) -> None:
    name = hashlib.sha256(b"{}\n").hexdigest()
    (tmp_path / "default").mkdir()
    box = keyring.sealer.seal("default", "rows", b"{}\n")
    (tmp_path / "default" / f"rows-{name}.sealed").write_bytes(box)
    assert await SealedTables(tmp_path, keyring.sealer).rows("default", name) == b"{}\n"
    with pytest.raises(NotFound):
        await SealedTables(tmp_path, keyring.sealer).rows("default", "*" * 64)
