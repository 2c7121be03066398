"""`MemoryLedger`: what a gateway would be with a ledger that costs nothing.

It keeps the events for the projection, which metering needs in any case, and does nothing
that makes a ledger: no leaf, hash, seal, signature, file or sync. A benchmark's yardstick.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from befit.audit import (
    Draft,
    Event,
    EventPointer,
    IndexedEvent,
    Keyring,
    LogPosition,
    Receipt,
    Sections,
)
from befit.audit.index import Batch
from befit.audit.tail import Tail

_RECEIPT = Receipt(log="0", index=0, leaf="l" * 400, path=("p" * 44,) * 5, note="n" * 420)


class MemoryLedger:
    """The face of a `FileLedger`, over nothing."""

    log = "0"
    repaired = None
    is_available = True

    def __init__(self, keyring: Keyring) -> None:
        self.keys = keyring.chain
        self._durable = LogPosition()
        self._tail = Tail(most_events=1 << 22, most_bytes=1 << 40)
        self._listeners: list[Callable[[], None]] = []
        self._heads: dict[str, str] = {}

    async def append(self, drafts: tuple[Draft, ...]) -> tuple[Receipt, ...]:
        """Remember the events for the projection."""
        start = self._durable
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
        rows = tuple(self._row(draft, start.events + at, now) for at, draft in enumerate(drafts))
        events = start.events + len(drafts)
        end = LogPosition(events=events, leaf_offset=events, sealed_offset=events)
        self._tail.add(start, Batch(rows=rows, position=end))
        self._durable = end
        for listener in self._listeners:
            listener()
        return (_RECEIPT,) * len(drafts)

    def on_durable(self, listener: Callable[[], None]) -> None:
        """As the real one."""
        self._listeners.append(listener)

    def durable_sizes(self) -> dict[str, LogPosition]:
        """As the real one."""
        return {"0": self._durable}

    def recent(self, position: LogPosition, *, most_events: int) -> Batch | None:
        """As the real one."""
        return self._tail.after(position, most_events=most_events)

    async def checkpoint(self) -> str:
        """None worth the name."""
        return ""

    def close(self) -> None:
        """Nothing is kept."""

    def _row(self, draft: Draft, index: int, now: str) -> IndexedEvent:
        digest = f"{index:064x}"
        event = Event(
            log="0",
            index=index,
            type=draft.type,
            time=now,
            tenant=draft.tenant,
            decision_id=draft.decision_id,
            step=draft.step,
            policy=draft.policy,
            digest=digest,
            previous=self._heads.pop(draft.decision_id, None),
            fields=Sections.of(draft.fields),
        )
        if draft.type != "closed":
            self._heads[draft.decision_id] = digest
        pointer = EventPointer(log="0", index=index, leaf_offset=index, sealed_offset=index)
        return IndexedEvent(event=event, pointer=pointer)


def open_memory_ledger(befit: Path, keyring: Keyring, **_options: object) -> MemoryLedger:
    """In the place of `open_ledger`; an empty log lets the projection know its name."""
    for folder in ("ledger", "sealed"):
        (befit / folder / "0.log").touch()
    return MemoryLedger(keyring)
