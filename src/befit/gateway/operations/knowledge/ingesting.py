"""The operation `ingest`: a source taken into a collection, under one decision."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from befit.errors import Conflict
from befit.gateway.operations.answering.asking import befit_options
from befit.gateway.operations.entitled import require
from befit.gateway.operations.knowledge.indexing import mended, writing
from befit.gateway.operations.knowledge.rule_notices import unknown_collections
from befit.gateway.operations.operation import OpDocument, OpParams, long_operation
from befit.identity import Principal, require_name
from befit.knowledge import Collection, collection_resource
from befit.knowledge.ingestion import Findings, Ingestion, IngestJob, IngestReport
from befit.knowledge.parsing import Parser
from befit.knowledge.sources import Source, SourceOptions, open_source
from befit.messages import BefitOptions
from befit.orchestrator import BulkArrival, Kind
from befit.platform import Platform
from befit.policy import Action
from befit.vocabulary import Progress


class IngestParams(OpParams, frozen=True, kw_only=True):
    """What is taken in, and where to.

    `source` is an address, or the whole path of a folder or file that the server may read.
    What is said of the collection counts when it is made, and must not differ afterwards.
    """

    source: str
    collection: str
    data_class: str | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None


class Finding(OpDocument, frozen=True, kw_only=True):
    """What was skipped, or what there is to know of something taken in; and why."""

    what: str
    reason: str


class IngestDocument(OpDocument, frozen=True, kw_only=True):
    """What `ingest --json` prints.

    `skipped` and `warnings` hold the first thousand; their counts count all. `notices` are of
    the run as a whole, and of rules that speak of nothing that is there. `complete` is
    false where the source could not be listed to its end: `failure` says why, what had come
    is kept, and nothing was taken for deleted.
    """

    collection: str
    source: str
    version: int
    complete: bool
    failure: str | None
    listed: int
    added: int
    changed: int
    unchanged: int
    removed: int
    moved: int
    finished: int
    reembedded: int
    administrators_only: int
    passages: int
    classes: dict[str, int]
    skipped_count: int
    skipped: tuple[Finding, ...]
    warnings_count: int
    warnings: tuple[Finding, ...]
    notices: tuple[str, ...]
    seconds: float
    passages_per_s: float
    decision_id: str


async def ingest(
    platform: Platform, principal: Principal, params: IngestParams, progress: Progress
) -> IngestDocument:
    """Take in what a source has now, and take away what it has no more.

    Raises:
        InvalidRequest: there is no such source, or a name or class cannot be.
        Forbidden: it takes an administrator, or a builder who owns the collection.
        Conflict: an ingest of the tenant is under way, or the collection is of another class,
            other tags or another owner.
        ModelFailure, WorkspaceError: the embedder, the store or the index fails.
    """
    started = time.perf_counter()
    collection = await _own_collection(platform, principal, params)
    tenant = principal.tenant
    scratch = platform.workspace.knowledge_dir / f".fetched-{tenant}"
    options = SourceOptions(scratch_dir=scratch)
    source = await asyncio.to_thread(open_source, params.source, options)
    async with (
        await platform.orchestrator.bulk(_arrival(principal, collection, source)) as bulk,
        writing(platform, tenant) as writer,
        _emptied(scratch),
    ):
        reembedded = await mended(platform, tenant, bulk.texts, writer, progress)
        # Another run may have made it, or counted its version up, before the writer was free.
        collection = await _own_collection(platform, principal, params)
        if collection.created_at == 0.0:
            collection = replace(collection, created_at=time.time())
            await platform.stores.knowledge.collections.put(collection)
        with Parser() as parser:
            job = IngestJob(
                collection=collection,
                source=source,
                parser=parser,
                rules=lambda: platform.shelf.now.access,
            )
            stores = platform.stores.knowledge
            report = await Ingestion(job, bulk.texts, stores, writer, progress).run()
    report.notices += await unknown_collections(platform, principal)
    end = _End(decision_id=bulk.decision_id, reembedded=reembedded, started=started)
    return _document(report, collection.name, source.name, end)


async def _own_collection(
    platform: Platform, principal: Principal, params: IngestParams
) -> Collection:
    """The collection, as it is now, that the principal may ingest into.

    Raises:
        InvalidRequest, Conflict: see `_collection`.
        Forbidden: it takes an administrator, or a builder who owns the collection.
    """
    collection = await _collection(platform, principal, params)
    what = f"ingest into collection {collection.name}"
    require(platform, principal, Action.ADMINISTER, what, collection_resource(collection))
    return collection


async def _collection(platform: Platform, principal: Principal, params: IngestParams) -> Collection:
    """The collection as it is, or as it is to be made: then it has no time of making yet.

    Raises:
        InvalidRequest: a name, class or tag cannot be.
        Conflict: it is there, and is not what is said of it.
    """
    said = _said(params)
    name = require_name(params.collection, "collection")
    there = await platform.stores.knowledge.collections.find(principal.tenant, name)
    if there is None:
        undeclared = platform.shelf.now.undeclared_class
        return Collection(
            tenant=principal.tenant,
            name=name,
            owner=params.owner or principal.name,
            data_class=undeclared if said.data_class is None else said.data_class,
            tags=said.tags,
        )
    differs = {
        f"class {there.data_class.word}": said.data_class not in (None, there.data_class),
        f"tags {', '.join(sorted(there.tags)) or 'none'}": not said.tags <= there.tags,
        f"owner {there.owner}": params.owner not in (None, there.owner),
    }
    for what, is_other in differs.items():
        if is_other:
            raise Conflict(
                f"collection {name!r} has {what}, which its documents have taken over",
                next_step=f"leave the option out, or make it anew: befit knowledge remove "
                f"--collection {name}",
            )
    return there


def _said(params: IngestParams) -> BefitOptions:
    return befit_options(
        workflow=None,
        data_class=params.data_class,
        tags=params.tags,
        collection=None,
        conversation=None,
    )


def _arrival(principal: Principal, collection: Collection, source: Source) -> BulkArrival:
    return BulkArrival(
        principal=principal,
        kind=Kind.INGEST,
        workflow=None,
        content=msgspec.json.encode({"collection": collection.name, "source": source.name}),
        befit=BefitOptions(
            data_class=collection.data_class, tags=collection.tags, collection=collection.name
        ),
    )


@asynccontextmanager
async def _emptied(scratch: Path) -> AsyncGenerator[None]:
    """A folder for what is fetched, closed to others; what a crash left in it goes."""

    def make() -> None:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True)

    await asyncio.to_thread(make)
    try:
        yield
    finally:
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _End:
    """What a document tells beside the report."""

    decision_id: str
    reembedded: int
    started: float


def _document(report: IngestReport, collection: str, source: str, end: _End) -> IngestDocument:
    seconds = time.perf_counter() - end.started
    return IngestDocument(
        collection=collection,
        source=source,
        version=report.version,
        complete=report.failure is None,
        failure=report.failure,
        listed=report.listed,
        added=report.added,
        changed=report.changed,
        unchanged=report.unchanged,
        removed=report.removed,
        moved=report.moved,
        finished=report.finished,
        reembedded=end.reembedded,
        administrators_only=report.administrators_only,
        passages=report.passages,
        classes={each.word: count for each, count in sorted(report.classes.items())},
        skipped_count=report.skipped.count,
        skipped=_findings(report.skipped),
        warnings_count=report.warnings.count,
        warnings=_findings(report.warnings),
        notices=tuple(report.notices),
        seconds=round(seconds, 3),
        passages_per_s=round(report.passages / seconds, 1),
        decision_id=end.decision_id,
    )


def _findings(findings: Findings) -> tuple[Finding, ...]:
    return tuple(Finding(what=each.what, reason=each.reason) for each in findings.first)


OPERATIONS = (long_operation("ingest", IngestParams, ingest),)
"""What the registry loads when somebody first asks for it."""
