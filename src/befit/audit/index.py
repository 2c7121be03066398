"""`DecisionIndex`: where a decision's events lie, kept beside the log and rebuilt from it.

The log is the truth; the index is a projection that may lag, be deleted and be built
again. A store implements it (`storage/`), the `Projector` feeds it, and everything that
metering and the console show is derived inside `apply`, from the same batch:

    async def apply(self, rows, log, position):
        async with transaction():            # rows and position commit together
            ...insert pointers, calls, summaries...
            ...set the log's position...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import msgspec

from befit.audit.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPosition:
    """How far a log has been read: always at the end of a durable group.

    Attributes:
        events: how many events were read; the next one's index.
        leaf_offset: bytes of `ledger/<log>.log` read.
        sealed_offset: bytes of `sealed/<log>.log` read.
    """

    events: int = 0
    leaf_offset: int = 0
    sealed_offset: int = 0


class EventPointer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where one event lies: byte offsets of its leaf line and of its sealed line."""

    log: str
    index: int
    leaf_offset: int
    sealed_offset: int


class IndexedEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An opened event with the place it was read from."""

    event: Event
    pointer: EventPointer


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Events in the order of their log, and how far they reach."""

    rows: tuple[IndexedEvent, ...]
    position: LogPosition


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenDecision:
    """A decision that has an `opened` and no `closed` event.

    `is_waiting` tells that a person's answer is awaited (a `waiting` event without its
    `resolved` one), so a restart leaves the decision alone.
    """

    tenant: str
    decision_id: str
    is_waiting: bool


class DecisionIndex(Protocol):
    """What the ledger's projection needs of a store. All methods are safe on the loop."""

    async def apply(self, rows: tuple[IndexedEvent, ...], log: str, position: LogPosition) -> None:
        """Add the events and move the log's position, in one transaction.

        Rows of one log come in order and exactly once; rows that lie before the stored
        position are never given again.
        """
        ...

    async def position(self, log: str) -> LogPosition:
        """How far `log` has been applied; the beginning where it never was."""
        ...

    async def events_of(self, tenant: str, decision_id: str) -> tuple[EventPointer, ...]:
        """The decision's events, those of one log in its order; empty where unknown."""
        ...

    async def open_decisions(self) -> tuple[OpenDecision, ...]:
        """Every decision that has been opened and not closed, oldest first."""
        ...

    async def unsettled(self) -> tuple[EventPointer, ...]:
        """The `reserved` events without a `settled` one of the same decision and permit.

        They are matched by the field `permit_id`; a `reserved` event whose fields can no
        longer be opened (its key was destroyed) counts as settled.
        """
        ...
