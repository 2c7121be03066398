from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from befit.conversation import ConversationStore
from befit.storage import Database, SqlConversationStore
from befit.vocabulary import DataClass

OWNER = ("default", "key:K1", "c-1")


@pytest.fixture
def store(database: Database) -> ConversationStore:
    return SqlConversationStore(database)


async def test_a_new_conversation_carries_no_class(store: ConversationStore) -> None:
    assert await store.joined_class(*OWNER) is None


async def test_a_class_only_ever_rises(store: ConversationStore) -> None:
    given = [DataClass.INTERNAL, DataClass.PUBLIC, DataClass.RESTRICTED, DataClass.CONFIDENTIAL]
    joined = [await store.raise_class(*OWNER, each) for each in given]
    assert joined == [DataClass.INTERNAL, DataClass.INTERNAL] + [DataClass.RESTRICTED] * 2
    assert await store.joined_class(*OWNER) is DataClass.RESTRICTED


@pytest.mark.parametrize(
    "other", [("other", "key:K1", "c-1"), ("default", "key:K2", "c-1"), ("default", "key:K1", "c")]
)
async def test_conversations_of_others_are_others(
    store: ConversationStore, other: tuple[str, str, str]
) -> None:
    await store.raise_class(*OWNER, DataClass.RESTRICTED)
    assert await store.joined_class(*other) is None


async def test_no_raise_is_lost_among_processes(
    store: ConversationStore, another: Callable[[], Database]
) -> None:
    stores = [store, SqlConversationStore(another())]
    await asyncio.gather(
        *(
            each.raise_class(*OWNER, data_class)
            for data_class in sorted(DataClass, reverse=True)
            for each in stores
        )
    )
    assert await store.joined_class(*OWNER) is DataClass.RESTRICTED
