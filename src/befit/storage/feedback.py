"""What was asked of documents, and what was said of it, in the database, the texts sealed."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, update

from befit.audit import Sealer
from befit.knowledge.feedback import AskedQuestion, Opinion, RatedQuestion, Rating, ShownPassage
from befit.messages import Message
from befit.storage import dialect
from befit.storage.columns import class_of
from befit.storage.database import Database
from befit.storage.schema import FEEDBACK
from befit.storage.sealed_text import SealedText, TextOwner
from befit.vocabulary import DataClass

_C = FEEDBACK.c


class _Asked(msgspec.Struct, frozen=True):
    """The sealed part of what was asked."""

    question: str = ""
    history: tuple[Message, ...] = ()
    passages: tuple[ShownPassage, ...] = ()
    behind: tuple[str, ...] = ()


class _Said(msgspec.Struct, frozen=True):
    """The sealed part of an opinion."""

    note: str | None = None
    about: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode
_decode_asked = msgspec.json.Decoder(_Asked).decode
_decode_said = msgspec.json.Decoder(_Said).decode


class SqlFeedbackStore:
    """A `FeedbackStore`; both texts are the data of who asked, a reviewer's words included."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealed = SealedText(sealer, "feedback")

    async def keep(self, asked: AskedQuestion) -> None:
        """Keep what a decision was about; one that is there stays as it is."""

        def work(connection: Connection) -> None:
            said = _Asked(
                question=asked.question,
                history=asked.history,
                passages=asked.passages,
                behind=asked.behind,
            )
            statement = dialect.insert_new(FEEDBACK).values(
                tenant=asked.tenant,
                decision_id=asked.decision_id,
                principal_id=asked.principal_id,
                workflow=asked.workflow,
                is_cited=asked.is_cited,
                data_class=asked.data_class.word,
                asked_at=asked.asked_at,
                asked=self._seal(asked, "asked", said),
            )
            connection.execute(statement)

        await self._database.run(work)

    async def asked(self, tenant: str, decision_id: str) -> AskedQuestion | None:
        """What a decision was about, or None."""
        query = select(FEEDBACK).where(_C.tenant == tenant, _C.decision_id == decision_id)

        def work(connection: Connection) -> AskedQuestion | None:
            row = connection.execute(query).one_or_none()
            return None if row is None else self._asked(row)

        return await self._database.read(work)

    async def rate(self, asked: AskedQuestion, opinion: Opinion) -> None:
        """Keep an opinion in place of the one before."""

        def work(connection: Connection) -> None:
            said = _Said(note=opinion.note, about=opinion.about)
            statement = (
                update(FEEDBACK)
                .where(_C.tenant == asked.tenant, _C.decision_id == asked.decision_id)
                .values(
                    rating=opinion.rating.value,
                    rated_by=opinion.by,
                    rated_at=opinion.at,
                    said=self._seal(asked, "said", said),
                )
            )
            connection.execute(statement)

        await self._database.run(work)

    async def rated(
        self, tenant: str, *, workflow: str | None, after: str, limit: int
    ) -> tuple[RatedQuestion, ...]:
        """A page of rated questions in the order of their decisions."""
        query = select(FEEDBACK).where(
            _C.tenant == tenant, _C.decision_id > after, _C.rating.is_not(None)
        )
        if workflow is not None:
            query = query.where(_C.workflow == workflow)
        query = query.order_by(_C.decision_id).limit(limit)
        return await self._database.read(
            lambda c: tuple(self._rated(row) for row in c.execute(query).all())
        )

    def _seal(self, asked: AskedQuestion, name: str, said: _Asked | _Said) -> bytes | None:
        owner = TextOwner(
            tenant=asked.tenant, subject=asked.principal_id, data_class=asked.data_class
        )
        return self._sealed.seal(owner, f"{asked.decision_id}:{name}", _encode(said).decode())

    def _open(self, row: Row[Any], name: str, box: bytes | None) -> str | None:
        return self._sealed.open(row.tenant, f"{row.decision_id}:{name}", box)

    def _asked(self, row: Row[Any]) -> AskedQuestion:  # columns are typed by the schema, rows not
        text = self._open(row, "asked", row.asked)
        said = _Asked() if text is None else _decode_asked(text)
        return AskedQuestion(
            tenant=row.tenant,
            decision_id=row.decision_id,
            principal_id=row.principal_id,
            workflow=row.workflow,
            question=said.question,
            history=said.history,
            passages=said.passages,
            behind=said.behind,
            is_cited=row.is_cited,
            data_class=class_of(row.data_class) or DataClass.RESTRICTED,
            asked_at=row.asked_at,
        )

    def _rated(self, row: Row[Any]) -> RatedQuestion:
        text = self._open(row, "said", row.said)
        said = _Said() if text is None else _decode_said(text)
        opinion = Opinion(
            rating=Rating(row.rating),
            by=row.rated_by,
            at=row.rated_at,
            note=said.note,
            about=said.about,
        )
        return RatedQuestion(asked=self._asked(row), opinion=opinion)
