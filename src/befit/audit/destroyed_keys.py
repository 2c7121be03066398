"""Verifying erasures: an event may be unreadable only where the ledger says why.

Destroying keys is itself recorded, by an `administrative` event that names them. An event
whose key is missing without that record is a loss or a theft, and a key that is here
although it was recorded as destroyed has come back, as from a backup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from befit.audit.findings import Problems
from befit.audit.leaf import Leaf
from befit.audit.sealing import Sealer

KEYS_DESTROYED = "keys_destroyed"
"""The action of the events that record the destruction of keys."""

_MOST_NAMED = 20

_read_action = msgspec.json.Decoder(str).decode
_read_key_ids = msgspec.json.Decoder(tuple[str, ...]).decode


@dataclass(kw_only=True, slots=True)
class _Missing:
    """Events that cannot be read for want of one key."""

    first: str
    events: int = 0


class DestroyedKeys:
    """Joins the events that cannot be read with the records of destroyed keys.

    Attributes:
        erased: events whose key was recorded as destroyed; known once `end` was called.
    """

    def __init__(self, sealer: Sealer, problems: Problems) -> None:
        self.erased = 0
        self._sealer = sealer
        self._problems = problems
        self._recorded: dict[tuple[str, str], str] = {}
        self._missing: dict[tuple[str, str], _Missing] = {}

    def follow(self, leaf: Leaf, fields: Mapping[str, msgspec.Raw], *, place: str) -> None:
        """Take an administrative event: it may record destroyed keys."""
        try:
            if _read_action(fields.get("action", b"null")) != KEYS_DESTROYED:
                return
            key_ids = _read_key_ids(fields.get("key_ids", b"[]"))
        except msgspec.DecodeError:
            return
        for key_id in key_ids:
            self._recorded.setdefault((leaf.tenant, key_id), place)

    def miss(self, leaf: Leaf, *, place: str) -> None:
        """Take an event that no key opens."""
        key = (leaf.tenant, leaf.key_id)
        self._missing.setdefault(key, _Missing(first=place)).events += 1

    def end(self) -> None:
        """All events have been seen: what nothing explains is a problem."""
        unexplained = 0
        for key, missing in self._missing.items():
            if key in self._recorded:
                self.erased += missing.events
                continue
            unexplained += 1
            if unexplained <= _MOST_NAMED:
                self._problems.add(
                    f"{missing.events} events, the first {missing.first}, cannot be read: the key "
                    f"{key[1]} is missing, and no event records that it was destroyed"
                )
        if unexplained > _MOST_NAMED:
            self._problems.add(f"and {unexplained - _MOST_NAMED} more keys are missing likewise")
        for (tenant, key_id), place in self._recorded.items():
            if self._sealer.holds(tenant, key_id):
                self._problems.add(
                    f"the key {key_id} is here, although {place} records that it was destroyed: "
                    "repeat the erasure"
                )
