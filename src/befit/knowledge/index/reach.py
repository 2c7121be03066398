"""`Reach`: everything that limits what one search may find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """The passages that one search may find; what is not named is out of reach.

    Attributes:
        acl_ids: the access lists that the reader is on, resolved for this very query.
        collections: the collections to search; none finds nothing.
        metadata: for each key the values that will do; a passage without the key is out.
        since_s: the earliest `dated_s`, inclusive; a passage without a date is then out.
        until_s: the latest `dated_s`, inclusive.
    """

    acl_ids: frozenset[int]
    collections: frozenset[str]
    metadata: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    since_s: int | None = None
    until_s: int | None = None

    @classmethod
    def of(cls, acl_ids: Iterable[int], collections: Iterable[str]) -> Reach:
        """The reach of a search that filters by nothing else."""
        return cls(acl_ids=frozenset(map(int, acl_ids)), collections=frozenset(collections))

    @property
    def is_empty(self) -> bool:
        """True where no passage can be within reach, so that nothing need be searched."""
        none_will_do = any(not values for values in self.metadata.values())
        return not self.acl_ids or not self.collections or none_will_do

    def holds(self, acl_id: int, collection: str) -> bool:
        """Whether rights and collection would let a passage through: the check after the search."""
        return acl_id in self.acl_ids and collection in self.collections
