"""What any `CollectionStore` promises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from befit.knowledge import Collection, CollectionStore
from befit.storage import Database, SqlCollectionStore
from befit.vocabulary import DataClass, Tag

HANDBOOK = Collection(
    tenant="default",
    name="handbook",
    owner="mara",
    data_class=DataClass.CONFIDENTIAL,
    tags=frozenset({Tag.PII, Tag.EXPORT_CONTROLLED}),
    version=3,
    embedder="minilm-l6@1",
    created_at=1.5,
)


@pytest.fixture
def store(database: Database) -> CollectionStore:
    return SqlCollectionStore(database)


async def test_a_collection_comes_back_as_it_was_put(store: CollectionStore) -> None:
    await store.put(HANDBOOK)
    assert await store.find("default", "handbook") == HANDBOOK
    assert await store.find("default", "memos") is None
    assert await store.find("other", "handbook") is None


async def test_what_is_said_of_it_can_be_changed(store: CollectionStore) -> None:
    await store.put(HANDBOOK)
    changed = replace(HANDBOOK, version=4, data_class=DataClass.PUBLIC, tags=frozenset())
    await store.put(changed)
    assert await store.list("default") == (changed,)


async def test_collections_are_listed_by_name_of_one_tenant(store: CollectionStore) -> None:
    for name, tenant in (("b", "default"), ("a", "default"), ("c", "other")):
        await store.put(replace(HANDBOOK, name=name, tenant=tenant))
    assert [each.name for each in await store.list("default")] == ["a", "b"]


async def test_a_removed_collection_is_gone_and_another_tenants_is_not(
    store: CollectionStore,
) -> None:
    await store.put(HANDBOOK)
    await store.put(replace(HANDBOOK, tenant="other"))
    await store.remove("default", "handbook")
    assert await store.list("default") == ()
    assert len(await store.list("other")) == 1
