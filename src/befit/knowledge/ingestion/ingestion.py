"""`Ingestion`: one run of a source into a collection.

    report = await Ingestion(job, model, stores, writer, progress).run()

While the model embeds one lot, the next is fetched, parsed and examined, and the last is
stored: at most three lots of texts are in memory, however large the source. What grows with
it is small: the mark of each document that is there and the name of each that was listed, some
600 bytes a document. A run may be killed at any moment; the next one finishes what it left and
goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from befit.errors import Forbidden
from befit.knowledge.access import AccessRules, Rule
from befit.knowledge.document import Collection
from befit.knowledge.ending import ended
from befit.knowledge.index import IndexWriter
from befit.knowledge.index.passage import Vector
from befit.knowledge.ingestion.drafting import Drafting, Origin, Ready
from befit.knowledge.ingestion.embedding import embed_texts
from befit.knowledge.ingestion.intake import Intake
from befit.knowledge.ingestion.keeping import Keeping
from befit.knowledge.ingestion.model import PassageModel
from befit.knowledge.ingestion.placing import Placing
from befit.knowledge.ingestion.report import IngestReport
from befit.knowledge.parsing import Parser
from befit.knowledge.sources import Source
from befit.knowledge.store import KnowledgeStores, Mark
from befit.vocabulary import Progress

_MANY = 10
_LARGE_SHARE = 1 / 3
"""So many gone at once, and such a share of what was there, may be a folder that went missing."""

_NAMED = 5
"""Of these, the ones that are named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestJob:
    """What a run is to take in.

    Attributes:
        collection: where to; it is there already.
        rules: those of `acl.yaml` as they are at the moment.
    """

    collection: Collection
    source: Source
    parser: Parser
    rules: Callable[[], AccessRules]


class Ingestion:
    """One run. The caller holds the index's writer, so that there is no other in the tenant."""

    def __init__(
        self,
        job: IngestJob,
        model: PassageModel,
        stores: KnowledgeStores,
        writer: IndexWriter,
        progress: Progress,
    ) -> None:
        self._progress = progress
        self._job = job
        self._model = model
        self._stores = stores
        self._tenant = job.collection.tenant
        self._keeping = Keeping(stores.documents, writer, tenant=self._tenant)
        self._report = IngestReport(version=job.collection.version)
        self._placing = Placing(stores.access, job.collection, job.rules)
        origin = Origin(
            tenant=self._tenant,
            collection=job.collection.name,
            source=job.source.name,
            decision_id=model.decision_id,
        )
        self._drafting = Drafting(origin, stores.documents, self._placing, model, self._report)
        self._is_changed = False
        self._embedded = 0
        self._held = 0  # documents of this source when the run began

    async def run(self) -> IngestReport:
        """Take in what the source has now, and take away what it has no more.

        Raises:
            WorkspaceError: store or index cannot be written.
            ModelFailure: the embedder fails.
        """
        try:
            self._report.finished = await self._keeping.finish(self._model)
            intake = await self._intake()
            await self._take_all(intake)
            if self._report.is_complete:
                await self._remove_gone(intake)
            if self._has_met_all(intake):
                self._report.notices += map(_idle, self._placing.idle_rules())
            await self._keeping.compact()
        finally:
            self._keeping.close()
        return self._report

    def _has_met_all(self, intake: Intake) -> bool:
        """Whether the collection has no document that the run did not come by."""
        has_others = self._drafting.has_other_sources
        return self._report.is_complete and intake.has_seen_all and not has_others

    async def _remove_gone(self, intake: Intake) -> None:
        gone = intake.gone
        if intake.is_suddenly_empty:
            source, name = self._job.source.name, self._job.collection.name
            self._report.failure = (
                f"{source} has no document any more, and collection {name!r} has {len(gone)} of "
                "it: nothing was removed. See that it is mounted and complete; remove them with "
                f"befit knowledge remove --collection {name} if that is meant"
            )
        elif gone:
            await self._changing()
            await self._keeping.remove([mark.key for mark in gone])
            self._report.removed += len(gone)
            if len(gone) >= max(_MANY, self._held * _LARGE_SHARE):
                self._report.notices.append(self._many_gone(gone))

    def _many_gone(self, gone: Sequence[Mark]) -> str:
        some = ", ".join(mark.doc_id for mark in gone[:_NAMED])
        more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
        return (
            f"{len(gone)} of the {self._held} documents that collection "
            f"{self._job.collection.name!r} had from {self._job.source.name} are not there any "
            f"more and were removed: {some}{more}. If a part of the source was missing, ingest "
            "again once it is back: that brings them back"
        )

    async def _intake(self) -> Intake:
        job, documents = self._job, self._stores.documents
        marks = await documents.marks(self._tenant, job.collection.name, job.source.name)
        for mark in marks.values():
            self._drafting.knows(mark.version, mark.doc_id)
        counts = await documents.counts(self._tenant)
        held, _ = counts.get(job.collection.name, (0, 0))
        self._drafting.has_other_sources = held != len(marks)
        self._held = len(marks)
        return Intake(job.source, job.parser, marks)

    async def _take_all(self, intake: Intake) -> None:
        """Lot after lot: the next is made ready and the last kept while one is embedded."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        coming = asyncio.create_task(self._next(intake, thread))
        keeping: asyncio.Task[None] | None = None
        try:
            while (ready := await coming) is not None:
                coming = asyncio.create_task(self._next(intake, thread))
                vectors = await self._embed(ready)
                if keeping is not None:
                    await keeping
                keeping = asyncio.create_task(self._keep(ready, vectors))
            if keeping is not None:
                await keeping
        finally:
            intake.stop()
            # In its queue before anything is awaited: another cancellation leaves it to the thread.
            closed = asyncio.get_running_loop().run_in_executor(thread, intake.close)
            thread.shutdown(wait=False)
            await _cancelled(coming, keeping)
            await asyncio.shield(closed)

    async def _next(self, intake: Intake, thread: ThreadPoolExecutor) -> Ready | None:
        """The next lot, ready to be embedded; None behind the last."""
        if intake.is_at_end:
            return None
        lot = await asyncio.get_running_loop().run_in_executor(thread, intake.take)
        report = self._report
        report.listed += lot.listed
        report.unchanged += lot.unchanged
        for each in lot.skipped:
            report.skipped.add(each.what, each.reason)
        for each in lot.warnings:
            report.warnings.add(each.what, each.reason)
        if lot.failure is not None:
            report.failure = lot.failure.message
        self._progress("documents", report.listed, 0)
        ready = await self._drafting.ready(lot)
        if not ready.changes_nothing:
            await self._changing()
        await self._put_right(ready)
        return ready

    async def _put_right(self, ready: Ready) -> None:
        """Whom documents are for, before anything is embedded: a right taken away is gone."""
        documents = self._stores.documents
        await self._keeping.hold_back(ready.reindexed)
        if ready.places:
            await documents.place(self._tenant, ready.places)
        for key, place in ready.raised.items():
            await documents.raise_class(self._tenant, [key], place.data_class, place.tags)
        if ready.amended:
            await documents.amend(ready.amended)
        await self._drafting.follow_rules(
            {key: pair for key, pair in ready.placed.items() if key in ready.places}
        )

    async def _embed(self, ready: Ready) -> Vector | None:
        """The vectors of what is new; what policy keeps from the embedder is left out."""
        if not ready.texts:
            return None
        try:
            return await embed_texts(self._model, ready.texts, told=self._tell)
        except Forbidden:
            return await self._embed_singly(ready)

    async def _embed_singly(self, ready: Ready) -> Vector | None:
        """One text of a lot may not be read: find which documents that keeps out."""
        by_id = {each.id: each for each in ready.texts}
        found: list[Vector] = []
        refused: set[str] = set()
        for new in ready.new:
            texts = [by_id[each.passage_id] for each in new.passages]
            try:
                found.append(await embed_texts(self._model, texts, told=self._tell))
            except Forbidden as error:
                refused.add(new.document.key)
                self._report.skipped.add(new.document.doc_id, error.message)
        ready.without(frozenset(refused))
        return np.concatenate(found) if found else None

    async def _keep(self, ready: Ready, vectors: Vector | None) -> None:
        if ready.emptied:
            await self._keeping.remove(ready.emptied)
            self._report.removed += len(ready.emptied)
        if vectors is not None:
            await self._keeping.keep(
                ready.new,
                vectors,
                tuple(ready.replaced.values()),
                once_stored=lambda: self._drafting.follow_rules(ready.placed),
            )
            self._count(ready)
        if ready.reindexed:
            await self._keeping.put_anew(ready.reindexed, self._model, retitled=ready.retitled)

    def _count(self, ready: Ready) -> None:
        report = self._report
        replaced = len(ready.replaced)
        report.changed += replaced
        report.added += len(ready.new) - replaced
        for new in ready.new:
            report.passages += len(new.passages)
            report.classes.update(each.data_class for each in new.passages)

    async def _changing(self) -> None:
        """Count the collection's version up, before the first change of the run is seen."""
        if self._is_changed:
            return
        self._is_changed = True
        self._report.version += 1
        collection = self._job.collection
        await self._stores.collections.put(
            replace(collection, version=self._report.version, embedder=self._model.embedder)
        )

    def _tell(self, more: int) -> None:
        self._embedded += more
        self._progress("passages", self._embedded, 0)


def _idle(rule: Rule) -> str:
    return (
        f"the rule for {rule.path!r} in knowledge/acl.yaml names collection {rule.collection!r} "
        "and decides on no document of it"
    )


async def _cancelled(*tasks: asyncio.Task[Ready | None] | asyncio.Task[None] | None) -> None:
    """Cancel what is still under way and wait for it; what it raised has been raised or told."""
    under_way = [task for task in tasks if task is not None]
    for task in under_way:
        task.cancel()
    await ended(asyncio.gather(*under_way, return_exceptions=True))
