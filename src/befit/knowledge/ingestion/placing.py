"""`Placing`: whom a document is for, by its source, else by `acl.yaml`, else nobody known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from befit.knowledge.access import NOBODY_KNOWN, AccessRules, Acl, Rule
from befit.knowledge.access.origin import NONE, SOURCE, UNKNOWN
from befit.knowledge.document import Collection
from befit.knowledge.sources import Item
from befit.knowledge.store import AccessStore
from befit.vocabulary import DataClass, Tag

_KEY_MARKS = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a document belongs.

    Attributes:
        acl_id: the access list that it is under.
        data_class, tags: the least that it has, whatever its text holds.
        is_for_administrators: whether nobody but administrators may read it.
        rules: those that it was found by.
    """

    acl_id: int
    data_class: DataClass
    tags: frozenset[Tag]
    is_for_administrators: bool
    rules: AccessRules


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    """The access list of an item, as `AccessStore.keep` takes it, and what a rule adds."""

    key: str
    origin: str
    acl: Acl
    data_class: DataClass
    tags: frozenset[Tag]


class Placing:
    """Places the documents of one run in one collection."""

    def __init__(
        self, store: AccessStore, collection: Collection, rules: Callable[[], AccessRules]
    ) -> None:
        """`rules` tells those in force at the moment; an edit while the run goes on counts."""
        self._store = store
        self._collection = collection
        self._rules = rules
        self._rules_at_first = rules()
        self._decided: set[str] = set()  # paths of the rules that decided on a document
        self._known: dict[str, int] = {}  # under `_known_under`
        self._known_under: AccessRules | None = None

    async def place(self, item: Item) -> Place:
        """Where an item belongs. What its source says of people goes before any rule."""
        while True:
            rules = self._rules()
            choice = self._choice(item, rules)
            acl_id = await self._acl_id(choice, rules)
            # Had the rules changed meanwhile, the list might now say what they said before.
            if self._rules() is rules:
                break
        collection = self._collection
        return Place(
            acl_id=acl_id,
            data_class=max(
                collection.data_class, choice.data_class, item.data_class or DataClass.PUBLIC
            ),
            tags=collection.tags | choice.tags,
            is_for_administrators=not (choice.acl.users or choice.acl.groups),
            rules=rules,
        )

    def is_current(self, place: Place) -> bool:
        """Whether the rules that it was found by are still in force."""
        return place.rules is self._rules()

    def idle_rules(self) -> tuple[Rule, ...]:
        """Rules for this collection alone that matched no document that was placed; none where
        the rules changed meanwhile, for then some documents met others.
        """
        rules = self._rules()
        if rules is not self._rules_at_first:
            return ()
        return tuple(
            each
            for each in rules.rules
            if each.collection == self._collection.name and each.path not in self._decided
        )

    async def _acl_id(self, choice: _Choice, rules: AccessRules) -> int:
        if self._known_under is not rules:
            self._known, self._known_under = {}, rules
        known = self._known
        found = known.get(choice.key)
        if found is None:
            tenant = self._collection.tenant
            kept = await self._store.keep(tenant, choice.key, choice.origin, choice.acl)
            found = known[choice.key] = kept.acl_id
        return found

    def _choice(self, item: Item, rules: AccessRules) -> _Choice:
        name = self._collection.name
        rule = rules.match(name, item.path)
        if rule is not None:
            self._decided.add(rule.path)
        key, origin, acl = NONE, NONE, NOBODY_KNOWN
        if item.is_acl_unknown:
            # It has readers, and who they are cannot be told: no rule may guess, now or later.
            key = origin = UNKNOWN
        elif item.acl is not None:
            key, origin, acl = _source_key(name, item.acl), SOURCE, item.acl
        elif rule is not None:
            key, origin, acl = rule.key(name), rule.origin, rule.acl
        return _Choice(
            key=key,
            origin=origin,
            acl=acl,
            data_class=(rule.data_class if rule else None) or DataClass.PUBLIC,
            tags=rule.tags if rule else frozenset[Tag](),
        )


def _source_key(collection: str, acl: Acl) -> str:
    fields = (acl.users, acl.groups, acl.deny_users, acl.deny_groups)
    content = msgspec.json.encode([sorted(each) for each in fields])
    return f"{SOURCE}:{collection}:{hashlib.sha256(content).hexdigest()[:_KEY_MARKS]}"
