"""The operation `knowledge.why`: whether a reader may read a document, and by what."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from befit.errors import Forbidden, InvalidRequest, NotFound, nearest
from befit.gateway.operations.entitled import may
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.gateway.operations.people.who import find_somebody
from befit.identity import Principal, local_administrator
from befit.knowledge import Collection, Document, collection_resource, document_resource
from befit.knowledge.access import Explanation, Portion, explain
from befit.orchestrator import require_unlimited
from befit.platform import Platform
from befit.policy import Action, Inquiry, Policy, Resource, Ruling
from befit.vocabulary import DataClass, Tag

_IDS = ("person:", "key:", "role:")
"""Begin what means somebody who is kept here, or a role; never a name to be taken as given."""


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


class WhyPassages(OpDocument, frozen=True, kw_only=True):
    """The passages of a document that policy judges alike, for their class and tags.

    Attributes:
        count: how many there are.
        allowed: by policy; the access list speaks of all passages together.
        rules: of policy that say so.
    """

    data_class: str
    tags: tuple[str, ...]
    count: int
    allowed: bool
    rules: tuple[str, ...]


class WhyDocument(OpDocument, frozen=True, kw_only=True):
    """What `knowledge why --json` prints (contract).

    Attributes:
        reader: the id of who reads; `name` and `groups` as they are now.
        allowed: whether they may read any of it.
        because: the one sentence that decides, or why not all of it may be read; `path` is all
            of them, from the document to policy's word.
        list_origin: where the access list comes from: `rule:hr/**` of `acl.yaml`, `source`,
            `unknown` where the source could not tell, or `none`.
        rules: of policy.
        readable: how many passages they may read.
        passages: by what policy judges them; who asks about themselves and may not audit is
            told of those that they may read.
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
    readable: int
    passages: tuple[WhyPassages, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Explained:
    """A document of the name asked for, and why it can be read or not."""

    collection: Collection
    document: Document
    portions: tuple[Portion, ...]
    explanation: Explanation


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
    found: list[_Explained] = []
    async for collection, document in _documents(platform, principal.tenant, params):
        is_audited = may(platform, principal, Action.AUDIT, collection_resource(collection))
        if not (is_own or is_audited):
            raise _of_others(principal)
        explained = await _explained(platform, reader, collection, document, is_audited=is_audited)
        if is_audited or explained.explanation.allowed:
            found.append(explained)
    if not found and not (is_own or may(platform, principal, Action.AUDIT)):
        raise _of_others(principal)
    return _document_of(_the_one(found, params), reader, notes)


async def _reader(
    platform: Platform, principal: Principal, who: str | None
) -> tuple[Principal, tuple[str, ...]]:
    """Whom it is asked about: somebody who is kept here, or, by name, anybody."""
    if who is None or who in {principal.id, principal.name}:
        return principal, ()
    try:
        somebody = await find_somebody(platform, principal.tenant, who)
    except NotFound:
        if who.startswith(_IDS):
            raise
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
    platform: Platform,
    reader: Principal,
    collection: Collection,
    document: Document,
    *,
    is_audited: bool,
) -> _Explained:
    """Why somebody can read a document, or not.

    Where it is not `is_audited` the reader asks, who is told nothing of what they may not read.
    """
    access = await platform.stores.knowledge.access.find(document.tenant, document.acl_id)
    if access is None:  # taken away since the document was read
        raise NotFound(f"no document {document.doc_id!r}", next_step="ask again")
    portions: tuple[Portion, ...] = ()
    if is_audited or access.acl.admits(reader):
        portions = await _portions(platform, reader, collection, document)
    if not is_audited:
        permitted = tuple(each for each in portions if each.ruling.permitted)
        portions = permitted or portions  # where there are none it tells that nothing may be read
    explanation = explain(
        reader,
        document,
        access,
        rule=platform.shelf.now.access.match(collection.name, document.path),
        portions=portions,
    )
    return _Explained(
        collection=collection, document=document, portions=portions, explanation=explanation
    )


async def _portions(
    platform: Platform, reader: Principal, collection: Collection, document: Document
) -> tuple[Portion, ...]:
    """Policy's word as a search asks for it: on the collection, then on each kind of passage."""
    stored = await platform.stores.knowledge.documents.passages(document.tenant, document.key)
    kinds = Counter(
        (max(document.data_class, each.data_class), document.tags | each.tags) for each in stored
    )
    if not stored:
        kinds[document.data_class, document.tags] = 0  # policy is asked whatever it holds
    of_collection = _ruling(platform.policy, reader, collection_resource(collection))
    if not of_collection.permitted:
        whole = Portion(
            data_class=max((data_class for data_class, _ in kinds), default=document.data_class),
            tags=document.tags.union(*(tags for _, tags in kinds)),
            passages=kinds.total(),
            ruling=of_collection,
        )
        return (whole,)

    def judged(data_class: DataClass, tags: frozenset[Tag]) -> Ruling:
        resource = document_resource(collection, document.doc_id, data_class=data_class, tags=tags)
        ruling = _ruling(platform.policy, reader, resource)
        ids = dict.fromkeys((*of_collection.rule_ids, *ruling.rule_ids))
        return replace(ruling, rule_ids=tuple(ids)) if ruling.permitted else ruling

    return tuple(
        Portion(data_class=kind[0], tags=kind[1], passages=count, ruling=judged(*kind))
        for kind, count in sorted(kinds.items(), key=lambda each: (each[0][0], sorted(each[0][1])))
    )


def _ruling(policy: Policy, reader: Principal, resource: Resource) -> Ruling:
    hour = time.gmtime().tm_hour
    return policy.judge(
        Inquiry(principal=reader, action=Action.RETRIEVE, resource=resource, hour=hour)
    )


def _document_of(explained: _Explained, reader: Principal, notes: tuple[str, ...]) -> WhyDocument:
    explanation = explained.explanation
    return WhyDocument(
        doc_id=explained.document.doc_id,
        collection=explained.collection.name,
        reader=reader.id,
        name=reader.name,
        groups=tuple(sorted(reader.groups)),
        notes=notes,
        allowed=explanation.allowed,
        because=explanation.because,
        path=explanation.path,
        list_origin=explanation.origin,
        rules=explanation.rule_ids,
        readable=explanation.readable,
        passages=tuple(
            WhyPassages(
                data_class=each.data_class.word,
                tags=tuple(sorted(each.tags)),
                count=each.passages,
                allowed=each.ruling.permitted,
                rules=each.ruling.rule_ids,
            )
            for each in explained.portions
        ),
    )


def _the_one(found: list[_Explained], params: WhyParams) -> _Explained:
    if len(found) == 1:
        return found[0]
    if not found:
        where = f" in collection {params.collection!r}" if params.collection else ""
        raise NotFound(f"no document {params.doc_id[:200]!r}{where}", param="doc_id")
    names = ", ".join(each.collection.name for each in found)
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


OPERATIONS = (operation("knowledge.why", WhyParams, why),)
