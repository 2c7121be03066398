"""`Conversations`: the data class that a conversation carries. It only ever rises.

    carried = await conversations.joined_class("default", principal.id, "c-7")
    await conversations.raise_class("default", principal.id, "c-7", DataClass.CONFIDENTIAL)

A conversation belongs to one principal: the same name used by another is another one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from befit.vocabulary import DataClass

_Owner = tuple[str, str, str]


class ConversationStore(Protocol):
    """Where the joined classes are kept."""

    async def joined_class(
        self, tenant: str, principal_id: str, conversation: str
    ) -> DataClass | None:
        """The highest class seen in the conversation; None where it is new."""
        ...

    async def raise_class(
        self, tenant: str, principal_id: str, conversation: str, data_class: DataClass
    ) -> DataClass:
        """Join the class into the conversation's; returns what it is now."""
        ...


class Conversations:
    """A `ConversationStore` with a bounded memory before another one.

    Args:
        store: where the classes are kept.
        is_shared: other processes write the store as well. A remembered class is then
            only a lower bound, so that just the highest one is answered from memory.
        capacity: how many conversations are remembered.
    """

    def __init__(
        self, store: ConversationStore, *, is_shared: bool = False, capacity: int = 10_000
    ) -> None:
        self._store = store
        self._is_shared = is_shared
        self._capacity = capacity
        self._seen: OrderedDict[_Owner, DataClass] = OrderedDict()

    async def joined_class(
        self, tenant: str, principal_id: str, conversation: str
    ) -> DataClass | None:
        """The highest class seen in the conversation; None where it is new."""
        owner = (tenant, principal_id, conversation)
        seen = self._seen.get(owner)
        if seen is not None and (not self._is_shared or seen is max(DataClass)):
            return seen
        found = await self._store.joined_class(tenant, principal_id, conversation)
        if found is not None:
            return self._remember(owner, found)
        # Another request of the same conversation may have raised it meanwhile.
        return self._seen.get(owner)

    async def raise_class(
        self, tenant: str, principal_id: str, conversation: str, data_class: DataClass
    ) -> DataClass:
        """Join the class into the conversation's; returns what it is now, durably."""
        owner = (tenant, principal_id, conversation)
        seen = self._seen.get(owner)
        if seen is not None and seen >= data_class:
            return seen
        joined = await self._store.raise_class(tenant, principal_id, conversation, data_class)
        return self._remember(owner, joined)

    def _remember(self, owner: _Owner, data_class: DataClass) -> DataClass:
        joined = max(data_class, self._seen.get(owner, data_class))
        self._seen[owner] = joined
        self._seen.move_to_end(owner)
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
        return joined
