"""Operations on administrative events: who changed or read what, apart from any decision.

They say nothing of what was asked, so reading them is not recorded in turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from befit.audit import Event, EventPointer, EventType, LedgerReader
from befit.errors import InvalidRequest, NotFound
from befit.gateway.operations.entitled import require
from befit.gateway.operations.ledger.known import meant
from befit.gateway.operations.ledger.moment import moment
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.identity import Principal
from befit.platform import Platform
from befit.policy import Action
from befit.storage import AdministrativePage

ADMINISTRATIVE = "admin_"
"""What the ids of administrative events begin with."""

_MOST = 500
_READ_AT_ONCE = 500
_MOST_READ = 20_000
_OWN = ("action", "subject", "by")


class EventId(OpParams, frozen=True, kw_only=True):
    """One administrative event."""

    id: str


class EventQuery(OpParams, frozen=True, kw_only=True):
    """Which administrative events, newest first; what is not given restricts nothing.

    `by` is who did it: a principal's id, a key's id, or the name of a person. `before` is
    `next` of the page before.
    """

    action: str | None = None
    by: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int = 50
    before: str | None = None


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One administrative event in a list; `at` is in Unix seconds.

    What it says is null where the key that sealed it is not here.
    """

    id: str
    at: float
    action: str | None
    subject: str | None
    by: str | None


class EventList(OpDocument, omit_defaults=True, frozen=True, kw_only=True):
    """Administrative events, newest first.

    `next` is `before` of the next page, absent on the last: a page may be short of `limit`
    where few events are of what was asked for.
    """

    events: tuple[EventRow, ...]
    next: str | None = None


class EventDocument(OpDocument, frozen=True, kw_only=True):
    """Who did what when; `told` is what the event says besides, `policy` what held then."""

    id: str
    at: float
    action: str | None
    subject: str | None
    by: str | None
    told: dict[str, object]
    policy: str
    log: str
    index: int


async def show_event(platform: Platform, principal: Principal, params: EventId) -> EventDocument:
    """One administrative event.

    Raises:
        Forbidden: it takes the action `audit`.
        NotFound: there is no such event.
    """
    event = await administrative_event(platform, principal, params.id)
    told, row = _told(event), _row(event)
    return EventDocument(
        id=row.id,
        at=row.at,
        action=row.action,
        subject=row.subject,
        by=row.by,
        told={name: value for name, value in told.items() if name not in _OWN},
        policy=event.policy,
        log=event.log,
        index=event.index,
    )


async def list_events(platform: Platform, principal: Principal, params: EventQuery) -> EventList:
    """Administrative events of the tenant.

    Raises:
        Forbidden: it takes the action `audit`.
        InvalidRequest: the limit or a time cannot be read, or `before` is no event.
    """
    require(platform, principal, Action.AUDIT, "read administrative events")
    if not 1 <= params.limit <= _MOST:
        raise InvalidRequest(f"limit is {params.limit}; it goes from 1 to {_MOST}", param="limit")
    tenant = principal.tenant
    page = AdministrativePage(
        tenant=tenant,
        limit=_READ_AT_ONCE if params.action or params.by else params.limit,
        before=params.before,
        since=moment(params.since, "since"),
        until=moment(params.until, "until"),
    )
    if params.before is not None and not await _exists(platform, tenant, params.before):
        raise InvalidRequest(
            f"before names no event: {params.before[:80]!r}",
            next_step="give the `next` of the page before",
            param="before",
        )
    who = None if params.by is None else await _ids(platform, tenant, params.by)
    await platform.projector.caught_up()
    found: list[EventRow] = []
    for _ in range(0, _MOST_READ, _READ_AT_ONCE):
        placed = await platform.stores.administrative.page(page)
        for row in await asyncio.to_thread(_rows, platform.reader, placed):
            if params.action in (None, row.action) and (who is None or row.by in who):
                found.append(row)
                if len(found) == params.limit:
                    return EventList(events=tuple(found), next=row.id)
        if len(placed) < page.limit:
            return EventList(events=tuple(found))
        page = replace(page, before=placed[-1][0])
    return EventList(events=tuple(found), next=page.before)


async def administrative_event(platform: Platform, principal: Principal, event_id: str) -> Event:
    """An administrative event of the principal's tenant.

    Raises:
        Forbidden: it takes the action `audit`.
        NotFound: there is no such event.
    """
    require(platform, principal, Action.AUDIT, "read administrative events")
    events = await platform.projector.events_of(principal.tenant, event_id)
    if len(events) != 1 or events[0].type is not EventType.ADMINISTRATIVE:
        raise NotFound(
            f"no administrative event {event_id[:80]!r}", next_step="list them: befit audit events"
        )
    return events[0]


async def _exists(platform: Platform, tenant: str, event_id: str) -> bool:
    return bool(await platform.projector.events_of(tenant, event_id))


async def _ids(platform: Platform, tenant: str, by: str) -> frozenset[str | None]:
    """Who may stand in an event where `by` is written: none need be known here any more."""
    return frozenset({by, *(await meant(platform, tenant, by)).principal_ids})


def _rows(reader: LedgerReader, placed: Sequence[tuple[str, EventPointer]]) -> tuple[EventRow, ...]:
    return tuple(_row(reader.event_at(pointer)) for _, pointer in placed)


def _row(event: Event) -> EventRow:
    told = _told(event)
    action, subject, by = (_text(told.get(name)) for name in _OWN)
    return EventRow(
        id=event.decision_id,
        at=datetime.fromisoformat(event.time).timestamp(),
        action=action,
        subject=subject,
        by=by,
    )


def _told(event: Event) -> Mapping[str, object]:
    return msgspec.json.decode(event.fields_json() or b"{}", type=dict[str, object])


def _text(value: object) -> str | None:
    return None if value is None else str(value)


OPERATIONS = (
    operation("events.show", EventId, show_event),
    operation("events.list", EventQuery, list_events),
)
