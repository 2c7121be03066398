"""Operations on collections and their documents: what there is, taking away, and the index."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from befit.errors import InvalidRequest, NotFound, nearest
from befit.gateway.operations.administration import record_administrative
from befit.gateway.operations.entitled import may, require
from befit.gateway.operations.knowledge.indexing import rebuilt, writing
from befit.gateway.operations.knowledge.rule_notices import unknown_collections
from befit.gateway.operations.operation import (
    NoParams,
    OpDocument,
    OpParams,
    long_operation,
    operation,
)
from befit.identity import Principal
from befit.knowledge import Collection, Document, collection_resource
from befit.knowledge.ingestion import Keeping
from befit.messages import BefitOptions
from befit.orchestrator import BulkArrival, Kind
from befit.platform import Platform
from befit.policy import Action
from befit.vocabulary import DataClass, Progress

_PAGE = 500


class DocumentNamed(OpParams, frozen=True, kw_only=True):
    """One document, as its source calls it; `collection` where several have one of that name."""

    doc_id: str
    collection: str | None = None


class Removal(OpParams, frozen=True, kw_only=True):
    """What is taken away: one document, or a collection with all of its documents.

    With `dry_run` nothing is, and it is told what would be.
    """

    doc_id: str | None = None
    collection: str | None = None
    dry_run: bool = False


class CollectionFigures(OpDocument, frozen=True, kw_only=True):
    """What who keeps a collection is told of it beside its name."""

    owner: str
    data_class: str
    tags: tuple[str, ...]
    version: int
    documents: int
    passages: int
    embedder: str
    created_at: float


class CollectionDocument(OpDocument, frozen=True, kw_only=True):
    """One collection; `figures` for who may administer it."""

    name: str
    figures: CollectionFigures | None


class CollectionList(OpDocument, frozen=True, kw_only=True):
    """The tenant's collections, by name.

    `notices` tell administrators which rules name a collection that there is not.
    """

    collections: tuple[CollectionDocument, ...]
    notices: tuple[str, ...] = ()


class ReadersDocument(OpDocument, frozen=True, kw_only=True):
    """The access list that a document is under; administrators read what denies them not."""

    origin: str
    users: tuple[str, ...]
    groups: tuple[str, ...]
    deny_users: tuple[str, ...]
    deny_groups: tuple[str, ...]


class DocumentDocument(OpDocument, frozen=True, kw_only=True):
    """One document, from its source to its passages."""

    doc_id: str
    collection: str
    title: str
    version: str
    source: str
    uri: str
    path: str
    media_type: str
    data_class: str
    passages_class: str
    tags: tuple[str, ...]
    metadata: dict[str, str]
    dated_s: int | None
    state: str
    length: int
    passages: int
    ingested_at: float
    decision_id: str
    readers: ReadersDocument


class RemovedDocument(OpDocument, frozen=True, kw_only=True):
    """What was taken away, or would be."""

    collection: str
    documents: int


class IndexReport(OpDocument, frozen=True, kw_only=True):
    """Whether the search index holds what is stored; `problems` say what is wrong.

    `counted` is false where documents were on their way, beside an ingest or since one was cut
    off: then the files were read, and their passages not counted against what is stored.
    """

    ok: bool
    problems: tuple[str, ...]
    counted: bool


class RebuiltDocument(OpDocument, frozen=True, kw_only=True):
    """How many passages the new index has."""

    passages: int
    decision_id: str


async def list_collections(
    platform: Platform, principal: Principal, params: NoParams
) -> CollectionList:
    """The collections there are: their names are no secret within the tenant."""
    stores, tenant = platform.stores.knowledge, principal.tenant
    counts = await stores.documents.counts(tenant)
    return CollectionList(
        collections=tuple(
            CollectionDocument(
                name=each.name,
                figures=_figures(each, counts.get(each.name, (0, 0)))
                if may(platform, principal, Action.ADMINISTER, collection_resource(each))
                else None,
            )
            for each in await stores.collections.list(tenant)
        ),
        notices=await unknown_collections(platform, principal),
    )


async def show_document(
    platform: Platform, principal: Principal, params: DocumentNamed
) -> DocumentDocument:
    """One document and who may read it.

    Raises:
        NotFound: there is none of that name.
        Forbidden: it takes an administrator, or a builder who owns the collection.
        InvalidRequest: several collections have one of that name.
    """
    document = await _find(platform, principal, params.doc_id, params.collection)
    stores, tenant = platform.stores.knowledge, principal.tenant
    passages = await stores.documents.passages(tenant, document.key)
    listed = await stores.access.find(tenant, document.acl_id)
    if listed is None:
        raise NotFound(f"the access list of {params.doc_id!r} is gone")
    acl = listed.acl
    return DocumentDocument(
        doc_id=document.doc_id,
        collection=document.collection,
        title=document.title,
        version=document.version,
        source=document.source,
        uri=document.uri,
        path=document.path,
        media_type=document.media_type,
        data_class=document.data_class.word,
        passages_class=max(each.data_class for each in passages).word,
        tags=tuple(sorted(document.tags.union(*(each.tags for each in passages)))),
        metadata=dict(document.metadata),
        dated_s=document.dated_s,
        state=document.state,
        length=document.length,
        passages=len(passages),
        ingested_at=document.ingested_at,
        decision_id=document.decision_id,
        readers=ReadersDocument(
            origin=listed.origin,
            users=tuple(sorted(acl.users)),
            groups=tuple(sorted(acl.groups)),
            deny_users=tuple(sorted(acl.deny_users)),
            deny_groups=tuple(sorted(acl.deny_groups)),
        ),
    )


async def remove_documents(
    platform: Platform, principal: Principal, params: Removal, progress: Progress
) -> RemovedDocument:
    """Take a document away, or a collection whole. What the source still has, an ingest brings
    back.

    Raises:
        NotFound: there is no such document or collection.
        Forbidden: it takes an administrator, or a builder who owns the collection.
        Conflict: an ingest is under way.
    """
    # Who may not take it away holds nobody up.
    name, keys = await _wanted(platform, principal, params)
    stores, tenant = platform.stores.knowledge, principal.tenant
    counts = await stores.documents.counts(tenant)
    count = counts.get(name, (0, 0))[0] if keys is None else len(keys)
    if params.dry_run:
        return RemovedDocument(collection=name, documents=count)
    async with writing(platform, tenant) as writer:
        # An ingest may have put another in its place before the writer was free.
        name, keys = await _wanted(platform, principal, params)
        await record_administrative(
            platform,
            principal,
            action="documents_removed",
            subject=name if keys is None else f"{name}/{params.doc_id}",
            told={"collection": name},
        )
        keeping = Keeping(stores.documents, writer, tenant=tenant)
        try:
            removed = 0
            while some := keys or await _some_keys(platform, tenant, name):
                await keeping.remove(some)
                removed += len(some)
                progress("remove", removed, max(count, removed))
                if keys is not None:
                    break
            await keeping.compact()
        finally:
            keeping.close()
        if keys is None:
            await stores.collections.remove(tenant, name)
        elif (there := await stores.collections.find(tenant, name)) is not None:
            await stores.collections.put(replace(there, version=there.version + 1))
    return RemovedDocument(collection=name, documents=removed)


async def verify_index(platform: Platform, principal: Principal, params: NoParams) -> IndexReport:
    """Compare the search index with what was written, and with what is stored.

    Raises:
        Forbidden: it takes an administrator.
    """
    require(platform, principal, Action.ADMINISTER, "verify the search index")
    found = await platform.library.verify(principal.tenant)
    return IndexReport(ok=not found.problems, problems=found.problems, counted=found.is_counted)


async def rebuild_index(
    platform: Platform, principal: Principal, params: NoParams, progress: Progress
) -> RebuiltDocument:
    """Build the search index anew from the stored texts, beside the one that is searched.

    Raises:
        Forbidden: it takes an administrator.
        Conflict: an ingest is under way.
    """
    require(platform, principal, Action.ADMINISTER, "rebuild the search index")
    collections = await platform.stores.knowledge.collections.list(principal.tenant)
    arrival = BulkArrival(
        principal=principal,
        kind=Kind.INGEST,
        workflow=None,
        content=msgspec.json.encode({"rebuild": [each.name for each in collections]}),
        befit=BefitOptions(
            data_class=max((each.data_class for each in collections), default=DataClass.PUBLIC)
        ),
    )
    async with await platform.orchestrator.bulk(arrival) as bulk:
        tenant = principal.tenant
        async with writing(platform, tenant) as writer:
            passages = await rebuilt(platform, tenant, bulk.texts, writer, progress)
    return RebuiltDocument(passages=passages, decision_id=bulk.decision_id)


async def _wanted(
    platform: Platform, principal: Principal, params: Removal
) -> tuple[str, list[str] | None]:
    """The collection, and the documents in it that are meant by key; None means all of them."""
    if params.doc_id is not None:
        document = await _find(platform, principal, params.doc_id, params.collection)
        return document.collection, [document.key]
    if params.collection is not None:
        return (await _kept_by(platform, principal, params.collection)).name, None
    raise InvalidRequest("name a document or a collection", param="doc_id")


async def _kept_by(platform: Platform, principal: Principal, name: str) -> Collection:
    """A collection that the principal may administer."""
    collections = await platform.stores.knowledge.collections.list(principal.tenant)
    found = next((each for each in collections if each.name == name), None)
    if found is None:
        raise NotFound(
            f"no collection {name[:80]!r}",
            next_step=nearest(name, [each.name for each in collections]),
            param="collection",
        )
    what = f"administer collection {name}"
    require(platform, principal, Action.ADMINISTER, what, collection_resource(found))
    return found


async def _find(
    platform: Platform, principal: Principal, doc_id: str, collection: str | None
) -> Document:
    """The one document of that name in the collections that the principal may administer."""
    stores, tenant = platform.stores.knowledge, principal.tenant
    if collection is not None:
        names = [(await _kept_by(platform, principal, collection)).name]
    else:  # what others keep answers as what does not exist
        names = [
            each.name
            for each in await stores.collections.list(tenant)
            if may(platform, principal, Action.ADMINISTER, collection_resource(each))
        ]
    found = [await stores.documents.find(tenant, name, doc_id) for name in names]
    there = [each for each in found if each is not None]
    if not there:
        where = f"collection {collection!r}" if collection else "any collection that you keep"
        raise NotFound(
            f"no document {doc_id[:80]!r} in {where}",
            next_step="name it as results and citations do",
            param="doc_id",
        )
    if len(there) > 1:
        held = ", ".join(each.collection for each in there)
        raise InvalidRequest(
            f"collections {held} each have a document {doc_id[:80]!r}",
            next_step="name the collection",
            param="collection",
        )
    return there[0]


async def _some_keys(platform: Platform, tenant: str, collection: str) -> list[str]:
    page = await platform.stores.knowledge.documents.page(
        tenant, collection=collection, after="", limit=_PAGE
    )
    return [each.key for each in page]


def _figures(collection: Collection, counts: tuple[int, int]) -> CollectionFigures:
    documents, passages = counts
    return CollectionFigures(
        owner=collection.owner,
        data_class=collection.data_class.word,
        tags=tuple(sorted(collection.tags)),
        version=collection.version,
        documents=documents,
        passages=passages,
        embedder=collection.embedder,
        created_at=collection.created_at,
    )


OPERATIONS = (
    operation("knowledge.list", NoParams, list_collections),
    operation("knowledge.show", DocumentNamed, show_document),
    long_operation("knowledge.remove", Removal, remove_documents),
    operation("knowledge.verify", NoParams, verify_index),
    long_operation("knowledge.rebuild", NoParams, rebuild_index),
)
