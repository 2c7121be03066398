from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from befit.errors import NotAuthenticated
from befit.identity import ApiKey, Authenticator, KeyGrant, issue_key


class Keys:
    """A `KeyStore` in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.kept: dict[str, ApiKey] = {}
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None

    async def add(self, key: ApiKey) -> None:
        self.kept[key.id] = key

    async def find(self, key_id: str) -> ApiKey | None:
        self.asked.append(key_id)
        found = self.kept.get(key_id)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        return found

    async def list(self, tenant: str) -> tuple[ApiKey, ...]:
        return tuple(key for key in self.kept.values() if key.tenant == tenant)

    async def revoke(self, tenant: str, key_id: str, *, at: float) -> ApiKey:
        self.kept[key_id] = replace(self.kept[key_id], revoked_at=at)
        return self.kept[key_id]


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def _issue(keys: Keys, grant: KeyGrant | None = None) -> tuple[ApiKey, str]:
    key, text = issue_key("k", created_at=1.0, grant=grant)
    await keys.add(key)
    return key, text


async def _refused(authenticator: Authenticator, bearer: str | None) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        await authenticator.authenticate(bearer)
    return str(refused.value)


async def test_a_known_key_is_looked_up_once_and_then_remembered(keys: Keys, clock: Clock) -> None:
    key, text = await _issue(keys)
    authenticator = Authenticator(keys, clock)
    first = await authenticator.authenticate(text)
    clock.now += 59
    assert await authenticator.authenticate(text) is first
    assert first.id == f"key:{key.id}"
    assert keys.asked == [key.id]


async def test_what_is_remembered_is_not_the_key(keys: Keys, clock: Clock) -> None:
    _, text = await _issue(keys)
    authenticator = Authenticator(keys, clock)
    await authenticator.authenticate(text)
    assert text.rpartition("_")[2] not in repr(vars(authenticator))


async def test_after_a_minute_the_store_is_asked_again(keys: Keys, clock: Clock) -> None:
    key, text = await _issue(keys)
    authenticator = Authenticator(keys, clock)
    await authenticator.authenticate(text)
    await keys.revoke("default", key.id, at=clock.now)
    clock.now += 60
    assert "revoked" in await _refused(authenticator, text)


async def test_forgetting_makes_a_revocation_take_effect_at_once(keys: Keys, clock: Clock) -> None:
    key, text = await _issue(keys)
    authenticator = Authenticator(keys, clock)
    await authenticator.authenticate(text)
    await keys.revoke("default", key.id, at=clock.now)
    authenticator.forget(key.id)
    assert "revoked" in await _refused(authenticator, text)


async def test_a_lookup_under_way_does_not_bring_a_forgotten_key_back(
    keys: Keys, clock: Clock
) -> None:
    key, text = await _issue(keys)
    authenticator = Authenticator(keys, clock)
    keys.gate = asyncio.Event()
    early = asyncio.create_task(authenticator.authenticate(text))
    while not keys.asked:
        await asyncio.sleep(0)
    await asyncio.sleep(0)  # the old row has been read
    await keys.revoke("default", key.id, at=clock.now)
    authenticator.forget(key.id)
    keys.gate.set()
    await early  # asked before the revocation
    assert "revoked" in await _refused(authenticator, text)


async def test_an_expired_key_is_refused_even_while_remembered(keys: Keys, clock: Clock) -> None:
    _, text = await _issue(keys, KeyGrant(expires_at=clock.now + 10))
    authenticator = Authenticator(keys, clock)
    await authenticator.authenticate(text)
    clock.now += 10
    assert "expired" in await _refused(authenticator, text)


async def test_an_unknown_id_and_a_wrong_secret_are_told_alike(keys: Keys, clock: Clock) -> None:
    key, text = await _issue(keys, KeyGrant(expires_at=clock.now + 1))
    await keys.revoke("default", key.id, at=clock.now)
    clock.now += 5
    authenticator = Authenticator(keys, clock)
    _, stranger = issue_key("x", created_at=1.0)
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    unknown_text = await _refused(authenticator, stranger)
    assert unknown_text == await _refused(authenticator, wrong)
    assert "revoked" in await _refused(authenticator, text)  # who holds it may know why


@pytest.mark.parametrize(
    "bearer", ["sk-123", "befit_", "befit_AAAA_BBBB", "Bearer befit_x", "é" * 9]
)
async def test_a_malformed_key_says_what_a_key_looks_like_and_asks_no_store(
    keys: Keys, bearer: str
) -> None:
    assert "befit_ID_SECRET" in await _refused(Authenticator(keys), bearer)
    assert keys.asked == []


@pytest.mark.parametrize("bearer", [None, ""])
async def test_no_key_says_how_to_send_one(keys: Keys, bearer: str | None) -> None:
    assert "Authorization: Bearer" in await _refused(Authenticator(keys), bearer)


async def test_a_flood_of_made_up_keys_pushes_no_known_key_out(keys: Keys, clock: Clock) -> None:
    key, text = await _issue(keys)
    authenticator = Authenticator(keys, clock, capacity=8)
    await authenticator.authenticate(text)
    for _ in range(50):
        await _refused(authenticator, issue_key("x", created_at=1.0)[1])
    await authenticator.authenticate(text)
    assert keys.asked.count(key.id) == 1
    remembered = [memory for memory in vars(authenticator).values() if isinstance(memory, dict)]
    assert all(len(memory) <= 8 for memory in remembered)


async def test_an_unknown_id_is_asked_for_once_in_five_seconds(keys: Keys, clock: Clock) -> None:
    key, text = issue_key("late", created_at=1.0)
    authenticator = Authenticator(keys, clock)
    await _refused(authenticator, text)
    await _refused(authenticator, text)
    assert len(keys.asked) == 1
    await keys.add(key)
    clock.now += 5
    assert (await authenticator.authenticate(text)).key_id == key.id


async def test_requests_at_once_share_one_lookup_and_survive_one_going_away(
    keys: Keys, clock: Clock
) -> None:
    key, text = await _issue(keys)
    authenticator = Authenticator(keys, clock)
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


async def test_a_store_that_fails_is_asked_again(keys: Keys, clock: Clock) -> None:
    _, text = await _issue(keys)
    find = keys.find

    async def fail(key_id: str) -> ApiKey | None:
        raise OSError("disk")

    keys.find = fail  # type: ignore[method-assign]
    authenticator = Authenticator(keys, clock)
    with pytest.raises(OSError, match="disk"):
        await authenticator.authenticate(text)
    keys.find = find  # type: ignore[method-assign]
    assert await authenticator.authenticate(text)
