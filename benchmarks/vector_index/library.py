"""What a search costs in the library: rights, the second check and opened texts included."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from befit.audit import Sealer
from befit.audit.sealing import SealingKey
from befit.identity import EVERYONE, Principal
from befit.knowledge import (
    Collection,
    Document,
    DocumentState,
    KnowledgeStores,
    NewDocument,
    StoredPassage,
)
from befit.knowledge.access import NOBODY_KNOWN, Acl
from befit.knowledge.index import Changes, EmbeddedIndex, Passage, Reach
from befit.knowledge.retrieval import Question, Retriever, packaged_weights
from befit.knowledge.search import Ask, Library
from befit.policy import Resource
from befit.storage import (
    Database,
    SqlAccessStore,
    SqlCollectionStore,
    SqlDocumentStore,
    database_url,
    upgrade,
)
from befit.vocabulary import DEFAULT_TENANT, DataClass
from benchmarks.vector_index.measuring import Row
from benchmarks.vector_index.world import COLLECTION, DIMENSIONS, LISTS, World

_SEARCHES = 400
_REVOCATIONS = 20
_SHARE = 0.2
_K = 10


def through_library(folder: str, size: int) -> list[Row]:
    """Take `size` passages in, then search them as a reader does."""
    return asyncio.run(_measured(Path(folder), size))


async def _measured(folder: Path, size: int) -> list[Row]:
    url = database_url(folder / "befit.db")
    upgrade(url)
    database = Database(url)
    key = SealingKey(tenant=DEFAULT_TENANT, secret=os.urandom(32))
    stores = KnowledgeStores(
        collections=SqlCollectionStore(database),
        documents=SqlDocumentStore(database, Sealer({DEFAULT_TENANT: key})),
        access=SqlAccessStore(database),
    )
    library = Library(folder / "knowledge", stores, packaged_weights())
    try:
        lists = await _filled(library, stores, size)
        index = EmbeddedIndex(folder / "knowledge" / DEFAULT_TENANT)
        return [
            *await _latencies(library, index, size, lists),
            *await _revocations(library, stores, size),
        ]
    finally:
        library.close()
        database.close()


async def _filled(library: Library, stores: KnowledgeStores, size: int) -> Sequence[int]:
    """The number of each group's list."""
    await stores.collections.put(
        Collection(tenant=DEFAULT_TENANT, name=COLLECTION, owner="", data_class=DataClass.INTERNAL)
    )
    lists = [
        await stores.access.keep(DEFAULT_TENANT, _group(each), "source", _only(each))
        for each in range(LISTS)
    ]
    numbers = [each.acl_id for each in lists]
    writer = library.writer(DEFAULT_TENANT, dimensions=DIMENSIONS)
    for batch in World(1).passages(size, acl_ids=numbers):
        await stores.documents.put(list(_documents(batch)))
        await asyncio.to_thread(writer.apply, Changes(put=batch))
    writer.close()
    return numbers


async def _latencies(
    library: Library, index: EmbeddedIndex, size: int, lists: Sequence[int]
) -> list[Row]:
    """The retriever alone and the library, one after the other on the same question."""
    world = World(2)
    retriever = Retriever(index, packaged_weights())
    readers = [world.groups(_SHARE) for _ in range(20)]
    alone, whole = _Taken(_SEARCHES), _Taken(_SEARCHES)
    for at in range(-10, _SEARCHES):  # pages come in from the disk
        groups = readers[at % 20]
        question, vectors = Question.of(world.question()), world.vectors(1)
        reach = Reach.of([lists[each] for each in groups], [COLLECTION])
        with alone.timed(at):
            retriever.search(question, vectors, reach, limit=_K)
        with whole.timed(at):
            await library.search(_ask(_reader(groups), question, vectors))
    return [
        Row(
            passages=size,
            figure=f"{name} p{percentile}, {_SHARE:.0%} of {LISTS:,} groups",
            value=float(np.percentile(taken.elapsed_ms, percentile)),
            unit="ms",
            n=_SEARCHES,
            target=target,
            detail=f"{np.percentile(taken.processor_ms, percentile):.1f} ms of processor time",
        )
        for name, taken, targets in (
            ("retriever", alone, (None, None)),
            ("library", whole, (10.0, 30.0)),
        )
        for percentile, target in zip((50, 99), targets, strict=True)
    ]


class _Taken:
    """Times of many calls; those numbered below 0 bring pages in from the disk."""

    def __init__(self, count: int) -> None:
        self.elapsed_ms = np.empty(count)
        self.processor_ms = np.empty(count)  # tells of a busy machine what the clock cannot

    @contextmanager
    def timed(self, at: int) -> Generator[None]:
        """Time call number `at`."""
        started, used = time.perf_counter(), time.process_time()
        yield
        if at >= 0:
            self.elapsed_ms[at] = (time.perf_counter() - started) * 1000
            self.processor_ms[at] = (time.process_time() - used) * 1000


async def _revocations(library: Library, stores: KnowledgeStores, size: int) -> list[Row]:
    """From the word that revokes a right to the first search without what it let through."""
    world = World(3)
    taken = np.empty(_REVOCATIONS)
    leaked = 0
    for at in range(_REVOCATIONS):
        ask = _ask(_reader([at]), Question.of(world.question()), world.vectors(1))
        before = await library.search(ask)
        started = time.perf_counter()
        await stores.access.keep(DEFAULT_TENANT, _group(at), "source", NOBODY_KNOWN)
        after = await library.search(ask)
        taken[at] = (time.perf_counter() - started) * 1000
        leaked += bool(after.passages) or not before.passages
    return [
        Row(
            passages=size,
            figure="a right revoked, to the end of the next search",
            value=float(np.percentile(taken, 50)),
            unit="ms",
            n=_REVOCATIONS,
            detail=f"{leaked} of the next searches still found something (must be 0)",
        )
    ]


def _documents(batch: Sequence[Passage]) -> Iterator[NewDocument]:
    by_document: dict[str, list[Passage]] = {}
    for passage in batch:
        by_document.setdefault(passage.ref.doc_id, []).append(passage)
    for key, passages in by_document.items():
        yield NewDocument(document=_document(key, passages), passages=list(_stored(passages)))


def _document(key: str, passages: Sequence[Passage]) -> Document:
    return Document(
        key=key,
        tenant=DEFAULT_TENANT,
        collection=COLLECTION,
        doc_id=f"{key}.txt",
        version="1",
        title="",
        source="file:/made-up",
        uri="",
        path=f"{key}.txt",
        media_type="text/plain",
        acl_id=passages[0].ref.acl_id,
        data_class=DataClass.INTERNAL,
        state=DocumentState.LIVE,
    )


def _stored(passages: Sequence[Passage]) -> Iterator[StoredPassage]:
    start = 0
    for each in passages:
        end = start + len(each.text)
        yield StoredPassage(
            passage_id=each.ref.passage_id,
            key=each.ref.doc_id,
            start=start,
            end=end,
            page=None,
            text=each.text,
            data_class=DataClass.INTERNAL,
        )
        start = end


def _ask(reader: Principal, question: Question, vectors: np.ndarray) -> Ask:
    return Ask(
        reader=reader,
        may_read=_permitted,
        question=question,
        vectors=vectors,
        collections=(COLLECTION,),
        limit=_K,
        names_documents=False,
    )


def _permitted(_resource: Resource) -> bool:
    return True


def _reader(groups: Sequence[int]) -> Principal:
    names = frozenset(map(_group, groups))
    return Principal(id="person:reader", name="reader", groups=names | {EVERYONE})


def _group(number: int) -> str:
    return f"group{number}"


def _only(number: int) -> Acl:
    return Acl(groups=frozenset({_group(number)}))
