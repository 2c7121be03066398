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
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from befit.errors import Overloaded
from befit.identity import Principal
from befit.knowledge.document import key_of
from befit.knowledge.index import EmbeddedIndex, EmbeddedWriter, IndexDamaged, IndexWriter
from befit.knowledge.judged import MayRead
from befit.knowledge.parsing import Line
from befit.knowledge.retrieval import FusionWeights, Retriever
from befit.knowledge.search.ask import Ask
from befit.knowledge.search.found import Box, Citation, Found
from befit.knowledge.search.rebuilding import Embed, Rebuild
from befit.knowledge.search.rechecking import Recheck
from befit.knowledge.search.searching import Searcher
from befit.knowledge.search.verifying import IndexCheck, verify_index
from befit.knowledge.store import KnowledgeStores

__all__ = ["Library"]

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
        searcher = Searcher(self._stores, retriever)
        try:
            return await self._in_thread(lambda: searcher.run(ask))
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

    async def located(self, tenant: str, citations: Sequence[Citation]) -> tuple[Citation, ...]:
        """The citations, those of PDF files with the boxes of the lines that they stand in."""
        documents = self._stores.documents
        keys = {key_of(each.passage_id) for each in citations if each.page is not None}
        lines = {key: await documents.lines(tenant, key) for key in keys}
        return tuple(
            replace(each, boxes=_boxes(each, lines.get(key_of(each.passage_id), ())))
            for each in citations
        )

    def writer(self, tenant: str, *, dimensions: int) -> EmbeddedWriter:
        """The one writer of a tenant's index, until it is closed. Blocking, for milliseconds.

        Raises:
            Conflict: another ingest or rebuild has it.
        """
        return EmbeddedWriter(self._folder / tenant, dimensions=dimensions)

    async def verify(self, tenant: str) -> IndexCheck:
        """Read every byte of a tenant's index, and count its passages against those stored.

        Says nothing wrong of an index that others write meanwhile.
        """
        return await verify_index(self._stores.documents, self._index(tenant), tenant)

    async def rebuild(self, tenant: str, embed: Embed, writer: IndexWriter) -> int:
        """Build a tenant's index anew from the stored texts; returns how many passages it has.

        Searches go on in the old index as far as it can be read.

        Args:
            tenant: whose.
            embed: gives a unit vector, as long as the writer's, for each text.
            writer: of the tenant's index, held by the caller.

        Raises:
            ModelFailure, Forbidden: as `embed` does; the old index stays, as it does where
            IndexUnwritable: the disk is full.
        """
        self._rebuilding.add(tenant)
        try:
            rebuild = Rebuild(self._stores.documents, tenant, embed)
            await rebuild.into(writer)
            return rebuild.passages
        finally:
            self._rebuilding.discard(tenant)

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


def _boxes(citation: Citation, lines: Sequence[Line]) -> tuple[Box, ...]:
    return tuple(
        Box(page=each.page, left=each.left, bottom=each.bottom, right=each.right, top=each.top)
        for each in lines
        if each.start < citation.end and citation.start < each.end
    )
