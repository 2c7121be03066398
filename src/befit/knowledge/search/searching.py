"""One search in its worker thread, from the reader's rights to the opened text."""

from __future__ import annotations

from collections.abc import Sequence

from befit.errors import Conflict, NotFound, Overloaded, nearest
from befit.knowledge.document import Collection, Document, StoredPassage
from befit.knowledge.index import PassageRef, Reach, spans_of
from befit.knowledge.retrieval import Hit, Retrieved, Retriever
from befit.knowledge.retrieval.candidates import EACH_LEG
from befit.knowledge.search.ask import Ask
from befit.knowledge.search.found import Found, FoundPassage, uri_for_readers
from befit.knowledge.search.second_check import SecondCheck
from befit.knowledge.store import KnowledgeStores

_ATTEMPTS = 5
_LARGER_LEGS = (1_000, 10_000)
"""How many passages each leg brings where too few of the first ones may be read."""


class Searcher:
    """Finds for one reader. Blocking; see `Library.search`."""

    def __init__(self, stores: KnowledgeStores, retriever: Retriever) -> None:
        self._stores = stores
        self._retriever = retriever

    def run(self, ask: Ask) -> Found:
        """What the reader may have of what speaks to the question.

        Raises:
            NotFound: no such collection; names the nearest.
            IndexDamaged: the index cannot be read.
            Overloaded: rights changed each time while the search ran.
            Conflict: the question's vectors are not of the index's size.
        """
        collections = self._collections(ask)
        withheld: frozenset[str] = frozenset()
        for _ in range(_ATTEMPTS):
            check = SecondCheck(self._stores, ask, collections)
            retrieved = self._retrieved(ask, check, withheld)
            passages = self._opened(ask, retrieved, check)
            gone = {hit.ref.passage_id for hit in retrieved.hits}
            gone -= {passage.passage_id for passage in passages}
            epoch = check.epoch_that_holds()
            if epoch is not None and not gone:
                return Found(
                    passages=passages,
                    support=retrieved.support,
                    index_epoch=retrieved.epoch,
                    access_epoch=epoch,
                )
            withheld |= gone  # others take their place
        raise Overloaded("documents or their readers changed all through the search")

    def _collections(self, ask: Ask) -> Sequence[Collection]:
        known = self._stores.collections.known(ask.reader.tenant)
        for name in ask.collections:
            if name not in known:
                raise NotFound(
                    f"no collection {name!r}",
                    next_step=nearest(name, known) or "befit knowledge list shows them",
                    param="collection",
                )
        return [known[name] for name in dict.fromkeys(ask.collections)]

    def _retrieved(self, ask: Ask, check: SecondCheck, withheld: frozenset[str]) -> Retrieved:
        filters = ask.filters
        reach = Reach(
            acl_ids=check.rights.acl_ids | check.rights.indexed_as,
            collections=frozenset(check.collections),
            metadata=filters.metadata,
            since_s=filters.since_s,
            until_s=filters.until_s,
        )

        def admit(refs: Sequence[PassageRef]) -> list[bool]:
            allowed = check.admit(refs)
            return [
                is_so and ref.passage_id not in withheld
                for ref, is_so in zip(refs, allowed, strict=True)
            ]

        def search(each_leg: int) -> Retrieved:
            try:
                return self._retriever.search(
                    ask.question,
                    ask.vectors,
                    reach,
                    limit=ask.limit,
                    admit=admit,
                    each_leg=each_leg,
                )
            except ValueError as error:
                raise Conflict(
                    f"the question does not fit the index: {error}",
                    next_step="rebuild the index where the embedder has changed",
                ) from None

        retrieved = search(EACH_LEG)
        for each_leg in _LARGER_LEGS:
            if retrieved.is_all or len(retrieved.hits) >= ask.limit:
                break
            retrieved = search(each_leg)
        return retrieved

    def _opened(
        self, ask: Ask, retrieved: Retrieved, check: SecondCheck
    ) -> tuple[FoundPassage, ...]:
        """The hits with their texts, but for those that are gone or of another class now."""
        tenant = ask.reader.tenant
        documents = self._stores.documents
        standing = documents.standing(tenant, sorted({hit.ref.doc_id for hit in retrieved.hits}))
        texts = documents.opened(tenant, [hit.ref.passage_id for hit in retrieved.hits])
        found: list[FoundPassage] = []
        for hit in retrieved.hits:
            document, text = standing.get(hit.ref.doc_id), texts.get(hit.ref.passage_id)
            if document is None or text is None:
                continue
            passage = _found(hit, document, text, retrieved.words)
            name = document.doc_id if ask.names_documents else ""
            if check.permits(document.collection, name, passage.data_class, passage.tags):
                found.append(passage)
        return tuple(found)


def _found(
    hit: Hit, document: Document, passage: StoredPassage, words: frozenset[str]
) -> FoundPassage:
    return FoundPassage(
        collection=document.collection,
        key=document.key,
        doc_id=document.doc_id,
        passage_id=passage.passage_id,
        version=document.version,
        title=document.title,
        text=passage.text,
        start=passage.start,
        end=passage.end,
        page=passage.page,
        score=hit.score,
        data_class=max(document.data_class, passage.data_class),
        tags=document.tags | passage.tags,
        highlights=spans_of(passage.text, words),
        metadata=document.metadata,
        dated_s=document.dated_s,
        uri=uri_for_readers(document.uri),
    )
