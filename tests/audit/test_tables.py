"""Rows of bulk commands are kept sealed, under the hash of what they say."""

from __future__ import annotations

import hashlib

import pytest

from befit.audit import BoxError, SealedTables
from befit.errors import NotFound


async def test_rows_are_read_back_by_their_hash_and_lie_sealed(tmp_path, keyring) -> None:
    tables = SealedTables(tmp_path, keyring.sealer)
    rows = b'{"id": "1", "label": "billing"}\n' * 50
    name = await tables.keep("default", rows)
    assert name == hashlib.sha256(rows).hexdigest()
    assert await tables.rows("default", name) == rows
    (path,) = [path for path in tmp_path.iterdir() if path.is_file()]
    assert b"billing" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_another_tenant_and_an_unknown_name_read_nothing(tmp_path, keyring) -> None:
    tables = SealedTables(tmp_path, keyring.sealer)
    name = await tables.keep("default", b"{}\n")
    with pytest.raises(BoxError):
        await tables.rows("other", name)
    with pytest.raises(NotFound, match="no table of rows"):
        await tables.rows("default", "0" * 64)
