"""When models and workflows were last used, as the ledger's index knows it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, select

from befit.metering import LastUse
from befit.storage.schema import CALLS, DECISIONS


def read_last_use(connection: Connection, tenant: str) -> LastUse:
    """The newest call of each model, and the newest decision of each workflow."""
    return LastUse(
        models=_newest(connection, CALLS.c.model, CALLS.c.at, CALLS.c.tenant == tenant),
        workflows=_newest(
            connection, DECISIONS.c.workflow, DECISIONS.c.opened_at, DECISIONS.c.tenant == tenant
        ),
    )


def _newest(
    connection: Connection,
    name: ColumnElement[str],
    at: ColumnElement[float],
    of_tenant: ColumnElement[bool],
) -> dict[str, float]:
    query = select(name, func.max(at)).where(of_tenant, name.is_not(None), at.is_not(None))
    return {row[0]: row[1] for row in connection.execute(query.group_by(name))}
