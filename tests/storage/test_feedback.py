from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from befit.audit.sealing import Sealer
from befit.knowledge.feedback import AskedQuestion, FeedbackStore, Opinion, Rating, ShownPassage
from befit.messages import Message
from befit.storage import Database, SqlFeedbackStore, SqlPersonalRows
from befit.storage.schema import FEEDBACK
from befit.vocabulary import DataClass

SHOWN = ShownPassage(collection="hr", doc_id="leave", passage_id="D1.0", version="sha256:1")


def asked(number: int = 1, **changes: object) -> AskedQuestion:
    made = AskedQuestion(
        tenant="default",
        decision_id=f"dec_{number:04}",
        principal_id="person:P1",
        workflow="ask-documents",
        question="How long does rumpelstiltskin rest?",
        history=(Message(role="user", content="Who is he?"),),
        passages=(SHOWN, ShownPassage(collection="hr", doc_id="b", passage_id="D2.0", version="")),
        is_cited=True,
        data_class=DataClass.CONFIDENTIAL,
        asked_at=10.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


USEFUL = Opinion(rating=Rating.USEFUL, by="person:P1", at=20.0)
WRONG = Opinion(rating=Rating.WRONG, by="person:P2", at=30.0, note="spindle", about=("D1.0",))


@pytest.fixture
def store(database: Database, sealer: Sealer) -> FeedbackStore:
    return SqlFeedbackStore(database, sealer)


async def test_what_was_asked_comes_back_once_somebody_rated_it(store: FeedbackStore) -> None:
    await store.keep(asked())
    await store.keep(asked(question="another"))  # one that is there stays as it is
    assert await store.asked("default", "dec_0001") == asked()
    assert await store.asked("other", "dec_0001") is None
    assert await store.rated("default", workflow=None, after="", limit=9) == ()
    await store.rate(asked(), USEFUL)
    await store.rate(asked(), WRONG)  # the newest counts
    (rated,) = await store.rated("default", workflow=None, after="", limit=9)
    assert (rated.asked, rated.opinion) == (asked(), WRONG)


async def test_texts_are_sealed(store: FeedbackStore, database: Database) -> None:
    await store.keep(asked())
    await store.rate(asked(), WRONG)
    (row,) = await database.read(lambda c: c.execute(select(FEEDBACK)).all())
    assert not any(word in repr(tuple(row)) for word in ("rumpelstiltskin", "leave", "spindle"))
    (rated,) = await SqlFeedbackStore(database, Sealer({})).rated(
        "default", workflow=None, after="", limit=9
    )
    assert (rated.asked.question, rated.asked.passages, rated.opinion.note) == ("", (), None)


async def test_pages_are_of_one_workflow_or_of_all(store: FeedbackStore) -> None:
    for number in range(5):
        one = asked(number, workflow=None if number % 2 else "ask-documents")
        await store.keep(one)
        await store.rate(one, USEFUL)

    async def ids(workflow: str | None, after: str = "") -> list[str]:
        found = await store.rated("default", workflow=workflow, after=after, limit=2)
        return [each.asked.decision_id for each in found]

    assert await ids("ask-documents") == ["dec_0000", "dec_0002"]
    assert await ids("ask-documents", "dec_0002") == ["dec_0004"]
    assert await ids(None, "dec_0000") == ["dec_0001", "dec_0002"]


async def test_what_was_cited_is_relevant_only_where_it_was_useful(store: FeedbackStore) -> None:
    async def relevant(one: AskedQuestion, opinion: Opinion) -> dict[str, int]:
        await store.keep(one)
        await store.rate(one, opinion)
        found = await store.rated(one.tenant, workflow=None, after="", limit=9)
        return next(each for each in found if each.asked == one).relevant

    assert await relevant(asked(1), USEFUL) == {"leave": 1, "b": 1}
    assert await relevant(asked(2), WRONG) == {}
    assert await relevant(asked(3, is_cited=False), USEFUL) == {}
    meant = replace(USEFUL, about=("D2.0",))
    assert await relevant(asked(4, is_cited=False), meant) == {"b": 1}


async def test_it_goes_with_the_person_and_with_its_class(
    store: FeedbackStore, database: Database
) -> None:
    rows = SqlPersonalRows(database)
    by_another = asked(2, principal_id="person:P2", data_class=DataClass.PUBLIC)
    for one in (asked(1), by_another, asked(3, tenant="other")):
        await store.keep(one)
        await store.rate(one, USEFUL)
    assert await rows.forget("default", "person:P1") == 2
    assert await store.asked("default", "dec_0001") is None
    (left,) = await store.rated("default", workflow=None, after="", limit=9)
    assert (left.asked.decision_id, left.opinion.by) == ("dec_0002", "erased")
    assert await rows.expire("default", DataClass.CONFIDENTIAL, before=99) == 0
    assert await rows.expire("default", DataClass.PUBLIC, before=10.0) == 0
    assert await rows.expire("default", DataClass.PUBLIC, before=11.0) == 1
    assert await store.asked("other", "dec_0003") is not None
