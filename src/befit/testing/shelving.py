"""`shelve`: documents put straight into a workspace's store and index, without a source.

    await shelve(rooms, "handbook", [Shelved("travel.md", "Trains first.", acl=Acl(...))])

What readers may find of them is the same as if they had been ingested.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from befit.knowledge import (
    Collection,
    Document,
    DocumentState,
    KnowledgeStores,
    NewDocument,
    StoredPassage,
)
from befit.knowledge.access import Acl
from befit.knowledge.index import Changes, Passage, PassageRef, Vector, titled
from befit.knowledge.search import Library
from befit.vocabulary import DEFAULT_TENANT, DataClass, Tag

_PARAGRAPH = re.compile(r".+?(?:\n{2,}|\Z)", re.DOTALL)

Embed = Callable[[Sequence[str]], Awaitable[Vector]]
"""A unit vector for each text, by the embedder that questions will be embedded with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelved:
    """A document to put; each paragraph becomes a passage."""

    doc_id: str
    text: str
    title: str = ""
    acl: Acl = field(default_factory=lambda: Acl(groups=frozenset({"everyone"})))
    data_class: DataClass = DataClass.INTERNAL
    tags: frozenset[Tag] = frozenset()
    uri: str = ""
    page: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """Where documents are put."""

    stores: KnowledgeStores
    library: Library
    embed: Embed
    tenant: str = DEFAULT_TENANT


async def shelve(
    shelf: Shelf,
    collection: str,
    documents: Sequence[Shelved],
    *,
    data_class: DataClass = DataClass.PUBLIC,
) -> Mapping[str, str]:
    """Put documents, each in place of the one of its `doc_id`; their keys by `doc_id`."""
    documents_store = shelf.stores.documents
    await shelf.stores.collections.put(
        Collection(tenant=shelf.tenant, name=collection, owner="", data_class=data_class)
    )
    replaced = [
        found.key
        for each in documents
        if (found := await documents_store.find(shelf.tenant, collection, each.doc_id))
    ]
    new = [await _document(shelf, collection, each) for each in documents]
    await documents_store.put(new)
    passages = [
        _indexed(each.document, passage, vector)
        for each in new
        for passage, vector in await _embedded(shelf, each)
    ]
    await asyncio.to_thread(_apply, shelf, Changes(put=passages, delete_documents=replaced))
    keys = {each.document.doc_id: each.document.key for each in new}
    await documents_store.mark(shelf.tenant, list(keys.values()), DocumentState.LIVE)
    if replaced:
        await documents_store.drop(shelf.tenant, replaced)
    return keys


def _apply(shelf: Shelf, changes: Changes) -> None:
    dimensions = len(changes.put[0].vector) if changes.put else 1
    with shelf.library.writer(shelf.tenant, dimensions=dimensions) as writer:
        writer.apply(changes)


async def _document(shelf: Shelf, collection: str, given: Shelved) -> NewDocument:
    members = repr((given.acl.users, given.acl.groups, given.acl.deny_users, given.acl.deny_groups))
    key = f"source:{collection}:{hashlib.sha256(members.encode()).hexdigest()}"
    access = await shelf.stores.access.keep(shelf.tenant, key, "source", given.acl)
    document = Document(
        key=secrets.token_hex(8),
        tenant=shelf.tenant,
        collection=collection,
        doc_id=given.doc_id,
        version=f"sha256:{hashlib.sha256(given.text.encode()).hexdigest()[:16]}",
        title=given.title,
        source="shelved",
        uri=given.uri,
        path=given.doc_id,
        media_type="text/plain",
        acl_id=access.acl_id,
        data_class=given.data_class,
        tags=given.tags,
        length=len(given.text),
        ingested_at=time.time(),
    )
    stretches = [match.span() for match in _PARAGRAPH.finditer(given.text)]
    passages = [
        StoredPassage(
            passage_id=f"{document.key}.{number}",
            key=document.key,
            start=start,
            end=end,
            page=given.page,
            text=given.text[start:end],
            data_class=given.data_class,
            tags=given.tags,
        )
        for number, (start, end) in enumerate(stretches)
    ]
    return NewDocument(document=document, passages=passages)


async def _embedded(shelf: Shelf, new: NewDocument) -> list[tuple[StoredPassage, Vector]]:
    texts = [titled(new.document.title, each.text) for each in new.passages]
    return list(zip(new.passages, await shelf.embed(texts), strict=True))


def _indexed(document: Document, passage: StoredPassage, vector: Vector) -> Passage:
    ref = PassageRef(
        passage_id=passage.passage_id,
        doc_id=document.key,
        version=document.version,
        collection=document.collection,
        acl_id=document.acl_id,
        data_class=passage.data_class,
        title=document.title,
    )
    return Passage(ref=ref, text=passage.text, vector=vector)
