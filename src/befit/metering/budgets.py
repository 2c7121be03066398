"""`Budgets`: reserve the most a call can cost, then settle what it did cost.

    reservation = await budgets.reserve(scopes, most_usd)    # raises BudgetExhausted
    try:
        cost_usd = ...the call...
    finally:
        budgets.settle(reservation, cost_usd)

Each process leases slices of a budget from the store and reserves from its slice in
memory, so most reservations touch no database. Money that is leased counts as granted
until it is given back: a crash can only make less available, never more, until
`restore` counts anew from the ledger.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from decimal import Decimal

from befit.errors import BefitError, BudgetExhausted
from befit.metering.budget_store import (
    Account,
    BudgetScope,
    BudgetStore,
    Slice,
    Spending,
    account_of,
    bounds_of,
)
from befit.metering.money import nano_down, nano_up, shown, usd
from befit.vocabulary import new_id

_LOG = logging.getLogger(__name__)
_SLICES = 50
"""A slice is this fraction of the limit: few trips to the store, little idle money."""

_KEPT_SLICES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """Money set aside for one call. `most_usd` None: no budget binds, no bound is known."""

    id: str
    most_usd: Decimal | None
    scopes: tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class _Purse:
    """What this process holds of one account, in nano-dollars."""

    account: Account
    limit: int
    unused: int = 0
    held: int = 0
    left: int | None = None  # what the store had left when it was last asked
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    on_its_way: asyncio.Task[int] | None = None

    @property
    def slice(self) -> int:
        return self.limit // _SLICES


@dataclass(frozen=True, slots=True)
class _Hold:
    purse: _Purse
    nano: int


class Budgets:
    """The one place where money is reserved. One a process, used from its event loop."""

    def __init__(self, store: BudgetStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._purses: dict[Account, _Purse] = {}
        self._open: dict[str, tuple[_Hold, ...]] = {}
        self._errands: set[asyncio.Task[None]] = set()

    async def reserve(
        self, scopes: tuple[BudgetScope, ...], most_usd: Decimal | None
    ) -> Reservation:
        """Set aside the most that a call can cost, in every scope or in none.

        Raises:
            BudgetExhausted: naming the scope, its limit, what is left and what the call
                could cost; or that the cost has no known bound under a budget.
        """
        if most_usd is None and scopes:
            raise BudgetExhausted(
                f"what the call can cost is unknown, and {scopes[0].name} has a budget",
                next_step="give the model a price, or the request a max_tokens",
            )
        nano = nano_up(most_usd or Decimal(0))
        holds: list[_Hold] = []
        try:
            if nano:
                for scope in scopes:  # one by one: what is held must be known if one fails
                    purse = await self._take(scope, nano)
                    holds.append(_Hold(purse, nano))
        except BaseException:
            for hold in holds:
                self._return(hold, hold.nano)
            raise
        reservation = Reservation(
            id=new_id("rsv"), most_usd=most_usd, scopes=tuple(scope.name for scope in scopes)
        )
        if holds:
            self._open[reservation.id] = tuple(holds)
        return reservation

    def settle(self, reservation: Reservation, cost_usd: Decimal | None) -> None:
        """Account for the call and free the rest. Settling again changes nothing.

        A cost that is unknown (None) settles in full. One above the reservation is a
        defect of the bound: it is logged, and the reservation is all that is charged.
        """
        holds = self._open.pop(reservation.id, ())
        for hold in holds:
            spent = hold.nano if cost_usd is None else max(0, nano_up(cost_usd))
            if spent > hold.nano:
                _LOG.error(
                    "a call cost %s USD, more than the %s USD reserved in %s",
                    cost_usd,
                    reservation.most_usd,
                    hold.purse.account.scope,
                )
                spent = hold.nano
            self._return(hold, hold.nano - spent)

    async def spent_share(self, scopes: tuple[BudgetScope, ...]) -> float | None:
        """How much of the tightest budget is spent or reserved, 0 to 1; None without one.

        What other processes have leased counts as spent, as of when the store was last asked.
        """
        shares: list[float] = []
        for scope in scopes:
            purse = await self._take(scope, 0)
            if purse.left is None:
                async with purse.lock:
                    await self._extend(purse, purse.unused)
            left = (purse.left or 0) + purse.unused
            shares.append(1.0 - left / purse.limit if purse.limit else 1.0)
        return max(shares, default=None)

    async def give_back(self) -> None:
        """Return to the store what is leased and not reserved, for other processes."""
        for purse in tuple(self._purses.values()):
            await self._shrink(purse, keep=0)

    async def close(self) -> None:
        """Give everything unused back; call it when no reservation is open any more."""
        if self._errands:
            await asyncio.gather(*self._errands)
        await self.give_back()

    async def _take(self, scope: BudgetScope, nano: int) -> _Purse:
        account = account_of(scope, self._clock())
        limit = nano_down(scope.limit_usd)
        purse = self._purses.get(account)
        if purse is None:
            purse = self._purses[account] = _Purse(account=account, limit=limit)
            self._retire_past_periods(account)
        # Whoever waits for a lease goes first, or large calls would starve behind small.
        if purse.unused < nano or purse.limit != limit or purse.lock.locked():
            async with purse.lock:
                if purse.on_its_way is not None:
                    await asyncio.wait({purse.on_its_way})
                if purse.limit != limit:
                    await self._change_limit(purse, limit)
                if purse.unused < nano:
                    await self._lease(purse, scope, nano)
                _hold(purse, nano)
        else:
            _hold(purse, nano)
        return purse

    async def _change_limit(self, purse: _Purse, limit: int) -> None:
        # What was leased under the old limit must not be spent under a lower one.
        unused, purse.unused = purse.unused, 0
        purse.limit = limit
        if unused:
            await asyncio.shield(self._store.give_back(purse.account, usd(unused)))

    async def _lease(self, purse: _Purse, scope: BudgetScope, nano: int) -> None:
        # Money granted to a caller that has gone must still reach the purse, and whoever
        # comes next must wait for it: the lease is a task of its own, remembered there.
        purse.on_its_way = asyncio.ensure_future(self._extend(purse, nano))
        left = await asyncio.shield(purse.on_its_way)
        if purse.unused < nano:
            raise BudgetExhausted(
                f"budget {scope.name} has {shown(usd(left + purse.unused))} of"
                f" {shown(scope.limit_usd)} USD left ({_named(purse.account.period)}), and the"
                f" call could cost {shown(usd(nano))} USD",
                next_step="raise the budget, ask for fewer tokens (max_tokens), or use a"
                " cheaper model",
            )

    async def _extend(self, purse: _Purse, nano: int) -> int:
        least = nano - purse.unused
        lease = await self._store.lease(
            purse.account,
            Slice(
                limit_usd=usd(purse.limit),
                least_usd=usd(least),
                wanted_usd=usd(max(least, purse.slice)),
            ),
        )
        purse.unused += nano_down(lease.granted_usd)
        purse.left = nano_down(lease.left_usd)
        return purse.left

    def _return(self, hold: _Hold, freed: int) -> None:
        purse = hold.purse
        purse.held -= hold.nano
        purse.unused += freed
        is_past = self._purses.get(purse.account) is not purse
        keep = 0 if is_past else purse.slice
        if purse.unused > keep * _KEPT_SLICES:
            self._in_background(self._shrink(purse, keep=keep))

    async def _shrink(self, purse: _Purse, *, keep: int) -> None:
        async with purse.lock:
            excess = purse.unused - keep
            if excess <= 0:
                return
            # Taken out first: if nobody can say whether the store has it, it is not spent.
            purse.unused -= excess
            try:
                await self._store.give_back(purse.account, usd(excess))
                purse.left = None if purse.left is None else purse.left + excess
            except BefitError as error:
                _LOG.warning("%s USD stay leased until the restart: %s", usd(excess), error)

    def _retire_past_periods(self, current: Account) -> None:
        for account, purse in tuple(self._purses.items()):
            is_same = (account.tenant, account.scope) == (current.tenant, current.scope)
            if is_same and bounds_of(account.period)[1] <= self._clock():
                del self._purses[account]
                self._in_background(self._shrink(purse, keep=0))

    def _in_background(self, errand: Coroutine[None, None, None]) -> None:
        try:
            task = asyncio.get_running_loop().create_task(errand)
        except RuntimeError:  # the loop has ended; the money is recounted at the restart
            errand.close()
            return
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


async def restore(
    store: BudgetStore, spending: Spending, clock: Callable[[], float] = time.time
) -> None:
    """Count every running budget anew from the ledger's projection, after a start.

    Call it once the projection has caught up and what a crash left unsettled is settled,
    and before any process reserves.
    """
    now = clock()
    for account in await store.accounts():
        since, until = bounds_of(account.period)
        if until <= now:
            continue
        spent_usd = await spending.spent_usd(
            account.tenant, account.scope, since=since, until=until
        )
        await store.reset(account, spent_usd)


def _hold(purse: _Purse, nano: int) -> None:
    purse.unused -= nano
    purse.held += nano


def _named(period: str) -> str:
    return "in total" if period == "total" else f"in {period}, UTC"
