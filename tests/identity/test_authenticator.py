from __future__ import annotations

import asyncio

import pytest

from befit.errors import NotAuthenticated
from befit.identity import ApiKey, Authenticator, KeyGrant, issue_key
from tests.identity.conftest import Clock, Keys, World


@pytest.fixture
def keys(world: World) -> Keys:
    return world.keys


@pytest.fixture
def clock(world: World) -> Clock:
    return world.clock


async def _issue(keys: Keys, grant: KeyGrant | None = None) -> tuple[ApiKey, str]:
    key, text = issue_key("k", created_at=1.0, grant=grant)
    await keys.add(key)
    return key, text


async def _refused(authenticator: Authenticator, bearer: str | None) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        await authenticator.authenticate(bearer)
    return str(refused.value)


async def test_a_known_key_is_looked_up_once_and_then_remembered(
    world: World, keys: Keys, clock: Clock
) -> None:
    key, text = await _issue(keys)
    authenticator = world.authenticator()
    first = await authenticator.authenticate(text)
    clock.pass_(59)
    assert await authenticator.authenticate(text) is first
    assert first.id == f"key:{key.id}"
    assert keys.asked == [key.id]


async def test_what_is_remembered_is_not_the_key(world: World, keys: Keys, clock: Clock) -> None:
    _, text = await _issue(keys)
    authenticator = world.authenticator()
    await authenticator.authenticate(text)
    assert text.rpartition("_")[2] not in repr(vars(authenticator))
    remembered = vars(vars(authenticator)["_keys"])
    assert text.rpartition("_")[2] not in repr(remembered)


async def test_after_a_minute_the_store_is_asked_again(
    world: World, keys: Keys, clock: Clock
) -> None:
    key, text = await _issue(keys)
    authenticator = world.authenticator()
    await authenticator.authenticate(text)
    await keys.revoke("default", key.id, at=clock.wall)
    clock.pass_(60)
    assert "revoked" in await _refused(authenticator, text)


async def test_renewing_makes_a_revocation_take_effect_at_once(
    world: World, keys: Keys, clock: Clock
) -> None:
    key, text = await _issue(keys)
    authenticator = world.authenticator()
    await authenticator.authenticate(text)
    await keys.revoke("default", key.id, at=clock.wall)
    authenticator.renew()
    assert "revoked" in await _refused(authenticator, text)


async def test_a_lookup_under_way_does_not_bring_a_forgotten_key_back(
    world: World, keys: Keys, clock: Clock
) -> None:
    key, text = await _issue(keys)
    authenticator = world.authenticator()
    keys.gate = asyncio.Event()
    early = asyncio.create_task(authenticator.authenticate(text))
    while not keys.asked:
        await asyncio.sleep(0)
    await asyncio.sleep(0)  # the old row has been read
    await keys.revoke("default", key.id, at=clock.wall)
    authenticator.renew()
    keys.gate.set()
    await early  # asked before the revocation
    assert "revoked" in await _refused(authenticator, text)


async def test_an_expired_key_is_refused_even_while_remembered(
    world: World, keys: Keys, clock: Clock
) -> None:
    _, text = await _issue(keys, KeyGrant(expires_at=clock.wall + 10))
    authenticator = world.authenticator()
    await authenticator.authenticate(text)
    clock.pass_(10)
    assert "expired" in await _refused(authenticator, text)


async def test_an_unknown_id_and_a_wrong_secret_are_told_alike(
    world: World, keys: Keys, clock: Clock
) -> None:
    key, text = await _issue(keys, KeyGrant(expires_at=clock.wall + 1))
    await keys.revoke("default", key.id, at=clock.wall)
    clock.pass_(5)
    authenticator = world.authenticator()
    _, stranger = issue_key("x", created_at=1.0)
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    unknown_text = await _refused(authenticator, stranger)
    assert unknown_text == await _refused(authenticator, wrong)
    assert "revoked" in await _refused(authenticator, text)  # who holds it may know why


@pytest.mark.parametrize(
    "bearer", ["sk-123", "befit_", "befit_AAAA_BBBB", "Bearer befit_x", "é" * 9]
)
async def test_a_malformed_key_says_what_a_key_looks_like_and_asks_no_store(
    world: World, keys: Keys, bearer: str
) -> None:
    assert "befit_ID_SECRET" in await _refused(world.authenticator(), bearer)
    assert keys.asked == []


@pytest.mark.parametrize("bearer", [None, ""])
async def test_no_key_says_how_to_send_one(world: World, bearer: str | None) -> None:
    assert "Authorization: Bearer" in await _refused(world.authenticator(), bearer)


async def test_a_flood_of_made_up_keys_pushes_no_known_key_out(
    world: World, keys: Keys, clock: Clock
) -> None:
    key, text = await _issue(keys)
    authenticator = world.authenticator(capacity=8)
    await authenticator.authenticate(text)
    for _ in range(50):
        await _refused(authenticator, issue_key("x", created_at=1.0)[1])
    await authenticator.authenticate(text)
    assert keys.asked.count(key.id) == 1
    kept = vars(vars(authenticator)["_keys"]).values()
    remembered = [memory for memory in kept if isinstance(memory, dict)]
    assert all(len(memory) <= 8 for memory in remembered)


async def test_an_unknown_id_is_asked_for_once_in_five_seconds(
    world: World, keys: Keys, clock: Clock
) -> None:
    key, text = issue_key("late", created_at=1.0)
    authenticator = world.authenticator()
    await _refused(authenticator, text)
    await _refused(authenticator, text)
    assert len(keys.asked) == 1
    await keys.add(key)
    clock.pass_(5)
    assert (await authenticator.authenticate(text)).key_id == key.id


async def test_requests_at_once_share_one_lookup_and_survive_one_going_away(
    world: World, keys: Keys, clock: Clock
) -> None:
    key, text = await _issue(keys)
    authenticator = world.authenticator()
    keys.gate = asyncio.Event()
    asking = [asyncio.create_task(authenticator.authenticate(text)) for _ in range(5)]
    while not keys.asked:
        await asyncio.sleep(0)
    asking[0].cancel()
    keys.gate.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert {answer.key_id for answer in answers[1:]} == {key.id}  # type: ignore[union-attr]
    assert len(keys.asked) == 1


async def test_a_store_that_fails_is_asked_again(world: World, keys: Keys, clock: Clock) -> None:
    _, text = await _issue(keys)
    find = keys.find

    async def fail(key_id: str) -> ApiKey | None:
        raise OSError("disk")

    keys.find = fail  # type: ignore[method-assign]
    authenticator = world.authenticator()
    with pytest.raises(OSError, match="disk"):
        await authenticator.authenticate(text)
    keys.find = find  # type: ignore[method-assign]
    assert await authenticator.authenticate(text)
