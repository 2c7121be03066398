"""The ledger's index in the database: pointers, decisions, calls, and log positions."""

from __future__ import annotations

from dataclasses import astuple

from sqlalchemy import ColumnElement, Connection, Table, case, func, select

from befit.audit import EventPointer, EventType, IndexedEvent, LogPosition, OpenDecision
from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.event_rows import EventRows
from befit.storage.schema import CALL_SCOPES, CALLS, DECISIONS, EVENTS, LOGS


class SqlDecisionIndex:
    """A `DecisionIndex`: each batch is one transaction, and once applied stays applied."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = dialect.ManyRows(dialect.insert_new(EVENTS))
        self._decisions = dialect.ManyRows(_filling(DECISIONS))
        self._calls = dialect.ManyRows(_filling(CALLS))
        self._scopes = dialect.ManyRows(dialect.insert_new(CALL_SCOPES))
        self._positions = dialect.ManyRows(_overwriting(LOGS))

    async def apply(self, rows: tuple[IndexedEvent, ...], log: str, position: LogPosition) -> None:
        """Add the events and move the log's position, in one transaction."""

        def work(connection: Connection) -> None:
            known = _position(connection, log).events
            folded = EventRows()
            for row in rows:
                if row.pointer.index >= known:
                    folded.add(row)
            self._events.write(connection, folded.pointers)
            self._decisions.write(connection, folded.decisions)
            self._calls.write(connection, folded.calls)
            self._scopes.write(connection, folded.scopes)
            if position.events >= known:
                self._positions.write(connection, [(log, *astuple(position))])

        await self._database.run(work)

    async def position(self, log: str) -> LogPosition:
        """How far `log` has been applied; the beginning where it never was."""
        return await self._database.read(lambda c: _position(c, log))

    async def events_of(self, tenant: str, decision_id: str) -> tuple[EventPointer, ...]:
        """The decision's events in the order of their time and of their log."""
        columns = EVENTS.c
        query = (
            select(columns.log, columns.position, columns.leaf_offset, columns.sealed_offset)
            .where(columns.tenant == tenant, columns.decision_id == decision_id)
            .order_by(columns.at, columns.log, columns.position)
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return tuple(_pointer(*row) for row in rows)

    async def open_decisions(self) -> tuple[OpenDecision, ...]:
        """Every decision that has been opened and not closed, oldest first."""
        events, decisions = EVENTS.c, DECISIONS.c
        # Counted, not ordered: a decision may span logs that are read one after the other.
        unanswered = (
            select(func.sum(_count_of(EventType.WAITING) - _count_of(EventType.RESOLVED)))
            .where(
                events.tenant == decisions.tenant,
                events.decision_id == decisions.decision_id,
            )
            .scalar_subquery()
        )
        query = (
            select(decisions.tenant, decisions.decision_id, unanswered.label("unanswered"))
            .where(decisions.closed_at.is_(None), decisions.opened_at.is_not(None))
            .order_by(decisions.opened_at, decisions.decision_id)
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return tuple(
            OpenDecision(
                tenant=row.tenant,
                decision_id=row.decision_id,
                is_waiting=row.unanswered > 0,
            )
            for row in rows
        )

    async def unsettled(self) -> tuple[EventPointer, ...]:
        """The `reserved` events without a `settled` one of the same decision and permit."""
        events, calls = EVENTS.c, CALLS.c
        query = (
            select(events.log, events.position, events.leaf_offset, events.sealed_offset)
            .join(
                CALLS,
                (events.tenant == calls.tenant)
                & (events.decision_id == calls.decision_id)
                & (events.log == calls.reserved_log)
                & (events.position == calls.reserved_position),
            )
            .where(calls.settled_at.is_(None))
            .order_by(calls.at, events.log, events.position)
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return tuple(_pointer(*row) for row in rows)


def _count_of(type_: EventType) -> ColumnElement[int]:
    return case((EVENTS.c.type == type_.value, 1), else_=0)


def _pointer(log: str, index: int, leaf_offset: int, sealed_offset: int) -> EventPointer:
    return EventPointer(log=log, index=index, leaf_offset=leaf_offset, sealed_offset=sealed_offset)


def _position(connection: Connection, log: str) -> LogPosition:
    columns = LOGS.c
    query = select(columns.events, columns.leaf_offset, columns.sealed_offset)
    row = connection.execute(query.where(columns.log == log)).one_or_none()
    if row is None:
        return LogPosition()
    return LogPosition(
        events=row.events, leaf_offset=row.leaf_offset, sealed_offset=row.sealed_offset
    )


def _overwriting(table: Table) -> dialect.Insert:
    statement = dialect.upsert(table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={c.name: statement.excluded[c.name] for c in table.c if not c.primary_key},
    )


def _filling(table: Table) -> dialect.Insert:
    """An upsert that writes what is told and leaves the rest as it is."""
    statement = dialect.upsert(table)
    told = statement.excluded
    changes: dict[str, ColumnElement[object]] = {
        column.name: func.coalesce(told[column.name], column)
        for column in table.c
        if not column.primary_key
    }
    if table is CALLS:
        # A call belongs to the time it was reserved at, whichever event comes first.
        is_reserved = told.reserved_log.is_not(None)
        for name in ("at", "day"):
            changes[name] = case((is_reserved, told[name]), else_=table.c[name])
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)
