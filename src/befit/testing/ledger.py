"""A decision index in memory, and drafts of whole decisions that obey the grammar."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from befit.audit import (
    Draft,
    Event,
    EventPointer,
    EventType,
    IndexedEvent,
    LogPosition,
    OpenDecision,
)
from befit.vocabulary import DEFAULT_TENANT

_encode = msgspec.json.Encoder(decimal_format="string").encode
_Key = tuple[str, str]


class MemoryDecisionIndex:
    """A `DecisionIndex` that forgets when the process ends.

    Attributes:
        applied: every event in the order it was applied.
    """

    def __init__(self) -> None:
        self.applied: list[Event] = []
        self._positions: dict[str, LogPosition] = {}
        self._pointers: dict[_Key, list[EventPointer]] = {}
        self._types: dict[_Key, list[EventType]] = {}
        self._unsettled: dict[tuple[str, str, str], EventPointer] = {}

    async def apply(self, rows: tuple[IndexedEvent, ...], log: str, position: LogPosition) -> None:
        """Add the events and move the log's position."""
        known = self._positions.get(log, LogPosition()).events
        for row in rows:
            if row.pointer.index >= known:
                self._add(row)
        self._positions[log] = position

    async def position(self, log: str) -> LogPosition:
        """How far `log` has been applied."""
        return self._positions.get(log, LogPosition())

    async def events_of(self, tenant: str, decision_id: str) -> tuple[EventPointer, ...]:
        """The decision's events in the order they were applied."""
        return tuple(self._pointers.get((tenant, decision_id), ()))

    async def open_decisions(self) -> tuple[OpenDecision, ...]:
        """Every decision that has been opened and not closed, oldest first."""
        return tuple(
            OpenDecision(
                tenant=tenant,
                decision_id=decision_id,
                is_waiting=types.count(EventType.WAITING) > types.count(EventType.RESOLVED),
            )
            for (tenant, decision_id), types in self._types.items()
            if EventType.OPENED in types and EventType.CLOSED not in types
        )

    async def unsettled(self) -> tuple[EventPointer, ...]:
        """The `reserved` events without a `settled` one of the same permit."""
        return tuple(self._unsettled.values())

    def _add(self, row: IndexedEvent) -> None:
        event = row.event
        key = (event.tenant, event.decision_id)
        self.applied.append(event)
        self._pointers.setdefault(key, []).append(row.pointer)
        self._types.setdefault(key, []).append(event.type)
        if event.fields is None or event.type not in {EventType.RESERVED, EventType.SETTLED}:
            return
        call = (*key, msgspec.json.decode(event.fields["permit_id"], type=str))
        if event.type is EventType.RESERVED:
            self._unsettled[call] = row.pointer
        else:
            self._unsettled.pop(call, None)


def draft(
    event: EventType | str,
    decision_id: str,
    fields: Mapping[str, object] | None = None,
    *,
    tenant: str = DEFAULT_TENANT,
) -> Draft:
    """One event with the fields given, encoded as JSON."""
    return Draft(
        type=EventType(event),
        tenant=tenant,
        decision_id=decision_id,
        step="",
        principal="key:test",
        policy="sha256:policy",
        fields={name: msgspec.Raw(_encode(value)) for name, value in (fields or {}).items()},
    )


def opening_drafts(
    decision_id: str, *, most_usd: str | None = "0.25", asked: str = "auto"
) -> tuple[Draft, Draft]:
    """`opened` and the first `reserved` of an answered chat."""
    permit_id = f"permit-of-{decision_id}"
    opened: dict[str, object] = {
        "kind": "chat",
        "source": "http",
        "principal_id": "key:test",
        "key_id": "test",
        "asked": {"model": asked, "workflow": None},
        "stream": False,
        "input_sha256": "0" * 64,
        "input_bytes": 120,
        "declared_class": "internal",
        "tags": [],
    }
    reserved: dict[str, object] = {
        "permit_id": permit_id,
        "purpose": "answer",
        "model": "small-one",
        "zone": "device",
        "most_usd": most_usd,
        "data_class": "internal",
        "calls": 1,
        "expires_at": 1_800_000_000.0,
        "workflow": {"name": "triage", "version": "sha256:1"},
        "key_id": "test",
        "scopes": ["key:test"],
        "route": ["small-one", "large-one"],
        "evidence": "evaluation",
        "because": None,
        "candidates": [
            {"model": "small-one", "eligible": True, "reasons": []},
            {"model": "far-one", "eligible": False, "reasons": ["zone external"]},
        ],
    }
    return (
        draft(EventType.OPENED, decision_id, opened),
        draft(EventType.RESERVED, decision_id, reserved),
    )


def closing_drafts(decision_id: str) -> tuple[Draft, Draft]:
    """`settled` and `closed` of what `opening_drafts` began."""
    usage = {"input": 30, "cached_input": 0, "output": 5, "reasoning": 0}
    settled: dict[str, object] = {
        "permit_id": f"permit-of-{decision_id}",
        "purpose": "answer",
        "model": "small-one",
        "workflow": "triage",
        "key_id": "test",
        "scopes": ["key:test"],
        "outcome": "ok",
        "error": None,
        "usage": usage,
        "cost_usd": "0.01",
        "latency_ms": 12.5,
        "first_token_ms": 4.0,
        "rows": None,
    }
    closed: dict[str, object] = {
        "status": "answered",
        "workflow": {"name": "triage", "version": "sha256:1"},
        "model": "small-one",
        "zone": "device",
        "evidence": "evaluation",
        "data_class": "internal",
        "key_id": "test",
        "checks": [{"name": "label", "passed": True, "score": 0.9, "detail": None}],
        "excluded": {"far-one": "zone external"},
        "usage": usage,
        "cost_usd": "0.01",
        "latency_ms": 14.0,
        "overhead_ms": 1.5,
        "output_sha256": "1" * 64,
        "error": None,
    }
    return (
        draft(EventType.SETTLED, decision_id, settled),
        draft(EventType.CLOSED, decision_id, closed),
    )
