"""`SecondCheck`: whether what a search found may be read, by the rows as they are right now.

The index holds the access list that a document was under when it was put; the row says which
one it is under. The row decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from befit.knowledge.document import Collection
from befit.knowledge.index import PassageRef
from befit.knowledge.judged import collection_resource, document_resource
from befit.knowledge.search.ask import Ask
from befit.knowledge.store import KnowledgeStores, Placement
from befit.vocabulary import DataClass, Tag

_Kind = tuple[str, str, DataClass, frozenset[Tag]]


class SecondCheck:
    """The rights of one search, and the check of what it finds against them. Blocking.

    Attributes:
        rights: what the reader may read, resolved for this search.
        collections: those asked for that policy lets the reader search, by name.
    """

    def __init__(
        self, stores: KnowledgeStores, ask: Ask, collections: Sequence[Collection]
    ) -> None:
        self._stores = stores
        self._ask = ask
        self._tenant = ask.reader.tenant
        self._judged: dict[_Kind, bool] = {}
        self._admitted: dict[str, Placement] = {}
        self.rights = stores.access.rights(ask.reader)
        self.collections: Mapping[str, Collection] = {
            each.name: each for each in collections if ask.may_read(collection_resource(each))
        }

    def admit(self, refs: Sequence[PassageRef]) -> list[bool]:
        """For each passage, whether the reader may have it; see `Admit`."""
        keys = sorted({ref.doc_id for ref in refs})
        placements = self._stores.documents.placements(self._tenant, keys)
        names = self._names_of(list(placements))
        allowed: list[bool] = []
        self._admitted = {}
        for ref in refs:
            placement = placements.get(ref.doc_id)
            is_allowed = placement is not None and self._allows(ref, placement, names)
            allowed.append(is_allowed)
            if placement is not None and is_allowed:
                self._admitted[ref.doc_id] = placement
        return allowed

    def permits(
        self, collection: str, doc_id: str, data_class: DataClass, tags: frozenset[Tag]
    ) -> bool:
        """Policy's word on a document of one of `collections`."""
        kind = (collection, doc_id, data_class, tags)
        known = self._judged.get(kind)
        if known is None:
            resource = document_resource(
                self.collections[collection], doc_id, data_class=data_class, tags=tags
            )
            known = self._judged[kind] = self._ask.may_read(resource)
        return known

    def epoch_that_holds(self) -> int | None:
        """The epoch of rights under which all that was admitted last may still be read.

        None where something of it may not any more. Rights that others were given or lost
        meanwhile cost one more look, no search.
        """
        access = self._stores.access
        if access.epoch(self._tenant) == self.rights.epoch:
            return self.rights.epoch
        now = access.rights(self._ask.reader)
        placements = self._stores.documents.placements(self._tenant, sorted(self._admitted))
        for key, placement in self._admitted.items():
            if placements.get(key) != placement or placement.acl_id not in now.acl_ids:
                return None
        return now.epoch if access.epoch(self._tenant) == now.epoch else None

    def _allows(self, ref: PassageRef, placement: Placement, names: Mapping[str, str]) -> bool:
        if placement.acl_id not in self.rights.acl_ids:
            return False
        if placement.collection not in self.collections:
            return False
        return self.permits(
            placement.collection,
            names.get(ref.doc_id, ""),
            max(placement.data_class, ref.data_class),
            placement.tags | ref.tags,
        )

    def _names_of(self, keys: Sequence[str]) -> Mapping[str, str]:
        """What rules call the documents; opened only where rules do speak of single ones."""
        if not self._ask.names_documents:
            return {}
        standing = self._stores.documents.standing(self._tenant, keys)
        return {key: document.doc_id for key, document in standing.items()}
