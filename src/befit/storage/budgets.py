"""What was granted of each budget, in the database."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sqlalchemy import ColumnElement, Connection, select, update

from befit.metering import Account, Lease, Slice
from befit.storage import dialect
from befit.storage.database import Database
from befit.storage.schema import BUDGETS

_C = BUDGETS.c
_NOTHING = Decimal(0)
_SHARE = 4
_NANO = Decimal("1e-9")


class SqlBudgetStore:
    """A `BudgetStore`; each call is one transaction that holds the account's row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lease(self, account: Account, slice_of: Slice) -> Lease:
        """Grant between least and wanted, or zero where least is not left."""
        return await self._database.run(_lease(account, slice_of))

    async def give_back(self, account: Account, amount_usd: Decimal) -> None:
        """Return what was granted and will not be spent."""

        def work(connection: Connection) -> None:
            granted = max(_NOTHING, _granted(connection, account) - amount_usd)
            _grant(connection, account, granted)

        await self._database.run(work)

    async def reset(self, account: Account, spent_usd: Decimal) -> None:
        """Set granted to what was really spent."""

        def work(connection: Connection) -> None:
            _granted(connection, account)
            _grant(connection, account, spent_usd)

        await self._database.run(work)

    async def accounts(self) -> tuple[Account, ...]:
        """Every account that something was granted of."""
        query = select(_C.tenant, _C.scope, _C.period).order_by(_C.tenant, _C.scope, _C.period)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return tuple(Account(row.tenant, row.scope, row.period) for row in rows)


def _lease(account: Account, wish: Slice) -> Callable[[Connection], Lease]:
    def work(connection: Connection) -> Lease:
        granted = _granted(connection, account)
        left = max(_NOTHING, wish.limit_usd - granted)
        if wish.least_usd > left:
            return Lease(granted_usd=_NOTHING, left_usd=left)
        share = (left / _SHARE).quantize(_NANO, rounding="ROUND_FLOOR")
        grant = max(wish.least_usd, min(wish.wanted_usd, share))
        _grant(connection, account, granted + grant)
        return Lease(granted_usd=grant, left_usd=left - grant)

    return work


def _granted(connection: Connection, account: Account) -> Decimal:
    # Inserted first, so that there is a row to lock where writers are not alone.
    connection.execute(
        dialect.insert_new(BUDGETS).values(
            tenant=account.tenant,
            scope=account.scope,
            period=account.period,
            granted_usd=_NOTHING,
        )
    )
    query = select(_C.granted_usd).where(_is(account)).with_for_update()
    return connection.execute(query).scalar_one()


def _grant(connection: Connection, account: Account, granted_usd: Decimal) -> None:
    connection.execute(update(BUDGETS).where(_is(account)).values(granted_usd=granted_usd))


def _is(account: Account) -> ColumnElement[bool]:
    return (
        (_C.tenant == account.tenant) & (_C.scope == account.scope) & (_C.period == account.period)
    )
