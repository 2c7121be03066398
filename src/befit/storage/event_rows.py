"""From the events of a batch to rows: one a decision, one a call, with what is known.

A column that no event of the batch tells stays None, and the upsert leaves what is there.
So rows may be built from any part of a decision, in any order of logs, and applying a
part again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import msgspec
from sqlalchemy import Table

from befit.audit import Event, EventType, IndexedEvent
from befit.errors import WorkspaceError
from befit.storage.columns import nano_usd
from befit.storage.schema import CALLS, DECISIONS

Columns = dict[str, object]
"""The columns of one row in their table's order, as the driver takes them: money in
nano-dollars."""

_T = TypeVar("_T", bound=msgspec.Struct)


class _Asked(msgspec.Struct):
    model: str | None = None
    workflow: str | None = None


class _Opened(msgspec.Struct):
    kind: str | None = None
    source: str | None = None
    principal_id: str | None = None
    key_id: str | None = None
    asked: _Asked | None = None


class _Version(msgspec.Struct):
    name: str
    version: str | None = None


class _Usage(msgspec.Struct):
    input: int | None = None
    cached_input: int | None = None
    output: int | None = None
    reasoning: int | None = None


class _Error(msgspec.Struct):
    code: str


class _Reserved(msgspec.Struct):
    permit_id: str
    purpose: str
    model: str
    zone: str | None = None
    most_usd: Decimal | None = None
    data_class: str | None = None
    workflow: _Version | None = None
    key_id: str | None = None
    scopes: tuple[str, ...] = ()
    evidence: str | None = None


class _Bulk(msgspec.Struct):
    n: int


class _Settled(msgspec.Struct):
    permit_id: str
    purpose: str
    model: str
    outcome: str
    workflow: str | None = None
    key_id: str | None = None
    scopes: tuple[str, ...] = ()
    error: _Error | str | None = None
    usage: _Usage | None = None
    cost_usd: Decimal | None = None
    latency_ms: float | None = None
    first_token_ms: float | None = None
    rows: _Bulk | int | None = None


class _Waiting(msgspec.Struct):
    approval_id: str


class _Resolved(msgspec.Struct):
    approval_id: str
    resolution: str


class _Closed(msgspec.Struct):
    status: str
    workflow: _Version | None = None
    model: str | None = None
    zone: str | None = None
    evidence: str | None = None
    data_class: str | None = None
    key_id: str | None = None
    usage: _Usage | None = None
    cost_usd: Decimal | None = None
    latency_ms: float | None = None
    overhead_ms: float | None = None
    error: _Error | None = None


_read_opened = msgspec.json.Decoder(_Opened).decode
_read_reserved = msgspec.json.Decoder(_Reserved).decode
_read_settled = msgspec.json.Decoder(_Settled).decode
_read_closed = msgspec.json.Decoder(_Closed).decode
_read_waiting = msgspec.json.Decoder(_Waiting).decode
_read_resolved = msgspec.json.Decoder(_Resolved).decode


class EventRows:
    """The rows of a batch of events, folded as they are added."""

    def __init__(self) -> None:
        self._decisions: dict[tuple[str, str], Columns] = {}
        self._calls: dict[tuple[str, str, str], Columns] = {}
        self._scopes: set[tuple[str, str, str, str]] = set()
        self._no_decision = _blank(DECISIONS)
        self._no_call = _blank(CALLS)
        self._last_time = ("", 0.0)
        self.pointers: list[tuple[object, ...]] = []

    @property
    def decisions(self) -> list[tuple[object, ...]]:
        """Rows of the table `decisions`, in the order of its columns."""
        return [tuple(row.values()) for row in self._decisions.values()]

    @property
    def calls(self) -> list[tuple[object, ...]]:
        """Rows of the table `calls`, in the order of its columns."""
        return [tuple(row.values()) for row in self._calls.values()]

    @property
    def scopes(self) -> list[tuple[str, str, str, str]]:
        """Rows of the table `call_scopes`, in the order of its columns."""
        return sorted(self._scopes)

    def add(self, row: IndexedEvent) -> None:
        """Fold one event in.

        Raises:
            WorkspaceError: a field of the event has not the type it should have.
        """
        event, pointer, at = row.event, row.pointer, self._unix(row.event.time)
        self.pointers.append(
            (
                event.tenant,
                event.decision_id,
                pointer.log,
                pointer.index,
                event.type.value,
                at,
                pointer.leaf_offset,
                pointer.sealed_offset,
            )
        )
        match event.type:
            case EventType.OPENED:
                self._opened(event, at)
            case EventType.RESERVED:
                self._reserved(row, at)
            case EventType.SETTLED:
                self._settled(event, at)
            case EventType.CLOSED:
                self._closed(event, at)
            case EventType.WAITING:
                self._waiting(event)
            case EventType.RESOLVED:
                self._resolved(event)
            case _:
                pass

    def _unix(self, time: str) -> float:
        # The events of a group share one time, so the last one is worth remembering.
        if time != self._last_time[0]:
            self._last_time = (time, datetime.fromisoformat(time).timestamp())
        return self._last_time[1]

    def _opened(self, event: Event, at: float) -> None:
        # Opened and closed count although their fields may have been erased.
        decision = self._decision(event)
        decision.update(opened_at=at, day=_day(event))
        told = _read(event, _read_opened)
        if told is None:
            return
        asked = told.asked or _Asked()
        decision.update(
            kind=told.kind,
            source=told.source,
            principal_id=told.principal_id,
            key_id=told.key_id,
            asked_model=asked.model,
            asked_workflow=asked.workflow,
        )

    def _reserved(self, row: IndexedEvent, at: float) -> None:
        event, told = row.event, _read(row.event, _read_reserved)
        if told is None:
            return
        call = self._call(event, told.permit_id, at)
        call.update(
            at=at,
            day=_day(event),
            purpose=told.purpose,
            model=told.model,
            zone=told.zone,
            data_class=told.data_class,
            evidence=told.evidence,
            workflow=told.workflow.name if told.workflow else None,
            key_id=told.key_id,
            most_usd=nano_usd(told.most_usd),
            reserved_log=row.pointer.log,
            reserved_position=row.pointer.index,
        )
        self._add_scopes(event, told.permit_id, told.scopes)
        if told.workflow is not None:
            self._decision(event).update(
                workflow=told.workflow.name, workflow_version=told.workflow.version
            )

    def _settled(self, event: Event, at: float) -> None:
        told = _read(event, _read_settled)
        if told is None:
            return
        error = told.error.code if isinstance(told.error, _Error) else told.error
        call = self._call(event, told.permit_id, at)
        call.update(
            purpose=told.purpose,
            model=told.model,
            workflow=told.workflow or call["workflow"],
            key_id=told.key_id or call["key_id"],
            settled_at=at,
            outcome=told.outcome,
            error=error,
            cost_usd=nano_usd(told.cost_usd),
            latency_ms=told.latency_ms,
            first_token_ms=told.first_token_ms,
            rows=told.rows.n if isinstance(told.rows, _Bulk) else told.rows,
            **_tokens(told.usage),
        )
        self._add_scopes(event, told.permit_id, told.scopes)

    def _waiting(self, event: Event) -> None:
        told = _read(event, _read_waiting)
        if told is not None:
            self._decision(event).update(approval_id=told.approval_id)

    def _resolved(self, event: Event) -> None:
        told = _read(event, _read_resolved)
        if told is not None:
            self._decision(event).update(approval_id=told.approval_id, resolution=told.resolution)

    def _closed(self, event: Event, at: float) -> None:
        decision = self._decision(event)
        decision.update(closed_at=at)
        told = _read(event, _read_closed)
        if told is None:
            return
        workflow = told.workflow
        decision.update(
            status=told.status,
            workflow=workflow.name if workflow else decision["workflow"],
            workflow_version=workflow.version if workflow else decision["workflow_version"],
            model=told.model,
            zone=told.zone,
            evidence=told.evidence,
            data_class=told.data_class,
            key_id=told.key_id or decision["key_id"],
            error_code=told.error.code if told.error else None,
            cost_usd=nano_usd(told.cost_usd),
            latency_ms=told.latency_ms,
            overhead_ms=told.overhead_ms,
            **_tokens(told.usage),
        )

    def _decision(self, event: Event) -> Columns:
        key = (event.tenant, event.decision_id)
        found = self._decisions.get(key)
        if found is None:
            found = self._decisions[key] = dict(self._no_decision)
            found.update(tenant=event.tenant, decision_id=event.decision_id)
        return found

    def _call(self, event: Event, permit_id: str, at: float) -> Columns:
        key = (event.tenant, event.decision_id, permit_id)
        found = self._calls.get(key)
        if found is None:
            found = self._calls[key] = dict(self._no_call)
            found.update(
                tenant=event.tenant,
                decision_id=event.decision_id,
                permit_id=permit_id,
                step=event.step,
                at=at,
                day=_day(event),
            )
        return found

    def _add_scopes(self, event: Event, permit_id: str, scopes: tuple[str, ...]) -> None:
        for scope in scopes:
            self._scopes.add((event.tenant, scope, event.decision_id, permit_id))


def _read(event: Event, read: Callable[[bytes], _T]) -> _T | None:
    told = event.fields_json()
    if told is None:
        return None
    try:
        return read(told)
    except msgspec.ValidationError as error:
        raise WorkspaceError(
            f"event {event.index} of log {event.log} ({event.type}) cannot be read: {error}",
            next_step="it was written by another version of Befit; upgrade this one",
        ) from None


def _blank(table: Table) -> Columns:
    return {column.name: None for column in table.c}


def _tokens(usage: _Usage | None) -> Columns:
    usage = usage or _Usage()
    return {
        "input_tokens": usage.input,
        "cached_input_tokens": usage.cached_input,
        "output_tokens": usage.output,
        "reasoning_tokens": usage.reasoning,
    }


def _day(event: Event) -> str:
    return event.time[:10]  # a leaf's time is RFC 3339 in UTC
