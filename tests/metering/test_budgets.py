from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import BudgetExhausted, Overloaded
from befit.metering import (
    Account,
    Budgets,
    BudgetScope,
    Lease,
    Slice,
    account_of,
    bounds_of,
    restore,
)
from befit.storage import Database, SqlBudgetStore, database_url, upgrade
from befit.vocabulary import BudgetPeriod

NOON = 1_772_366_400.0  # 2026-03-01 12:00 UTC
KEY = BudgetScope(name="key:K1", limit_usd=Decimal(10))
WORKFLOW = BudgetScope(name="workflow:triage", limit_usd=Decimal(5), period=BudgetPeriod.DAY)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    upgrade(database_url(tmp_path / "befit.db"))
    return tmp_path / "befit.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database(database_url(path))
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> SqlBudgetStore:
    return SqlBudgetStore(database)


@pytest.fixture
def budgets(store: SqlBudgetStore, clock: Clock) -> Budgets:
    return Budgets(store, clock)


class Spent:
    """What a ledger would say was spent."""

    def __init__(self, amounts: dict[str, str]) -> None:
        self._amounts = amounts

    async def spent_usd(self, tenant: str, scope: str, *, since: float, until: float) -> Decimal:
        return Decimal(self._amounts.get(scope, "0"))


async def _left(store: SqlBudgetStore, scope: BudgetScope, now: float) -> Decimal:
    nothing = Decimal(0)
    asked = Slice(limit_usd=scope.limit_usd, least_usd=nothing, wanted_usd=nothing)
    return (await store.lease(account_of(scope, now), asked)).left_usd


async def test_the_whole_budget_can_be_reserved_and_not_a_billionth_more(
    budgets: Budgets,
) -> None:
    for _ in range(4):
        await budgets.reserve((KEY,), Decimal("2.5"))
    with pytest.raises(BudgetExhausted):
        await budgets.reserve((KEY,), Decimal("0.000000001"))


async def test_exhausted_names_scope_limit_rest_and_what_the_call_could_cost(
    budgets: Budgets,
) -> None:
    await budgets.reserve((KEY,), Decimal("9.25"))
    with pytest.raises(BudgetExhausted) as exhausted:
        await budgets.reserve((KEY,), Decimal("1.5"))
    told = str(exhausted.value)
    for part in ("key:K1", "0.75 of 10.00 USD", "1.50 USD", "in total", "max_tokens"):
        assert part in told


async def test_what_a_call_did_not_cost_can_be_reserved_again(budgets: Budgets) -> None:
    reservation = await budgets.reserve((KEY,), Decimal(10))
    budgets.settle(reservation, Decimal("0.5"))
    await budgets.reserve((KEY,), Decimal("9.5"))


async def test_settling_twice_frees_nothing_twice(budgets: Budgets) -> None:
    reservation = await budgets.reserve((KEY,), Decimal(6))
    budgets.settle(reservation, Decimal(5))
    budgets.settle(reservation, Decimal(0))
    with pytest.raises(BudgetExhausted):
        await budgets.reserve((KEY,), Decimal("5.1"))


async def test_an_unknown_cost_settles_in_full(budgets: Budgets) -> None:
    budgets.settle(await budgets.reserve((KEY,), Decimal(6)), None)
    with pytest.raises(BudgetExhausted):
        await budgets.reserve((KEY,), Decimal("4.1"))


async def test_a_cost_above_the_reservation_is_logged_and_clamped(
    budgets: Budgets, caplog: pytest.LogCaptureFixture
) -> None:
    budgets.settle(await budgets.reserve((KEY,), Decimal(1)), Decimal(2))
    assert "key:K1" in caplog.text
    await budgets.reserve((KEY,), Decimal(9))


async def test_a_free_call_passes_an_exhausted_budget(budgets: Budgets) -> None:
    await budgets.reserve((KEY,), Decimal(10))
    reservation = await budgets.reserve((KEY,), Decimal(0))
    budgets.settle(reservation, Decimal(0))


async def test_an_unknown_bound_is_refused_under_a_budget_and_passes_without(
    budgets: Budgets,
) -> None:
    with pytest.raises(BudgetExhausted, match=r"unknown.*key:K1.*price"):
        await budgets.reserve((KEY,), None)
    budgets.settle(await budgets.reserve((), None), Decimal(3))


async def test_all_scopes_bind_and_one_that_refuses_leaves_the_others_alone(
    budgets: Budgets, store: SqlBudgetStore
) -> None:
    with pytest.raises(BudgetExhausted, match="workflow:triage"):
        await budgets.reserve((KEY, WORKFLOW), Decimal(6))
    await budgets.reserve((KEY, WORKFLOW), Decimal(5))
    with pytest.raises(BudgetExhausted, match="workflow:triage"):
        await budgets.reserve((KEY, WORKFLOW), Decimal(1))
    await budgets.reserve((KEY,), Decimal(5))


async def test_a_day_starts_anew_at_midnight_utc(budgets: Budgets, clock: Clock) -> None:
    await budgets.reserve((WORKFLOW,), Decimal(5))
    clock.now = NOON + 12 * 3600 - 1
    with pytest.raises(BudgetExhausted, match="2026-03-01, UTC"):
        await budgets.reserve((WORKFLOW,), Decimal(1))
    clock.now += 1
    await budgets.reserve((WORKFLOW,), Decimal(5))


async def test_a_call_that_began_yesterday_settles_yesterday(
    budgets: Budgets, clock: Clock, store: SqlBudgetStore
) -> None:
    late = await budgets.reserve((WORKFLOW,), Decimal(4))
    clock.now += 24 * 3600
    await budgets.reserve((WORKFLOW,), Decimal(5))
    budgets.settle(late, Decimal(1))
    with pytest.raises(BudgetExhausted):
        await budgets.reserve((WORKFLOW,), Decimal("0.01"))
    await budgets.close()
    assert await _left(store, WORKFLOW, NOON) == Decimal(4)


async def test_a_lowered_limit_binds_the_next_call(budgets: Budgets) -> None:
    budgets.settle(await budgets.reserve((KEY,), Decimal("0.1")), Decimal("0.1"))
    lowered = replace(KEY, limit_usd=Decimal("0.15"))
    with pytest.raises(BudgetExhausted, match=r"0\.05 of 0\.15"):
        await budgets.reserve((lowered,), Decimal("0.06"))
    await budgets.reserve((lowered,), Decimal("0.05"))


async def test_closing_gives_back_all_that_is_not_spent(
    budgets: Budgets, store: SqlBudgetStore
) -> None:
    for cost in ("0.001", "0.02", "0"):
        budgets.settle(await budgets.reserve((KEY,), Decimal(1)), Decimal(cost))
    await budgets.close()
    assert await _left(store, KEY, NOON) == Decimal("9.979")


async def test_a_large_reservation_does_not_stay_with_its_process(
    store: SqlBudgetStore, clock: Clock
) -> None:
    first, second = Budgets(store, clock), Budgets(store, clock)
    first.settle(await first.reserve((KEY,), Decimal(9)), Decimal(0))
    await first.close()
    await second.reserve((KEY,), Decimal(9))


class CountingStore(SqlBudgetStore):
    """Counts trips to the store; holds or fails them on demand."""

    leases = 0
    gate: asyncio.Event | None = None
    is_down = False

    async def lease(self, account: Account, slice_of: Slice) -> Lease:
        self.leases += 1
        if self.is_down:
            raise Overloaded("busy")
        granted = await super().lease(account, slice_of)
        if self.gate is not None:
            await self.gate.wait()
        return granted

    async def give_back(self, account: Account, amount_usd: Decimal) -> None:
        if self.is_down:
            raise Overloaded("busy")
        await super().give_back(account, amount_usd)


async def test_most_reservations_touch_no_store(database: Database, clock: Clock) -> None:
    store = CountingStore(database)
    budgets = Budgets(store, clock)
    for _ in range(500):
        reservation = await budgets.reserve((KEY,), Decimal("0.005"))
        budgets.settle(reservation, Decimal("0.004"))
    assert store.leases <= 25


async def test_money_granted_to_a_caller_that_left_is_not_lost(
    database: Database, clock: Clock
) -> None:
    store = CountingStore(database)
    store.gate = asyncio.Event()
    budgets = Budgets(store, clock)
    leaving = asyncio.create_task(budgets.reserve((KEY,), Decimal(8)))
    while not store.leases:
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    store.gate.set()
    await budgets.reserve((KEY,), Decimal(10))


async def test_a_store_that_cannot_take_money_back_makes_less_available_never_more(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = CountingStore(database)
    budgets = Budgets(store, clock)
    reservation = await budgets.reserve((KEY,), Decimal(8))
    store.is_down = True
    budgets.settle(reservation, Decimal(1))  # must not fail the request
    await budgets.close()
    assert "stay leased" in caplog.text
    store.is_down = False
    with pytest.raises(BudgetExhausted):
        await budgets.reserve((KEY,), Decimal(9))


async def test_a_store_that_is_down_refuses(database: Database, clock: Clock) -> None:
    store = CountingStore(database)
    store.is_down = True
    with pytest.raises(Overloaded):
        await Budgets(store, clock).reserve((KEY,), Decimal(1))


async def test_restoring_counts_running_budgets_from_what_was_spent(
    store: SqlBudgetStore, clock: Clock
) -> None:
    crashed = Budgets(store, clock)
    await crashed.reserve((KEY, WORKFLOW), Decimal(4))
    yesterday = account_of(WORKFLOW, NOON - 24 * 3600)
    await store.lease(
        yesterday, Slice(limit_usd=Decimal(5), least_usd=Decimal(5), wanted_usd=Decimal(5))
    )
    await restore(store, Spent({"key:K1": "1.5"}), clock)
    assert await _left(store, KEY, NOON) == Decimal("8.5")
    assert await _left(store, WORKFLOW, NOON) == Decimal(5)
    assert await _left(store, WORKFLOW, NOON - 24 * 3600) == Decimal(0)  # past: left alone


@given(st.floats(0, 4e9), st.sampled_from(BudgetPeriod))
def test_every_moment_lies_within_its_accounts_period(now: float, period: BudgetPeriod) -> None:
    account = account_of(replace(KEY, period=period), now)
    since, until = bounds_of(account.period)
    assert since <= now < until
    if period is not BudgetPeriod.TOTAL:
        after = account_of(replace(KEY, period=period), until)
        before = account_of(replace(KEY, period=period), until - 1)
        assert before == account != after


_SPENDER = """
import asyncio, sys
from decimal import Decimal
from befit.metering import Budgets, BudgetScope
from befit.storage import Database, SqlBudgetStore

async def main():
    budgets = Budgets(SqlBudgetStore(Database(sys.argv[1])))
    scope = BudgetScope(name="key:K1", limit_usd=Decimal(10))
    while True:
        reservation = await budgets.reserve((scope,), Decimal("0.013"))
        budgets.settle(reservation, Decimal("0.011"))
        print("spent", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("calls", [1, 40])
async def test_granted_covers_what_was_spent_when_a_process_is_killed(
    path: Path, store: SqlBudgetStore, calls: int
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SPENDER, database_url(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    spent = Decimal(0)
    for _ in range(calls):
        assert await process.stdout.readline() == b"spent\n"
        spent += Decimal("0.011")
    os.kill(process.pid, signal.SIGKILL)
    rest = (await process.communicate())[0].count(b"spent\n")
    spent += rest * Decimal("0.011")
    assert KEY.limit_usd - await _left(store, KEY, NOON) >= spent


async def test_two_processes_never_spend_more_than_one_limit(
    path: Path, store: SqlBudgetStore
) -> None:
    spenders = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _SPENDER,
            database_url(path),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    outputs = await asyncio.gather(*(process.communicate() for process in spenders))
    assert all(b"BudgetExhausted" in errors for _, errors in outputs)
    calls = [told.count(b"spent\n") for told, _ in outputs]
    assert sum(calls) * Decimal("0.011") <= KEY.limit_usd
    assert sum(calls) * Decimal("0.011") > Decimal("9.5")  # and little of it stays unused
