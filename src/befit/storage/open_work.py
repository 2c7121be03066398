"""What has not ended yet, told by its principals: retention leaves it its keys."""

from __future__ import annotations

from sqlalchemy import func, select, union_all

from befit.approvals import ApprovalStatus
from befit.storage.database import Database
from befit.storage.runs import UNFINISHED
from befit.storage.schema import APPROVALS, DECISIONS, RUNS


class SqlOpenWork:
    """An `OpenWork`: open decisions, unfinished runs, and approvals that wait for a person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begun(self, tenant: str) -> dict[str, float]:
        """Each principal with something under way, and when the oldest of it began."""
        parts = (
            select(DECISIONS.c.principal_id.label("who"), DECISIONS.c.opened_at.label("at")).where(
                DECISIONS.c.tenant == tenant,
                DECISIONS.c.closed_at.is_(None),
                DECISIONS.c.opened_at.is_not(None),
                DECISIONS.c.principal_id.is_not(None),
            ),
            select(RUNS.c.principal_id, RUNS.c.created_at).where(
                RUNS.c.tenant == tenant, RUNS.c.status.in_(UNFINISHED)
            ),
            select(APPROVALS.c.requester_id, APPROVALS.c.created_at).where(
                APPROVALS.c.tenant == tenant, APPROVALS.c.status == ApprovalStatus.PENDING.value
            ),
        )
        found = union_all(*parts).subquery()
        query = select(found.c.who, func.min(found.c.at).label("at")).group_by(found.c.who)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return {row.who: row.at for row in rows}
