from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

import befit.storage
from befit.conversation import Carried, ConversationStore
from befit.storage import Database, SqlConversationStore, database_url, dialect, upgrade
from befit.storage.schema import CONVERSATIONS
from befit.vocabulary import DataClass, Tag

OWNER = ("default", "key:K1", "c-1")


def turn(data_class: DataClass, *tags: Tag) -> Carried:
    return Carried(data_class=data_class, tags=frozenset(tags))


@pytest.fixture
def store(database: Database) -> ConversationStore:
    return SqlConversationStore(database)


async def test_a_new_conversation_carries_nothing(store: ConversationStore) -> None:
    assert await store.carried(*OWNER) is None


async def test_a_class_only_ever_rises(store: ConversationStore) -> None:
    given = [DataClass.INTERNAL, DataClass.PUBLIC, DataClass.RESTRICTED, DataClass.CONFIDENTIAL]
    joined = [(await store.join(*OWNER, turn(each))).data_class for each in given]
    assert joined == [DataClass.INTERNAL, DataClass.INTERNAL] + [DataClass.RESTRICTED] * 2
    assert await store.carried(*OWNER) == turn(DataClass.RESTRICTED)


async def test_a_tag_stays_when_a_later_turn_has_others(store: ConversationStore) -> None:
    await store.join(*OWNER, turn(DataClass.PUBLIC, Tag.EXPORT_CONTROLLED))
    both = turn(DataClass.PUBLIC, Tag.EXPORT_CONTROLLED, Tag.PII)
    assert await store.join(*OWNER, turn(DataClass.PUBLIC, Tag.PII)) == both
    assert await store.join(*OWNER, turn(DataClass.PUBLIC)) == both
    assert await store.carried(*OWNER) == both


# One database for all examples: each has a conversation of its own.
_turns = st.lists(
    st.builds(
        Carried, data_class=st.sampled_from(DataClass), tags=st.frozensets(st.sampled_from(Tag))
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_turns)
async def test_any_turns_are_joined_as_the_value_says(
    database: Database, turns: list[Carried]
) -> None:
    store, owner = SqlConversationStore(database), ("default", "p", repr(turns))
    expected = turns[0]
    for each in turns:
        expected = expected.joined(each)
        joined = await store.join(*owner, each)
        assert joined == expected
    assert await store.carried(*owner) == expected
    await database.run(lambda c: c.execute(CONVERSATIONS.delete()))


async def test_the_bit_of_a_tag_never_changes(database: Database) -> None:
    store = SqlConversationStore(database)
    for tag in Tag:
        await store.join("default", "p", tag, turn(DataClass.PUBLIC, tag))
    query = select(CONVERSATIONS.c.conversation, CONVERSATIONS.c.joined_tags)
    rows = await database.read(lambda c: c.execute(query).all())
    assert {row.conversation: row.joined_tags for row in rows} == {
        "pii": 1,
        "phi": 2,
        "pci": 4,
        "secret": 8,
        "export_controlled": 16,
    }


@pytest.mark.parametrize(
    "other", [("other", "key:K1", "c-1"), ("default", "key:K2", "c-1"), ("default", "key:K1", "c")]
)
async def test_conversations_of_others_are_others(
    store: ConversationStore, other: tuple[str, str, str]
) -> None:
    await store.join(*OWNER, turn(DataClass.RESTRICTED, Tag.PII))
    assert await store.carried(*other) is None


async def test_nothing_is_lost_among_processes(
    store: ConversationStore, another: Callable[[], Database]
) -> None:
    stores = [store, SqlConversationStore(another())]
    turns = [turn(data_class) for data_class in sorted(DataClass, reverse=True)]
    turns += [turn(DataClass.PUBLIC, tag) for tag in Tag]
    await asyncio.gather(*(each.join(*OWNER, one) for one in turns for each in stores))
    assert await store.carried(*OWNER) == turn(DataClass.RESTRICTED, *Tag)


async def test_a_conversation_of_an_older_workspace_keeps_its_class_and_takes_tags(
    tmp_path: Path,
) -> None:
    url = database_url(tmp_path / "befit.db")
    config = Config()
    folder = Path(befit.storage.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    engine = dialect.open_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "1")
        connection.execute(text("INSERT INTO conversations VALUES ('default', 'key:K1', 'c-1', 2)"))
    engine.dispose()
    upgrade(url)
    opened = Database(url)
    store = SqlConversationStore(opened)
    assert await store.carried(*OWNER) == turn(DataClass.CONFIDENTIAL)
    await store.join(*OWNER, turn(DataClass.PUBLIC, Tag.PHI))
    assert await store.carried(*OWNER) == turn(DataClass.CONFIDENTIAL, Tag.PHI)
    opened.close()
