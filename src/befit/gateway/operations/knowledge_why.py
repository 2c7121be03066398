"""The operation `knowledge.why`: whether a reader may read a document, and by what."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace

from befit.errors import Forbidden, InvalidRequest, NotFound, nearest
from befit.gateway.operations.entitled import may
from befit.gateway.operations.operation import OpDocument, OpParams
from befit.gateway.operations.who import find_somebody
from befit.identity import Principal, local_administrator
from befit.knowledge import Collection, Document, collection_resource, document_resource
from befit.knowledge.access import Explanation, explain
from befit.orchestrator import require_unlimited
from befit.platform import Platform
from befit.policy import Action, Inquiry, Policy, Resource, Ruling


class WhyParams(OpParams, frozen=True, kw_only=True):
    """Which document, and for whom.

    Attributes:
        collection: where several have a document of that name.
        reader: a person's name or id, a key's id, `group:NAME` or `role:NAME`, or, asserted,
            `USER[:GROUP,GROUP..]`; without it, who asks.
    """

    doc_id: str
    collection: str | None = None
    reader: str | None = None


class WhyDocument(OpDocument, frozen=True, kw_only=True):
    """What `knowledge why --json` prints (contract).

    Attributes:
        reader: the id of who reads; `name` and `groups` as they are now.
        because: the one sentence that decides; `path` is all of them, from the document to
            policy's word.
        list_origin: where the access list comes from: `rule:hr/**` of `acl.yaml`, `source`,
            or `none`.
        rules: of policy.
    """

    doc_id: str
    collection: str
    reader: str
    name: str
    groups: tuple[str, ...]
    notes: tuple[str, ...]
    allowed: bool
    because: str
    path: tuple[str, ...]
    list_origin: str
    rules: tuple[str, ...]


async def why(platform: Platform, principal: Principal, params: WhyParams) -> WhyDocument:
    """Why somebody can or cannot read a document.

    Raises:
        Forbidden: it is asked about another, which takes the action `audit`; the key is
            limited to workflows.
        NotFound: no such collection, person or document; who may not audit is told the same
            of a document that they may not read.
        InvalidRequest: several collections have a document of that name.
    """
    require_unlimited(principal)
    reader, notes = await _reader(platform, principal, params.reader)
    is_own = reader == principal
    found: list[tuple[Collection, Document, Explanation]] = []
    async for collection, document in _documents(platform, principal.tenant, params):
        is_audited = may(platform, principal, Action.AUDIT, collection_resource(collection))
        if not (is_own or is_audited):
            raise _of_others(principal)
        explanation = await _explained(platform, reader, collection, document)
        if is_audited or explanation.allowed:
            found.append((collection, document, explanation))
    if not found and not (is_own or may(platform, principal, Action.AUDIT)):
        raise _of_others(principal)
    collection, document, explanation = _the_one(found, params)
    return WhyDocument(
        doc_id=document.doc_id,
        collection=collection.name,
        reader=reader.id,
        name=reader.name,
        groups=tuple(sorted(reader.groups)),
        notes=notes,
        allowed=explanation.allowed,
        because=explanation.because,
        path=explanation.path,
        list_origin=explanation.origin,
        rules=explanation.rule_ids,
    )


async def _reader(
    platform: Platform, principal: Principal, who: str | None
) -> tuple[Principal, tuple[str, ...]]:
    """Whom it is asked about: somebody who is kept here, or, by name, anybody."""
    if who is None or who in {principal.id, principal.name}:
        return principal, ()
    try:
        somebody = await find_somebody(platform, principal.tenant, who)
    except NotFound:
        asserted = local_administrator(acting_as=who, tenant=principal.tenant)
        return asserted, (f"{asserted.name} is not kept here: name and groups are taken as given",)
    return somebody.principal, somebody.notes


async def _documents(
    platform: Platform, tenant: str, params: WhyParams
) -> AsyncIterator[tuple[Collection, Document]]:
    """The documents of that name, in the collection named or in any."""
    stores = platform.stores.knowledge
    collections = {each.name: each for each in await stores.collections.list(tenant)}
    if params.collection is not None:
        if params.collection not in collections:
            raise NotFound(
                f"no collection {params.collection[:80]!r}",
                next_step=nearest(params.collection, collections)
                or "befit knowledge list shows them",
                param="collection",
            )
        collections = {params.collection: collections[params.collection]}
    for name, collection in collections.items():
        document = await stores.documents.find(tenant, name, params.doc_id)
        if document is not None:
            yield collection, document


async def _explained(
    platform: Platform, reader: Principal, collection: Collection, document: Document
) -> Explanation:
    access = await platform.stores.knowledge.access.find(document.tenant, document.acl_id)
    if access is None:  # taken away since the document was read
        raise NotFound(f"no document {document.doc_id!r}", next_step="ask again")
    return explain(
        reader,
        document,
        access,
        rule=platform.shelf.now.access.match(collection.name, document.path),
        ruling=_ruling(platform.policy, reader, collection, document),
    )


def _ruling(
    policy: Policy, reader: Principal, collection: Collection, document: Document
) -> Ruling:
    """Policy's word as a search asks for it: on the collection first, then on the document."""

    def judged(resource: Resource) -> Ruling:
        hour = time.gmtime().tm_hour
        return policy.judge(
            Inquiry(principal=reader, action=Action.RETRIEVE, resource=resource, hour=hour)
        )

    of_collection = judged(collection_resource(collection))
    if not of_collection.permitted:
        return of_collection
    of_document = judged(
        document_resource(
            collection, document.doc_id, data_class=document.data_class, tags=document.tags
        )
    )
    ids = dict.fromkeys((*of_collection.rule_ids, *of_document.rule_ids))
    return replace(of_document, rule_ids=tuple(ids)) if of_document.permitted else of_document


def _the_one(
    found: list[tuple[Collection, Document, Explanation]], params: WhyParams
) -> tuple[Collection, Document, Explanation]:
    if len(found) == 1:
        return found[0]
    if not found:
        where = f" in collection {params.collection!r}" if params.collection else ""
        raise NotFound(f"no document {params.doc_id[:200]!r}{where}", param="doc_id")
    names = ", ".join(collection.name for collection, _, _ in found)
    raise InvalidRequest(
        f"collections {names} have a document {params.doc_id[:200]!r} each",
        next_step="name the collection",
        param="collection",
    )


def _of_others(principal: Principal) -> Forbidden:
    return Forbidden(
        f"{principal.name} may not ask what others can read: it takes the role auditor or admin",
        next_step="leave the reader out to ask about yourself",
    )
