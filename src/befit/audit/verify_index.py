"""Verifying the database's index: whether it finds every event and decision of the ledger.

Lists, searches and exports ask the index. Rows that were taken out of it would hide a
decision whose bytes in the ledger are whole, so a verification compares, event by event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from befit.audit.events import EventType
from befit.audit.findings import Problems, SeenEvent
from befit.audit.index import LogPosition
from befit.errors import BefitError

_INDEX = "the index in befit.db"
_NEXT = "run `befit audit reindex`"
_MOST_KEPT = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexRow:
    """What the index holds of one event.

    Attributes:
        opened_at: of the row of its decision, like `closed_at`; None where there is none.
        permit_id: of the call that names this event as its reservation.
    """

    index: int
    tenant: str
    decision_id: str
    type: str
    at: float
    leaf_offset: int
    sealed_offset: int
    opened_at: float | None
    closed_at: float | None
    permit_id: str | None


class HeldIndex(Protocol):
    """The index as a verification reads it. Blocking; it changes nothing."""

    def position(self, log: str) -> LogPosition:
        """How far `log` has been applied."""
        ...

    def rows(self, log: str) -> Iterator[IndexRow]:
        """The events of a log in its order."""
        ...

    def unfounded(self) -> int:
        """How many decisions it tells of that have no event in it."""
        ...


class IndexCheck:
    """Follows the ledger's events, those of one log in its order, beside the index's rows."""

    def __init__(self, index: HeldIndex, problems: Problems, *, is_live: bool) -> None:
        self._index = index
        self._problems = problems
        self._is_live = is_live
        self._logs: dict[str, _LogRows] = {}
        self._missed: set[tuple[str, str]] = set()
        self._first_missed = ""
        self._missed_events = 0
        self._unknown_rows = 0
        self._failure: BefitError | None = None

    def follow(self, event: SeenEvent) -> None:
        """Take the next event of the ledger."""
        if self._failure is not None:
            return
        try:
            self._compare(event)
        except BefitError as error:
            self._failure = error

    def end(self) -> None:
        """Nothing follows: what the index lacks, or makes up, is wrong."""
        unfounded = 0
        try:
            if self._failure is None:
                unfounded = self._rest()
        except BefitError as error:
            self._failure = error
        if self._failure is not None:
            self._problems.add(f"{_INDEX} cannot be read: {self._failure}")
        if self._missed_events:
            count = len(self._missed)
            many = f"at least {count}" if count >= _MOST_KEPT else f"{count}"
            self._problems.add(
                f"{_INDEX} does not hold {many} decisions of the ledger as they are "
                f"({self._missed_events} events, the first of {self._first_missed}), so that "
                f"searches and exports miss them; {_NEXT}"
            )
        elif self._unknown_rows or unfounded:
            self._problems.add(
                f"{_INDEX} tells of {self._unknown_rows} events and {unfounded} decisions that "
                f"the ledger does not hold; {_NEXT}"
            )

    def _compare(self, event: SeenEvent) -> None:
        rows = self._rows(event.log)
        if not self._is_live and event.leaf_offset >= rows.read_to:
            return  # a crash came before the index; the next start reads on from there
        row, passed = rows.at(event.index)
        self._unknown_rows += passed
        if row is None or not _tells(row, event):
            self._missed_events += 1
            self._first_missed = self._first_missed or event.decision_id
            if len(self._missed) < _MOST_KEPT:
                self._missed.add((event.tenant, event.decision_id))

    def _rest(self) -> int:
        # Beside a running server the index goes on while the ledger is being read.
        if self._is_live:
            return 0
        self._unknown_rows += sum(rows.rest() for rows in self._logs.values())
        return self._index.unfounded()

    def _rows(self, log: str) -> _LogRows:
        found = self._logs.get(log)
        if found is None:
            read_to = self._index.position(log).leaf_offset
            found = self._logs[log] = _LogRows(self._index.rows(log), read_to)
        return found


class _LogRows:
    """The index's rows of one log, drawn as its events come.

    Attributes:
        read_to: up to which byte of the log the index has read.
    """

    def __init__(self, rows: Iterator[IndexRow], read_to: int) -> None:
        self.read_to = read_to
        self._rows = rows
        self._next = next(rows, None)

    def at(self, index: int) -> tuple[IndexRow | None, int]:
        """The row of an event, and how many before it belong to no event."""
        passed = 0
        while self._next is not None and self._next.index < index:
            self._next = next(self._rows, None)
            passed += 1
        row = self._next
        if row is None or row.index > index:
            return None, passed
        self._next = next(self._rows, None)
        return row, passed

    def rest(self) -> int:
        """How many rows lie behind the last event."""
        left = sum(1 for _ in self._rows)
        return left if self._next is None else left + 1


def _tells(row: IndexRow, event: SeenEvent) -> bool:
    at = datetime.fromisoformat(event.time).timestamp()
    place = (row.tenant, row.decision_id, row.type, row.leaf_offset, row.sealed_offset)
    if row.at != at or place != (
        event.tenant,
        event.decision_id,
        event.type.value,
        event.leaf_offset,
        event.sealed_offset,
    ):
        return False
    match event.type:
        case EventType.OPENED:
            return row.opened_at == at
        case EventType.CLOSED:
            return row.closed_at == at
        case EventType.RESERVED:
            # What was erased before it was read has no row of its call.
            return event.permit_id is None or row.permit_id == event.permit_id
        case _:
            return True
