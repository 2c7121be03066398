from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from befit.audit.sealing import Sealer
from befit.conversation import MOST_TURNS, Turn, TurnStore
from befit.storage import Database, SqlPersonalRows, SqlTurnStore
from befit.storage.schema import CONVERSATION_TURNS
from befit.vocabulary import DataClass

TURN = Turn(
    question="How long are lamps kept?",
    answer="Lamps are kept for ten years.",
    passages=("k1.0", "k2.3"),
    data_class=DataClass.CONFIDENTIAL,
    at=10.0,
)
OWNER = ("default", "key:K1", "talk")


@pytest.fixture
def store(database: Database, sealer: Sealer) -> TurnStore:
    return SqlTurnStore(database, sealer)


async def test_turns_come_back_latest_first(store: TurnStore) -> None:
    later = replace(TURN, question="And shades?", answer=None, passages=(), at=11.0)
    await store.add(*OWNER, TURN)
    await store.add(*OWNER, later)
    assert tuple(await store.latest(*OWNER)) == (later, TURN)


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_another_ones_conversation_is_another_one(store: TurnStore, place: int) -> None:
    await store.add(*OWNER, TURN)
    other = [*OWNER]
    other[place] = "other"
    assert not await store.latest(*other)


async def test_only_the_last_turns_are_kept(store: TurnStore, database: Database) -> None:
    for at in range(MOST_TURNS + 5):
        await store.add(*OWNER, replace(TURN, at=float(at)))
        await store.add("default", "key:K2", "talk", replace(TURN, at=float(at)))
    rows = await database.read(lambda c: c.execute(select(CONVERSATION_TURNS.c.at)).all())
    assert len(rows) == 2 * MOST_TURNS
    assert [turn.at for turn in await store.latest(*OWNER)] == [
        float(at) for at in range(MOST_TURNS + 4, 4, -1)
    ]


async def test_no_word_of_a_turn_lies_open(store: TurnStore, database: Database) -> None:
    await store.add(*OWNER, TURN)
    rows = await database.read(lambda c: c.execute(select(CONVERSATION_TURNS)).all())
    assert "lamps" not in str(rows).lower()
    assert "k1" not in str(rows)


async def test_who_is_forgotten_is_forgotten_here(store: TurnStore, database: Database) -> None:
    await store.add(*OWNER, TURN)
    await store.add("default", "key:K2", "talk", TURN)
    await SqlPersonalRows(database).forget("default", "key:K1")
    assert not await store.latest(*OWNER)
    assert await store.latest("default", "key:K2", "talk")


async def test_a_class_expires_with_its_time(store: TurnStore, database: Database) -> None:
    await store.add(*OWNER, TURN)
    await store.add(*OWNER, replace(TURN, data_class=DataClass.INTERNAL, at=9.0))
    rows = SqlPersonalRows(database)
    assert await rows.expire("default", DataClass.CONFIDENTIAL, before=10.0) == 0
    await rows.expire("default", DataClass.CONFIDENTIAL, before=10.5)
    (left,) = await store.latest(*OWNER)
    assert left.data_class is DataClass.INTERNAL
