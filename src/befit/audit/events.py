"""The events of a decision: the grammar that the ledger holds.

    opened  (reserved settled)*  (waiting resolved)?  closed  (effected | reviewed)*

`opened` and the first `reserved` are durable before a model is called, `closed` or
`waiting` before the last byte of the answer. Administrative events stand outside
decisions and carry an `admin_` id.

The values here hold no cycles, and thousands of them live at once: `gc=False` keeps the
cyclic garbage collector from walking them again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from befit.audit.sections import fields_json
from befit.vocabulary import DataClass


class EventType(StrEnum):
    """The types of ledger events."""

    OPENED = "opened"
    RESERVED = "reserved"
    SETTLED = "settled"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"
    EFFECTED = "effected"
    REVIEWED = "reviewed"
    ADMINISTRATIVE = "administrative"


class Draft(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event to be appended.

    Attributes:
        principal: who caused it; the leaf shows only a keyed pseudonym.
        policy: the hash of the policy in force.
        fields: what is sealed outside the leaf. The leaf commits to who and what apart;
            see `Sections`, which also encodes plain values.
        subject: whose data it is, and whose key seals it; None: the principal's. What a
            reviewer or the ledger adds to a decision is the data of who asked.
        data_class: the class that its key is of; None: not known yet.
    """

    type: EventType
    tenant: str
    decision_id: str
    step: str
    principal: str
    policy: str
    fields: Mapping[str, msgspec.Raw]
    subject: str | None = None
    data_class: DataClass | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event as read back, its sealed fields opened.

    `fields` is None where the key that sealed them has been destroyed.
    """

    log: str
    index: int
    type: EventType
    time: str
    tenant: str
    decision_id: str
    step: str
    policy: str
    digest: str
    previous: str | None
    fields: Mapping[str, msgspec.Raw] | None

    def fields_json(self) -> bytes | None:
        """The opened fields as one JSON object, None where they are erased."""
        return None if self.fields is None else fields_json(self.fields)


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The signed promise that an event is in the ledger.

    `leaf` is the exact leaf; `path` leads from it to `group_root`, which the signed
    checkpoint `note` names with origin, tree size and root. Anyone who holds the
    public key verifies it with `verify_receipt`.
    """

    log: str
    index: int
    leaf: str
    path: tuple[str, ...]
    note: str


class Ledger(Protocol):
    """Where decisions are written. One a process."""

    async def append(self, drafts: tuple[Draft, ...]) -> tuple[Receipt, ...]:
        """Append in order and return once all are durable, in one group.

        Raises:
            LedgerUnavailable: nothing of it may be relied on, and nothing may be answered.
        """
        ...


def in_chain_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """One decision's events in the order of their digests, whatever logs they lie in.

    Events that the chain does not reach come last, in the order given.
    """
    given = list(events)
    by_previous = {event.previous: event for event in given}
    ordered: list[Event] = []
    while (following := by_previous.pop(ordered[-1].digest if ordered else None, None)) is not None:
        ordered.append(following)
    reached = {event.digest for event in ordered}
    return (*ordered, *(event for event in given if event.digest not in reached))
