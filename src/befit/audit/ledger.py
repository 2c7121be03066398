"""`FileLedger`: appends events in groups that one thread makes durable.

    ledger = open_ledger(befit, open_keyring(befit))
    receipt, = await ledger.append((draft,))     # durable when this returns
    ledger.close()                               # writes the checkpoints

`append` queues its drafts and waits; the `Committer` makes them durable together with
what else is queued. A failure to write makes the ledger refuse until the disk has been
seen to hold what was acknowledged and to take writes again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, cast

from befit.audit.chains import PENDING, DecisionKey, begins_chain
from befit.audit.committer import Append, Committer, Outcome, Task
from befit.audit.events import Draft, EventType, Receipt
from befit.audit.index import Batch, LogPosition
from befit.audit.key_chain import KeyChain
from befit.audit.keys import Keyring
from befit.audit.note import NoteError
from befit.audit.opening import Repair
from befit.audit.writer import GroupWriter, open_writer
from befit.errors import LedgerUnavailable, NotFound

PreviousDigest = Callable[[str, str], Awaitable[str | None]]
"""Looks up the digest of a decision's latest event by tenant and decision id."""

T = TypeVar("T")

_MOST_APPEND_EVENTS = 1_024


def open_ledger(
    befit: Path,
    keyring: Keyring,
    *,
    log: str = "0",
    previous: PreviousDigest | None = None,
    queue_events: int = 8_192,
) -> FileLedger:
    """Open a log of the workspace for appending, repairing a torn end.

    Args:
        befit: the workspace's `.befit/` folder.
        keyring: signs groups and seals fields.
        log: the log's number; each process writes its own.
        previous: finds the latest digest of a decision that is no longer in memory.
        queue_events: how many events may wait before `append` itself waits.

    Raises:
        WorkspaceLocked: another process writes this log.
        WorkspaceError: the log is damaged, or the disk refuses.
    """
    writer, repaired = open_writer(befit, keyring, log=log)
    return FileLedger(writer, repaired=repaired, previous=previous, queue_events=queue_events)


class FileLedger:
    """The ledger of one process. `append` and `close` belong to one event loop at a time.

    Attributes:
        log: the log's name.
        repaired: what was cut off its end when it was opened.
    """

    def __init__(
        self,
        writer: GroupWriter,
        *,
        repaired: Repair | None,
        previous: PreviousDigest | None,
        queue_events: int,
    ) -> None:
        self.log = writer.log
        self.repaired = repaired
        self._writer = writer
        self._previous = previous
        self._most_queued = queue_events
        self._queued = 0
        self._line: deque[tuple[asyncio.Future[None], int]] = deque()
        self._listeners: list[Callable[[], None]] = []
        self._is_closed = False
        self._committer = Committer(writer, self._wake)

    async def append(self, drafts: tuple[Draft, ...]) -> tuple[Receipt, ...]:
        """Append in order and return once all are durable, in one group.

        A caller that is cancelled while it waits cannot tell whether they were appended;
        the ledger goes on either way.

        Raises:
            LedgerUnavailable: nothing of it may be relied on, and nothing may be answered.
            NotFound: an event continues a decision that was never opened.
        """
        if not 0 < len(drafts) <= _MOST_APPEND_EVENTS:
            raise ValueError(f"an append takes 1 to {_MOST_APPEND_EVENTS} events")
        self._check_available()
        epoch = self._writer.heads.epoch
        known = await self._known_heads(drafts)
        await self._admit(len(drafts))
        if self._committer.refusal is not None:
            self._release(len(drafts))
            self._check_available()
        # From here to the queue nothing is awaited: an announced decision is a queued one.
        for draft in drafts:
            if draft.type == EventType.OPENED:
                self._writer.heads.announce((draft.tenant, draft.decision_id), epoch)
        done: asyncio.Future[tuple[Receipt, ...]] = asyncio.get_running_loop().create_future()
        self._committer.put(Append(drafts, known, epoch, done))
        return await done

    async def checkpoint(self) -> str:
        """Write a checkpoint of what is durable now; the signed one that binds all logs.

        Raises:
            LedgerUnavailable: it could not be written, or the ledger refuses; the log is whole.
        """
        return await self._perform(lambda writer: writer.checkpoint(), is_vital=False)

    async def rotate_key(self, *, by: str, policy: str) -> KeyChain:
        """Replace the signing key between two groups; the keys that signed so far.

        `by` is who wants it and `policy` the hash of the policy in force, for the event
        that records it.

        Raises:
            Conflict: another process writes a log of this ledger; nothing has changed.
            LedgerUnavailable: it is not known which key signs until the ledger goes on.
        """
        chain = await self._perform(
            lambda writer: writer.rotate_key(by=by, policy=policy), is_vital=True
        )
        await self.checkpoint()
        return chain

    @property
    def keys(self) -> KeyChain:
        """The keys that signed the ledger so far, the present one last."""
        return self._writer.keys

    @property
    def is_available(self) -> bool:
        """Whether it can append, as far as its last write has shown."""
        return self._committer.refusal is None

    def on_durable(self, listener: Callable[[], None]) -> None:
        """Have `listener` called on the event loop whenever a group has become durable."""
        self._listeners.append(listener)

    def durable_sizes(self) -> dict[str, LogPosition]:
        """What is durable by log: a verifier beside a live server reads no further."""
        return {self.log: self._writer.durable}

    def recent(self, position: LogPosition, *, most_events: int) -> Batch | None:
        """Durable events from a position of this log on, as long as they are in memory.

        None where they are not, and must be read from the files.
        """
        return self._writer.tail.after(position, most_events=most_events)

    def close(self) -> str | None:
        """Finish what is queued, write the checkpoints and release the log.

        Returns:
            The checkpoint of checkpoints, to be kept elsewhere and given to `verify` as
            `held`; None where the ledger refused, or was closed before.

        Raises:
            LedgerUnavailable: the checkpoints could not be written; the log is whole.
        """
        if self._is_closed:
            return None
        self._is_closed = True
        is_sound = self._committer.stop()
        self._release(0)
        try:
            return self._writer.finish(is_sound=is_sound)
        except (OSError, NoteError) as error:
            raise LedgerUnavailable(
                f"the checkpoints of log {self.log} could not be written: {error}",
                next_step="run `befit audit verify`",
            ) from None

    async def _known_heads(self, drafts: tuple[Draft, ...]) -> dict[DecisionKey, str]:
        # Heads are read here because the committing thread cannot wait for a look-up, and
        # passed on because they may leave memory before it gets there.
        heads = self._writer.heads
        known: dict[DecisionKey, str] = {}
        for draft in drafts:
            key = (draft.tenant, draft.decision_id)
            if begins_chain(draft.type):
                known[key] = PENDING
            elif key not in known:
                head = heads.get(key)
                known[key] = await self._look_up(key) if head is None else head
        return known

    async def _look_up(self, key: DecisionKey) -> str:
        tenant, decision_id = key
        head = await self._previous(tenant, decision_id) if self._previous else None
        if head is None:
            raise NotFound(
                f"the decision {decision_id} has no event in the ledger",
                next_step="an event can only continue a decision that was opened",
            )
        return head

    async def _admit(self, events: int) -> None:
        # First come, first served: a large append must not starve behind small ones.
        if not self._line and self._fits(events):
            self._queued += events
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((turn, events))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._release(events)  # admitted and cancelled in the same moment
            raise

    def _fits(self, events: int) -> bool:
        return self._queued == 0 or self._queued + events <= self._most_queued

    def _release(self, events: int) -> None:
        self._queued -= events
        while self._line:
            turn, wanted = self._line[0]
            if not turn.done():
                if self._committer.refusal is None and not self._fits(wanted):
                    return
                self._queued += wanted
                turn.set_result(None)
            self._line.popleft()

    def _check_available(self) -> None:
        if self._committer.refusal is not None:
            raise self._committer.unavailable()

    async def _perform(self, work: Callable[[GroupWriter], T], *, is_vital: bool) -> T:
        self._check_available()
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._committer.put(Task(work, is_vital, cast("asyncio.Future[object]", done)))
        return await done

    def _wake(self, outcomes: list[Outcome]) -> None:
        """Back on the event loop: let the callers of one group go on."""
        events = 0
        for append, receipts in outcomes:
            events += len(append.drafts)
            if append.done.done():
                continue  # its caller was cancelled
            if receipts is None:
                append.done.set_exception(self._committer.unavailable())
            else:
                append.done.set_result(receipts)
        self._release(events)
        for listener in self._listeners:
            listener()
