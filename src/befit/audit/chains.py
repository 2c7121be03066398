"""`ChainHeads`: the digest of each decision's latest event, while it may be needed.

Every event names the digest of its decision's previous one. Heads of open decisions stay
here until `closed`; those of ended ones for a little longer, so that a review that
follows at once finds the right one. What has left is looked up in the index.
"""

from __future__ import annotations

from threading import Lock

from befit.audit.events import EventType

DecisionKey = tuple[str, str]
"""Tenant and decision id."""

PENDING = ""
"""The head of a decision whose `opened` event is queued and has no digest yet."""

_ENDINGS = frozenset({EventType.CLOSED, EventType.EFFECTED, EventType.REVIEWED})
_BEGINNINGS = frozenset({EventType.OPENED, EventType.ADMINISTRATIVE})


def begins_chain(event_type: EventType) -> bool:
    """Whether events of this type have no previous event."""
    return event_type in _BEGINNINGS


def ends_chain(event_type: EventType) -> bool:
    """Whether a decision is over with this event, apart from what may be noted later."""
    return event_type in _ENDINGS or event_type == EventType.ADMINISTRATIVE


class ChainHeads:
    """Bounded memory of chain heads.

    The committing thread advances and the event loop announces, one at a time, as either
    may have to make room; a look is a dictionary operation, atomic under the GIL.

    Attributes:
        epoch: how often it was reset. What was read in an earlier epoch is of no use.
    """

    def __init__(self, *, most_open: int = 65_536, most_ended: int = 1_024) -> None:
        self._open: dict[DecisionKey, str] = {}
        self._ended: dict[DecisionKey, str] = {}
        self._most_open = most_open
        self._most_ended = most_ended
        self._turn = Lock()
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._open) + len(self._ended)

    def get(self, key: DecisionKey) -> str | None:
        """The head in hex; `PENDING` where it is queued; None where it must be looked up."""
        head = self._open.get(key)
        return self._ended.get(key) if head is None else head

    def announce(self, key: DecisionKey, epoch: int) -> None:
        """Tell that the decision's `opened` event is queued, to be appended in this epoch."""
        with self._turn:
            if epoch == self.epoch:
                self._keep_open(key, PENDING)

    def reset(self) -> None:
        """Forget all heads: events that they name may have been taken back."""
        with self._turn:
            self._open.clear()
            self._ended.clear()
            self.epoch += 1

    def advance(self, key: DecisionKey, digest: str, *, has_ended: bool) -> None:
        """Make an event the decision's latest."""
        with self._turn:
            if not has_ended:
                self._keep_open(key, digest)
                return
            self._open.pop(key, None)
            self._ended[key] = digest
            if len(self._ended) > self._most_ended:
                del self._ended[next(iter(self._ended))]

    def _keep_open(self, key: DecisionKey, head: str) -> None:
        if key not in self._open and len(self._open) >= self._most_open:
            del self._open[next(iter(self._open))]
        self._open[key] = head
