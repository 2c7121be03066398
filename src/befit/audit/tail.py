"""`Tail`: the groups that were made durable last, kept as events.

The projection takes from here what this process has just written, instead of reading it
back, opening it and parsing it. What is not here any more, or was written by an earlier
process, is read from the files; both ways give the same events.
"""

from __future__ import annotations

from befit.audit.index import Batch, IndexedEvent, LogPosition

MOST_EVENTS = 16_384
MOST_BYTES = 32 << 20


class Tail:
    """A bounded memory of one log's end.

    The committing thread adds, others take; each step is a single dictionary operation,
    atomic under the GIL.
    """

    def __init__(self, *, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self._groups: dict[LogPosition, Batch] = {}
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._start: LogPosition | None = None

    def add(self, start: LogPosition, group: Batch) -> None:
        """Keep a durable group that begins at `start`, and let the oldest ones go."""
        self._groups[start] = group
        oldest = self._start or start
        while self._is_over(oldest, group.position) and len(self._groups) > 1:
            oldest = self._groups.pop(oldest).position
        self._start = oldest

    def after(self, position: LogPosition, *, most_events: int) -> Batch | None:
        """Whole groups from a position on; None where they are not here.

        After `most_events` events the batch ends with its group.
        """
        rows: list[IndexedEvent] = []
        while len(rows) < most_events and (group := self._groups.get(position)) is not None:
            rows.extend(group.rows)
            position = group.position
        return Batch(rows=tuple(rows), position=position) if rows else None

    def _is_over(self, start: LogPosition, end: LogPosition) -> bool:
        held_bytes = end.leaf_offset - start.leaf_offset + end.sealed_offset - start.sealed_offset
        return end.events - start.events > self._most_events or held_bytes > self._most_bytes
