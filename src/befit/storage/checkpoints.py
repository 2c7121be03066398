"""The database's copy of the ledger's latest checkpoint."""

from __future__ import annotations

import time

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.schema import CHECKPOINTS

_C = CHECKPOINTS.c
_HEADS = "heads"
_COPY = select(_C.note).where(_C.name == _HEADS)


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
        """The copy, or None where none was kept yet."""
        return await self._database.read(lambda c: c.execute(_COPY).scalar_one_or_none())


def held_checkpoint(url: str) -> str | None:
    """The copy in a database that nobody has open, read without a trace.

    None where there is no database, no copy, or nothing readable: a verification then has
    nothing to compare with.

    Raises:
        WorkspaceError: the URL is not one of a file.
    """
    with dialect.engine_at_rest(url) as engine:
        if engine is None:
            return None
        try:
            with engine.connect() as connection:
                return connection.execute(_COPY).scalar_one_or_none()
        except DBAPIError:
            return None
