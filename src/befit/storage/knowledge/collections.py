"""Collections in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, select

from befit.knowledge import Collection
from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.knowledge.schema import COLLECTIONS
from befit.vocabulary import DataClass

_C = COLLECTIONS.c
_ALL = select(COLLECTIONS).where(_C.tenant == bindparam("of")).order_by(_C.name)


class SqlCollectionStore:
    """A `CollectionStore` on the workspace's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, tenant: str, name: str) -> Collection | None:
        """See `CollectionStore`."""
        query = select(COLLECTIONS).where(_C.tenant == tenant, _C.name == name)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else _collection(row)

    async def list(self, tenant: str) -> Sequence[Collection]:
        """See `CollectionStore`."""
        rows = await self._database.read(lambda c: c.execute(_ALL, {"of": tenant}).all())
        return tuple(map(_collection, rows))

    async def put(self, collection: Collection) -> None:
        """See `CollectionStore`."""
        said: dict[str, object] = {
            "owner": collection.owner,
            "data_class": int(collection.data_class),
            "tags": collection.tags,
            "version": collection.version,
            "embedder": collection.embedder,
            "created_at": collection.created_at,
        }
        statement = (
            dialect.upsert(COLLECTIONS)
            .values(tenant=collection.tenant, name=collection.name, **said)
            .on_conflict_do_update(index_elements=[_C.tenant, _C.name], set_=said)
        )
        await self._database.run(lambda c: c.execute(statement))

    async def remove(self, tenant: str, name: str) -> None:
        """See `CollectionStore`."""
        statement = delete(COLLECTIONS).where(_C.tenant == tenant, _C.name == name)
        await self._database.run(lambda c: c.execute(statement))

    def known(self, tenant: str) -> Mapping[str, Collection]:
        """See `CollectionStore`."""
        rows = self._database.read_now(lambda c: c.execute(_ALL, {"of": tenant}).all())
        return {row.name: _collection(row) for row in rows}


def _collection(row: Row[Any]) -> Collection:  # columns are typed by the schema, rows are not
    return Collection(
        tenant=row.tenant,
        name=row.name,
        owner=row.owner,
        data_class=DataClass(row.data_class),
        tags=row.tags,
        version=row.version,
        embedder=row.embedder,
        created_at=row.created_at,
    )
