from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import InvalidRequest
from befit.identity import KeyGrant, Role, issue_key
from befit.identity.keys import hashed, id_in, is_text_of
from befit.vocabulary import BudgetPeriod
from tests.identity.conftest import Trust, World


def test_a_key_reads_befit_id_secret_and_is_kept_as_a_hash_only() -> None:
    key, text = issue_key("ci-runner", created_at=1.0)
    assert re.fullmatch(r"befit_[2-9A-Z]{12}_[0-9A-Za-z]{43}", text)
    assert id_in(text) == key.id
    assert key.secret_sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert text not in repr(key)
    assert text.rpartition("_")[2] not in repr(key)


def test_no_two_keys_are_alike() -> None:
    issued = [issue_key("k", created_at=1.0) for _ in range(200)]
    assert len({text for _, text in issued}) == len({key.id for key, _ in issued}) == 200


async def test_the_principal_carries_what_was_granted(world: World) -> None:
    grant = KeyGrant(
        tenant="t1",
        roles=frozenset({Role.REVIEWER}),
        workflows=frozenset({"triage"}),
        budget_usd=Decimal("2.5"),
        budget_period=BudgetPeriod.MONTH,
    )
    key, text = issue_key("desk", created_at=1.0, grant=grant)
    await world.keys.add(key)
    world.trust = Trust(tenants=("default", "t1"))
    principal = await world.authenticator().authenticate(text)
    assert (principal.id, principal.name, principal.tenant) == (f"key:{key.id}", "desk", "t1")
    assert principal.key_id == key.id
    assert principal.roles == {Role.REVIEWER}
    assert principal.workflows == {"triage"}
    assert (principal.budget_usd, principal.budget_period) == (Decimal("2.5"), "month")
    assert principal.groups == {"everyone"}


@pytest.mark.parametrize("name", ["", "a b", "a/b", "group:x", "x" * 64, "a\n", "a\u200b", "a\x00"])
def test_a_name_that_could_pass_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="key name"):
        issue_key(name, created_at=1.0)


@pytest.mark.parametrize(
    ("grant", "told"),
    [
        (KeyGrant(budget_usd=Decimal(-1)), "budget"),
        (KeyGrant(budget_usd=Decimal("NaN")), "budget"),
        (KeyGrant(expires_at=1.0), "expires after"),
        (KeyGrant(roles=frozenset()), "role"),
    ],
)
def test_a_grant_that_cannot_be_is_refused(grant: KeyGrant, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        issue_key("k", created_at=1.0, grant=grant)


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "now", "fault"),
    [
        (None, None, 9e9, None),
        (5.0, None, 4.9, None),
        (5.0, None, 5.0, "has expired"),
        (None, 3.0, 2.0, "has been revoked"),
        (5.0, 3.0, 6.0, "has been revoked"),
    ],
)
def test_a_key_is_good_until_it_expires_or_is_revoked(
    expires_at: float | None, revoked_at: float | None, now: float, fault: str | None
) -> None:
    key, _ = issue_key("k", created_at=1.0, grant=KeyGrant(expires_at=expires_at))
    assert replace(key, revoked_at=revoked_at).fault(now) == fault


@given(st.text())
def test_what_is_no_key_has_no_id_and_matches_no_hash(text: str) -> None:
    assert id_in(text) is None
    assert not is_text_of(hashed("befit_x"), text)


@pytest.mark.parametrize("usd", ["-1", "1e-30", "1e20", "1e400", "NaN", "Infinity"])
def test_a_budget_that_cannot_be_counted_is_refused(usd: str) -> None:
    with pytest.raises(InvalidRequest, match="budget"):
        issue_key("k", created_at=0.0, grant=KeyGrant(budget_usd=Decimal(usd)))


@pytest.mark.parametrize("expires_at", [0.0, -1.0, 9e99, float("nan"), float("inf")])
def test_a_key_expires_after_it_is_issued_and_within_a_lifetime(expires_at: float) -> None:
    with pytest.raises(InvalidRequest, match="expires"):
        issue_key("k", created_at=0.0, grant=KeyGrant(expires_at=expires_at))
