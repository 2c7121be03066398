"""`Conversations`: the data class and the tags that a conversation carries. They only grow.

    before = await conversations.carried("default", principal.id, "c-7")
    now = await conversations.join("default", principal.id, "c-7", turn)

A conversation belongs to one principal: the same name used by another is another one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from befit.vocabulary import DataClass, Tag

_Owner = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Carried:
    """What the turns of a conversation have brought into it: a class and tags."""

    data_class: DataClass
    tags: frozenset[Tag]

    def joined(self, other: Carried) -> Carried:
        """The higher class of both, and the tags of both."""
        return Carried(
            data_class=max(self.data_class, other.data_class), tags=self.tags | other.tags
        )


_MOST = Carried(data_class=max(DataClass), tags=frozenset(Tag))


class ConversationStore(Protocol):
    """Where it is kept what conversations carry."""

    async def carried(self, tenant: str, principal_id: str, conversation: str) -> Carried | None:
        """What the conversation carries; None where it is new."""
        ...

    async def join(
        self, tenant: str, principal_id: str, conversation: str, carried: Carried
    ) -> Carried:
        """Join a turn's class and tags into the conversation's; returns what they are now."""
        ...


class Conversations:
    """A `ConversationStore` with a bounded memory before another one.

    Args:
        store: where it is kept what conversations carry.
        is_shared: other processes write the store as well. What is remembered is then
            only a lower bound, so that memory answers only where nothing can be added.
        capacity: how many conversations are remembered.
    """

    def __init__(
        self, store: ConversationStore, *, is_shared: bool = False, capacity: int = 10_000
    ) -> None:
        self._store = store
        self._is_shared = is_shared
        self._capacity = capacity
        self._seen: OrderedDict[_Owner, Carried] = OrderedDict()

    async def carried(self, tenant: str, principal_id: str, conversation: str) -> Carried | None:
        """What the conversation carries; None where it is new."""
        owner = (tenant, principal_id, conversation)
        known = self._known(owner)
        if known is not None:
            return known
        found = await self._store.carried(*owner)
        if found is not None:
            return self._remember(owner, found)
        # Another request of the same conversation may have joined it meanwhile.
        return self._seen.get(owner)

    async def join(
        self, tenant: str, principal_id: str, conversation: str, carried: Carried
    ) -> Carried:
        """Join a turn's class and tags into the conversation's, durably.

        Returns:
            What they are now: more than this turn and those before it, where another
            request of the same conversation was faster.
        """
        owner = (tenant, principal_id, conversation)
        known = self._known(owner)
        if known is not None and known.joined(carried) == known:
            return known
        return self._remember(owner, await self._store.join(*owner, carried))

    def _known(self, owner: _Owner) -> Carried | None:
        """All that the conversation carries, where memory alone can tell."""
        seen = self._seen.get(owner)
        return seen if not self._is_shared or seen == _MOST else None

    def _remember(self, owner: _Owner, carried: Carried) -> Carried:
        joined = carried.joined(self._seen.get(owner, carried))
        self._seen[owner] = joined
        self._seen.move_to_end(owner)
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
        return joined
