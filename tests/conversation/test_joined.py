from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.conversation import Conversations
from befit.vocabulary import DataClass

OWNER = ("default", "key:K1", "c-1")
_Owner = tuple[str, str, str]


class Kept:
    """A `ConversationStore` in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.classes: dict[_Owner, DataClass] = {}
        self.reads = self.writes = 0
        self.gate: asyncio.Event | None = None

    async def joined_class(self, *owner: str) -> DataClass | None:
        self.reads += 1
        found = self.classes.get(owner)  # type: ignore[call-overload]
        if self.gate is not None:
            await self.gate.wait()
        return found

    async def raise_class(
        self, tenant: str, principal_id: str, conversation: str, data_class: DataClass
    ) -> DataClass:
        self.writes += 1
        owner = (tenant, principal_id, conversation)
        self.classes[owner] = max(data_class, self.classes.get(owner, data_class))
        return self.classes[owner]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(DataClass)), max_size=20))
async def test_a_small_memory_tells_the_same_as_none(
    turns: list[tuple[int, DataClass]],
) -> None:
    kept = Kept()
    conversations, truth = Conversations(kept, capacity=2), Kept()
    for number, data_class in turns:
        owner = ("default", "p", str(number))
        assert await conversations.joined_class(*owner) == await truth.joined_class(*owner)
        joined = await conversations.raise_class(*owner, data_class)
        assert joined == await truth.raise_class(*owner, data_class)
    assert kept.classes == truth.classes


async def test_what_is_remembered_asks_no_store(kept: Kept) -> None:
    conversations = Conversations(kept)
    await conversations.raise_class(*OWNER, DataClass.CONFIDENTIAL)
    for _ in range(3):
        assert await conversations.joined_class(*OWNER) is DataClass.CONFIDENTIAL
        await conversations.raise_class(*OWNER, DataClass.INTERNAL)
    assert (kept.reads, kept.writes) == (0, 1)


async def test_where_others_write_too_only_the_highest_class_is_answered_from_memory(
    kept: Kept,
) -> None:
    conversations = Conversations(kept, is_shared=True)
    await conversations.raise_class(*OWNER, DataClass.INTERNAL)
    kept.classes[OWNER] = DataClass.RESTRICTED  # another process has raised it
    assert await conversations.joined_class(*OWNER) is DataClass.RESTRICTED
    assert await conversations.joined_class(*OWNER) is DataClass.RESTRICTED
    assert kept.reads == 1


async def test_a_raise_during_a_read_is_seen_by_it(kept: Kept) -> None:
    conversations = Conversations(kept)
    kept.gate = asyncio.Event()
    reading = asyncio.create_task(conversations.joined_class(*OWNER))
    await asyncio.sleep(0)
    await conversations.raise_class(*OWNER, DataClass.RESTRICTED)
    kept.gate.set()
    assert await reading is DataClass.RESTRICTED
