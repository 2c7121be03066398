"""`FileLedger`: appends events in groups that one thread makes durable.

    ledger = open_ledger(befit, open_keyring(befit))
    receipt, = await ledger.append((draft,))     # durable when this returns
    ledger.close()                               # writes the checkpoints

`append` queues its drafts and waits. The committing thread takes all that is queued,
builds one group, writes and syncs it, and wakes the waiting callers in one call of the
event loop: the longer a sync takes, the larger the next group; under load it waits a
moment for callers that are about to come. Any failure to write
makes the ledger refuse until it is opened anew, because after a failed sync nobody
knows what the disk holds.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from befit.audit.chains import PENDING, DecisionKey, begins_chain
from befit.audit.events import Draft, EventType, Receipt
from befit.audit.index import Batch, LogPosition
from befit.audit.keys import Keyring
from befit.audit.note import NoteError
from befit.audit.opening import Repair
from befit.audit.writer import GroupWriter, open_writer
from befit.errors import LedgerUnavailable, NotFound

PreviousDigest = Callable[[str, str], Awaitable[str | None]]
"""Looks up the digest of a decision's latest event by tenant and decision id."""

_GROUP_EVENTS = 1_024
_MOST_APPEND_EVENTS = 1_024
_GATHERING_S = 0.000_3
_GATHERING_STEP_S = 0.000_1

_log = logging.getLogger(__name__)


class _Append(NamedTuple):
    drafts: tuple[Draft, ...]
    known: dict[DecisionKey, str]
    done: asyncio.Future[tuple[Receipt, ...]]


class _Outcome(NamedTuple):
    append: _Append
    receipts: tuple[Receipt, ...] | None


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
        self._refusal: str | None = None
        self._is_closed = False
        self._last_appends = 0
        self._appends: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._commit_all, name="ledger", daemon=True)
        self._thread.start()

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
        if self._refusal is not None:
            raise self._unavailable()
        known = await self._known_heads(drafts)
        await self._admit(len(drafts))
        if self._refusal is not None:
            self._release(len(drafts))
            raise self._unavailable()
        # From here to the queue nothing is awaited: an announced decision is a queued one.
        for draft in drafts:
            if draft.type == EventType.OPENED:
                self._writer.heads.announce((draft.tenant, draft.decision_id))
        done: asyncio.Future[tuple[Receipt, ...]] = asyncio.get_running_loop().create_future()
        self._appends.put(_Append(drafts, known, done))
        return await done

    @property
    def is_available(self) -> bool:
        """Whether it can append, as far as its last write has shown."""
        return self._refusal is None

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
        self._appends.put(None)
        self._thread.join()
        is_sound = self._refusal is None
        self._refuse("the ledger is closed")
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
                if self._refusal is None and not self._fits(wanted):
                    return
                self._queued += wanted
                turn.set_result(None)
            self._line.popleft()

    def _unavailable(self) -> LedgerUnavailable:
        return LedgerUnavailable(
            f"the ledger cannot append: {self._refusal}",
            next_step="free space or repair the disk, then restart; nothing is answered "
            "that cannot be recorded",
        )

    def _refuse(self, reason: str) -> None:
        self._refusal = self._refusal or reason

    # What follows runs in the committing thread, up to `_wake`.

    def _commit_all(self) -> None:
        is_open = True
        while is_open:
            appends, is_open = self._next_appends()
            self._last_appends = len(appends)
            if not appends:
                continue
            try:
                receipts = self._write(appends) if self._refusal is None else None
            except OSError as error:
                self._fail(f"{error.strerror or error} while writing log {self.log}")
                receipts = None
            except Exception:  # noqa: BLE001 - the thread's end: callers must hear of it
                _log.exception("the ledger failed to build a group")
                self._fail("a group could not be built; see the process log")
                receipts = None
            self._tell(appends, receipts)

    def _next_appends(self) -> tuple[list[_Append], bool]:
        append = self._appends.get()
        self._await_company()
        appends: list[_Append] = []
        events = 0
        while append is not None:
            appends.append(append)
            events += len(append.drafts)
            if events >= _GROUP_EVENTS:
                return appends, True
            try:
                append = self._appends.get_nowait()
            except queue.Empty:
                return appends, True
        return appends, False

    def _await_company(self) -> None:
        # As PostgreSQL's commit_delay: where the last group held several appends, as many
        # are about to come, and one sync for all of them costs a fraction of one for each.
        # A caller that is alone never waits.
        until = time.monotonic() + _GATHERING_S
        while self._appends.qsize() + 1 < self._last_appends and time.monotonic() < until:
            time.sleep(_GATHERING_STEP_S)

    def _write(self, appends: list[_Append]) -> tuple[Receipt, ...]:
        drafts = [draft for append in appends for draft in append.drafts]
        known = {key: head for append in appends for key, head in append.known.items()}
        return self._writer.write(drafts, known)

    def _fail(self, reason: str) -> None:
        _log.error("the ledger refuses from now on: %s", reason)
        self._refuse(reason)
        self._writer.give_up()

    def _tell(self, appends: list[_Append], receipts: tuple[Receipt, ...] | None) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
        at = 0
        for append in appends:
            own = None if receipts is None else receipts[at : (at := at + len(append.drafts))]
            by_loop.setdefault(append.done.get_loop(), []).append(_Outcome(append, own))
        for loop, outcomes in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._wake, outcomes)
            except RuntimeError:
                continue  # that loop is closed: nobody waits on it any more

    def _wake(self, outcomes: list[_Outcome]) -> None:
        """Back on the event loop: let the callers of one group go on."""
        events = 0
        for append, receipts in outcomes:
            events += len(append.drafts)
            if append.done.done():
                continue  # its caller was cancelled
            if receipts is None:
                append.done.set_exception(self._unavailable())
            else:
                append.done.set_result(receipts)
        self._release(events)
        for listener in self._listeners:
            listener()
