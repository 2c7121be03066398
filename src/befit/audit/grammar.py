"""The grammar of one decision's events, checked as they come.

    opened  (reserved settled | waiting resolved)*  closed  (effected | reviewed)*

Calls may overlap: each `settled` belongs to the `reserved` of its permit. A decision
waits with no call outstanding, and closes with none and waiting for nobody.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

from befit.audit.events import EventType


class Phase(StrEnum):
    """Where a decision stands."""

    UNOPENED = "unopened"
    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


_ALLOWED = {
    Phase.UNOPENED: frozenset({EventType.OPENED}),
    Phase.OPEN: frozenset(
        {EventType.RESERVED, EventType.SETTLED, EventType.WAITING, EventType.CLOSED}
    ),
    Phase.WAITING: frozenset({EventType.RESOLVED}),
    Phase.CLOSED: frozenset({EventType.EFFECTED, EventType.REVIEWED}),
}
_NEXT = {
    EventType.OPENED: Phase.OPEN,
    EventType.WAITING: Phase.WAITING,
    EventType.RESOLVED: Phase.OPEN,
    EventType.CLOSED: Phase.CLOSED,
}


class DecisionGrammar:
    """The state of one decision. Events are given in order.

    Attributes:
        phase: where it stands after the events so far.
    """

    __slots__ = ("_outstanding", "phase")

    def __init__(self, phase: Phase = Phase.UNOPENED) -> None:
        self.phase = phase
        self._outstanding: Counter[str] = Counter()

    def follow(self, event_type: EventType, permit_id: str | None = None) -> str | None:
        """Take one event; returns what is wrong with it, or None.

        `permit_id` is None where the event has none or its fields cannot be opened; then
        calls are only counted.
        """
        if event_type not in _ALLOWED[self.phase]:
            wrong = f"{event_type} where the decision is {self.phase}"
            self.phase = _NEXT.get(event_type, self.phase)
            return wrong
        permit = permit_id or ""
        if event_type is EventType.RESERVED:
            if permit and permit in self._outstanding:
                return f"reserved twice under {permit}"
            self._outstanding[permit] += 1
        elif event_type is EventType.SETTLED:
            return self._settle(permit)
        elif event_type in {EventType.WAITING, EventType.CLOSED} and self._outstanding:
            self._outstanding.clear()
            self.phase = _NEXT[event_type]
            return f"{event_type} while a call is reserved and not settled"
        self.phase = _NEXT.get(event_type, self.phase)
        return None

    def end(self, *, is_live: bool) -> str | None:
        """What is wrong with the decision ending here, or None.

        With `is_live` a server is writing, so it may simply not be over.
        """
        if is_live or self.phase is Phase.CLOSED:
            return None
        if self._outstanding:
            return "a call was reserved and never settled"
        return None if self.phase is Phase.WAITING else "it has no closed event"

    def _settle(self, permit: str) -> str | None:
        # Where fields were erased on one side, the call is matched by number alone.
        outstanding = self._outstanding
        found = permit if permit in outstanding else "" if "" in outstanding else None
        if found is None and not permit and outstanding:
            found = next(iter(outstanding))
        if found is None:
            return f"settled without reserved under {permit or 'an erased permit'}"
        outstanding[found] -= 1
        if not outstanding[found]:
            del outstanding[found]
        return None
