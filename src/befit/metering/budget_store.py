"""What budgets need of a store, and the periods that budgets are counted in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from befit.vocabulary import DEFAULT_TENANT, BudgetPeriod


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetScope:
    """One money budget that binds a call.

    Attributes:
        name: `key:K1A2` or `workflow:triage`; written in `reserved` and `settled`.
        limit_usd: the most that may be spent in one period.
    """

    name: str
    limit_usd: Decimal
    period: BudgetPeriod = BudgetPeriod.TOTAL
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, order=True, slots=True)
class Account:
    """A scope in one period, such as `key:K1` in `2026-03`: what a store counts."""

    tenant: str
    scope: str
    period: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """What a store granted to a process, and what it has left for others."""

    granted_usd: Decimal
    left_usd: Decimal


class BudgetStore(Protocol):
    """Counts per account what has been granted to all processes together.

    Granted is at least what was spent or is reserved anywhere, also after a crash.
    """

    async def lease(self, account: Account, slice_of: Slice) -> Lease:
        """Grant an amount between `least` and `wanted`, or zero where least is not left."""
        ...

    async def give_back(self, account: Account, amount_usd: Decimal) -> None:
        """Return what was granted and will not be spent."""
        ...

    async def reset(self, account: Account, spent_usd: Decimal) -> None:
        """Set granted to what was really spent; only while no process holds a lease."""
        ...

    async def accounts(self) -> tuple[Account, ...]:
        """Every account that something was granted of."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """How much of an account a process asks for.

    Attributes:
        limit_usd: the account's limit as it is now.
        least_usd: what the call at hand lacks.
        wanted_usd: what saves the next calls from asking; at most a quarter of what is
            left is given beyond `least_usd`, so that no process hoards the rest.
    """

    limit_usd: Decimal
    least_usd: Decimal
    wanted_usd: Decimal


class Spending(Protocol):
    """What the ledger's projection says was spent."""

    async def spent_usd(self, tenant: str, scope: str, *, since: float, until: float) -> Decimal:
        """The cost of the scope's calls reserved in the period; unsettled ones in full."""
        ...


def account_of(scope: BudgetScope, now: float) -> Account:
    """The account that a call made at `now` (Unix seconds) is counted in."""
    day = datetime.fromtimestamp(now, UTC).date()
    words = {
        BudgetPeriod.TOTAL: "total",
        BudgetPeriod.MONTH: f"{day:%Y-%m}",
        BudgetPeriod.DAY: f"{day:%Y-%m-%d}",
    }
    return Account(scope.tenant, scope.name, words[scope.period])


def bounds_of(period: str) -> tuple[float, float]:
    """First and one past the last Unix second of an account's period."""
    if period == "total":
        return 0.0, float("inf")
    is_month = period.count("-") == 1
    first = datetime.fromisoformat(f"{period}-01" if is_month else period).replace(tzinfo=UTC)
    # 32 days after the first of a month lies in the next one, whatever its length.
    last = (first + timedelta(days=32)).replace(day=1) if is_month else first + timedelta(days=1)
    return first.timestamp(), last.timestamp()
