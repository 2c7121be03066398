from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.conversation import Carried, Conversations
from befit.vocabulary import DataClass, Tag

OWNER = ("default", "key:K1", "c-1")
_Owner = tuple[str, str, str]


def turn(data_class: DataClass, *tags: Tag) -> Carried:
    return Carried(data_class=data_class, tags=frozenset(tags))


_turns = st.builds(
    Carried, data_class=st.sampled_from(DataClass), tags=st.frozensets(st.sampled_from(Tag))
)


class Kept:
    """A `ConversationStore` in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.rows: dict[_Owner, Carried] = {}
        self.reads = self.writes = 0
        self.gate: asyncio.Event | None = None

    async def carried(self, *owner: str) -> Carried | None:
        self.reads += 1
        found = self.rows.get(owner)  # type: ignore[call-overload]
        if self.gate is not None:
            await self.gate.wait()
        return found

    async def join(
        self, tenant: str, principal_id: str, conversation: str, carried: Carried
    ) -> Carried:
        self.writes += 1
        owner = (tenant, principal_id, conversation)
        self.rows[owner] = carried.joined(self.rows.get(owner, carried))
        return self.rows[owner]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@given(_turns, _turns)
def test_joining_loses_nothing_of_either_and_adds_nothing(one: Carried, other: Carried) -> None:
    joined = one.joined(other)
    assert joined == other.joined(one)
    assert joined.data_class == max(one.data_class, other.data_class)
    assert joined.tags == one.tags | other.tags


@given(st.lists(st.tuples(st.integers(0, 3), _turns), max_size=20), st.booleans())
async def test_a_small_memory_tells_the_same_as_none(
    turns: list[tuple[int, Carried]], is_shared: bool
) -> None:
    kept = Kept()
    conversations, truth = Conversations(kept, is_shared=is_shared, capacity=2), Kept()
    for number, carried in turns:
        owner = ("default", "p", str(number))
        assert await conversations.carried(*owner) == await truth.carried(*owner)
        assert await conversations.join(*owner, carried) == await truth.join(*owner, carried)
    assert kept.rows == truth.rows


async def test_what_is_remembered_asks_no_store(kept: Kept) -> None:
    conversations = Conversations(kept)
    first = turn(DataClass.CONFIDENTIAL, Tag.PII, Tag.PHI)
    await conversations.join(*OWNER, first)
    for _ in range(3):
        assert await conversations.carried(*OWNER) == first
        await conversations.join(*OWNER, turn(DataClass.INTERNAL, Tag.PII))
    assert (kept.reads, kept.writes) == (0, 1)


async def test_a_new_tag_is_kept_although_its_turn_has_no_higher_class(kept: Kept) -> None:
    conversations = Conversations(kept)
    await conversations.join(*OWNER, turn(DataClass.CONFIDENTIAL, Tag.PII))
    await conversations.join(*OWNER, turn(DataClass.PUBLIC, Tag.EXPORT_CONTROLLED))
    both = turn(DataClass.CONFIDENTIAL, Tag.PII, Tag.EXPORT_CONTROLLED)
    assert await conversations.carried(*OWNER) == kept.rows[OWNER] == both


async def test_where_others_write_too_only_what_cannot_grow_is_answered_from_memory(
    kept: Kept,
) -> None:
    conversations = Conversations(kept, is_shared=True)
    await conversations.join(*OWNER, turn(DataClass.RESTRICTED))
    kept.rows[OWNER] = turn(DataClass.RESTRICTED, Tag.PII)  # another process has joined it
    assert await conversations.join(*OWNER, turn(DataClass.PUBLIC)) == kept.rows[OWNER]
    kept.rows[OWNER] = everything = turn(DataClass.RESTRICTED, *Tag)
    assert await conversations.carried(*OWNER) == everything
    assert await conversations.carried(*OWNER) == everything
    assert await conversations.join(*OWNER, turn(DataClass.PUBLIC)) == everything
    assert (kept.reads, kept.writes) == (1, 2)


async def test_a_turn_that_is_joined_during_a_read_is_seen_by_it(kept: Kept) -> None:
    conversations = Conversations(kept)
    kept.gate = asyncio.Event()
    reading = asyncio.create_task(conversations.carried(*OWNER))
    await asyncio.sleep(0)
    await conversations.join(*OWNER, turn(DataClass.RESTRICTED, Tag.PCI))
    kept.gate.set()
    assert await reading == turn(DataClass.RESTRICTED, Tag.PCI)
