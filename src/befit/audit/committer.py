"""`Committer`: the thread that makes what is queued durable, group by group.

It takes all that is queued, builds one group, writes and syncs it, and wakes the waiting
callers in one call of their event loop: the longer a sync takes, the larger the next
group; under load it waits a moment for callers that are about to come.

A failure to write makes it refuse: after a failed sync nobody knows what the disk holds.
About once a second it looks whether the disk takes writes again, and goes on from what it
then reads back. Until it has, everything is refused.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from befit.audit.chains import DecisionKey
from befit.audit.events import Draft, Receipt
from befit.audit.note import NoteError
from befit.audit.writer import GroupWriter
from befit.errors import BefitError, Conflict, LedgerUnavailable

_GROUP_EVENTS = 1_024
_GATHERING_S = 0.002
_GATHERING_STEP_S = 0.000_5
_REMEMBERED_GROUPS = 8
_RETRY_S = 1.0

_log = logging.getLogger(__name__)


class Append(NamedTuple):
    """Drafts whose caller waits. `epoch` is that of the heads that `known` was read from."""

    drafts: tuple[Draft, ...]
    known: dict[DecisionKey, str]
    epoch: int
    done: asyncio.Future[tuple[Receipt, ...]]


class Task(NamedTuple):
    """Work on the log between two groups.

    `is_vital` tells that a failure of the disk leaves the log in doubt.
    """

    work: Callable[[GroupWriter], object]
    is_vital: bool
    done: asyncio.Future[object]


class Outcome(NamedTuple):
    """What became of an append; `receipts` is None where it was refused."""

    append: Append
    receipts: tuple[Receipt, ...] | None


class _Turn(NamedTuple):
    appends: list[Append]
    task: Task | None = None
    is_last: bool = False


class Committer:
    """Runs the writer of one log in a thread of its own.

    Attributes:
        refusal: why it refuses now; None while it appends.
    """

    def __init__(self, writer: GroupWriter, wake: Callable[[list[Outcome]], None]) -> None:
        self.refusal: str | None = None
        self._writer = writer
        self._wake = wake
        self._is_lost = False
        self._sizes: deque[int] = deque((1,), maxlen=_REMEMBERED_GROUPS)
        self._queue: queue.SimpleQueue[Append | Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._commit_all, name="ledger", daemon=True)
        self._thread.start()

    def put(self, item: Append | Task) -> None:
        """Queue an append or a task; their futures tell what became of them."""
        self._queue.put(item)

    def stop(self) -> bool:
        """Finish what is queued, end the thread and refuse; whether the log is sound."""
        self._queue.put(None)
        self._thread.join()
        is_sound = self.refusal is None
        self.refusal = self.refusal or "the ledger is closed"
        return is_sound

    def unavailable(self) -> LedgerUnavailable:
        """What a caller is told while it refuses."""
        return LedgerUnavailable(
            f"the ledger cannot append: {self.refusal or 'it was interrupted'}",
            next_step="nothing is answered that cannot be recorded; free space or repair the "
            "disk" + (", then restart" if self._is_lost else ": it goes on by itself"),
        )

    # What follows runs in the committing thread.

    def _commit_all(self) -> None:
        is_last = False
        while not is_last:
            turn = self._next_turn()
            if turn is None:
                self._try_to_resume()
                continue
            is_last = turn.is_last
            if turn.appends:
                self._sizes.append(len(turn.appends))
                self._commit(turn.appends)
            if turn.task is not None:
                self._perform(turn.task)

    def _commit(self, appends: list[Append]) -> None:
        # Those queued before an interruption may name events that were taken back.
        epoch = self._writer.heads.epoch
        current = [append for append in appends if append.epoch == epoch]
        stale = [Outcome(append, None) for append in appends if append.epoch != epoch]
        receipts: tuple[Receipt, ...] | None = None
        if current and self.refusal is None:
            try:
                receipts = self._write(current)
            except OSError as error:
                self._fail(f"{error.strerror or error} while writing log {self._writer.log}")
            except Exception:  # noqa: BLE001 - the thread's end: callers must hear of it
                _log.exception("the ledger failed to build a group")
                self._fail("a group could not be built; see the process log")
        self._tell([*stale, *_outcomes(current, receipts)])

    def _write(self, appends: Sequence[Append]) -> tuple[Receipt, ...]:
        drafts = [draft for append in appends for draft in append.drafts]
        known = {key: head for append in appends for key, head in append.known.items()}
        return self._writer.write(drafts, known)

    def _perform(self, task: Task) -> None:
        result: object = None
        error: BefitError | None = None
        try:
            if self.refusal is not None:
                raise self.unavailable()
            result = task.work(self._writer)
        except BefitError as told:
            error = told
            if task.is_vital and not isinstance(told, Conflict) and self.refusal is None:
                self._fail(told.message)
        except (OSError, NoteError) as failed:
            reason = f"{getattr(failed, 'strerror', None) or failed}"
            if task.is_vital:
                self._fail(f"{reason} while writing log {self._writer.log}")
            error = LedgerUnavailable(
                f"log {self._writer.log} could not be written to: {reason}",
                next_step="check the disk; `befit audit verify` says whether all is whole",
            )
        except Exception:  # noqa: BLE001 - the thread's end: the caller must hear of it
            _log.exception("the ledger failed at a task between two groups")
            self._fail("a task between two groups failed; see the process log")
            error = self.unavailable()
        _call(task.done.get_loop(), _end, task.done, result, error)

    def _fail(self, reason: str) -> None:
        _log.error("the ledger refuses until the disk takes writes again: %s", reason)
        self.refusal = reason
        self._writer.give_up()

    def _try_to_resume(self) -> None:
        reason = self.refusal or ""
        try:
            self._writer.resume(reason)
        except OSError as error:
            _log.debug("the disk still refuses: %s", error)
            self._writer.give_up()
        except (BefitError, NoteError) as error:
            _log.error("the ledger refuses until it is restarted: %s", error)
            self._is_lost = True
            self.refusal = f"{error}"
        else:
            _log.warning("the ledger appends again; it had refused: %s", reason)
            self.refusal = None

    def _next_turn(self) -> _Turn | None:
        """What to do next; None where nothing came for a while and it refuses."""
        try:
            may_resume = self.refusal is not None and not self._is_lost
            first = self._queue.get(timeout=_RETRY_S if may_resume else None)
        except queue.Empty:
            return None
        self._await_company()
        return self._gathered(first)

    def _gathered(self, first: Append | Task | None) -> _Turn:
        appends: list[Append] = []
        events, item = 0, first
        while isinstance(item, Append):
            appends.append(item)
            events += len(item.drafts)
            if events >= _GROUP_EVENTS:
                return _Turn(appends)
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return _Turn(appends)
        return _Turn(appends, item, is_last=item is None)

    def _await_company(self) -> None:
        # As PostgreSQL's commit_delay: a group costs two syncs, a signature and a change of
        # threads however many it holds, so while appends keep coming, up to as many as lately
        # came at once, it is worth more to wait for them. A caller that is alone never waits.
        expected, waiting = max(self._sizes) - 1, -1
        until = time.monotonic() + _GATHERING_S
        while waiting < (waiting := self._queue.qsize()) < expected and time.monotonic() < until:
            time.sleep(_GATHERING_STEP_S)

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
        for outcome in outcomes:
            by_loop.setdefault(outcome.append.done.get_loop(), []).append(outcome)
        for loop, told in by_loop.items():
            _call(loop, self._wake, told)


def _outcomes(appends: Sequence[Append], receipts: tuple[Receipt, ...] | None) -> list[Outcome]:
    outcomes: list[Outcome] = []
    at = 0
    for append in appends:
        own = None if receipts is None else receipts[at : (at := at + len(append.drafts))]
        outcomes.append(Outcome(append, own))
    return outcomes


def _call(
    loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: object
) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        return  # that loop is closed: nobody waits on it any more


def _end(done: asyncio.Future[object], result: object, error: BefitError | None) -> None:
    if done.done():
        return  # its caller was cancelled
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
