"""Where the administrative events lie: pages of pointers, newest first."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, literal_column, or_, select

from befit.audit import EventPointer, EventType
from befit.storage.database import Database
from befit.storage.schema import EVENTS

_C = EVENTS.c
# Written out: SQLite takes the index of these events only where it sees the word itself.
_IS_ADMINISTRATIVE = _C.type == literal_column(f"'{EventType.ADMINISTRATIVE}'")


@dataclass(frozen=True, kw_only=True, slots=True)
class AdministrativePage:
    """Which administrative events, newest first; what is None restricts nothing.

    Attributes:
        before: the last id of the page before.
        since: first Unix second; `until` is one past the last.
    """

    tenant: str
    limit: int
    before: str | None = None
    since: float | None = None
    until: float | None = None


class SqlAdministrativeEvents:
    """Finds administrative events in the ledger's index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, page: AdministrativePage) -> tuple[tuple[str, EventPointer], ...]:
        """Each event's id, and where it lies."""
        query = select(_C.decision_id, _C.log, _C.position, _C.leaf_offset, _C.sealed_offset)
        query = query.where(_C.tenant == page.tenant, _IS_ADMINISTRATIVE)
        if page.before is not None:
            last = EVENTS.alias()
            at = (
                select(last.c.at)
                .where(last.c.tenant == page.tenant, last.c.decision_id == page.before)
                .limit(1)
                .scalar_subquery()
            )
            older = or_(_C.at < at, _C.decision_id < page.before)
            query = query.where(and_(_C.at <= at, older))
        if page.since is not None:
            query = query.where(_C.at >= page.since)
        if page.until is not None:
            query = query.where(_C.at < page.until)
        ordered = query.order_by(_C.at.desc(), _C.decision_id.desc()).limit(page.limit)
        rows = await self._database.read(lambda c: c.execute(ordered).all())
        return tuple(
            (
                row[0],
                EventPointer(log=row[1], index=row[2], leaf_offset=row[3], sealed_offset=row[4]),
            )
            for row in rows
        )
