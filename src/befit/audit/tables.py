"""`RowTables`: the sealed tables of rows that a bulk command's `settled` events commit to."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Protocol

from befit.audit.keys import sync_folder
from befit.audit.sealing import Sealer
from befit.errors import LedgerUnavailable, NotFound

_PURPOSE = "rows"


class RowTables(Protocol):
    """Where the rows of bulk commands are kept."""

    async def keep(self, tenant: str, rows: bytes) -> str:
        """Keep JSON lines, durably; the SHA-256 of the plain rows names them.

        Raises:
            LedgerUnavailable: they could not be kept, and nothing may commit to them.
        """
        ...

    async def rows(self, tenant: str, table: str) -> bytes:
        """The JSON lines behind a name.

        Raises:
            NotFound: no such table.
        """
        ...


class SealedTables:
    """Row tables as sealed files in the workspace's artefacts, a folder a tenant."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._folder = folder
        self._sealer = sealer

    async def keep(self, tenant: str, rows: bytes) -> str:
        """Seal, write and fsync off the event loop."""
        return await asyncio.to_thread(self._keep, tenant, rows)

    async def rows(self, tenant: str, table: str) -> bytes:
        """Read, open and check against the name."""
        return await asyncio.to_thread(self._rows, tenant, table)

    def _keep(self, tenant: str, rows: bytes) -> str:
        table = hashlib.sha256(rows).hexdigest()
        path = self._path(tenant, table)
        sealed = self._sealer.seal(tenant, _PURPOSE, rows)
        try:
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self._folder)
            _write(path, sealed)
        except OSError as error:
            raise LedgerUnavailable(f"{path} cannot be written: {error.strerror}") from None
        return table

    def _rows(self, tenant: str, table: str) -> bytes:
        path = self._path(tenant, table)
        try:
            sealed = path.read_bytes()
        except FileNotFoundError:
            raise NotFound(f"no table of rows {table!r}") from None
        rows = self._sealer.open(tenant, _PURPOSE, sealed)
        if hashlib.sha256(rows).hexdigest() != table:
            raise NotFound(f"the table of rows {table!r} is not what its name says")
        return rows

    def _path(self, tenant: str, table: str) -> Path:
        return self._folder / tenant / f"rows-{table}.sealed"


def _write(path: Path, sealed: bytes) -> None:
    # Equal tables may be kept at once, so each writes to a file of its own.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
