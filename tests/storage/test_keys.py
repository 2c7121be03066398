from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from befit.errors import Conflict, NotFound
from befit.identity import Authenticator, IdentityStores, KeyGrant, KeyStore, Role, issue_key
from befit.settings import IdentitySettings
from befit.storage import Database, SqlGroupStore, SqlKeyStore, SqlPeopleStore
from befit.vocabulary import BudgetPeriod

FULL = KeyGrant(
    roles=frozenset({Role.USER, Role.ADMIN}),
    workflows=frozenset({"b", "a"}),
    budget_usd=Decimal("12.345678901"),
    budget_period=BudgetPeriod.DAY,
    expires_at=2_000_000_000.5,
    person_id="person:P23456789ABC",
)


@pytest.fixture
def store(database: Database) -> KeyStore:
    return SqlKeyStore(database)


@pytest.mark.parametrize("grant", [FULL, KeyGrant(), KeyGrant(budget_usd=Decimal(0))])
async def test_a_key_comes_back_as_it_was_kept(store: KeyStore, grant: KeyGrant) -> None:
    key, _ = issue_key("k", created_at=1.25, grant=grant)
    await store.add(key)
    assert await store.find(key.id) == key


async def test_an_unknown_key_is_none(store: KeyStore) -> None:
    assert await store.find("NOSUCHKEY234") is None


async def test_a_taken_id_is_a_conflict(store: KeyStore) -> None:
    key, _ = issue_key("k", created_at=1.0)
    await store.add(key)
    with pytest.raises(Conflict, match=key.id):
        await store.add(key)


async def test_keys_are_listed_newest_first_for_their_tenant_only(store: KeyStore) -> None:
    keys = [issue_key(f"k{n}", created_at=float(n))[0] for n in range(3)]
    stranger, _ = issue_key("s", created_at=9.0, grant=KeyGrant(tenant="other"))
    for key in [*keys, stranger]:
        await store.add(key)
    assert await store.list("default") == tuple(reversed(keys))


async def test_revoking_is_for_good_and_keeps_its_first_time(store: KeyStore) -> None:
    key, _ = issue_key("k", created_at=1.0)
    await store.add(key)
    assert (await store.revoke("default", key.id, at=5.0)).revoked_at == 5.0
    assert (await store.revoke("default", key.id, at=9.0)).revoked_at == 5.0
    assert (await store.find(key.id)).revoked_at == 5.0  # type: ignore[union-attr]


async def test_a_key_of_another_tenant_cannot_be_revoked(store: KeyStore) -> None:
    key, _ = issue_key("k", created_at=1.0)
    await store.add(key)
    with pytest.raises(NotFound):
        await store.revoke("other", key.id, at=5.0)
    assert (await store.find(key.id)).revoked_at is None  # type: ignore[union-attr]


async def test_a_key_made_by_another_process_is_accepted(
    store: KeyStore, database: Database, another: Callable[[], Database]
) -> None:
    key, text = issue_key("k", created_at=1.0)
    await SqlKeyStore(another()).add(key)
    stores = IdentityStores(
        keys=store, people=SqlPeopleStore(database), groups=SqlGroupStore(database)
    )
    authenticator = Authenticator(stores, IdentitySettings)
    assert (await authenticator.authenticate(text)).key_id == key.id
