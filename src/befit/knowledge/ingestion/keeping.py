"""`Keeping`: documents into store and index, in the order that a crash at any moment forgives.

    stored PENDING  ->  in the index  ->  LIVE          what is new
    LEAVING         ->  out of the index  ->  dropped   what it replaces, and what is removed

Readers see LIVE documents only, so whatever was half done is invisible until it is finished.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from befit.errors import Forbidden, WorkspaceError
from befit.knowledge.document import Document, DocumentState, StoredPassage, key_of
from befit.knowledge.ending import ended
from befit.knowledge.index import Changes, IndexDamaged, IndexWriter, Passage
from befit.knowledge.index.passage import Vector
from befit.knowledge.indexed import ref_of
from befit.knowledge.ingestion.embedding import embed_texts, text_of
from befit.knowledge.ingestion.model import PassageModel
from befit.knowledge.search.rebuilding import Rebuild
from befit.knowledge.store import DocumentStore, NewDocument
from befit.policy import ClassedText

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

KEYS_AT_ONCE = 1_000
_PAGE = 200
_PASSAGES_AT_ONCE = 512

Stored = tuple[Document, Sequence[StoredPassage]]


class Keeping:
    """Keeps one tenant's documents while a run has the index's writer. Use within one task."""

    def __init__(self, documents: DocumentStore, writer: IndexWriter, *, tenant: str) -> None:
        self._documents = documents
        self._writer = writer
        self._tenant = tenant
        # The writer belongs to one thread; commits wait for the disk.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index")

    async def keep(
        self,
        new: Sequence[NewDocument],
        vectors: Vector,
        replaced: Sequence[str],
        *,
        once_stored: Callable[[], Awaitable[None]],
    ) -> None:
        """Keep documents whose passages have these vectors, in place of the `replaced` keys.

        Args:
            new: the documents.
            vectors: of all their passages, in order.
            replaced: keys of the documents that they replace.
            once_stored: what is to be done before anybody may find them.

        Raises:
            IndexUnwritable: the disk is full; what is half done, the next run finishes.
        """
        await self._documents.put(new)
        stored = [(each.document, each.passages) for each in new]
        put = list(_indexed(stored, vectors))
        await self._apply(Changes(put=put, delete_documents=replaced))
        await once_stored()
        await self._mark([each.document.key for each in new], DocumentState.LIVE)
        await self._drop(replaced)

    async def remove(self, keys: Sequence[str]) -> None:
        """Take documents away: unreadable at once, then out of the index, then dropped."""
        for start in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[start : start + KEYS_AT_ONCE]
            await self._mark(some, DocumentState.LEAVING)
            await self._apply(Changes(delete_documents=some))
            await self._drop(some)

    async def finish(self, model: PassageModel) -> int:
        """Bring to its end what a broken run has left in the tenant; how many documents."""
        leaving = [each.key async for each in self._pages(DocumentState.LEAVING)]
        await self.remove(leaving)
        return len(leaving) + await self._finish_pending(model)

    async def hold_back(self, keys: Sequence[str]) -> None:
        """Let nobody find documents until `put_anew` has put them into the index again."""
        await self._mark(keys, DocumentState.PENDING)

    async def put_anew(
        self, keys: Sequence[str], model: PassageModel, *, retitled: Collection[str]
    ) -> None:
        """Put documents that were held back into the index, as the store has them now.

        Only the `retitled` are embedded again: of the others nothing changed that is embedded.
        """
        wanted = frozenset(keys)
        pending = self._pages(DocumentState.PENDING)
        meant = (each async for each in pending if each.key in wanted)
        async for stored in self._with_passages(meant):
            fresh = [each for each in stored if each[0].key in retitled]
            await self._put_or_drop(fresh, model)
            await self._put_as_embedded(
                [each for each in stored if each[0].key not in retitled], model
            )

    async def compact(self) -> None:
        """Build the index anew, of the same vectors, where most of it is of what is gone.

        What was done before is done, so where this cannot be it is told in the log only.
        """
        try:
            if await self._in_thread(lambda: self._writer.is_wasteful):
                await Rebuild(self._documents, self._tenant, self._as_indexed).into(self._writer)
        except WorkspaceError as error:
            _log.warning("the index of tenant %s stays large: %s", self._tenant, error.message)

    def close(self) -> None:
        """Let the thread go; nothing may be under way."""
        self._thread.shutdown()

    async def _finish_pending(self, model: PassageModel) -> int:
        finished = 0
        async for stored in self._with_passages(self._pages(DocumentState.PENDING)):
            await self._put_or_drop(stored, model)
            finished += len(stored)
        return finished

    async def _as_indexed(self, texts: Sequence[ClassedText]) -> Vector:
        keys = list({key_of(each.id) for each in texts})
        known = await self._in_thread(lambda: self._writer.vectors_of(keys))
        try:
            return np.stack([known[each.id] for each in texts])
        except KeyError as error:
            raise IndexDamaged(f"it does not hold passage {error}") from None

    async def _put_as_embedded(self, stored: Sequence[Stored], model: PassageModel) -> None:
        """Put documents again with the vectors that the index has of them."""
        keys = [document.key for document, _ in stored]
        known = await self._in_thread(lambda: self._writer.vectors_of(keys))
        rows = [known.get(each.passage_id) for _, passages in stored for each in passages]
        vectors = [each for each in rows if each is not None]
        if len(vectors) < len(rows):
            await self._put_or_drop(stored, model)
        elif stored:
            await self._put(stored, np.stack(vectors))

    async def _put_or_drop(self, stored: Sequence[Stored], model: PassageModel) -> None:
        """Put documents into the index; one that the embedder may read no more goes."""
        try:
            await self._put_again(stored, model)
        except Forbidden:
            if len(stored) == 1:
                await self.remove([stored[0][0].key])
                return
            for each in stored:
                await self._put_or_drop((each,), model)

    async def _put_again(self, stored: Sequence[Stored], model: PassageModel) -> None:
        if stored:
            texts = [text_of(document, each) for document, passages in stored for each in passages]
            await self._put(stored, await embed_texts(model, texts))

    async def _put(self, stored: Sequence[Stored], vectors: Vector) -> None:
        await self._apply(Changes(put=list(_indexed(stored, vectors))))
        places = {document.key: document.acl_id for document, _ in stored}
        await self._documents.indexed(self._tenant, places)
        await self._mark(tuple(places), DocumentState.LIVE)

    async def _with_passages(
        self, documents: AsyncIterator[Document]
    ) -> AsyncIterator[list[Stored]]:
        """Documents with their passages, in groups that fit in memory."""
        group: list[Stored] = []
        size = 0
        async for document in documents:
            passages = await self._documents.passages(self._tenant, document.key)
            group.append((document, passages))
            size += len(passages)
            if size >= _PASSAGES_AT_ONCE:
                yield group
                group, size = [], 0
        if group:
            yield group

    async def _pages(self, state: DocumentState) -> AsyncIterator[Document]:
        after = ""
        while True:
            page = await self._documents.page(
                self._tenant, collection=None, after=after, limit=_PAGE, state=state
            )
            for document in page:
                yield document
            if len(page) < _PAGE:
                return
            after = page[-1].key

    async def _mark(self, keys: Sequence[str], state: DocumentState) -> None:
        if keys:
            await self._documents.mark(self._tenant, keys, state)

    async def _drop(self, keys: Sequence[str]) -> None:
        if keys:
            await self._documents.drop(self._tenant, keys)

    async def _apply(self, changes: Changes) -> None:
        await self._in_thread(lambda: self._writer.apply(changes))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        """Work of the writer, to its end: who closes it afterwards finds it idle."""
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await ended(running)
            raise


def _indexed(stored: Sequence[Stored], vectors: Vector) -> Iterator[Passage]:
    rows = iter(vectors)
    for document, passages in stored:
        for each in passages:
            yield Passage(ref=ref_of(document, each), text=each.text, vector=next(rows))
