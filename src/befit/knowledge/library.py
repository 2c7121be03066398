"""`Library`: what a reader may find in a tenant's collections.

    question = Question.of("How long are X-rays kept?", history)
    vectors = ...  # of question.texts, embedded under a permit
    found = await library.search(Ask(reader=reader, question=question, vectors=vectors,
                                     collections=("handbook",), may_read=may_read))

Rights are resolved for this very search, checked again on each passage found, and once more
when the texts are open: what was revoked meanwhile is not given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from befit.errors import Overloaded
from befit.identity import Principal
from befit.knowledge.ask import Ask, Filters, MayRead
from befit.knowledge.document import DocumentState
from befit.knowledge.found import Citation, Found
from befit.knowledge.index import EmbeddedIndex, EmbeddedWriter, IndexDamaged
from befit.knowledge.rebuilding import Embed, Rebuild
from befit.knowledge.rechecking import Recheck
from befit.knowledge.retrieval import FusionWeights, Retriever
from befit.knowledge.searching import Search
from befit.knowledge.store import KnowledgeStores

__all__ = ["Ask", "Embed", "Filters", "Library", "MayRead"]

_THREADS = 2  # a search is mostly arithmetic: more would only take turns
_MOST_WAITING = 64

_T = TypeVar("_T")


class Library:
    """Searches, and gives whoever takes documents in the one writer of a tenant's index.

    Args:
        folder: where each tenant's index has its own folder.
        stores: of the same workspace.
        weights: how the legs of a search are joined.
    """

    def __init__(self, folder: Path, stores: KnowledgeStores, weights: FusionWeights) -> None:
        self._folder = folder
        self._stores = stores
        self._weights = weights
        self._indexes: dict[str, EmbeddedIndex] = {}
        self._rebuilding: set[str] = set()
        self._threads = ThreadPoolExecutor(_THREADS, "befit-search")
        self._aside = ThreadPoolExecutor(_THREADS, "befit-search-words")
        self._under_way = 0

    async def search(self, ask: Ask) -> Found:
        """The best passages that the reader may have, at most `ask.limit`.

        A collection of which the reader may read nothing answers as an empty one does.

        Raises:
            NotFound: no such collection; names the nearest.
            Overloaded: too many searches at once, rights that change all the time, or an
                index that is being rebuilt.
            IndexDamaged: the index cannot be read: `rebuild` it.
            Conflict: the question's vectors are of another embedder than the index's.
        """
        tenant = ask.reader.tenant
        retriever = Retriever(self._index(tenant), self._weights, aside=self._aside)
        search = Search(self._stores, retriever)
        try:
            return await self._in_thread(lambda: search.run(ask))
        except IndexDamaged:
            if tenant in self._rebuilding:
                raise Overloaded(
                    "the search index is damaged and being rebuilt",
                    next_step="try again when that has ended",
                ) from None
            raise

    async def collections(self, tenant: str) -> tuple[str, ...]:
        """The names of all collections of a tenant, which are no secret within it."""
        return tuple(each.name for each in await self._stores.collections.list(tenant))

    async def readable(
        self, reader: Principal, may_read: MayRead, passage_ids: Sequence[str]
    ) -> frozenset[str]:
        """Those of the passages, by id, that are there and that the reader may read now."""
        return await self._in_thread(lambda: self._recheck(reader, may_read).readable(passage_ids))

    async def stands(
        self, reader: Principal, may_read: MayRead, citations: Sequence[Citation]
    ) -> bool:
        """Whether the reader may read all that is cited now, and it is there word for word."""
        return await self._in_thread(lambda: self._recheck(reader, may_read).stands(citations))

    def writer(self, tenant: str, *, dimensions: int) -> EmbeddedWriter:
        """The one writer of a tenant's index, until it is closed. Blocking, for milliseconds.

        Raises:
            Conflict: another ingest or rebuild has it.
        """
        return EmbeddedWriter(self._folder / tenant, dimensions=dimensions)

    async def verify(self, tenant: str) -> tuple[str, ...]:
        """What is wrong with a tenant's index, one line each; empty where nothing is.

        Reads every byte of it, and counts its passages against those that are stored.
        """
        index = self._index(tenant)
        problems = await asyncio.to_thread(index.verify)
        return problems or await self._miscounted(tenant, index)

    async def rebuild(self, tenant: str, embed: Embed, *, dimensions: int) -> int:
        """Build a tenant's index anew from the stored texts; returns how many passages it has.

        Searches go on in the old index as far as it can be read.

        Args:
            tenant: whose.
            embed: gives a unit vector of `dimensions` numbers for each text.
            dimensions: of the embedder.

        Raises:
            Conflict: an ingest is under way.
            ModelFailure, Forbidden: as `embed` does; the old index stays.
        """
        writer = await asyncio.to_thread(self.writer, tenant, dimensions=dimensions)
        self._rebuilding.add(tenant)
        try:
            rebuild = Rebuild(self._stores.documents, tenant, embed)
            await rebuild.into(writer)
            return rebuild.passages
        finally:
            self._rebuilding.discard(tenant)
            await asyncio.to_thread(writer.close)

    def close(self) -> None:
        """Wait for the searches that run."""
        self._threads.shutdown()
        self._aside.shutdown()

    def _recheck(self, reader: Principal, may_read: MayRead) -> Recheck:  # blocking
        known = self._stores.collections.known(reader.tenant)
        return Recheck(self._stores, reader, may_read, known)

    def _index(self, tenant: str) -> EmbeddedIndex:
        index = self._indexes.get(tenant)
        if index is None:
            index = self._indexes[tenant] = EmbeddedIndex(self._folder / tenant)
        return index

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        if self._under_way >= _MOST_WAITING:
            raise Overloaded(f"{self._under_way} searches are under way", next_step="try again")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1

    async def _miscounted(self, tenant: str, index: EmbeddedIndex) -> tuple[str, ...]:
        documents = self._stores.documents
        for state in (DocumentState.PENDING, DocumentState.LEAVING):
            if await documents.page(tenant, collection=None, after="", limit=1, state=state):
                return ()  # an ingest is under way or was cut off: the next one settles it
        counts = await documents.counts(tenant)
        stored = sum(passages for _, passages in counts.values())
        held = (await asyncio.to_thread(index.snapshot)).count
        if held == stored:
            return ()
        return (f"the index holds {held} passages of {stored} that are stored",)
