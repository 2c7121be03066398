"""`Rebuild`: a tenant's index anew from the stored texts, a page of documents at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future

from befit.knowledge.document import Document, DocumentState, StoredPassage
from befit.knowledge.ending import ended
from befit.knowledge.index import IndexWriter, Passage, titled
from befit.knowledge.index.passage import Vector
from befit.knowledge.indexed import ref_of
from befit.knowledge.store import DocumentStore
from befit.policy import ClassedText

Embed = Callable[[Sequence[ClassedText]], Awaitable[Vector]]
"""Gives a unit vector for each text: under permits for the class that they have together, or
by the id of the passage where it is known."""

_DOCUMENTS_A_PAGE = 200
_TEXTS_AT_ONCE = 256

_Stored = tuple[Document, StoredPassage]


class Rebuild:
    """Reads, embeds and writes all that readers may find. The caller holds the index's writer.

    Attributes:
        passages: how many have been written so far.
    """

    def __init__(self, documents: DocumentStore, tenant: str, embed: Embed) -> None:
        self._documents = documents
        self._tenant = tenant
        self._embed = embed
        self._places: dict[str, int] = {}
        self.passages = 0

    async def into(self, writer: IndexWriter) -> int:
        """Write the new index and switch to it; returns its epoch.

        Where it fails or is cancelled the old one stays, and the writer is at rest.
        """
        brought = _Brought(self._batches(), asyncio.get_running_loop())
        writing = asyncio.ensure_future(asyncio.to_thread(writer.rebuild, brought.passages()))
        try:
            epoch = await asyncio.shield(writing)
        except asyncio.CancelledError:
            brought.stop()
            await ended(writing)
            raise
        await self._documents.indexed(self._tenant, self._places)
        return epoch

    async def _batches(self) -> AsyncIterator[list[Passage]]:
        batch: list[_Stored] = []
        async for stored in self._stored():
            batch.append(stored)
            if len(batch) == _TEXTS_AT_ONCE:
                yield await self._embedded(batch)
                batch = []
        if batch:
            yield await self._embedded(batch)

    async def _stored(self) -> AsyncIterator[_Stored]:
        after = ""
        while page := await self._documents.page(
            self._tenant,
            collection=None,
            after=after,
            limit=_DOCUMENTS_A_PAGE,
            state=DocumentState.LIVE,
        ):
            for document in page:
                self._places[document.key] = document.acl_id
                for passage in await self._documents.passages(self._tenant, document.key):
                    yield document, passage
            after = page[-1].key

    async def _embedded(self, stored: Sequence[_Stored]) -> list[Passage]:
        texts = [
            ClassedText(
                id=passage.passage_id,
                text=titled(document.title, passage.text),
                data_class=max(document.data_class, passage.data_class),
                tags=document.tags | passage.tags,
            )
            for document, passage in stored
        ]
        vectors = await self._embed(texts)
        self.passages += len(stored)
        return [
            Passage(ref=ref_of(document, passage), text=passage.text, vector=vector)
            for (document, passage), vector in zip(stored, vectors, strict=True)
        ]


class _Brought:
    """Brings what the loop makes to the writer in its thread, batch by batch."""

    def __init__(
        self, batches: AsyncIterator[list[Passage]], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._batches = batches
        self._loop = loop
        self._turn = threading.Lock()
        self._next: Future[list[Passage] | None] | None = None
        self._stopped = False

    def passages(self) -> Iterator[Passage]:
        """One after the other, in the writer's thread.

        Raises:
            CancelledError: it was stopped.
        """
        while batch := self._begin().result():
            yield from batch

    def stop(self) -> None:
        """Let the writer end without the rest."""
        with self._turn:
            self._stopped = True
            if self._next is not None:
                self._next.cancel()

    def _begin(self) -> Future[list[Passage] | None]:
        with self._turn:
            if self._stopped:
                raise CancelledError
            self._next = asyncio.run_coroutine_threadsafe(self._batch(), self._loop)
            return self._next

    async def _batch(self) -> list[Passage] | None:
        return await anext(self._batches, None)
