"""The joined class of each conversation, in the database."""

from __future__ import annotations

from sqlalchemy import Connection, case, select

from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.schema import CONVERSATIONS
from befit.vocabulary import DataClass

_C = CONVERSATIONS.c


class SqlConversationStore:
    """A `ConversationStore`: classes are joined by the database, so no raise is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def joined_class(
        self, tenant: str, principal_id: str, conversation: str
    ) -> DataClass | None:
        """The highest class seen in the conversation; None where it is new."""
        query = select(_C.joined_class).where(
            _C.tenant == tenant,
            _C.principal_id == principal_id,
            _C.conversation == conversation,
        )
        found = await self._database.read(lambda c: c.execute(query).scalar_one_or_none())
        return None if found is None else DataClass(found)

    async def raise_class(
        self, tenant: str, principal_id: str, conversation: str, data_class: DataClass
    ) -> DataClass:
        """Join the class into the conversation's; returns what it is now."""
        statement = dialect.upsert(CONVERSATIONS).values(
            tenant=tenant,
            principal_id=principal_id,
            conversation=conversation,
            joined_class=int(data_class),
        )
        new = statement.excluded.joined_class
        joining = statement.on_conflict_do_update(
            index_elements=[_C.tenant, _C.principal_id, _C.conversation],
            set_={"joined_class": case((new > _C.joined_class, new), else_=_C.joined_class)},
        ).returning(_C.joined_class)

        def work(connection: Connection) -> int:
            return connection.execute(joining).scalar_one()

        return DataClass(await self._database.run(work))
