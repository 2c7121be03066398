"""Documents and their passages in the database, texts and names sealed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Update,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)

from befit.audit import Sealer
from befit.knowledge import Document, DocumentState, Mark, NewDocument, Placement, StoredPassage
from befit.knowledge.parsing import Line
from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.knowledge.access import grow_epoch
from befit.storage.knowledge.boxes import DocumentBoxes, doc_hash
from befit.storage.knowledge.document_rows import (
    AT_ONCE,
    READABLE,
    chunks,
    document_of,
    passage_of,
    place_of,
    sealed_rows,
)
from befit.storage.knowledge.schema import DOCUMENT_LINES, DOCUMENTS, PASSAGES
from befit.vocabulary import DataClass, Tag

_D = DOCUMENTS.c
_P = PASSAGES.c
_LIVE = DocumentState.LIVE.value

# What every search reads is put together once: building a statement costs more than its rows.
_IS_LIVE = (_D.tenant == bindparam("of")) & dialect.one_of(_D.key, "named") & (_D.state == _LIVE)
_STANDING = select(DOCUMENTS).where(_IS_LIVE)
_PLACEMENTS = select(_D.key, _D.collection, _D.acl_id, _D.data_class, _D.tags).where(_IS_LIVE)
_OPENED = select(PASSAGES).where(
    _P.tenant == bindparam("of"), dialect.pair_of((_P.key, _P.number), "named")
)


class SqlDocumentStore:
    """A `DocumentStore` on the workspace's database."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._boxes = DocumentBoxes(sealer)

    async def put(self, documents: Sequence[NewDocument]) -> None:
        """See `DocumentStore`."""
        rows = await asyncio.to_thread(sealed_rows, documents, self._boxes)
        await self._database.run(rows.write)

    async def mark(self, tenant: str, keys: Sequence[str], state: DocumentState) -> None:
        """See `DocumentStore`."""

        def work(connection: Connection) -> None:
            for some in chunks(keys, AT_ONCE):
                connection.execute(_changed(tenant, some).values(state=state.value))

        await self._database.run(work)

    async def amend(self, documents: Sequence[Document]) -> None:
        """See `DocumentStore`."""

        def work(connection: Connection) -> None:
            for document in documents:
                statement = update(DOCUMENTS).where(
                    _D.tenant == document.tenant, _D.key == document.key
                )
                connection.execute(
                    statement.values(
                        said=self._boxes.seal_said(document),
                        dated_s=document.dated_s,
                        change_token=document.change_token,
                    )
                )

        await self._database.run(work)

    async def place(
        self, tenant: str, places: Mapping[str, int], *, instead_of: Mapping[str, int] | None = None
    ) -> int:
        """See `DocumentStore`."""
        moves: dict[tuple[int, int | None], list[str]] = {}
        for key, acl_id in places.items():
            moves.setdefault((acl_id, instead_of[key] if instead_of else None), []).append(key)

        def work(connection: Connection) -> int:
            moved = 0
            for (acl_id, before), keys in moves.items():
                for some in chunks(keys, AT_ONCE):
                    statement = _changed(tenant, some)
                    if before is not None:
                        statement = statement.where(_D.acl_id == before)
                    moved += connection.execute(statement.values(acl_id=acl_id)).rowcount
            grow_epoch(connection, tenant)
            return moved

        return await self._database.run(work) if places else 0

    async def indexed(self, tenant: str, places: Mapping[str, int]) -> None:
        """See `DocumentStore`."""
        by_list = _by_list(places)

        def work(connection: Connection) -> None:
            moved = 0
            for acl_id, keys in by_list.items():
                for some in chunks(keys, AT_ONCE):
                    is_other = _D.indexed_acl_id != acl_id
                    statement = _changed(tenant, some).where(is_other)
                    moved += connection.execute(statement.values(indexed_acl_id=acl_id)).rowcount
            if moved:
                grow_epoch(connection, tenant)  # readers need not look in their old place

        await self._database.run(work)

    async def raise_class(
        self, tenant: str, keys: Sequence[str], data_class: DataClass, tags: frozenset[Tag]
    ) -> None:
        """See `DocumentStore`."""

        def work(connection: Connection) -> None:
            for table in (DOCUMENTS, PASSAGES):
                c = table.c
                is_lower = c.data_class < int(data_class)
                raised = {
                    "data_class": case((is_lower, int(data_class)), else_=c.data_class),
                    "tags": c.tags.bitwise_or(tags),
                }
                for some in chunks(keys, AT_ONCE):
                    is_meant = (c.tenant == tenant) & c.key.in_(some)
                    connection.execute(update(table).where(is_meant).values(raised))
            grow_epoch(connection, tenant)

        if keys:
            await self._database.run(work)

    async def drop(self, tenant: str, keys: Sequence[str]) -> None:
        """See `DocumentStore`."""

        def work(connection: Connection) -> None:
            for some in chunks(keys, AT_ONCE):
                for table in (PASSAGES, DOCUMENT_LINES, DOCUMENTS):
                    connection.execute(
                        delete(table).where(table.c.tenant == tenant, table.c.key.in_(some))
                    )

        await self._database.run(work)

    async def find(self, tenant: str, collection: str, doc_id: str) -> Document | None:
        """See `DocumentStore`."""
        query = select(DOCUMENTS).where(
            _D.tenant == tenant,
            _D.collection == collection,
            _D.doc_hash == doc_hash(doc_id),
            _D.state.in_(READABLE),
        )

        def work(connection: Connection) -> Document | None:
            row = connection.execute(query).one_or_none()
            return None if row is None else document_of(row, self._boxes)

        return await self._database.read(work)

    async def marks(self, tenant: str, collection: str, source: str) -> Mapping[str, Mark]:
        """See `DocumentStore`."""
        query = select(DOCUMENTS).where(
            _D.tenant == tenant,
            _D.collection == collection,
            _D.source == source,
            _D.state.in_(READABLE),
        )

        def work(connection: Connection) -> dict[str, Mark]:
            marks = (self._mark(row) for row in connection.execute(query))
            return {mark.doc_id: mark for mark in marks}

        return await self._database.read(work)

    async def page(
        self,
        tenant: str,
        *,
        collection: str | None,
        after: str,
        limit: int,
        state: DocumentState | None = None,
    ) -> Sequence[Document]:
        """See `DocumentStore`."""
        query = select(DOCUMENTS).where(_D.tenant == tenant, _D.key > after)
        if collection is not None:
            query = query.where(_D.collection == collection)
        if state is not None:
            query = query.where(_D.state == state.value)
            if state is not DocumentState.LIVE:
                query = query.where(_D.state != _LIVE)  # what the small index is of
        query = query.order_by(_D.key).limit(limit)
        return await self._database.read(
            lambda c: tuple(document_of(row, self._boxes) for row in c.execute(query))
        )

    async def counts(self, tenant: str) -> Mapping[str, tuple[int, int]]:
        """See `DocumentStore`."""
        query = (
            select(_D.collection, func.count(), func.sum(_D.passages))
            .where(_D.tenant == tenant, _D.state.in_(READABLE))
            .group_by(_D.collection)
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return {name: (int(documents), int(passages)) for name, documents, passages in rows}

    async def passages(self, tenant: str, key: str) -> Sequence[StoredPassage]:
        """See `DocumentStore`."""
        query = select(PASSAGES).where(_P.tenant == tenant, _P.key == key).order_by(_P.number)
        return await self._database.read(
            lambda c: tuple(passage_of(row, self._boxes) for row in c.execute(query))
        )

    async def lines(self, tenant: str, key: str) -> Sequence[Line]:
        """See `DocumentStore`."""
        query = select(DOCUMENT_LINES.c.lines).where(
            DOCUMENT_LINES.c.tenant == tenant, DOCUMENT_LINES.c.key == key
        )

        def work(connection: Connection) -> tuple[Line, ...]:
            box = connection.execute(query).scalar_one_or_none()
            return () if box is None else self._boxes.open_lines(tenant, key, box)

        return await self._database.read(work)

    def placements(self, tenant: str, keys: Sequence[str]) -> Mapping[str, Placement]:
        """See `DocumentStore`."""
        return {
            key: Placement(
                collection=collection, acl_id=acl_id, data_class=DataClass(data_class), tags=tags
            )
            for key, collection, acl_id, data_class, tags in self._read(_PLACEMENTS, tenant, keys)
        }

    def standing(self, tenant: str, keys: Sequence[str]) -> Mapping[str, Document]:
        """See `DocumentStore`."""
        rows = self._read(_STANDING, tenant, keys)
        documents = (document_of(row, self._boxes) for row in rows)
        return {document.key: document for document in documents}

    def opened(self, tenant: str, passage_ids: Sequence[str]) -> Mapping[str, StoredPassage]:
        """See `DocumentStore`."""
        places = sorted({place for each in passage_ids if (place := place_of(each)) is not None})

        found = (passage_of(row, self._boxes) for row in self._read(_OPENED, tenant, places))
        return {passage.passage_id: passage for passage in found}

    def _read(
        self, query: Select[*tuple[Any, ...]], tenant: str, named: Sequence[str | tuple[str, int]]
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        values = {"of": tenant, "named": dialect.many(named)}
        return self._database.read_now(lambda c: c.execute(query, values).all())

    def _mark(self, row: Row[Any]) -> Mark:  # columns are typed by the schema, rows are not
        return Mark(
            key=row.key,
            doc_id=self._boxes.open_said(row.tenant, row.key, row.said).doc_id,
            version=row.version,
            change_token=row.change_token,
            acl_id=row.acl_id,
            data_class=DataClass(row.data_class),
            tags=row.tags,
            state=DocumentState(row.state),
        )


def _by_list(places: Mapping[str, int]) -> Mapping[int, Sequence[str]]:
    by_list: dict[int, list[str]] = {}
    for key, acl_id in places.items():
        by_list.setdefault(acl_id, []).append(key)
    return by_list


def _changed(tenant: str, keys: Sequence[str]) -> Update:
    return update(DOCUMENTS).where(_D.tenant == tenant, _D.key.in_(keys))
