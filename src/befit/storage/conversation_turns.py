"""The latest turns of conversations with documents, in the database, their texts sealed."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, select

from befit.audit import Sealer
from befit.conversation import MOST_TURNS, Turn
from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.schema import CONVERSATION_TURNS
from befit.storage.sealed_text import SealedText, TextOwner
from befit.vocabulary import DataClass

_C = CONVERSATION_TURNS.c


class _Said(msgspec.Struct, frozen=True):
    """The sealed part of a turn."""

    question: str
    answer: str | None = None
    passages: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Said).decode


class SqlTurnStore:
    """A `TurnStore`; what a turn says is the data of who asked."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealed = SealedText(sealer, "turn")

    async def add(self, tenant: str, principal_id: str, conversation: str, turn: Turn) -> None:
        """Keep a turn; those before the last `MOST_TURNS` are forgotten."""
        owner = TextOwner(tenant=tenant, subject=principal_id, data_class=turn.data_class)
        said = _Said(question=turn.question, answer=turn.answer, passages=turn.passages)
        is_its = (
            (_C.tenant == tenant)
            & (_C.principal_id == principal_id)
            & (_C.conversation == conversation)
        )
        kept = select(_C.at).where(is_its).order_by(_C.at.desc()).limit(MOST_TURNS)

        def work(connection: Connection) -> None:
            place = _place(principal_id, conversation, turn.at)
            statement = dialect.insert_new(CONVERSATION_TURNS).values(
                tenant=tenant,
                principal_id=principal_id,
                conversation=conversation,
                at=turn.at,
                data_class=turn.data_class.word,
                said=self._sealed.seal(owner, place, _encode(said).decode()),
            )
            connection.execute(statement)
            connection.execute(
                delete(CONVERSATION_TURNS).where(is_its, _C.at.not_in(kept.scalar_subquery()))
            )

        await self._database.run(work)

    async def latest(self, tenant: str, principal_id: str, conversation: str) -> tuple[Turn, ...]:
        """The turns of a conversation, latest first."""
        query = (
            select(CONVERSATION_TURNS)
            .where(
                _C.tenant == tenant,
                _C.principal_id == principal_id,
                _C.conversation == conversation,
            )
            .order_by(_C.at.desc())
            .limit(MOST_TURNS)
        )

        def work(connection: Connection) -> tuple[Turn, ...]:
            turns = map(self._turn, connection.execute(query).all())
            return tuple(turn for turn in turns if turn is not None)

        return await self._database.read(work)

    def _turn(self, row: Row[Any]) -> Turn | None:  # columns are typed by the schema, rows are not
        place = _place(row.principal_id, row.conversation, row.at)
        text = self._sealed.open(row.tenant, place, row.said)
        if text is None:
            return None
        said = _decode(text)
        return Turn(
            question=said.question,
            answer=said.answer,
            passages=said.passages,
            data_class=DataClass.from_word(row.data_class),
            at=row.at,
        )


def _place(principal_id: str, conversation: str, at: float) -> str:
    return msgspec.json.encode((principal_id, conversation, at)).decode()
