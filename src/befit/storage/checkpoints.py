"""The database's copy of the ledger's latest checkpoint."""

from __future__ import annotations

import time

from sqlalchemy import Connection, select

from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.schema import CHECKPOINTS

_C = CHECKPOINTS.c
_HEADS = "heads"


class SqlCheckpointStore:
    """A `CheckpointStore` on the workspace's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, note: str) -> None:
        """Replace the copy by a newer checkpoint of checkpoints."""
        statement = dialect.upsert(CHECKPOINTS).values(name=_HEADS, note=note, at=time.time())
        replacing = statement.on_conflict_do_update(
            index_elements=[_C.name],
            set_={"note": statement.excluded.note, "at": statement.excluded.at},
        )

        def work(connection: Connection) -> None:
            connection.execute(replacing)

        await self._database.run(work)

    async def held(self) -> str | None:
        """The copy, or None where no clean stop has written one."""
        query = select(_C.note).where(_C.name == _HEADS)
        return await self._database.read(lambda c: c.execute(query).scalar_one_or_none())
