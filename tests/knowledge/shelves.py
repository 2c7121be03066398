"""A workspace's documents in real stores and a real index, with made-up vectors."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from befit.audit import Sealer
from befit.audit.sealing import SealingKey
from befit.identity import EVERYONE, Principal, Role
from befit.knowledge import (
    Collection,
    Document,
    DocumentState,
    KnowledgeStores,
    NewDocument,
    StoredPassage,
)
from befit.knowledge.access import Acl
from befit.knowledge.index import Changes, Passage, Vector
from befit.knowledge.indexed import ref_of
from befit.knowledge.retrieval import Question, packaged_weights
from befit.knowledge.search import Ask, Embed, Found, Library
from befit.policy import ClassedText, Resource
from befit.storage import (
    Database,
    SqlAccessStore,
    SqlCollectionStore,
    SqlDocumentStore,
    database_url,
    upgrade,
)
from befit.vocabulary import DEFAULT_TENANT, DataClass, Tag

DIMENSIONS = 16
SUBJECTS = ("pump", "leave", "tax", "travel")
TENANTS = (DEFAULT_TENANT, "other")


def about(text: str) -> Vector:
    """A unit vector near the axis of the subject that the text begins with."""
    drawn = np.random.default_rng(sum(text.encode())).standard_normal(DIMENSIONS) * 0.05
    subject = text.split()[0]
    drawn[SUBJECTS.index(subject) if subject in SUBJECTS else DIMENSIONS - 1] += 1
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


async def embed(texts: Sequence[ClassedText]) -> Vector:
    """What a rebuild embeds by."""
    return np.stack([about(each.text.split("\n")[-1]) for each in texts])


def reader(
    name: str, *groups: str, tenant: str = DEFAULT_TENANT, roles: Iterable[Role] = (Role.USER,)
) -> Principal:
    return Principal(
        id=f"person:{name}",
        name=name,
        tenant=tenant,
        groups=frozenset({EVERYONE, *groups}),
        roles=frozenset(roles),
    )


def group(*names: str) -> Acl:
    return Acl(groups=frozenset(names))


@dataclass(kw_only=True)
class Shelves:
    """Collections to put documents on and to search."""

    folder: Path
    database: Database
    stores: KnowledgeStores
    library: Library
    lists: dict[str, int] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path) -> Shelves:
        url = database_url(folder / "befit.db")
        upgrade(url)
        database = Database(url)
        keys = {each: SealingKey(tenant=each, secret=os.urandom(32)) for each in TENANTS}
        stores = KnowledgeStores(
            collections=SqlCollectionStore(database),
            documents=SqlDocumentStore(database, Sealer(keys)),
            access=SqlAccessStore(database),
        )
        index = folder / "knowledge"
        return cls(
            folder=index,
            database=database,
            stores=stores,
            library=Library(index, stores, packaged_weights()),
        )

    def close(self) -> None:
        self.library.close()
        self.database.close()

    async def collection(self, name: str, tenant: str = DEFAULT_TENANT) -> Collection:
        made = Collection(tenant=tenant, name=name, owner="mara", data_class=DataClass.PUBLIC)
        await self.stores.collections.put(made)
        return made

    async def list_of(self, key: str, acl: Acl, tenant: str = DEFAULT_TENANT) -> int:
        return (await self.stores.access.keep(tenant, key, "source", acl)).acl_id

    async def put(self, texts: Mapping[str, str], acl: Acl, **said: object) -> list[str]:
        """Documents by key, of one passage each, under a list of their own; LIVE."""
        tenant = str(said.get("tenant", DEFAULT_TENANT))
        acl_id = await self.list_of(repr(acl), acl, tenant)
        new = [_new(key, text, acl_id, said) for key, text in texts.items()]
        await self.stores.documents.put(new)
        await asyncio.to_thread(self._index, tenant, new)
        return list(texts)

    def _index(self, tenant: str, new: Sequence[NewDocument]) -> None:
        put = [
            Passage(ref=ref_of(each.document, one), text=one.text, vector=about(one.text))
            for each in new
            for one in each.passages
        ]
        with self.library.writer(tenant, dimensions=DIMENSIONS) as writer:
            writer.apply(Changes(put=put))

    async def rebuild(self, embedding: Embed = embed, tenant: str = DEFAULT_TENANT) -> int:
        with self.library.writer(tenant, dimensions=DIMENSIONS) as writer:
            return await self.library.rebuild(tenant, embedding, writer)

    async def problems(self, tenant: str = DEFAULT_TENANT) -> tuple[str, ...]:
        return (await self.library.verify(tenant)).problems

    async def search(self, who: Principal, text: str, *collections: str, **more: object) -> Found:
        return await self.library.search(asked(who, text, *collections, **more))

    async def found(self, who: Principal, text: str, *collections: str, **more: object) -> set[str]:
        """The keys of the documents found."""
        return {each.key for each in (await self.search(who, text, *collections, **more)).passages}


def asked(who: Principal, text: str, *collections: str, **more: object) -> Ask:
    ask = Ask(
        reader=who,
        may_read=_permitted,
        question=Question.of(text),
        vectors=about(text)[np.newaxis],
        collections=collections or ("handbook",),
        limit=50,
    )
    return replace(ask, **more)


def _permitted(_resource: Resource) -> bool:
    return True


def _new(key: str, text: str, acl_id: int, said: Mapping[str, object]) -> NewDocument:
    told: dict[str, object] = {
        "tenant": DEFAULT_TENANT,
        "collection": "handbook",
        "doc_id": f"{key}.md",
        "version": "sha256:1",
        "title": "",
        "source": "file:/srv",
        "uri": f"file:///srv/{key}.md",
        "path": f"{key}.md",
        "media_type": "text/plain",
        "data_class": DataClass.INTERNAL,
        "state": DocumentState.LIVE,
    }
    document = Document(key=key, acl_id=acl_id, length=len(text), **(told | said))
    tags: frozenset[Tag] = frozenset()
    passage = StoredPassage(
        passage_id=f"{key}.0",
        key=key,
        start=0,
        end=len(text),
        page=None,
        text=text,
        data_class=document.data_class,
        tags=tags,
    )
    return NewDocument(document=document, passages=[passage])
