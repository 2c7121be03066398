"""`RowTables`: the sealed tables of rows that a bulk command's `settled` events commit to."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Protocol

from befit.audit.durable import sync_folder
from befit.audit.sealing import KeyDestroyedError, Owner, Sealer
from befit.errors import LedgerUnavailable, NotFound
from befit.vocabulary import DataClass

_PURPOSE = "rows"
_NAME_CHARACTERS = 64
_MARK_CHARACTERS = 16


class RowTables(Protocol):
    """Where the rows of bulk commands are kept."""

    async def keep(
        self,
        tenant: str,
        rows: bytes,
        *,
        subject: str | None = None,
        data_class: DataClass | None = None,
    ) -> str:
        """Keep JSON lines, durably; the SHA-256 of the plain rows names them.

        Args:
            tenant: whose they are.
            rows: the lines.
            subject: who asked for them, and whose key seals them; None: the tenant's.
            data_class: of what the rows hold.

        Raises:
            LedgerUnavailable: they could not be kept, and nothing may commit to them.
        """
        ...

    async def rows(self, tenant: str, table: str) -> bytes:
        """The JSON lines behind a name.

        Raises:
            NotFound: no such table, or the key of everyone who kept it was destroyed.
        """
        ...


class SealedTables:
    """Row tables as sealed files in the workspace's artefacts, a folder a tenant."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._folder = folder
        self._sealer = sealer

    async def keep(
        self,
        tenant: str,
        rows: bytes,
        *,
        subject: str | None = None,
        data_class: DataClass | None = None,
    ) -> str:
        """Seal, write and fsync off the event loop."""
        return await asyncio.to_thread(self._keep, Owner(tenant, subject, data_class), rows)

    async def rows(self, tenant: str, table: str) -> bytes:
        """Read, open and check against the name."""
        return await asyncio.to_thread(self._rows, tenant, table)

    def _keep(self, owner: Owner, rows: bytes) -> str:
        table = hashlib.sha256(rows).hexdigest()
        folder = self._folder / owner.tenant
        try:
            (sealing,) = self._sealer.sealings((owner,))
            # A file for each key: equal rows of two people must not share one's erasure.
            mark = hashlib.sha256(sealing.key_id.encode()).hexdigest()[:_MARK_CHARACTERS]
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self._folder)
            path = folder / f"rows-{table}-{mark}.sealed"
            _write(path, sealing.seal(_PURPOSE, rows))
        except OSError as error:
            raise LedgerUnavailable(
                f"a table of rows in {folder} cannot be written: {error.strerror}"
            ) from None
        return table

    def _rows(self, tenant: str, table: str) -> bytes:
        is_name = len(table) == _NAME_CHARACTERS and table.isalnum()
        kept = sorted((self._folder / tenant).glob(f"rows-{table}*.sealed")) if is_name else ()
        for path in kept:
            try:
                rows = self._sealer.open(tenant, _PURPOSE, path.read_bytes())
            except KeyDestroyedError:
                continue
            if hashlib.sha256(rows).hexdigest() != table:
                raise NotFound(f"the table of rows {table!r} is not what its name says")
            return rows
        erased = "it was erased" if kept else "there is none"
        raise NotFound(f"no table of rows {table!r}: {erased}")


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
