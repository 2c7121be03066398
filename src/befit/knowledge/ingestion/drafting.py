"""`Drafting`: from what a source has now to what the store shall hold.

A document whose text is as it was keeps its key: what is said of it is amended, and whom it
is for is put right. All others become new documents in place of the ones before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from befit.knowledge.document import Document, StoredPassage
from befit.knowledge.ingestion.embedding import text_of
from befit.knowledge.ingestion.intake import Draft, Lot
from befit.knowledge.ingestion.model import PassageModel
from befit.knowledge.ingestion.placing import Place, Placing
from befit.knowledge.ingestion.report import IngestReport
from befit.knowledge.sources import Item
from befit.knowledge.store import DocumentStore, NewDocument
from befit.policy import ClassedText
from befit.vocabulary import new_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What all documents of one run have in common."""

    tenant: str
    collection: str
    source: str
    decision_id: str


@dataclass(kw_only=True, slots=True)
class Ready:
    """A lot that the model may read now.

    Attributes:
        emptied: keys of documents that have no text any more.
        texts: the passages of `new` in their order, as they are embedded.
        replaced: by the key of a new document, that of the one it stands in place of.
        amended: what a source says anew of texts that are the same.
        placed: by key, the item and place of each document that is new or moves.
        places: by key, the list that a document belongs under from now on.
        raised: by key, what the class of a document rises to.
        reindexed: keys of documents that the index must hold anew, for what is said of them.
        retitled: those of them whose title, which is embedded too, is another one.
    """

    emptied: list[str] = field(default_factory=list[str])
    new: list[NewDocument] = field(default_factory=list[NewDocument])
    texts: list[ClassedText] = field(default_factory=list[ClassedText])
    replaced: dict[str, str] = field(default_factory=dict[str, str])
    amended: list[Document] = field(default_factory=list[Document])
    placed: dict[str, tuple[Item, Place]] = field(default_factory=dict[str, tuple[Item, Place]])
    places: dict[str, int] = field(default_factory=dict[str, int])
    raised: dict[str, Place] = field(default_factory=dict[str, Place])
    reindexed: list[str] = field(default_factory=list[str])
    retitled: set[str] = field(default_factory=set[str])

    @property
    def changes_nothing(self) -> bool:
        """Whether the store is to stay as it is, change tokens aside."""
        said = self.places or self.raised or self.reindexed
        return not (self.new or said or self.emptied)

    def without(self, keys: frozenset[str]) -> None:
        """Leave out new documents; what stands in their place stays."""
        gone = [each for each in self.new if each.document.key in keys]
        dropped = {each.passage_id for document in gone for each in document.passages}
        self.new = [each for each in self.new if each.document.key not in keys]
        self.texts = [each for each in self.texts if each.id not in dropped]
        self.replaced = {key: old for key, old in self.replaced.items() if key not in keys}


class Drafting:
    """Makes lots ready; counts in the report what it settles itself."""

    def __init__(
        self,
        origin: Origin,
        documents: DocumentStore,
        placing: Placing,
        model: PassageModel,
        report: IngestReport,
    ) -> None:
        self._origin = origin
        self._documents = documents
        self._placing = placing
        self._model = model
        self._report = report
        self._said_by: dict[str, str] = {}  # by version, the first document that says it
        self.has_other_sources = True
        """Whether the collection may hold documents of other sources, whose names are taken."""

    def knows(self, version: str, doc_id: str) -> None:
        """Remember which document says what."""
        self._said_by.setdefault(version, doc_id)

    async def ready(self, lot: Lot) -> Ready:
        """A lot, placed, compared with what is there, and examined."""
        ready = Ready(emptied=[mark.key for mark in lot.emptied])
        for kept in lot.kept:
            place, before = await self._place(kept.item), kept.before
            if place.data_class > before.data_class or not place.tags <= before.tags:
                ready.raised[before.key] = place
            if place.acl_id != before.acl_id:
                ready.places[before.key] = place.acl_id
                ready.placed[before.key] = (kept.item, place)
                self._report.moved += 1
                self._report.unchanged -= 1
        for draft in lot.drafts:
            await self._draft(ready, draft)
        if ready.texts:
            await self._examine(ready)
        return ready

    async def follow_rules(self, placed: dict[str, tuple[Item, Place]]) -> None:
        """Put documents right whose rules have changed since they were placed.

        They are stored by now, and not to be found yet: whoever changes the rules from here on
        finds them among the others.
        """
        while True:
            behind = {
                key: pair for key, pair in placed.items() if not self._placing.is_current(pair[1])
            }
            if not behind:
                return
            places: dict[str, int] = {}
            for key, (item, before) in behind.items():
                place = await self._placing.place(item)
                placed[key] = (item, place)
                if place.acl_id != before.acl_id:
                    places[key] = place.acl_id
                if place.data_class > before.data_class or not place.tags <= before.tags:
                    await self._documents.raise_class(
                        self._origin.tenant, [key], place.data_class, place.tags
                    )
            if places:
                await self._documents.place(self._origin.tenant, places)

    async def _place(self, item: Item) -> Place:
        place = await self._placing.place(item)
        self._report.administrators_only += place.is_for_administrators
        return place

    async def _draft(self, ready: Ready, draft: Draft) -> None:
        doc_id = draft.item.doc_id
        there = await self._there(draft)
        if there is not None and there.source != self._origin.source:
            reason = f"collection {there.collection!r} has a document of that name from another "
            self._report.skipped.add(doc_id, f"{reason}source, {there.source}: remove that first")
            return
        place = await self._place(draft.item)
        if there is not None and self._is_same(there, draft, place):
            self._amend(ready, there, draft, place)
            return
        if there is not None and self._said_by.get(there.version) == doc_id:
            del self._said_by[there.version]
        twin = self._said_by.setdefault(draft.version, doc_id)
        if twin != doc_id:
            self._report.warnings.add(doc_id, f"its text is the same as that of {twin}")
        document = self._document(draft, place)
        ready.placed[document.key] = (draft.item, place)
        passages = tuple(_passages(document, draft))
        ready.new.append(
            NewDocument(document=document, passages=passages, lines=draft.parsed.lines)
        )
        ready.texts += [text_of(document, each) for each in passages]
        if there is not None:
            ready.replaced[document.key] = there.key

    async def _there(self, draft: Draft) -> Document | None:
        if draft.before is None and not self.has_other_sources:
            return None
        origin = self._origin
        return await self._documents.find(origin.tenant, origin.collection, draft.item.doc_id)

    def _is_same(self, there: Document, draft: Draft, place: Place) -> bool:
        """Whether it can keep its key: the same text, and no class that would be lowered."""
        rises = there.data_class <= place.data_class and there.tags <= place.tags
        return there.version == draft.version and rises

    def _amend(self, ready: Ready, there: Document, draft: Draft, place: Place) -> None:
        wanted = replace(
            self._document(draft, place),
            key=there.key,
            acl_id=there.acl_id,
            data_class=there.data_class,
            tags=there.tags,
            state=there.state,
        )
        if (there.data_class, there.tags) != (place.data_class, place.tags):
            ready.raised[there.key] = place
        is_said_anew = (there.title, there.metadata, there.dated_s) != (
            wanted.title,
            wanted.metadata,
            wanted.dated_s,
        )
        ready.amended.append(wanted)
        is_moved = there.acl_id != place.acl_id
        if is_moved:
            ready.places[there.key] = place.acl_id
            ready.placed[there.key] = (draft.item, place)
        if is_said_anew:
            ready.reindexed.append(there.key)
        if there.title != wanted.title:
            ready.retitled.add(there.key)
        self._report.changed += is_said_anew
        self._report.moved += is_moved and not is_said_anew
        self._report.unchanged += not (is_moved or is_said_anew)

    def _document(self, draft: Draft, place: Place) -> Document:
        item, parsed, origin = draft.item, draft.parsed, self._origin
        return Document(
            key=new_id("doc"),
            tenant=origin.tenant,
            collection=origin.collection,
            doc_id=item.doc_id,
            version=draft.version,
            title=draft.title,
            source=origin.source,
            uri=item.uri,
            path=item.path,
            media_type=draft.media_type,
            acl_id=place.acl_id,
            data_class=place.data_class,
            tags=place.tags,
            metadata=dict(item.metadata),
            dated_s=item.dated_s if parsed.dated_s is None else parsed.dated_s,
            change_token=item.change_token,
            length=len(parsed.text),
            ingested_at=time.time(),
            decision_id=origin.decision_id,
        )

    async def _examine(self, ready: Ready) -> None:
        """Raise each passage to what it holds."""
        ready.texts = list(await self._model.examined(ready.texts))
        found = iter(ready.texts)
        for at, new in enumerate(ready.new):
            raised = tuple(_raised(each, next(found)) for each in new.passages)
            ready.new[at] = replace(new, passages=raised)


def _passages(document: Document, draft: Draft) -> Iterator[StoredPassage]:
    text = draft.parsed.text
    for number, each in enumerate(draft.chunks):
        yield StoredPassage(
            passage_id=f"{document.key}.{number}",
            key=document.key,
            start=each.start,
            end=each.end,
            page=each.page,
            text=text[each.start : each.end],
            data_class=document.data_class,
            tags=document.tags,
        )


def _raised(passage: StoredPassage, text: ClassedText) -> StoredPassage:
    if (text.data_class, text.tags) == (passage.data_class, passage.tags):
        return passage
    return replace(passage, data_class=text.data_class, tags=text.tags)
