"""Changed rules of `acl.yaml`, applied to what is there: rows change, the index does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from befit.knowledge.access import NOBODY_KNOWN, AccessRules, Rule
from befit.knowledge.access.origin import NONE, RULE, SOURCE_ORIGINS
from befit.knowledge.document import Document
from befit.knowledge.store import AccessList, KnowledgeStores
from befit.vocabulary import DataClass, Tag

_log = logging.getLogger(__name__)

_DOCUMENTS_A_PAGE = 1_000
_UNSETTLED = "unsettled"  # the version of no rules: what was cut off half-way is begun again


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleChanges:
    """What came of changed rules, in numbers.

    Attributes:
        lists: access lists that have other readers now.
        moved: documents that are under another list.
        raised: documents of a higher class, or with more tags.
    """

    lists: int = 0
    moved: int = 0
    raised: int = 0


async def apply_rules(stores: KnowledgeStores, tenant: str, rules: AccessRules) -> RuleChanges:
    """Make a tenant's access lists and documents follow the rules; no more than a look where
    they do already.

    Effective for the next search when it returns. What a source itself says of readers stays.
    A class is only raised: a document that was restricted is so until it is taken in anew.
    """
    if await stores.access.rules_version(tenant) == rules.version:
        return RuleChanges()
    await stores.access.note_rules(tenant, _UNSETTLED)
    lists = {each.acl_id: each for each in await stores.access.list(tenant)}
    changed = [await _changed(stores, each, rules) for each in lists.values()]
    moving = _Moving(stores, tenant, lists)
    moved = raised = 0
    after = ""
    while page := await stores.documents.page(
        tenant, collection=None, after=after, limit=_DOCUMENTS_A_PAGE
    ):
        matched = await asyncio.to_thread(_matched, page, rules)
        moved += await moving.move(page, matched)
        raised += await moving.raise_classes(page, matched)
        after = page[-1].key
    await stores.access.note_rules(tenant, rules.version)
    done = RuleChanges(lists=sum(changed), moved=moved, raised=raised)
    _log.info(
        "tenant %s follows its access rules: %d lists changed, %d documents moved, %d raised",
        tenant,
        done.lists,
        done.moved,
        done.raised,
    )
    return done


async def _changed(stores: KnowledgeStores, known: AccessList, rules: AccessRules) -> bool:
    """Give a rule's list the readers that the rule names now; without the rule, nobody.

    Lists before documents: what is to be closed is closed first.
    """
    if not known.key.startswith(RULE):
        return False
    rule = next((each for each in rules.rules if _is_of(known, each)), None)
    acl = rule.acl if rule else NOBODY_KNOWN
    if acl == known.acl:
        return False
    await stores.access.keep(known.tenant, known.key, known.origin, acl)
    return True


def _is_of(known: AccessList, rule: Rule) -> bool:
    collection = known.key.split(":", 2)[1]
    return rule.collection in (None, collection) and rule.key(collection) == known.key


def _matched(documents: Sequence[Document], rules: AccessRules) -> list[Rule | None]:
    return [rules.match(each.collection, each.path) for each in documents]


class _Moving:
    """Puts documents under the lists of the rules that match them."""

    def __init__(
        self, stores: KnowledgeStores, tenant: str, lists: Mapping[int, AccessList]
    ) -> None:
        self._stores = stores
        self._tenant = tenant
        self._lists = dict(lists)
        self._ids: dict[str, int] = {}

    async def move(self, documents: Sequence[Document], matched: Sequence[Rule | None]) -> int:
        """Place those that another rule speaks of now; how many."""
        places: dict[str, int] = {}
        before: dict[str, int] = {}
        for document, rule in zip(documents, matched, strict=True):
            known = await self._list(document.acl_id)
            if known is None or known.origin in SOURCE_ORIGINS:
                continue  # what nobody knows to be a rule's is a source's
            acl_id = await self._acl_id(document.collection, rule)
            if acl_id != document.acl_id:
                places[document.key] = acl_id
                before[document.key] = document.acl_id
        # What an ingest has placed since they were read, it has placed by its source's word.
        return await self._stores.documents.place(self._tenant, places, instead_of=before)

    async def raise_classes(
        self, documents: Sequence[Document], matched: Sequence[Rule | None]
    ) -> int:
        """Raise those that lie below what their rule asks; how many."""
        wanted: dict[tuple[DataClass, frozenset[Tag]], list[str]] = {}
        for document, rule in zip(documents, matched, strict=True):
            if rule is None:
                continue
            least = rule.data_class or DataClass.PUBLIC
            if document.data_class < least or not rule.tags <= document.tags:
                wanted.setdefault((least, rule.tags), []).append(document.key)
        for (data_class, tags), keys in wanted.items():
            await self._stores.documents.raise_class(self._tenant, keys, data_class, tags)
        return sum(map(len, wanted.values()))

    async def _list(self, acl_id: int) -> AccessList | None:
        """A list; one that an ingest has made since all were read is read now."""
        known = self._lists.get(acl_id)
        if known is None:
            known = await self._stores.access.find(self._tenant, acl_id)
            if known is not None:
                self._lists[acl_id] = known
        return known

    async def _acl_id(self, collection: str, rule: Rule | None) -> int:
        key = rule.key(collection) if rule else NONE
        known = self._ids.get(key)
        if known is None:
            origin, acl = (rule.origin, rule.acl) if rule else (NONE, NOBODY_KNOWN)
            kept = await self._stores.access.keep(self._tenant, key, origin, acl)
            known = self._ids[key] = kept.acl_id
        return known
