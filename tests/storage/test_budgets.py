from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest

from befit.metering import Account, BudgetStore, Slice
from befit.storage import Database, SqlBudgetStore

ACCOUNT = Account("default", "key:K1", "2026-03")
OTHER = Account("other", "key:K1", "2026-03")


@pytest.fixture
def store(database: Database) -> BudgetStore:
    return SqlBudgetStore(database)


def wish(limit: str, least: str, wanted: str) -> Slice:
    return Slice(limit_usd=Decimal(limit), least_usd=Decimal(least), wanted_usd=Decimal(wanted))


async def test_a_lease_grants_what_is_wanted_while_plenty_is_left(store: BudgetStore) -> None:
    lease = await store.lease(ACCOUNT, wish("10", "0.1", "2"))
    assert (lease.granted_usd, lease.left_usd) == (Decimal(2), Decimal(8))


async def test_beyond_the_least_no_more_than_a_quarter_of_the_rest_is_granted(
    store: BudgetStore,
) -> None:
    lease = await store.lease(ACCOUNT, wish("10", "0.1", "9"))
    assert lease.granted_usd == Decimal("2.5")
    lease = await store.lease(ACCOUNT, wish("10", "7.5", "7.5"))
    assert (lease.granted_usd, lease.left_usd) == (Decimal("7.5"), Decimal(0))


async def test_less_than_the_least_grants_nothing_and_tells_what_is_left(
    store: BudgetStore,
) -> None:
    await store.lease(ACCOUNT, wish("10", "9", "9"))
    lease = await store.lease(ACCOUNT, wish("10", "1.000000001", "5"))
    assert (lease.granted_usd, lease.left_usd) == (Decimal(0), Decimal(1))


async def test_a_limit_lowered_below_what_was_granted_leaves_nothing(
    store: BudgetStore,
) -> None:
    await store.lease(ACCOUNT, wish("10", "9", "9"))
    lease = await store.lease(ACCOUNT, wish("5", "0.1", "1"))
    assert (lease.granted_usd, lease.left_usd) == (Decimal(0), Decimal(0))


async def test_what_is_given_back_can_be_granted_again(store: BudgetStore) -> None:
    await store.lease(ACCOUNT, wish("10", "10", "10"))
    await store.give_back(ACCOUNT, Decimal("4.5"))
    assert (await store.lease(ACCOUNT, wish("10", "4.5", "4.5"))).granted_usd == Decimal("4.5")


async def test_a_reset_counts_only_what_was_spent(store: BudgetStore) -> None:
    await store.lease(ACCOUNT, wish("10", "10", "10"))
    await store.reset(ACCOUNT, Decimal("2.25"))
    assert (await store.lease(ACCOUNT, wish("10", "8", "8"))).left_usd == Decimal("7.75")


async def test_accounts_of_tenants_and_periods_are_apart(store: BudgetStore) -> None:
    await store.lease(ACCOUNT, wish("1", "1", "1"))
    for account in (OTHER, Account("default", "key:K1", "2026-04")):
        assert (await store.lease(account, wish("1", "1", "1"))).granted_usd == Decimal(1)
    assert set(await store.accounts()) >= {ACCOUNT, OTHER}


async def test_the_smallest_amounts_are_counted_exactly(store: BudgetStore) -> None:
    for _ in range(3):
        await store.lease(ACCOUNT, wish("0.000000003", "0.000000001", "0.000000001"))
    lease = await store.lease(ACCOUNT, wish("0.000000003", "0.000000001", "0.000000001"))
    assert lease.granted_usd == 0


async def test_processes_that_lease_at_once_are_never_granted_more_than_the_limit(
    store: BudgetStore, another: Callable[[], Database]
) -> None:
    stores = [store, SqlBudgetStore(another()), SqlBudgetStore(another())]
    leases = await asyncio.gather(
        *(each.lease(ACCOUNT, wish("1", "0.03", "0.1")) for each in stores for _ in range(30))
    )
    assert Decimal("0.97") < sum(lease.granted_usd for lease in leases) <= Decimal(1)


async def test_grants_outlive_a_restart(
    store: BudgetStore, database: Database, another: Callable[[], Database]
) -> None:
    await store.lease(ACCOUNT, wish("10", "9", "9"))
    database.close()
    lease = await SqlBudgetStore(another()).lease(ACCOUNT, wish("10", "2", "2"))
    assert (lease.granted_usd, lease.left_usd) == (Decimal(0), Decimal(1))
