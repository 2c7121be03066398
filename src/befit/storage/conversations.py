"""What each conversation carries, in the database."""

from __future__ import annotations

from sqlalchemy import Connection, Row, case, select

from befit.conversation import Carried
from befit.storage import dialect
from befit.storage.columns import tag_bits, tags_of
from befit.storage.database import Database
from befit.storage.schema import CONVERSATIONS
from befit.vocabulary import DataClass

_C = CONVERSATIONS.c


class SqlConversationStore:
    """A `ConversationStore`: the database joins, so nothing that a turn brings is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def carried(self, tenant: str, principal_id: str, conversation: str) -> Carried | None:
        """What the conversation carries; None where it is new."""
        query = select(_C.joined_class, _C.joined_tags).where(
            _C.tenant == tenant,
            _C.principal_id == principal_id,
            _C.conversation == conversation,
        )
        found = await self._database.read(lambda c: c.execute(query).one_or_none())
        return None if found is None else _carried(found)

    async def join(
        self, tenant: str, principal_id: str, conversation: str, carried: Carried
    ) -> Carried:
        """Join a turn's class and tags into the conversation's; returns what they are now."""
        statement = dialect.upsert(CONVERSATIONS).values(
            tenant=tenant,
            principal_id=principal_id,
            conversation=conversation,
            joined_class=int(carried.data_class),
            joined_tags=tag_bits(carried.tags),
        )
        new = statement.excluded
        joining = statement.on_conflict_do_update(
            index_elements=[_C.tenant, _C.principal_id, _C.conversation],
            set_={
                "joined_class": case(
                    (new.joined_class > _C.joined_class, new.joined_class),
                    else_=_C.joined_class,
                ),
                "joined_tags": _C.joined_tags.bitwise_or(new.joined_tags),
            },
        ).returning(_C.joined_class, _C.joined_tags)

        def work(connection: Connection) -> Row[int, int]:
            return connection.execute(joining).one()

        return _carried(await self._database.run(work))


def _carried(row: Row[int, int]) -> Carried:
    data_class, bits = row
    return Carried(data_class=DataClass(data_class), tags=tags_of(bits))
