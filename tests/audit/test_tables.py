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
