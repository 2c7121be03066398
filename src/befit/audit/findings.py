"""What a verification notes: problems, and the events that the check of decisions follows."""

from __future__ import annotations

from dataclasses import dataclass

from befit.audit.events import EventType

_MOST_LISTED = 100


class Problems:
    """What is wrong, capped so that a wrecked ledger is still told in a page.

    Attributes:
        found: how many problems there are, listed or not.
    """

    def __init__(self) -> None:
        self.found = 0
        self._listed: list[str] = []

    def add(self, problem: str) -> None:
        """Note a problem."""
        self.found += 1
        if len(self._listed) < _MOST_LISTED:
            self._listed.append(problem)

    @property
    def listed(self) -> tuple[str, ...]:
        """The first problems, and how many more there are."""
        more = self.found - len(self._listed)
        return (*self._listed, f"and {more} more") if more else tuple(self._listed)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenEvent:
    """What the checks of decisions and of the index need of an event.

    Attributes:
        place: for messages.
        index: its number in its log; the offsets are those of its leaf and its box.
    """

    place: str
    log: str
    index: int
    leaf_offset: int
    sealed_offset: int
    time: str
    type: EventType
    tenant: str
    decision_id: str
    digest: str
    previous: str | None
    permit_id: str | None
