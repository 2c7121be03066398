"""`Projector`: keeps the decision index up with the log, off the event loop.

projector = Projector(index=index, reader=LedgerReader(befit, keyring.sealer))
ledger = open_ledger(befit, keyring, previous=projector.previous_digest)
projector.follow(ledger)
task = asyncio.create_task(projector.run())
await projector.caught_up()                     # reads its own process's writes
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from befit.audit.events import Event, in_chain_order
from befit.audit.index import Batch, DecisionIndex, EventPointer, LogPosition, OpenDecision
from befit.audit.ledger import FileLedger
from befit.audit.reader import LedgerReader
from befit.errors import BefitError, WorkspaceError

EventSink = Callable[[tuple[Event, ...]], None]
"""Told of events once the index holds them; quick, and called on the event loop."""

_LONGEST_PAUSE_S = 1.0
_BUSY_EVENTS = 512
"""So many new events in one round double the pause before the next."""

_log = logging.getLogger(__name__)


class Projector:
    """Feeds the index in batches and answers questions that need it up to date."""

    def __init__(
        self,
        *,
        index: DecisionIndex,
        reader: LedgerReader,
        sinks: tuple[EventSink, ...] = (),
        batch_events: int = 2_048,
        pause_s: float = 0.1,
    ) -> None:
        self._index = index
        self._reader = reader
        self._sinks = sinks
        self._batch_events = batch_events
        self._pause_s = pause_s
        self._ledger: FileLedger | None = None
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()

    def follow(self, ledger: FileLedger) -> None:
        """Read this ledger's log up to what is durable, and be woken by it."""
        self._ledger = ledger
        ledger.on_durable(self._news.set)
        self._news.set()

    async def caught_up(self) -> None:
        """Return once the index holds every event that is durable now.

        Raises:
            WorkspaceError: the log is damaged.
        """
        await self._catch_up()

    async def run(self) -> None:
        """Follow the ledger until cancelled. A failing store is tried again."""
        while True:
            await self._news.wait()
            self._news.clear()
            applied = 0
            try:
                applied = await self._catch_up()
            except (BefitError, OSError) as error:
                _log.error("the decision index falls behind: %s", error)
                self._news.set()
            # A pause gathers larger batches: the more there is to do, the less it costs to
            # do it seldom, and whoever must read its own writes does not wait for it.
            pause_s = self._pause_s * (1 + applied / _BUSY_EVENTS)
            await asyncio.sleep(min(pause_s, max(self._pause_s, _LONGEST_PAUSE_S)))

    async def events_of(self, tenant: str, decision_id: str) -> tuple[Event, ...]:
        """A decision's events in order, each checked; empty where it is unknown.

        Raises:
            WorkspaceError: the log is damaged.
        """
        await self.caught_up()
        return in_chain_order(await self._read(await self._index.events_of(tenant, decision_id)))

    async def previous_digest(self, tenant: str, decision_id: str) -> str | None:
        """The digest of a decision's latest event; what a ledger looks up."""
        events = await self.events_of(tenant, decision_id)
        return events[-1].digest if events else None

    async def unsettled(self) -> tuple[Event, ...]:
        """The `reserved` events that no `settled` one has followed."""
        await self.caught_up()
        return await self._read(await self._index.unsettled())

    async def open_decisions(self) -> tuple[OpenDecision, ...]:
        """The decisions that have been opened and not closed."""
        await self.caught_up()
        return await self._index.open_decisions()

    async def _read(self, pointers: tuple[EventPointer, ...]) -> tuple[Event, ...]:
        read = self._reader.event_at
        return await asyncio.to_thread(lambda: tuple(read(pointer) for pointer in pointers))

    async def _catch_up(self) -> int:
        applied = 0
        async with self._turn:
            # Read in turn: whoever came before may have taken in what is durable only now.
            durable = self._ledger.durable_sizes() if self._ledger else {}
            for log in await asyncio.to_thread(self._reader.logs):
                applied += await self._advance(log, durable.get(log))
        return applied

    async def _advance(self, log: str, until: LogPosition | None) -> int:
        position = await self._index.position(log)
        if until is not None and position.leaf_offset > until.leaf_offset:
            raise WorkspaceError(
                f"the decision index has read {position.events} events of log {log}, which "
                f"holds {until.events}",
                next_step="restore the ledger and the database from the same backup",
            )
        applied = 0
        while until is None or position.leaf_offset < until.leaf_offset:
            batch = self._recent(log, position) or await asyncio.to_thread(
                self._reader.read, log, position, until=until, most_events=self._batch_events
            )
            if not batch.rows:
                break
            await self._index.apply(batch.rows, log, batch.position)
            position = batch.position
            applied += len(batch.rows)
            events = tuple(row.event for row in batch.rows)
            for sink in self._sinks:
                sink(events)
        return applied

    def _recent(self, log: str, position: LogPosition) -> Batch | None:
        if self._ledger is None or self._ledger.log != log:
            return None
        return self._ledger.recent(position, most_events=self._batch_events)
